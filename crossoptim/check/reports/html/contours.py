"""Objectives of two numbers, on a grid: what the page draws contours from."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

from crossoptim.check.measure import Series
from crossoptim.spec.model import Problem

WIDTH, HEIGHT = 40, 30
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FAR = 3.0  # golden boxes: how far a path may leave before it is cut off


class _OnGrid:
    """A namespace in which each number is a grid: axis 0 is the tensor's."""

    @staticmethod
    def sum(x: Any) -> Any:
        return np.sum(x, axis=0)

    sqrt, log, exp, maximum, where = np.sqrt, np.log, np.exp, np.maximum, np.where


def two_numbers(problem: Problem) -> bool:
    """Whether a problem has an objective that can be drawn in the plane."""
    return problem.value is not None and sum(int(np.prod(p.shape)) for p in problem.params) == 2


def grid(problem: Problem, golden: tuple[Series, Series], paths: Iterable[tuple[Series, Series]]) -> dict[str, Any]:
    """The objective over a box that holds the golden path, the minimum, and the others as far as they stay near.

    Returns:
        ``box``: x from, x to, y from, y to; ``grid``: rows of two digits in base 64 a point, from the lowest y up: the logarithm of the
        height above the lowest point, from 0 to 4095; ``minimum``, where it is known.
    """
    minimum = [value for p in problem.params for value in (problem.minimum or {}).get(p.name, ())]
    box: list[tuple[float, float]] = []
    for axis in (0, 1):
        low, high = _range(golden[axis], minimum[axis : axis + 1])
        reach = (high - low) * _FAR
        near = [v for path in paths for v in path[axis] if v is not None and low - reach <= v <= high + reach]
        low, high = min([low, *near]), max([high, *near])
        box.append(_round(low, high))
    values = _values(problem, np.linspace(*box[0], WIDTH), np.linspace(*box[1], HEIGHT))
    heights = np.log(values - values.min() + 1e-3 * (np.median(values) - values.min()) + np.finfo(float).tiny)
    scaled = np.rint((heights - heights.min()) / (np.ptp(heights) or 1.0) * 4095).astype(int)
    rows = ["".join(_DIGITS[v // 64] + _DIGITS[v % 64] for v in row) for row in scaled]
    return {"box": [*box[0], *box[1]], "grid": " ".join(rows), "minimum": minimum}


def _range(golden: Series, more: Iterable[float]) -> tuple[float, float]:
    known = [v for v in (*golden, *more) if v is not None and np.isfinite(v)]
    low, high = min(known), max(known)
    if low == high:
        return low - 0.5, high + 0.5
    return low, high


def _round(low: float, high: float) -> tuple[float, float]:
    """A little more, to a step that neighbours have too: paths that hardly differ have one box."""
    step = 2.0 ** np.ceil(np.log2((high - low) / 12))
    return float((np.floor(low / step) - 0.5) * step), float((np.ceil(high / step) + 0.5) * step)


def _values(problem: Problem, x: Any, y: Any) -> Any:
    """The objective at every point: rows of y, columns of x."""
    plane = np.stack(np.broadcast_arrays(x[None, :], y[:, None]))
    tensors: dict[str, Any] = {}
    for param in problem.params:
        size = int(np.prod(param.shape))
        first = sum(len(p.start) for p in problem.params[: problem.params.index(param)])
        tensors[param.name] = plane[first : first + size] if param.shape else plane[first]
    data = {name: np.asarray(value)[:, None, None] for name, value in problem.data.items()}
    assert problem.value is not None
    with np.errstate(all="ignore"):
        values = np.asarray(problem.value(_OnGrid, SimpleNamespace(**tensors), SimpleNamespace(**data)))
    known = np.isfinite(values)  # beyond the edge of its domain an objective is as high as it gets
    return np.where(known, values, values[known].max())
