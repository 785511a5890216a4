"""What stands behind a verdict and can be drawn: an implementation's own numbers, step by step, and how far they are off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from crossoptim.check.judge import Judge, ulps
from crossoptim.check.measure import Errors, Measured, Series
from crossoptim.check.refusals import Reaction, RefusalJudge
from crossoptim.golden.case import Case
from crossoptim.golden.schedules.rates import Rates
from crossoptim.golden.trajectory import Rows, Trajectory, initial_params
from crossoptim.spec.model import Quirk

ELEMENTS = 6
"""How many numbers of a large problem are kept as curves."""
TENSORS = 16
"""Of how many tensors the errors are kept, the worst first."""


@dataclass(frozen=True)
class Detail:
    """One run.

    ``series`` are curves by label (``x[0]``, ``loss``), with what was there before the first step in front; ``errors`` by tensor, in ulps:
    of each step from the implementation's own previous state, or, where ``from_golden``, of the path from the golden one. ``probes`` are,
    of invalid input, what was tried, what was expected, what came and what was said.
    """

    series: Mapping[str, Series] = field(default_factory=dict)
    errors: Mapping[str, Errors] = field(default_factory=dict)
    from_golden: bool = False
    probes: Sequence[tuple[str, str, str, str]] = ()


def of_trajectory(case: Case, golden: Trajectory, got: Trajectory, mode: str, quirks: Sequence[Quirk]) -> Detail:
    """Of a run of an optimizer: parameters, loss, and the errors of parameters, state and gradients."""
    judge = Judge(case, golden, quirks)
    if case.base.rule.converse:  # its steps are compared as decisions, not as tensors
        errors = {f"params/{name}": _apart(rows, golden.params[name]) for name, rows in got.params.items()}
        return Detail(curves(case, got), errors, True)
    run = Measured(judge, got, mode)
    found = run.judgement().finding
    return Detail(curves(case, got, [_label(found.tensor, found.element)] if found else ()), _worst(run.errors))


def curves(case: Case, run: Trajectory, also: Iterable[str] = ()) -> dict[str, Series]:
    """The loss and the curves of a trajectory's parameters: of all that are few, else of the first of each tensor; and of those named."""
    start = initial_params(case)
    places = [(name, place) for name, value in start.items() for place in np.ndindex(value.shape)]
    if len(places) > ELEMENTS:
        places.sort(key=lambda named: sum(named[1]))  # the first of each tensor come first
    chosen = dict.fromkeys([_element(*named) for named in places[:ELEMENTS]])
    chosen |= dict.fromkeys(label for label in also if label in {_element(*named) for named in places})
    out: dict[str, Series] = {}
    for name, place in places:
        if (label := _element(name, place)) in chosen:
            out[label] = [float(start[name][place]), *(None if row is None else float(row[place]) for row in run.params[name])]
    if any(value is not None for value in run.loss):
        out["loss"] = [None, *run.loss]
    return out


def of_rates(golden: Rates, got: Rates) -> Detail:
    """Of a run of a schedule."""
    errors = {
        key: Errors([float(np.max(ulps(a, b))) for a, b in zip(rows, golden.columns[key], strict=True)], [None] * len(rows))
        for key, rows in got.columns.items()
        if key in golden.columns
    }
    return Detail(rate_curves(got), errors, True)


def rate_curves(rates: Rates) -> dict[str, Series]:
    """Learning rate and momentum of each group."""
    return {
        f"{key}, group {group}" if len(rows[0]) > 1 else key: [row[group] for row in rows]
        for key, rows in rates.columns.items()
        for group in range(len(rows[0]))
    }


def of_reactions(judge: RefusalJudge, reactions: Mapping[str, Reaction]) -> Detail:
    """Of invalid input."""
    rows = []
    for probe in judge.case.probes:
        if (reaction := reactions.get(probe.id)) is not None:
            expected = judge.predict(probe)
            wanted = ("refused" if expected.refused else "accepted") + (f" ({expected.quirk})" if expected.quirk else "")
            told = reaction.outcome != "unsupported"
            rows.append((probe.id, wanted if told else "", reaction.outcome, reaction.message or reaction.later))
    return Detail(probes=tuple(rows))


def _element(name: str, place: Sequence[int]) -> str:
    return f"{name}[{','.join(map(str, place))}]" if place else name


def _label(tensor: str, element: Sequence[int]) -> str:
    """The parameter's element that a finding is about, or belongs to."""
    part, _, rest = tensor.partition("/")
    return _element(rest.split("/")[0], element) if part != "loss" else "loss"


def _apart(got: Rows, golden: Rows) -> Errors:
    errors = [float(np.max(ulps(a, b), initial=0.0)) if a is not None and b is not None else None for a, b in zip(got, golden, strict=True)]
    return Errors(errors, [None] * len(errors))


def _worst(errors: Mapping[str, Errors]) -> dict[str, Errors]:
    """Those of the fewest or the worst tensors, in the order in which they were judged."""

    def size(label: str) -> float:
        pairs = zip(errors[label].error, errors[label].bound, strict=True)
        return max((error / bound if bound else error for error, bound in pairs if error is not None and bound is not None), default=0.0)

    # most optimizers leave gradients alone, which is no news
    shown = [label for label in errors if not label.startswith("grads") or any(errors[label].error)]
    kept = sorted(shown, key=size, reverse=True)[:TENSORS]
    return {label: errors[label] for label in errors if label in kept}
