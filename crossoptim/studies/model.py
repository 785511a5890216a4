"""What a study is: runs, tables that are made of their paths, pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.golden.case import Case
from crossoptim.spec.model import Problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Run(Case):
    """A case on an objective of its own, which need not be one of the specification's.

    ``alike`` are switches of a form with the same path in exact arithmetic, for libraries that have only that one.
    """

    subject: Problem | None = None
    alike: Mapping[str, Any] = field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        """The objective, or the table of gradients."""
        return self.subject or super().problem


@dataclass(frozen=True)
class Path:
    """Where a run went, its parameters in one row.

    Attributes:
        points: one row for the start and one after each step, shape (steps + 1, parameters).
        gradients: as the steps used them, shape (steps, parameters); NaN where there was none.
        losses: before each step, shape (steps,); NaN where the gradients came from a table.
        state: for each state variable one row after each step, shape (steps, parameters).
    """

    points: Array
    gradients: Array
    losses: Array
    state: Mapping[str, Array]

    def steps_below(self, loss: float, stay: bool = True) -> int | None:
        """How many steps it takes until the loss is below ``loss``, and stays there up to the last one; None where it does not."""
        below = (self.losses < loss).tolist()
        if not stay:
            return below.index(True) if True in below else None
        staying = len(below) - next((count for count, held in enumerate(reversed(below)) if not held), len(below))
        return staying if staying < len(below) else None


Paths = Mapping[str, Path]
"""By the id of the run."""


@dataclass(frozen=True)
class Table:
    """Rows of one kind; ``form`` is how floats are shown, all their digits where it is empty."""

    title: str
    rows: Sequence[Mapping[str, Any]]
    form: str = ".6g"

    def texts(self) -> list[dict[str, str]]:
        """The rows as they are printed."""
        return [{key: self._text(value) for key, value in row.items()} for row in self.rows]

    def _text(self, value: Any) -> str:
        if value is None:
            return "never"
        return format(value, self.form) if isinstance(value, float) and self.form else str(value)


@dataclass(frozen=True)
class Picture:
    """A figure: width and height in inches, and what draws it."""

    size: tuple[float, float]
    draw: Callable[[Figure, Paths], None]


@dataclass(frozen=True)
class Study:
    """An experiment: the texts that it comes from, its runs, and what is made of their paths."""

    name: str
    title: str
    sources: tuple[str, ...]
    runs: tuple[Run, ...]
    tables: Callable[[Paths], list[Table]]
    pictures: Mapping[str, Picture]
