"""What a departure does to a training run: the equation with and without it on a small problem, and schedules' rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from crossoptim.golden import oracle
from crossoptim.golden.case import Case, Event, Group
from crossoptim.golden.trajectory import Trajectory, objective
from crossoptim.quirks.departure import depart
from crossoptim.quirks.reproduction import departing_rates, schedule_showing
from crossoptim.quirks.showing import known_quirks, showing, shown
from crossoptim.spec.ecosystems import all_quirks
from crossoptim.spec.model import GradientAfter, LeavesZeros, Quirk, StartsAs
from crossoptim.spec.problems import get_problem
from crossoptim.spec.refusals import InputQuirk
from crossoptim.spec.rules import all_presets
from crossoptim.spec.schedule import ScheduleQuirk

STEPS = 200
_SAME = 1e-3  # losses whose curves cannot be told apart
_ROUNDING = 1e-12  # parameters that differ no more do not differ


@dataclass(frozen=True)
class Effect:
    """Two curves, or one that is the distance between two runs, or none where they do not differ; ``sentence`` says what they show."""

    sentence: str
    x: str
    y: str
    curves: Mapping[str, tuple[float, ...]]
    logarithmic: bool


def effect(quirk: Quirk) -> Effect | None:
    """What a quirk does to a training run; None where it raises, is about input, or shows in a corner of arithmetic only."""
    return _effect(quirk.id)


@cache
def _effect(quirk_id: str) -> Effect | None:
    quirk = all_quirks()[quirk_id]
    if isinstance(quirk, ScheduleQuirk):
        return _rates(quirk) if quirk.departs is not None else None
    if isinstance(quirk, InputQuirk) or not quirk.everywhere:
        return None
    found = showing(quirk)
    if found is None or found.wrong is None or found.case.base.rule.converse:
        return None
    return _trained(quirk, training(quirk))


def _rates(quirk: ScheduleQuirk) -> Effect:
    case, rates, key, group = schedule_showing(quirk)
    right = tuple(row[group] for row in rates.columns[key][: case.steps + 1])
    wrong = tuple(departing_rates(quirk))
    name = {"lr": "learning rate"}.get(key, key)
    step = next(k for k, (a, b) in enumerate(zip(right, wrong, strict=True)) if f"{a:.3g}" != f"{b:.3g}")
    sentence = f"The {name} of the case `{case.id}`: after step {step} it is {wrong[step]:.3g} where it should be {right[step]:.3g}."
    return Effect(sentence, "step", name, {"as it should be": right, "with the departure": wrong}, False)


def training(quirk: Quirk) -> Case:
    """A run on a small problem in which the quirk can show."""
    base = shown(quirk).case
    kinds = {type(e) for e in quirk.effects}
    problem = "ravine"
    groups: tuple[Group, ...] = ()
    events: tuple[Event, ...] = ()
    comment = "on 0.1 x1^2 + 2 x2^2"
    if GradientAfter in kinds:
        events = tuple(Event("accumulate", step) for step in range(2, STEPS + 1, 2))
        comment += ", gradients zeroed before every second backward pass"
    if not kinds:
        events = (Event("resume", STEPS // 4),)
        comment += f", saved and loaded before step {STEPS // 4}"
    if StartsAs in kinds and len(base.initial_groups) > 1:
        problem, comment = "shapes", "on three tensors, one in a group with a start of its own"
        groups = (Group(("matrix", "scalar"), base.initial_groups[0].hyper), Group(("vector",), base.initial_groups[1].hyper))
    if LeavesZeros in kinds:
        problem, comment = "shapes", "on three tensors, of which one takes no part in the loss from step 20 on"
        events = tuple(Event("unused", step, params=("vector",)) for step in range(20, STEPS + 1))
    return Case(f"training/{quirk.id}", base.optimizer, base.hyper, problem, "float64", comment, steps=STEPS, groups=groups, events=events)


def _trained(quirk: Quirk, case: Case) -> Effect:
    every = known_quirks(shown(quirk))
    runs = {
        "as it should be": depart(case, (), lambda step, points: dict(objective(case, step, points)[0])),
        "with the departure": depart(case, every, lambda step, points: dict(objective(case, step, points)[0])),
    }
    losses = {name: _losses(case, run) for name, run in runs.items()}
    right, wrong = losses.values()
    options = ", ".join(f"{key} = {value:g}" if isinstance(value, float) else f"{key} = {value}" for key, value in case.hyper.items())
    head = f"{_title(case)} ({options}) {case.comment}, {STEPS} steps in float64:"
    told = [f"{value:.3g}" for value in (wrong[-1], right[-1])]
    if told[0] != told[1] and not all(abs(a - b) <= _SAME * max(abs(a), abs(b)) for a, b in zip(right, wrong, strict=True)):
        sentence = f"{head} the loss is {told[0]} at the end, where it should be {told[1]}."
        return Effect(sentence, "step", "loss", losses, all(value > 0 for value in (*right, *wrong)))
    apart = _apart(*runs.values())
    if max(apart) < _ROUNDING:
        return Effect(f"{head} none, but for rounding.", "", "", {}, False)
    sentence = f"{head} the losses end the same; the parameters differ by {max(apart):.1e} of their size at most."
    return Effect(sentence, "step", "relative distance of the parameters", {"between the two runs": apart}, True)


def _title(case: Case) -> str:
    """What an optimizer or preset is called."""
    presets = all_presets()
    return presets[case.optimizer][1].title if case.optimizer in presets else case.base.rule.title


def _losses(case: Case, run: Trajectory) -> tuple[float, ...]:
    problem = get_problem(case.problem_name)
    return tuple(oracle.loss(problem, {n: _known(rows[k]) for n, rows in run.params.items()}, case.dtype) for k in range(case.steps))


def _known(row: Any) -> Any:
    assert row is not None
    return row


def _apart(a: Trajectory, b: Trajectory) -> tuple[float, ...]:
    out = []
    for k in range(len(next(iter(a.params.values())))):
        first, second = (_flat(run, k) for run in (a, b))
        size = float(np.abs(first).max())
        out.append(float(np.abs(first - second).max()) / size if size else 0.0)
    return tuple(out)


def _flat(run: Trajectory, k: int) -> Any:
    return np.concatenate([np.ravel(_known(rows[k])) for rows in run.params.values()])


def thinned(values: Sequence[float], most: int = 100) -> list[tuple[int, float]]:
    """Points of a curve that has at most so many, the last one among them."""
    stride = max(1, -(-len(values) // most))
    places = sorted({*range(0, len(values), stride), len(values) - 1})
    return [(place, values[place]) for place in places]
