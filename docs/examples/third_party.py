"""What other people's optimizers do, measured: writes docs/third-party.md.

python docs/examples/third_party.py
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from typing import Any

import optax
import pytorch_optimizer
from optax_step import optax_step

from crossoptim.check.result import plural, tally
from crossoptim.spec.rules import resolve
from crossoptim.testing import Report, StepFunction, judge_optimizer

PAGE = Path(__file__).parents[1] / "third-party.md"
DECAY = {"weight_decouple": "decay"}
FORMS = {"weight_decouple": {"coupled": False, "decoupled": True}}
MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}
YOGI = {"bias_correction": "on", "first_moment_start": "accumulator"}
BETAS = {"b1": "beta1", "b2": "beta2"}


@dataclass(frozen=True)
class Subject:
    """A class, the optimizer that it says it is, and what it calls things."""

    optimizer: Callable[..., Any] | StepFunction
    golden: str
    variant: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def function(self) -> Callable[..., Any]:
        """What has the defaults."""
        made = self.optimizer.takes if isinstance(self.optimizer, StepFunction) else self.optimizer
        assert made is not None
        return made

    def report(self, mode: str) -> Report:
        """The verdicts."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return judge_optimizer(self.optimizer, self.golden, variant=self.variant, mode=mode, **self.options)  # type: ignore[arg-type]


def of_pytorch_optimizer() -> list[Subject]:
    """Classes of pytorch-optimizer, each in the variant that it implements."""
    po = pytorch_optimizer
    named = {"names": DECAY, "spellings": FORMS}
    return [
        Subject(po.Lion, "lion", options={"state": {"m": "exp_avg"}}),
        Subject(po.AdaBelief, "adabelief", options={**named, "state": {"m": "exp_avg", "s": "exp_avg_var"}}),
        Subject(po.Yogi, "yogi", YOGI, options={**named, "state": MOMENTS}),
        Subject(po.AdaBound, "adabound", options={**named, "names": {**DECAY, "ams_bound": "amsbound"}, "state": MOMENTS}),
        Subject(po.MADGRAD, "madgrad", {"lr_offset": "eps"}, options={**named, "state": {"s": "s", "v": "grad_sum_sq"}}),
        Subject(po.QHAdam, "qhadam", options={**named, "names": {**DECAY, "nus": ("nu1", "nu2")}}),
        Subject(
            po.Adan,
            "adan",
            options={"names": DECAY, "spellings": {"weight_decouple": {"proximal": False, "decoupled": True}}, "state": {"m": "exp_avg"}},
        ),
        Subject(partial(po.Lamb, weight_decouple=False), "lamb", {"bias_correction": "off"}, options={"state": MOMENTS}),
        Subject(po.LARS, "lars", options={"state": {"velocity": "momentum_buffer"}}),
        Subject(po.ADOPT, "adopt", options={**named, "state": MOMENTS}),
    ]


def of_optax() -> list[Subject]:
    """Aliases of optax."""
    lr = {"learning_rate": "lr"}
    adam: dict[str, Any] = {"names": {**lr, **BETAS, "eps_root": None, "nesterov": None}}
    moments = partial(optax_step, read=lambda state: {"m": state[0].mu, "v": state[0].nu})
    return [
        Subject(optax_step(optax.sgd), "sgd", options={"names": {**lr}}),
        Subject(moments(optax.adam), "adam", options=adam),
        Subject(moments(optax.adamw), "adamw", options=adam),
        Subject(optax_step(optax.lion), "lion", options={"names": {**lr, **BETAS}}),
        Subject(optax_step(optax.adabelief), "adabelief", options=adam),
        Subject(optax_step(optax.yogi), "yogi", YOGI, options={"names": {**lr, **BETAS}}),
        Subject(optax_step(optax.rmsprop), "rmsprop", options={"names": {**lr, "decay": "alpha", "initial_scale": None}}),
        Subject(optax_step(optax.adagrad), "adagrad", options={"names": lr}),
        Subject(optax_step(optax.adadelta), "adadelta", options={"names": lr}),
        Subject(optax_step(optax.adamax), "adamax", options={"names": {**lr, **BETAS}}),
        Subject(optax_step(optax.lamb), "lamb", options={"names": {**lr, **BETAS}}),
        Subject(optax_step(optax.adan), "adan", options={"names": {**lr, **BETAS, "b3": "beta3"}}),
    ]


def other_defaults(subject: Subject, report: Report) -> Iterator[str]:
    """The arguments whose defaults are not the specification's, of those that were set in the cases."""
    values = resolve(subject.golden, dict(subject.variant)).values
    parameters = signature(subject.function).parameters
    for foreign, ours in report.arguments.items():
        spelled = subject.options.get("spellings", {}).get(foreign, {})
        expected: Any = tuple(values[part] for part in ours) if isinstance(ours, tuple) else spelled.get(values[ours], values[ours])
        default = parameters[foreign].default if foreign in parameters else expected
        if default is not parameters[foreign].empty and default != expected:
            yield f"`{foreign} = {default}` (here {expected})"


def section(subject: Subject) -> Iterator[str]:
    """What is said of one class."""
    report = subject.report("replay")
    variant = f" with {', '.join(f'`{key} = {value}`' for key, value in subject.variant.items())}" if subject.variant else ""
    yield f"### {report.subject}: `{subject.golden}`{variant}"
    yield ""
    left_out = plural(len(report.results) - len(report.judged), "case")
    yield f"{tally(report.judged)}; {left_out} left out"
    yield ""
    if defaults := list(other_defaults(subject, report)):
        yield f"- Other defaults: {', '.join(defaults)}."
    for alike in report.kinds():
        first = alike[0]
        reason = report.reasons.get(first.case)
        why = reason.sentence if reason and reason.sentence else "no single change of the specification explains it"
        where = first.judgement.finding.sentence() if first.judgement.finding else first.judgement.reason
        yield f"- {plural(len(alike), 'case')}, such as `{first.case}` ({report.cases[first.case].comment}): {where}. **{why}**."
        if reason and (reason.before or reason.after):
            yield ""
            yield "  ```diff"
            yield from (f"  {sign} {line}" for sign, lines in (("-", reason.before), ("+", reason.after)) for line in lines)
            yield "  ```"
        if reason and reason.quirk:
            yield f"  Known: `{reason.quirk}`."
    yield ""


def page() -> Iterator[str]:
    """The page."""
    yield "# Other people's optimizers"
    yield ""
    yield "Written by `python docs/examples/third_party.py`: each class is run over the golden cases that its arguments can say"
    yield "(gradients injected), as [`assert_follows_golden`](testing.md) does it, and judged. Where it departs, the search for the change"
    yield "of the specification that reproduces its numbers says why, as far as it finds out. A departure from the specification is not"
    yield "yet a mistake: see what it is."
    yield ""
    for title, package, subjects in (
        ("pytorch-optimizer", "pytorch-optimizer", of_pytorch_optimizer()),
        ("optax", "optax", of_optax()),
    ):
        others = f", jax {version('jax')}" if package == "optax" else f", torch {version('torch')}"
        yield f"## {title} {version(package)}{others}"
        yield ""
        for subject in subjects:
            print(subject.golden, file=sys.stderr)
            yield from section(subject)


if __name__ == "__main__":
    PAGE.write_text("\n".join(page()).rstrip() + "\n", encoding="utf-8")
