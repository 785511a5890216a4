"""Numbers as the page holds them: few digits, since they are drawn, not compared."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby

from crossoptim.check.measure import Series


def short(value: float | None, digits: int = 6) -> str:
    """A number of so many significant digits; ``NaN``, ``Inf`` and ``-Inf``; ``~`` for none."""
    if value is None:
        return "~"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def row(values: Series, digits: int = 6) -> str:
    """A curve: numbers and spaces, where several that are alike stand as ``number*count``."""
    runs = [(text, len(list(alike))) for text, alike in groupby(short(value, digits) for value in values)]
    return " ".join(f"{text}*{count}" if count > 1 else text for text, count in runs)


class Table:
    """Texts that many rows share: each is held once and named by its place."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        """Where a text is held."""
        return self._places.setdefault(text, len(self._places))

    def places(self, texts: Iterable[str]) -> list[int]:
        """Where texts are held."""
        return [self.place(text) for text in texts]

    @property
    def texts(self) -> list[str]:
        """The texts, in order of their places."""
        return list(self._places)
