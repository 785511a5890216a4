"""What an experiment is: runs, tables that are made of their paths, pictures. A study runs on small problems."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossoptim.golden.case import Case
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.spec.model import Problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.floating[Any]]
REFERENCE = "reference"
AnyRun = TypeVar("AnyRun")
Shown = TypeVar("Shown")


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

    @cached_property
    def golden(self) -> Trajectory:
        """Its trajectory in the reference."""
        return golden(self)


@dataclass(frozen=True)
class Path:
    """Where a run went, its parameters in one row.

    Attributes:
        points: one row for the start and one after each step, shape (steps + 1, parameters).
        gradients: as the steps used them, shape (steps, parameters); NaN where there was none.
        losses: before each step, shape (steps,); NaN where the gradients came from a table.
        state: for each state variable one row after each step, shape (steps, parameters).
        curve: of a training, the loss over all examples: at the start, then as often as it was taken.
        seconds: of a training, what each epoch took.

    A training keeps the start and the end of ``points``, and neither gradients nor state; its losses are those of the mini-batches.
    """

    points: Array
    gradients: Array
    losses: Array
    state: Mapping[str, Array]
    curve: Array = field(default_factory=lambda: np.empty(0))
    seconds: tuple[float, ...] = ()

    @property
    def epochs(self) -> list[float]:
        """Of a training, the mean loss of the mini-batches of each epoch."""
        return [float(np.mean(part, dtype=np.float64)) for part in np.split(self.losses, len(self.seconds))]

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
class Picture(Generic[Shown]):
    """A figure: width and height in inches, and what draws it."""

    size: tuple[float, float]
    draw: Callable[[Figure, Shown], None]


@dataclass(frozen=True)
class Experiment(ABC, Generic[AnyRun, Shown]):
    """The texts that an experiment comes from, its runs, and what is made of their paths.

    ``usual``: the implementations that run it where none is named. ``standard``: the one from which ``apart`` measures the others.
    ``side_by_side``: whether tables and pictures are of all that ran, or of the first. ``partial``: whether it goes on without the runs
    that an implementation lacks.
    """

    side_by_side: ClassVar[bool] = False
    partial: ClassVar[bool] = False
    usual: ClassVar[tuple[str, ...]] = (REFERENCE,)
    standard: ClassVar[str] = REFERENCE
    apart: ClassVar[str] = "Distance from the reference: the greatest of any parameter after any step, in ulps"

    name: str
    title: str
    sources: tuple[str, ...]
    tables: Callable[[Shown], list[Table]]
    pictures: Mapping[str, Picture[Shown]]

    @cached_property
    @abstractmethod
    def runs(self) -> tuple[AnyRun, ...]:
        """The runs, planned when they are first asked for."""

    @property
    def searches(self) -> int:
        """How many searches have to be made before its runs are known."""
        return 0

    def search(self, tick: Callable[[str], None]) -> None:
        """Make the searches, which planning the runs would make as well; ``tick`` is told of each."""

    @abstractmethod
    def shown(self, paths: Mapping[str, Paths]) -> Shown:
        """What its tables and pictures are made of, from the paths by implementation."""


@dataclass(frozen=True)
class Study(Experiment[Run, Paths]):
    """An experiment on small problems, whose tables and pictures are those of one implementation."""

    plan: Callable[[], tuple[Run, ...]]

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The runs, planned when they are first asked for."""
        return self.plan()

    def shown(self, paths: Mapping[str, Paths]) -> Paths:
        """The paths of the first implementation."""
        return next(iter(paths.values()))
