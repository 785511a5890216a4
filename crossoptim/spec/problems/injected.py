"""Gradients from a table instead of an objective: each optimizer sees the same numbers, whatever the parameters do.

The numbers are exact in float32, so that float32 and float64 runs see the same gradients. Signs change, repeat and cancel; magnitudes range
over four decades; one tensor is 0-d.
"""

from __future__ import annotations

from dataclasses import replace

from crossoptim.spec.model import Problem, ProblemParam

_MODULUS, _MULTIPLIER = 8191, 884


def _sequence(seed: int, count: int) -> tuple[float, ...]:
    """Pseudo-random dyadic numbers in about ±8, by a small multiplicative congruential generator."""
    out, state = [], seed % _MODULUS or 1
    for _ in range(count):
        state = state * _MULTIPLIER % _MODULUS
        sign = 1 if state % 2 else -1
        out.append(sign * (state % 512) / 2.0 ** (6 + state // 512 % 8))
    return tuple(out)


_PARAMS = (
    ProblemParam("matrix", (2, 3), (1.0, -2.0, 0.5, 0.0, -0.25, 3.0)),
    ProblemParam("vector", (2,), (0.75, -1.25)),
    ProblemParam("scalar", (), (1.5,)),
)


def _count(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _plain(step: int) -> dict[str, tuple[float, ...]]:
    return {p.name: _sequence(1000 * i + 211 * step, _count(p.shape)) for i, p in enumerate(_PARAMS, 1)}


injected = Problem(
    name="injected",
    title="gradients from a table, one tensor 0-d",
    source="this project",
    params=_PARAMS,
    gradients=_plain,
)


injected_1d = Problem(
    name="injected_1d",
    title="the same gradients from the table, no tensor 0-d",
    source="this project",
    params=tuple(replace(p, shape=p.shape or (1,)) for p in _PARAMS),
    gradients=_plain,
)


def _scaled(name: str, title: str, factors: dict[int, float]) -> Problem:
    """The plain table with some steps multiplied; a factor of 0, NaN or Inf replaces the gradient."""

    def gradients(step: int) -> dict[str, tuple[float, ...]]:
        factor = factors.get(step, 1.0)
        replace = factor == 0 or factor != factor or abs(factor) == float("inf")
        return {key: tuple(factor if replace else factor * g for g in values) for key, values in _plain(step).items()}

    return Problem(name=name, title=title, source="this project", params=_PARAMS, gradients=gradients)


zeros = _scaled("zeros", "gradients from a table, zero at steps 1-3 and 12-14", dict.fromkeys((1, 2, 3, 12, 13, 14), 0.0))
late = _scaled("late", "gradients from a table, zero at steps 1-6", dict.fromkeys(range(1, 7), 0.0))
huge = _scaled("huge", "a table, times 2^70 at steps 4-6 and 20: squares overflow in float32", dict.fromkeys((4, 5, 6, 20), 2.0**70))
tiny = _scaled("tiny", "gradients from a table, times 2^-60 throughout", dict.fromkeys(range(1, 1000), 2.0 ** (-60)))
denormal = _scaled(
    "denormal", "gradients from a table, times 2^-136 (denormal in float32) at steps 1-10", dict.fromkeys(range(1, 11), 2.0 ** (-136))
)
infinite = _scaled("infinite", "gradients from a table, +Inf at step 10 and -Inf at step 20", {10: float("inf"), 20: float("-inf")})
not_a_number = _scaled("not_a_number", "gradients from a table, NaN at step 10", {10: float("nan")})

empty = Problem(
    name="empty",
    title="gradients from a table, one tensor without elements",
    source="this project",
    params=(ProblemParam("vector", (2,), (0.75, -1.25)), ProblemParam("nothing", (0,), ())),
    gradients=lambda step: {"vector": _sequence(211 * step, 2), "nothing": ()},
)


def _thinned(step: int) -> dict[str, tuple[float, ...]]:
    """The plain table with an entry in every third place, another third at each step; the last tensor has one at every other step."""
    kept = {key: tuple(g if (i + step) % 3 == 0 else 0.0 for i, g in enumerate(values)) for key, values in _plain(step).items()}
    return {**kept, "scalar": tuple(g if step % 2 else 0.0 for g in _plain(step)["scalar"])}


sparse = Problem(
    name="sparse",
    title="gradients from a table, zero at two places of three",
    source="this project",
    params=_PARAMS,
    gradients=_thinned,
)
