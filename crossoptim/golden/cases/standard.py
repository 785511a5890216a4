"""The cases that follow from a rule's own metadata: each option, each variant, boundaries, events, extreme gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crossoptim.errors import HyperError
from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.events import add_events, add_extremes
from crossoptim.spec.model import Interval, Real
from crossoptim.spec.rules import resolve
from crossoptim.spec.trace import format_setting, trace

STEPS = 10
_BOTH = "f32 f64"


def standard_cases(optimizer: str) -> Cases:
    """The standard cases of a rule or preset."""
    cases = Cases(optimizer, steps=STEPS, dtypes="f64")
    add_standard(cases)
    return cases


def add_standard(cases: Cases) -> None:
    """Plain runs, each option alone and all of them together, each variant, boundary values, events, extremes."""
    rule, together = cases.base.rule, all_options(cases.optimizer)
    cases.topic("plain")
    cases.add("plain", "the defaults in a ravine", dtypes=_BOTH)
    cases.add("plain", "the defaults on a table of gradients", problem="injected")
    cases.add("plain", "the defaults in a curved valley with two 0-d parameters", problem="rosenbrock", dtypes="f32", lr=cases.lr / 100)
    cases.add("lr_zero", "learning rate zero", lr=0.0)

    for option in rule.hyper:
        if option.name in (hyper := alone(cases, option.name)):
            cases.topic(option.name)
            cases.add(option.name, f"{option.doc or option.name}: {_said(hyper)}", **hyper)
            if isinstance(option, Real):
                _add_boundary(cases, option, together)
    cases.topic("options together")
    cases.add("all_options", "all options that go together", problem="injected", dtypes=_BOTH, **together)
    cases.add("all_options", "all options that go together, in a ravine", dtypes="f32", **together)

    for switch in rule.switches:
        for value in switch.values:
            if value != cases.base.values[switch.name]:
                cases.topic(switch.name)
                chosen: dict[str, Any] = {switch.name: value}
                comment = f"{switch.name} = {value}: {switch.doc}"
                cases.add(f"{switch.name}_{value}", comment, **chosen)
                if allowed(cases.optimizer, hyper := {**together, **chosen}):
                    cases.add(f"{switch.name}_{value}_all", f"{comment}; all options", problem="injected", **hyper)
    add_events(cases, **together)
    add_extremes(cases, **together)


def again(cases: Cases, problems: Sequence[str], comment: str, steps: int = 0, prefix: str = "", **override: Any) -> None:
    """Each equation of the cases so far on other problems, in the first setting that has it."""
    settings = {trace(case.base).id: case for case in reversed(cases.collected)}
    for case in reversed(settings.values()):
        label, hyper = prefix + case.configuration.split("/")[1], {**case.hyper, **override}
        said = f"{comment} ({format_setting(resolve(cases.optimizer, hyper))})"
        for problem in problems:
            cases.add(label, said, problem=problem, steps=steps, **hyper)


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
            cases.add(f"{option.name}_is_{end:g}", f"{option.name} at the end of its interval", **hyper)


def _said(hyper: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {str(value).lower()}" for key, value in hyper.items())
