"""The exact gradient and loss at a library's own point, with the bound for an implementation that sums in any order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.golden import oracle
from crossoptim.golden.bounded import PRECISIONS, Bounded, BoundedArrays
from crossoptim.golden.reference import DTYPES
from crossoptim.spec.model import Problem

Array = NDArray[Any]


@dataclass(frozen=True)
class Exact:
    """A value rounded once, and how far an implementation may lie from it."""

    value: Array
    bound: Array


def exact_objective(problem: Problem, points: dict[str, Array], dtype: str) -> tuple[Exact, dict[str, Exact]] | None:
    """Loss and gradients at ``points``, or None where a point is not finite. Cached: libraries that agree share their points."""
    return _objective(problem, tuple((name, value.tobytes(), value.shape) for name, value in points.items()), dtype)


@lru_cache(maxsize=65536)
def _objective(problem: Problem, key: tuple[tuple[str, bytes, tuple[int, ...]], ...], dtype: str) -> tuple[Exact, dict[str, Exact]] | None:
    assert problem.value is not None and problem.gradient is not None
    points = {name: np.frombuffer(data, dtype=DTYPES[dtype]).reshape(shape) for name, data, shape in key}
    if not all(np.isfinite(value).all() for value in points.values()):
        return None
    precision = PRECISIONS[dtype]
    p = SimpleNamespace(**{name: Bounded.exact(value.astype(np.float64), precision) for name, value in points.items()})
    data = {name: np.asarray(value, dtype=DTYPES[dtype]).astype(np.float64) for name, value in problem.data.items()}
    d = SimpleNamespace(**{name: Bounded.exact(value, precision) for name, value in data.items()})
    with np.errstate(all="ignore"):
        loss, slopes = problem.value(BoundedArrays, p, d), problem.gradient(BoundedArrays, p, d)
    gradient = oracle.gradient(problem, points, dtype)
    return (
        Exact(np.asarray(oracle.loss(problem, points, dtype), dtype=DTYPES[dtype]), np.asarray(loss.bound)),
        {name: Exact(gradient[name], np.broadcast_to(slopes[name].bound, shape).reshape(shape)) for name, _, shape in key},
    )
