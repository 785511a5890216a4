"""The training of a network, and the experiment that compares how implementations train it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from crossoptim.check.judge import ulps
from crossoptim.errors import UnsupportedError
from crossoptim.spec.model import Problem, ProblemParam
from crossoptim.studies.data import DataFile
from crossoptim.studies.model import Array, Experiment, Path, Paths, Run, Table

BY_HAND, TORCH, OURS = "by-hand", "torch-single", "crossoptim"
Loss = Literal["half_squared_error", "cross_entropy"]


@dataclass(frozen=True)
class Material:
    """What a network is trained on, and where it starts: the same for every implementation.

    Attributes:
        title: which data these are.
        features: one row an example, shape (examples, inputs), float32 or float64.
        labels: of a regression, shape (examples, 1); of a classification the number of the class, shape (examples,).
        order: for each epoch the examples in the order in which the mini-batches take them, shape (epochs, examples).
        start: for each layer its weights, shape (outputs, inputs), and biases, shape (outputs,). ReLU is between the layers.
    """

    title: str
    features: Array
    labels: Array
    order: NDArray[np.integer[Any]]
    start: tuple[tuple[Array, Array], ...]

    @property
    def layers(self) -> list[tuple[str, str]]:
        """The names of weights and biases, layer by layer."""
        return [(f"weight{number}", f"bias{number}") for number in range(1, len(self.start) + 1)]

    @property
    def params(self) -> dict[str, Array]:
        """The start by the name of the parameter."""
        return {name: value for names, pair in zip(self.layers, self.start, strict=True) for name, value in zip(names, pair, strict=True)}


@dataclass(frozen=True)
class Training:
    """The training of a network by an optimizer of the specification.

    ``hyper`` may hold switches: those of the text's form. ``alike`` are those of the form that libraries have instead, where it is another
    one. After ``every`` steps of an epoch, and at its end, the loss over all examples is taken; never where it is 0.
    """

    id: str
    optimizer: str
    hyper: Mapping[str, Any]
    material: Material
    loss: Loss
    batch: int
    every: int = 0
    alike: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def case(self) -> Run:
        """A single step of it, for those who ask only which optimizer runs on which parameters."""
        params = tuple(ProblemParam(name, value.shape, ()) for name, value in self.material.params.items())
        kind: Literal["float32", "float64"] = "float64" if self.material.features.dtype == np.float64 else "float32"
        subject = Problem(self.id, self.material.title, params, "")
        return Run(self.id, self.optimizer, self.hyper, subject.name, kind, "", steps=1, subject=subject, alike=self.alike)


@dataclass(frozen=True)
class Found:
    """The trainings and their paths by implementation; a path is missing where the implementation has not the optimizer."""

    runs: tuple[Training, ...]
    paths: Mapping[str, Paths]

    def of(self, run: Training) -> Iterator[tuple[str, Path]]:
        """Who trained it, and how it went."""
        yield from ((name, paths[run.id]) for name, paths in self.paths.items() if run.id in paths)

    def by(self, value: Callable[[Training, Path], float]) -> list[dict[str, Any]]:
        """A row a training: one number for each implementation."""
        return [{"run": run.id, **{n: value(run, p[run.id]) if run.id in p else "" for n, p in self.paths.items()}} for run in self.runs]


@dataclass(frozen=True)
class Comparison(Experiment[Training, Found]):
    """An experiment whose tables and pictures have all implementations side by side: the text's hand-written form, PyTorch's, ours.

    ``plan`` is told how many examples to train on, None for all. ``file`` can be fetched; None where the data are not one file.
    """

    side_by_side: ClassVar[bool] = True
    partial: ClassVar[bool] = True
    usual: ClassVar[tuple[str, ...]] = (BY_HAND, TORCH, OURS)
    standard: ClassVar[str] = OURS
    apart: ClassVar[str] = "Distance from crossoptim at the end: the greatest of any parameter, in ulps"

    plan: Callable[[int | None], tuple[Training, ...]]
    file: DataFile | None = None
    examples: int | None = None

    @cached_property
    def runs(self) -> tuple[Training, ...]:
        """The trainings, planned when they are first asked for."""
        return self.plan(self.examples)

    def shown(self, paths: Mapping[str, Paths]) -> Found:
        """All of them."""
        return Found(self.runs, paths)


def limited(study: Experiment[Any, Any], examples: int | None) -> Experiment[Any, Any]:
    """The study on that many examples; None leaves it as it is.

    Raises:
        UnsupportedError: of a study that trains nothing.
    """
    if examples is None:
        return study
    if not isinstance(study, Comparison):
        raise UnsupportedError(f"study {study.name}: it trains nothing (--examples is for those that do)")
    return replace(study, examples=examples)


def fetchable(study: Experiment[Any, Any]) -> DataFile:
    """The file that the study's data come in.

    Raises:
        UnsupportedError: of a study without one.
    """
    if not isinstance(study, Comparison) or study.file is None:
        raise UnsupportedError(f"study {study.name}: it has no data to fetch")
    return study.file


def shuffled(examples: int, epochs: int, seed: int) -> NDArray[np.integer[Any]]:
    """An order of the examples for each epoch, shape (epochs, examples)."""
    draw = np.random.default_rng(seed)
    return np.stack([draw.permutation(examples) for _ in range(epochs)])


def forms(runs: Sequence[Training]) -> Table:
    """Where the text's form is not that of the libraries: the switches of both."""

    def said(switches: Mapping[str, Any]) -> str:
        return ", ".join(f"{key} = {value}" for key, value in switches.items())

    rows = [
        {"run": run.id, "by hand and crossoptim": said({key: run.hyper[key] for key in run.alike}), "libraries": said(run.alike)}
        for run in runs
        if run.alike
    ]
    return Table("Where the text's form is a variant that libraries do not have", rows)


def gaps(found: Found) -> list[Table]:
    """How far losses and parameters are from the standard's, where others than that ran."""
    others = Found(found.runs, {name: paths for name, paths in found.paths.items() if name != Comparison.standard})
    standard = found.paths[Comparison.standard]

    def loss(run: Training, path: Path) -> float:
        return float(np.max(np.abs(path.losses.astype(np.float64) - standard[run.id].losses.astype(np.float64))))

    def median(run: Training, path: Path) -> float:
        return float(np.median(ulps(path.points[-1], standard[run.id].points[-1])))

    tables = [
        Table(f"Greatest distance of a mini-batch's loss from {Comparison.standard}'s", others.by(loss), ".1e"),
        Table(f"Distance from {Comparison.standard} at the end: the median of all parameters, in ulps", others.by(median), ".3g"),
    ]
    return tables if others.paths else []
