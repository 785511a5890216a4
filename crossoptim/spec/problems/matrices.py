"""The tables of gradients with every parameter a matrix, for optimizers that take nothing else; and ravines in a matrix."""

from collections.abc import Mapping
from dataclasses import replace

from crossoptim.spec.model import Problem, ProblemParam
from crossoptim.spec.problems import injected as tables

_WIDE = {"matrix": (2, 3), "vector": (2, 1), "scalar": (1, 1), "nothing": (0, 3)}
_TALL = {"matrix": (3, 2), "vector": (1, 2), "scalar": (1, 1)}


def _reshaped(table: Problem, name: str, shapes: Mapping[str, tuple[int, int]], what: str) -> Problem:
    """The same numbers in other shapes, of the parameters that ``shapes`` names."""
    params = tuple(ProblemParam(p.name, shapes[p.name], p.start) for p in table.params if p.name in shapes)
    rows = table.gradients
    assert rows is not None
    return replace(
        table, name=name, title=f"{table.title}: {what}", params=params, gradients=lambda step: {p.name: rows(step)[p.name] for p in params}
    )


_WHAT = "a wide matrix, a column, a matrix of one"
matrices = _reshaped(tables.injected, "matrices", _WIDE, _WHAT)
matrices_tall = _reshaped(tables.injected, "matrices_tall", _TALL, "a tall matrix, a row, a matrix of one")
matrices_zeros = _reshaped(tables.zeros, "matrices_zeros", _WIDE, _WHAT)
# not of one element: some take its absolute value for its norm, whose square then does not overflow
matrices_huge = _reshaped(tables.huge, "matrices_huge", {"matrix": (2, 3), "vector": (2, 1)}, "a wide matrix, a column")
matrices_tiny = _reshaped(tables.tiny, "matrices_tiny", _WIDE, _WHAT)
matrices_denormal = _reshaped(tables.denormal, "matrices_denormal", _WIDE, _WHAT)
matrices_infinite = _reshaped(tables.infinite, "matrices_infinite", _WIDE, _WHAT)
matrices_not_a_number = _reshaped(tables.not_a_number, "matrices_not_a_number", _WIDE, _WHAT)
matrices_empty = _reshaped(tables.empty, "matrices_empty", _WIDE, "both matrices")
matrices_no_columns = _reshaped(tables.empty, "matrices_no_columns", {"vector": (2, 1), "nothing": (3, 0)}, "the other has no columns")


def _ravine(name: str, title: str, curvature: list[list[float]], start: tuple[float, ...]) -> Problem:
    return Problem(
        name=name,
        title=title,
        source="this project",
        params=(ProblemParam("x", (len(curvature), 2), start),),
        data={"curvature": curvature},
        value=lambda xp, p, d: xp.sum(d.curvature * p.x * p.x),
        gradient=lambda xp, p, d: {"x": 2 * d.curvature * p.x},
        minimum={"x": tuple(0.0 for _ in start)},
    )


matrix_ravine = _ravine("matrix_ravine", "sum(a * x^2) over a square matrix", [[0.1, 1.0], [2.0, 0.25]], (-2.0, 1.0, 0.5, 1.5))
tall_ravine = _ravine(
    "tall_ravine", "sum(a * x^2) over a tall matrix", [[0.1, 1.0], [2.0, 0.25], [0.5, 4.0]], (-2.0, 1.0, 0.5, 1.5, -1.0, 0.25)
)


def _sizes(step: int) -> dict[str, tuple[float, ...]]:
    rows = tables.injected.gradients
    assert rows is not None
    row = rows(step)["matrix"]
    return {name: tuple(scale * g for g in row) for name, _, scale in _SIZED}


_SIZED = (("wide", (2, 3), 32.0), ("wide_small", (2, 3), 2.0**-7), ("tall", (3, 2), 32.0), ("tall_small", (3, 2), 2.0**-7))
matrix_sizes = Problem(
    name="matrix_sizes",
    title="gradients from a table, times 32 and 2^-7: wide and tall matrices",
    source="this project",
    params=tuple(ProblemParam(name, shape, (1.0, -2.0, 0.5, 0.0, -0.25, 3.0)) for name, shape, _ in _SIZED),
    gradients=_sizes,
)
