"""The namespace in which the judge replays a closure rule's conversation: numbers with bounds, decisions that may go either way."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from crossoptim.check.affine import Affine, Comparison, Symbols, taped
from crossoptim.golden.bounded import PRECISIONS
from crossoptim.spec.conversation import Memory

_FLOAT32 = PRECISIONS["float32"].unit
_FLOAT32_ROUNDINGS = 4  # of operands and operations that a library makes of one named number


class AffineWords:
    """The conversation's namespace on :class:`~crossoptim.check.affine.Affine` numbers.

    Args:
        dtype: of the run.
        memory: the optimizer's, whose pairs are known within a bound each.
        choices: how the first decisions that straddle are taken; the others are taken as at the centres.
        float32: named numbers that the library holds in float32.
        symbols: those that an earlier course of the same step used, rewound.

    ``taken`` are the decisions that straddled, ``asked_when`` says for each how many questions had been ``asked`` by then, ``places``
    how much had been computed.
    """

    def __init__(
        self, dtype: str, memory: Memory, choices: Sequence[bool] = (), float32: Collection[str] = (), symbols: Symbols | None = None
    ) -> None:
        self.dtype, self.memory, self.float32 = dtype, memory, float32
        self.symbols = symbols or Symbols(dtype)
        self.places: list[int] = []
        self.choices = tuple(choices)
        self.taken: list[bool] = []
        self.asked = 0
        self.asked_when: list[int] = []

    def exact(self, value: Any) -> Affine:
        """What the library showed."""
        return Affine(self.symbols, value)

    @taped
    def number(self, value: float) -> Affine:
        """With the error of a constant that the dtype does not hold."""
        held = PRECISIONS[self.dtype].holds(float(value)) or not np.isfinite(value)
        return self.exact(value) if held else Affine.around(self.symbols, value, PRECISIONS[self.dtype].unit * abs(value))

    def dot(self, a: Affine, b: Affine) -> Affine:
        """In any order."""
        return a.dot(b)

    def largest(self, x: Affine) -> Affine:
        """Whichever element it is."""
        return x.largest()

    def total(self, x: Affine) -> Affine:
        """In any order."""
        return x.total()

    def sqrt(self, x: Affine) -> Affine:
        """Of a number that is not negative."""
        return x.sqrt()

    def holds(self, condition: Comparison) -> bool:
        """As at the centres, or as chosen where rounding could decide it."""
        if not condition.straddles:
            return condition.truth
        place = len(self.taken)
        self.taken.append(self.choices[place] if place < len(self.choices) else condition.truth)
        self.asked_when.append(self.asked)
        self.places.append(self.symbols.place)
        return self.taken[-1]

    @taped
    def named(self, name: str, value: Affine) -> Affine:
        """With the error of float32 where the library holds it so."""
        if name not in self.float32:
            return value
        if not value.radius.any():
            with np.errstate(over="ignore"):
                return self.exact(np.float64(np.float32(value.centre)))
        size = _FLOAT32_ROUNDINGS * _FLOAT32 * np.abs(value.centre)
        return value + Affine.around(self.symbols, 0.0, size)

    def clipped(self, x: Affine, low: Affine, high: Affine) -> Affine:
        """What may come of it."""
        return x.clipped(low, high)

    @taped
    def measured(self, t: Affine, d: Affine, travel: tuple[Any, Any]) -> Affine:
        """As chosen, or as the distance travelled along some element of ``d`` shows it, whichever is known best."""
        begin, end = (np.asarray(place.centre) for place in travel)
        moved = end - begin
        slack = self.symbols.unit * (np.abs(end) + 2 * np.abs(moved)) + self.symbols.smallest
        with np.errstate(all="ignore"):
            doubt = np.where((d.centre != 0) & np.isfinite(moved), slack / np.abs(d.centre), np.inf)
        place = int(np.argmin(doubt))
        if not doubt[place] < t.radius:
            return t
        shown = Affine.around(self.symbols, moved[place], slack[place]) / d.element(place)
        return shown if shown.radius < t.radius else t

    def seen(self, step: Affine, travel: tuple[Any, Any] | None) -> Affine:
        """The step as computed, or as the distance travelled shows it, whichever is known better; what was kept starts with new symbols."""
        centre, radius = step.centre, step.radius
        if travel is not None:
            begin, end = (np.asarray(place.centre) for place in travel)
            moved = end - begin
            # end = begin + t d with two roundings, the step itself is t d rounded once more
            slack = self.symbols.unit * (np.abs(end) + 3 * np.abs(moved)) + self.symbols.smallest
            better = np.isfinite(moved) & (slack < radius)
            centre, radius = np.where(better, moved, centre), np.where(better, slack, radius)
        self.symbols.count = 0
        self.memory.pairs = tuple((self._anew(y), self._anew(s)) for y, s in self.memory.pairs)
        return Affine.around(self.symbols, centre, radius)

    def _anew(self, x: Affine) -> Affine:
        return Affine.around(self.symbols, x.centre, x.radius)
