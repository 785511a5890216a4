"""The six objectives in the plane that the race is run on: formula, start, minima, and when a path has arrived.

Where the source states no start, it is ours: beside the summit between Himmelblau's four minima; a millionth off the axis along which
descent ends in the saddle; two basins away from Rastrigin's least minimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from crossoptim.spec.model import Problem, ProblemParam
from crossoptim.studies.model import Array

Point = tuple[float, float]
_SEED, _DRAWS = 0, 10_000
_TAU = math.tau


@dataclass(frozen=True)
class Course:
    """An objective of two coordinates, over the specification's namespace, of which ``numpy`` has what it needs.

    Attributes:
        name: in tables.
        formula: as text.
        source: of the formula.
        start: where every path begins.
        value: of (namespace, x1, x2).
        slope: its two derivatives.
        minima: where the value is least.
        view: the ranges of x1 and of x2 that are drawn.
        least: the value there.
        tolerance: a path has arrived where the value is less than this above the least.
        noise: the standard deviation of what is added to each element of each gradient, the same draw for every optimizer.
        local: whether there are other minima, whose values are greater.
    """

    name: str
    formula: str
    source: str
    start: Point
    value: Callable[[Any, Any, Any], Any]
    slope: Callable[[Any, Any, Any], tuple[Any, Any]]
    minima: tuple[Point, ...]
    view: tuple[Point, Point]
    least: float = 0.0
    tolerance: float = 1e-3
    noise: float = 0.0
    local: bool = False

    def problem(self, shape: tuple[int, ...]) -> Problem:
        """The objective of one tensor of that shape, which holds both coordinates; without noise."""
        first, second = (np.reshape(unit, shape).tolist() for unit in ((1.0, 0.0), (0.0, 1.0)))

        def coordinates(xp: Any, p: Any, d: Any) -> tuple[Any, Any]:
            return xp.sum(d.first * p.x), xp.sum(d.second * p.x)

        def gradient(xp: Any, p: Any, d: Any) -> dict[str, Any]:
            slope1, slope2 = self.slope(xp, *coordinates(xp, p, d))
            return {"x": d.first * slope1 + d.second * slope2}

        return Problem(
            name=self.name,
            title=self.formula,
            source=self.source,
            params=(ProblemParam("x", shape, self.start),),
            data={"first": first, "second": second},
            value=lambda xp, p, d: self.value(xp, *coordinates(xp, p, d)),
            gradient=gradient,
            minimum={"x": self.minima[0]},
        )

    @cached_property
    def draws(self) -> Array:
        """What is added to the gradient of each step, shape (steps, 2)."""
        return np.random.default_rng(_SEED).normal(0.0, self.noise, (_DRAWS, 2))

    def above(self, points: Array) -> Array:
        """How far above the least value the points are, without noise; the last axis of ``points`` has the coordinates."""
        with np.errstate(all="ignore"):
            return np.asarray(self.value(np, points[..., 0], points[..., 1]) - self.least)

    def gradient(self, points: Array, step: int) -> Array:
        """The gradients at points as step 1, 2, … sees them, in the shape of ``points``."""
        with np.errstate(all="ignore"):
            slope = np.stack(self.slope(np, points[..., 0], points[..., 1]), axis=-1)
            return np.asarray(slope + self.draws[step - 1])


def _rosenbrock(_: Any, x1: Any, x2: Any) -> tuple[Any, Any]:
    above = x2 - x1 * x1
    return -2 * (1 - x1) - 400 * x1 * above, 200 * above


def _misfits(x1: Any, x2: Any) -> tuple[Any, Any, Any]:
    """What Beale's function sums the squares of."""
    return 1.5 - x1 * (1 - x2), 2.25 - x1 * (1 - x2 * x2), 2.625 - x1 * (1 - x2 * x2 * x2)


def _beale_value(_: Any, x1: Any, x2: Any) -> Any:
    a, b, c = _misfits(x1, x2)
    return a * a + b * b + c * c


def _beale(_: Any, x1: Any, x2: Any) -> tuple[Any, Any]:
    a, b, c = _misfits(x1, x2)
    by_x1 = a * (1 - x2) + b * (1 - x2 * x2) + c * (1 - x2 * x2 * x2)
    return -2 * by_x1, 2 * x1 * (a + 2 * x2 * b + 3 * x2 * x2 * c)


def _himmelblau_value(_: Any, x1: Any, x2: Any) -> Any:
    a, b = x1 * x1 + x2 - 11, x1 + x2 * x2 - 7
    return a * a + b * b


def _himmelblau(_: Any, x1: Any, x2: Any) -> tuple[Any, Any]:
    a, b = x1 * x1 + x2 - 11, x1 + x2 * x2 - 7
    return 4 * x1 * a + 2 * b, 2 * a + 4 * x2 * b


def _rastrigin(xp: Any, x1: Any, x2: Any) -> tuple[Any, Any]:
    def sine(x: Any) -> Any:
        return xp.cos(_TAU * x - xp.pi / 2)  # the namespace has no sine

    return 2 * x1 + 10 * _TAU * sine(x1), 2 * x2 + 10 * _TAU * sine(x2)


COURSES = (
    Course(
        "Rosenbrock",
        "100 (x2 - x1^2)^2 + (1 - x1)^2",
        "Rosenbrock 1960, doi:10.1093/comjnl/3.3.175, with its start",
        start=(-1.2, 1.0),
        value=lambda _, x1, x2: 100 * (x2 - x1 * x1) * (x2 - x1 * x1) + (1 - x1) * (1 - x1),
        slope=_rosenbrock,
        minima=((1.0, 1.0),),
        view=((-1.8, 1.8), (-0.9, 2.4)),
    ),
    Course(
        "Beale",
        "(1.5 - x1 (1 - x2))^2 + (2.25 - x1 (1 - x2^2))^2 + (2.625 - x1 (1 - x2^3))^2",
        "Beale 1958, Princeton, Technical Report 25; start: Moré, Garbow & Hillstrom 1981, doi:10.1145/355934.355936, problem 5",
        start=(1.0, 1.0),
        value=_beale_value,
        slope=_beale,
        minima=((3.0, 0.5),),
        view=((0.2, 4.2), (-1.2, 1.4)),
    ),
    Course(
        "Himmelblau",
        "(x1^2 + x2 - 11)^2 + (x1 + x2^2 - 7)^2",
        "Himmelblau 1972, Applied Nonlinear Programming",
        start=(-0.5, -1.0),
        value=_himmelblau_value,
        slope=_himmelblau,
        minima=(
            (3.0, 2.0),
            (-2.8051180869527448, 3.1313125182505730),
            (-3.7793102533777469, -3.2831859912861694),
            (3.5844283403304917, -1.8481265269644035),
        ),
        view=((-5.5, 5.5), (-5.0, 5.0)),
    ),
    Course(
        "Rastrigin",
        "20 + x1^2 + x2^2 - 10 cos(2 pi x1) - 10 cos(2 pi x2)",
        "Rastrigin 1974, Systems of Extremal Control, in two dimensions",
        start=(2.3, 1.4),
        value=lambda xp, x1, x2: 20 + x1 * x1 + x2 * x2 - 10 * xp.cos(_TAU * x1) - 10 * xp.cos(_TAU * x2),
        slope=_rastrigin,
        minima=((0.0, 0.0),),
        view=((-1.6, 3.2), (-1.6, 2.6)),
        local=True,
    ),
    Course(
        "saddle",
        "x1^2 / 2 - x2^2 / 2 + x2^4 / 4",
        "Nesterov 2004, Introductory Lectures on Convex Optimization, example 1.2.2",
        start=(1.7, 1e-6),
        value=lambda _, x1, x2: 0.5 * x1 * x1 - 0.5 * x2 * x2 + 0.25 * x2 * x2 * x2 * x2,
        slope=lambda _, x1, x2: (x1, x2 * x2 * x2 - x2),
        minima=((0.0, 1.0), (0.0, -1.0)),
        view=((-1.4, 2.1), (-1.2, 1.7)),
        least=-0.25,
    ),
    Course(
        "noisy ravine",
        "0.1 x1^2 + 2 x2^2, noise N(0, 1) on each element of the gradient",
        "Dive into Deep Learning, PyTorch edition, section 7.4, with its start",
        start=(-5.0, -2.0),
        value=lambda _, x1, x2: 0.1 * x1 * x1 + 2 * x2 * x2,
        slope=lambda _, x1, x2: (0.2 * x1, 4 * x2),
        minima=((0.0, 0.0),),
        view=((-5.6, 1.8), (-2.6, 2.6)),
        tolerance=0.05,
        noise=1.0,
    ),
)
"""The objectives, in the order of the tables."""
