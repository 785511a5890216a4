"""The cases that follow from a rule's own metadata: each option, each variant, boundaries, events, extreme gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crossoptim.errors import HyperError
from crossoptim.golden.case import Event
from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.events import add_events, add_extremes
from crossoptim.spec.model import Interval, Real
from crossoptim.spec.rules import resolve
from crossoptim.spec.trace import format_setting, trace

STEPS = 8
_BOTH = "f32 f64"

_FLAGS = {
    "MovingAverage": "beta1 beta2 beta3 rho alpha",
    "EpsilonPlacement": "eps eps_placement eps_order eps1_placement lr_offset",
    "EpsilonInMoment": "eps_in_moment",
    "BiasCorrection": "bias_correction",
    "StepCount": "lr_decay beta2_decay",
    "StateStart": "initial_accumulator_value initial_accumulator first_moment_start moments_start average_start",
    "WeightDecay": "weight_decay",
    "IndexInsteadOfValue": "weight_decay",
    "DecoupledDecay": "decay decay_at",
    "Momentum": "momentum",
    "MomentumForm": "momentum_form",
    "Nesterov": "nesterov",
    "Amsgrad": "amsgrad amsbound",
    "Maximize": "maximize",
    "CenteredVariance": "centered",
    "MomentumSchedule": "momentum_decay momentum_schedule",
    "ScalarPrecision": "momentum_decay lambd t0 asgd.alpha rectify_above",
    "Rectification": "rectify rectify_above until_rectified",
    "SignChange": "eta_minus eta_plus step_size_min step_size_max sign_change",
    "RateBounds": "final_lr gamma step_decay",
    "IterateAverage": "asgd.alpha lambd t0 r weight_lr_power weight_rate warmup_steps schedule_free_sgd.momentum schedule_free_adamw.beta1",
    "UpdateClipping": "d eps1 eps2 step clipping",
    "TrustRatio": "norm_max trust_coefficient",
    "MatrixScaling": "ns_a ns_b ns_c ns_steps adjust_lr_fn",
}
"""Each flag with the options and switches that have it; ``rule.name`` where the name means something else in that rule."""


def standard_cases(optimizer: str) -> Cases:
    """The standard cases of a rule or preset."""
    cases = Cases(optimizer, steps=STEPS, dtypes="f64")
    add_standard(cases)
    return cases


def add_standard(cases: Cases) -> None:
    """Plain runs, each option alone and all of them together, each variant, boundary values, events, extremes."""
    rule, together = cases.base.rule, all_options(cases.optimizer)
    cases.topic("plain", "PlainRule")
    cases.add("plain", "the defaults in a ravine", dtypes="f32")
    cases.add("plain", "the defaults in a ravine", dtypes="f64", steps=30)  # long enough to stop half way and go on elsewhere
    cases.add("plain", "the defaults on a table of gradients", problem="injected")
    cases.add(
        "plain",
        "the defaults in a curved valley with two 0-d parameters",
        problem="rosenbrock",
        dtypes="f32",
        flags=() if "rosenbrock" in cases.problems else ("ZeroDimensional",),
        lr=cases.lr / 100,
    )
    cases.add("lr_zero", "learning rate zero", flags=("LearningRateZero",), lr=0.0)

    for option in rule.hyper:
        if option.name in (hyper := alone(cases, option.name)):
            cases.topic(option.name, *(_flags(rule.name, option.name) or ("RuleOption",)))
            cases.add(option.name, f"{option.doc or option.name}: {_said(hyper)}", **hyper)
            if isinstance(option, Real):
                _add_boundary(cases, option, together)
    cases.topic("options together", "OptionOrder")
    cases.add("all_options", "all options that go together", problem="injected", dtypes=_BOTH, **together)
    cases.add("all_options", "all options that go together, in a ravine", dtypes="f32", **together)

    for switch in rule.switches:
        for value in switch.values:
            if value != cases.base.values[switch.name]:
                cases.topic(switch.name, "PublishedVariant", *_flags(rule.name, switch.name))
                chosen: dict[str, Any] = {switch.name: value}
                comment = f"{switch.name} = {value}: {switch.doc}"
                cases.add(f"{switch.name}_{value}", comment, **chosen)
                if allowed(cases.optimizer, hyper := {**together, **chosen}):
                    cases.add(f"{switch.name}_{value}_all", f"{comment}; all options", problem="injected", **hyper)
    add_events(cases, **together)
    add_extremes(cases, **together)


def again(cases: Cases, problems: Sequence[str], comment: str, steps: int = 0, events: tuple[Event, ...] = (), **override: Any) -> None:
    """Each equation of the cases so far on other problems, in the first setting that has it."""
    settings = {trace(case.base).id: case for case in reversed(cases.collected)}
    for case in reversed(settings.values()):
        label, hyper = case.configuration.split("/")[1], {**case.hyper, **override}
        said = f"{comment} ({format_setting(resolve(cases.optimizer, hyper))})"
        for problem in problems:
            cases.add(label, said, problem=problem, steps=steps, events=events, **hyper)


def alone(cases: Cases, name: str) -> dict[str, Any]:
    """An option at its example, with as few others as it needs; empty for one without example, and for the learning rate."""
    examples = cases.base.rule.examples()
    if name == "lr" or name not in examples:
        return {}
    for companion in ("", *examples):
        hyper = {key: examples[key] for key in (name, companion) if key}
        if allowed(cases.optimizer, hyper):
            return hyper
    return {}


def all_options(optimizer: str) -> dict[str, Any]:
    """As many options as go together, descending, the learning rate left out."""
    chosen: dict[str, Any] = {}
    for name, value in resolve(optimizer).rule.examples().items():
        if name not in ("lr", "maximize") and allowed(optimizer, {**chosen, name: value}):
            chosen[name] = value
    return chosen


def allowed(optimizer: str, hyper: dict[str, Any]) -> bool:
    """Whether a rule takes these values together."""
    try:
        resolve(optimizer, hyper)
    except HyperError:
        return False
    return True


def _add_boundary(cases: Cases, option: Real, together: dict[str, Any]) -> None:
    """The ends of the option's interval that belong to it."""
    for end in Interval(option.interval).ends():
        hyper = {**together, option.name: end}
        if end != option.default and option.name != "lr" and allowed(cases.optimizer, hyper):
            label, said = f"{option.name}_is_{end:g}", f"{option.name} at the end of its interval"
            cases.add(label, said, flags=("BoundaryValue",), **hyper)


def _flags(rule: str, name: str) -> tuple[str, ...]:
    """The flags of an option or switch."""
    own, usual = (tuple(flag for flag, names in _FLAGS.items() if key in names.split()) for key in (f"{rule}.{name}", name))
    return own or usual


def _said(hyper: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {str(value).lower()}" for key, value in hyper.items())
