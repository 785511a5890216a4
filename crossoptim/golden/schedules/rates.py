"""What a schedule gives at every step: exact values of 60 digits, rounded once, and how far an honest implementation may be from them.

A library may evaluate the closed form, or go on from the rate that it finds, ``x(t) = x(t-1) f(t) / f(t-1)``. With ``B(t)`` the rounding
bound of the closed form (k·u·M of its graph), ``P(t)`` its exact value, ``c`` the rate towards which it bends (``eta_min``, else 0) and
``A(t) = |P(t) - c| / |P(t-1) - c|``, the recursion's result is within

    A(t) · |x(t-1) - P(t-1)|  +  B(t)  +  A(t) · B(t-1)  +  u·|P(t)|

of ``P(t)``: what was off before is carried on as the recursion carries it, and numerator and denominator are each inside the closed
form's bound. Where ``P(t-1)`` is ``c`` itself, a library adds, and A is 1. Since the first term looks at the implementation's own last
value, error never accumulates unseen, and a wrong factor shows at its first step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from crossoptim.golden.bounded import PRECISIONS, Bounded, BoundedArrays, Condition
from crossoptim.golden.oracle import MP, Oracle
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.spec.schedule import LR, OUTPUTS, Recursion, ScheduleRun, Values

_DOUBLE = PRECISIONS["float64"]


class Exact(Oracle):
    """The oracle's namespace, with a way in for plain numbers."""

    number = staticmethod(MP.mpf)


class Bounds(BoundedArrays):
    """The namespace of numbers with bounds."""

    pi = Bounded(np.float64(np.pi), np.pi, 1, 0.0, _DOUBLE)

    @staticmethod
    def number(value: float) -> Bounded:
        """A number that every implementation holds exactly."""
        return Bounded.exact(np.float64(value), _DOUBLE)

    @staticmethod
    def where(condition: Condition, a: Any, b: Any) -> Bounded:
        """Select as exact numbers do: equations are continuous where rounding may decide, and metrics of cases are clear of near ties."""
        return BoundedArrays.where(Condition(condition.truth, False), a, b)


@dataclass
class Rates:
    """``columns[output]``: one row a step, 0 being before the first one; a row has one number a group."""

    columns: dict[str, list[list[float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Predicted:
    """One output of one group at one step: exact value, bound of the closed form, the rate towards which it bends."""

    value: Any
    bound: float
    towards: float = 0.0


def golden(case: ScheduleCase) -> Rates:
    """The exact values, rounded once to double."""
    columns = [_column(case, group, Exact, MP.mpf, None) for group in range(len(case.groups))]
    keys = [key for key in OUTPUTS if key in columns[0][0]]
    return Rates({key: [[float(column[t][key]) for column in columns] for t in range(case.steps + 1)] for key in keys})


def predict(case: ScheduleCase, departs: Recursion | None = None) -> list[list[dict[str, Predicted]]]:
    """For each group and step, what the schedule gives, or what a library's departure makes of it."""
    out = []
    with np.errstate(all="ignore"):
        for group, setting in enumerate(case.settings):
            towards = float(setting.values.get("eta_min", 0.0))
            exact = _column(case, group, Exact, MP.mpf, departs)
            bounds = _column(case, group, Bounds, Bounds.number, departs)
            out.append(
                [
                    {key: Predicted(row[key], _bound(bounded[key]), towards) for key in OUTPUTS if key in row}
                    for row, bounded in zip(exact, bounds, strict=True)
                ]
            )
    return out


def _bound(value: Any) -> float:
    return float(value.bound) if isinstance(value, Bounded) else 0.0


def _column(case: ScheduleCase, group: int, xp: Any, lift: Callable[[float], Any], departs: Recursion | None) -> list[Values]:
    """One group's outputs at t = 0, 1, …, in any kind of number."""
    setting = case.settings[group]
    rebuilt = frozenset(e.step for e in case.events if e.kind == "rebuild")
    run = ScheduleRun(xp, lift, setting, rebuilt)
    state = setting.begin(xp, lift)
    if departs is not None and setting.schedule.start is None:
        state = departs.next(run, 0, state)
    out = [state]
    for t in range(1, case.steps + 1):
        for event in case.events:
            if event.kind == "set" and event.step == t and event.group == group:
                state = {**state, LR: lift(event.lr)}
        if case.metrics:
            state = {**state, "metric": lift(case.metrics[t - 1])}
        place = case.positions[t - 1] if case.positions else t
        if departs is not None:
            state = departs.next(run, place, state)
        else:
            state = setting.at(xp, lift, place, state if setting.schedule.start else None)
        out.append(state)
    return out


def admissible(now: Predicted, before: Predicted | None, was: float) -> float:
    """How far an honest implementation's value may be from ``now.value``, when its last one ``was``, where ``before`` was due."""
    size = _DOUBLE.unit * abs(float(now.value))
    if before is None:
        return now.bound + size
    span, last = abs(float(now.value) - now.towards), abs(float(before.value) - now.towards)
    gain = span / last if last > before.bound else 1.0
    inherited = abs(was - float(before.value)) + before.bound
    return now.bound + size + gain * inherited


def same(a: float, b: float) -> bool:
    """Equal, NaN to NaN."""
    return a == b or (math.isnan(a) and math.isnan(b))
