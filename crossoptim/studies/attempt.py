"""Descents with many learning rates side by side, in plain float64: quick enough to find the best rate of a grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from crossoptim.golden.closure import ReferenceWords, conclude, converse
from crossoptim.spec.conversation import Evaluation, Memory
from crossoptim.spec.expr import evaluate, parsed
from crossoptim.spec.model import Setting
from crossoptim.studies.model import Array
from crossoptim.studies.racecourses import Course

HOLD = 50
"""For so many further steps a path has to stay where it has arrived."""
SPARE = 25
"""So many steps an attempt goes on after that: where it is repeated, rounding may let it arrive later."""
_STILL = 1e-9
_DIGITS = 9
"""Ends are compared in so many digits after the point."""
SHARE = 10
"""A rule that chooses where to evaluate is given the budget's tenth: each of its steps takes longer."""


@dataclass(frozen=True)
class Attempt:
    """A descent: where it went until it had arrived and stayed, or to the last step that it was given, or could take.

    Attributes:
        rate: the learning rate.
        points: one row for the start and one after each step, shape (steps + 1, 2).
        gradients: as the steps used them, shape (steps, 2); a step's first where it evaluates more than once.
        evaluations: how many gradients there were up to each step, shape (steps,).
    """

    rate: float
    points: Array
    gradients: Array
    evaluations: Sequence[int]


def arrival(above: Array, tolerance: float, hold: int = HOLD) -> int | None:
    """The first step from which on a path stays within the tolerance for ``hold`` more; None where there is none."""
    streak = 0
    for step, within in enumerate((above < tolerance).tolist()):
        streak = streak + 1 if within else 0
        if streak > hold:
            return step - hold
    return None


def best(course: Course, setting: Setting, shape: tuple[int, ...], rates: Sequence[float], budget: int) -> Attempt:
    """The descent with the rate that arrives in the fewest steps, or else ends lowest; of several that arrive together the one that does.

    Args:
        course: the objective.
        setting: all hyperparameters but the rate.
        shape: that of the tensor which holds both coordinates.
        rates: the grid.
        budget: the most steps that a descent is given.
    """
    if setting.rule.converse:
        return _one_by_one(course, setting, rates, budget // SHARE)
    return _side_by_side(course, setting, shape, rates, budget)


class _Arrays:
    """The specification's namespace on many tensors: the first axis counts them, sums are over the others."""

    sqrt, where, maximum, matmul = staticmethod(np.sqrt), staticmethod(np.where), staticmethod(np.maximum), staticmethod(np.matmul)

    @staticmethod
    def sum(x: Array) -> Array:
        return np.asarray(x.sum(axis=tuple(range(1, x.ndim)), keepdims=True))

    @staticmethod
    def transpose(x: Array) -> Array:
        return x.swapaxes(-1, -2)

    @staticmethod
    def size(x: Array) -> float:
        return float(math.prod(x.shape[1:]))

    @staticmethod
    def columns(x: Array) -> float:
        return float(x.shape[-1])

    @staticmethod
    def epsilon(x: Array) -> float:
        return float(np.finfo(x.dtype).eps)


def _side_by_side(course: Course, setting: Setting, shape: tuple[int, ...], rates: Sequence[float], budget: int) -> Attempt:
    points, gradients = [np.tile(course.start, (len(rates), 1))], list[Array]()
    streak, first = np.zeros(len(rates), int), np.zeros(len(rates), bool)
    spare = SPARE
    with np.errstate(all="ignore"):
        for point, gradient in _steps(course, setting, shape, rates, budget + HOLD + SPARE):
            points.append(point)
            gradients.append(gradient)
            above = course.above(point)
            streak = np.where(above < course.tolerance, streak + 1, 0)
            first = first if first.any() else streak > HOLD
            spare -= int(first.any())
            if not (spare and np.isfinite(above).any()):
                break
    eligible = np.isfinite(above) & (first if first.any() else True)
    chosen = int(np.argmin([round(end, _DIGITS) if ok else math.inf for end, ok in zip(above.tolist(), eligible.tolist(), strict=True)]))
    path = np.stack([point[chosen] for point in points])
    steps = min(len(gradients), _rest(path) + HOLD + SPARE)
    used = np.stack([gradient[chosen] for gradient in gradients[:steps]])
    return Attempt(rates[chosen], path[: steps + 1], used, range(1, steps + 1))


def _rest(path: Array) -> int:
    """The step after which a path does not move any more."""
    moved = np.abs(path - path[-1]).max(axis=1) > _STILL
    return int(np.flatnonzero(moved)[-1]) + 1 if moved.any() else 0


def _steps(course: Course, setting: Setting, shape: tuple[int, ...], rates: Sequence[float], budget: int) -> Iterator[tuple[Array, Array]]:
    """The points after each step and the gradients that it used, each of shape (rates, 2), by the rule's equation."""
    many, setting = (len(rates), *shape), setting.of(shape)
    rate = np.reshape(rates, (len(rates), *(1 for _ in shape)))
    rule, reals, h = setting.rule, {**setting.reals, "lr": rate}, SimpleNamespace(**{**vars(setting.h), "lr": rate})
    kept = {number.name: evaluate(parsed(number.init), reals, _Arrays) for number in rule.kept}
    p, state = np.broadcast_to(np.reshape(course.start, shape), many), dict[str, Any]()
    for step in range(1, budget + 1):
        flat = course.gradient(p.reshape(-1, 2), step)
        g = flat.reshape(many)
        for var in setting.state if step == 1 else ():
            state[var.name] = np.broadcast_to(evaluate(parsed(var.init), {**reals, "p": p, "g": g}, _Arrays), many)
        scalars = rule.scalars(_Arrays, h, step, SimpleNamespace(**kept))
        p, state = rule.update(_Arrays, h, SimpleNamespace(**{**scalars, **kept}), p, g, SimpleNamespace(**state))
        kept = {name: scalars[name] for name in kept}
        yield p.reshape(-1, 2), flat


class _Words(ReferenceWords):
    """A closure rule's namespace, its sums as NumPy has them."""

    dot = staticmethod(np.dot)

    def total(self, x: Array) -> Any:
        return np.abs(x).sum()


def _one_by_one(course: Course, setting: Setting, rates: Sequence[float], budget: int) -> Attempt:
    """The rates come from 1 outwards, each given no more steps than the best one needed."""
    found: list[tuple[int, float, Attempt]] = []
    for rate in sorted(rates, key=lambda rate: abs(math.log(rate))):
        attempt = _conversation(course, setting.with_values(lr=rate), budget)
        above = course.above(attempt.points)
        arrived = arrival(above, course.tolerance)
        if arrived is not None:
            budget = min(budget, arrived)
        end = float(above[-1])
        found.append((budget + 1 if arrived is None else arrived, round(end, _DIGITS) if math.isfinite(end) else math.inf, attempt))
    first = min(steps for steps, _, _ in found)
    return min((entry for entry in found if entry[0] == first), key=lambda entry: entry[1])[2]


def _conversation(course: Course, setting: Setting, budget: int) -> Attempt:
    memory, words, x = Memory(), _Words("float64"), np.asarray(course.start)
    points, gradients, evaluations, still = [x], list[Array](), [0], 0
    for step in range(1, budget + HOLD + SPARE + 1):
        asked: list[Evaluation] = []

        def answer(point: Array, step: int = step, asked: list[Evaluation] = asked) -> Evaluation:
            value = course.above(point) + course.least + np.dot(course.draws[step - 1], point)
            asked.append(Evaluation(point, value, course.gradient(point, step)))
            return asked[-1]

        x = conclude(converse(setting, words, memory, x), answer).point
        still = still + 1 if np.array_equal(x, points[-1]) else 0
        points.append(x)
        gradients.append(asked[0].gradient)
        evaluations.append(evaluations[-1] + len(asked))
        if not np.isfinite(x).all() or (still == HOLD + SPARE and not course.noise):
            break
    return Attempt(setting.values["lr"], np.stack(points), np.stack(gradients), evaluations[1:])
