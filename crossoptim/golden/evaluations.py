"""Where an optimizer that chooses for itself evaluated, and what it decided; in memory, and as files and the protocol hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from crossoptim.golden.case import Case
from crossoptim.golden.json_text import read_number
from crossoptim.golden.row import flat, read_row

Array = NDArray[Any]
Tensors = Mapping[str, Array]


@dataclass
class Evaluations:
    """Where an optimizer evaluated in one step, and what it found: columns of rows, one an evaluation, in order."""

    params: dict[str, list[Array]]
    grads: dict[str, list[Array | None]]
    loss: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, names: Sequence[str]) -> Evaluations:
        """No evaluation yet."""
        return cls({name: [] for name in names}, {name: [] for name in names})

    def add(self, params: Tensors, loss: float, grads: Mapping[str, Array | None]) -> None:
        """One more."""
        for name in self.params:
            self.params[name].append(params[name])
            self.grads[name].append(grads[name])
        self.loss.append(loss)

    def as_json(self) -> dict[str, Any]:
        """As fixtures, recordings and the protocol hold it."""
        tables = {part: {name: [flat(row) for row in rows] for name, rows in columns.items()} for part, columns in self._tables()}
        return {**tables, "loss": self.loss}

    def _tables(self) -> tuple[tuple[str, Mapping[str, Sequence[Array | None]]], ...]:
        return (("params", self.params), ("gradients", self.grads))


@dataclass(frozen=True)
class Decisions:
    """What a step decided: why it ended, and how long each iteration's step was."""

    stop: str
    lengths: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """As a fixture holds it."""
        return {"stop": self.stop, "lengths": list(self.lengths)}


def read_evaluations(given: Any, case: Case) -> list[Evaluations]:
    """Evaluations from JSON, checked against the case.

    Raises:
        ValueError: naming the step and the tensor.
    """
    if not isinstance(given, list) or len(given) != case.steps:
        got = f"{len(given)} entries" if isinstance(given, list) else type(given).__name__
        raise ValueError(f"evaluations: {got} (expected {case.steps}, one a step: {case.rule} chooses where to evaluate)")
    return [_read_step(entry, case, f"step {step}, evaluations") for step, entry in enumerate(given, 1)]


def _read_step(entry: Any, case: Case, where: str) -> Evaluations:
    shapes = {p.name: p.shape for p in case.problem.params}
    losses = entry.get("loss") if isinstance(entry, dict) else None
    if not isinstance(losses, list) or not losses:
        raise ValueError(f"{where}: no list of losses (expected one number an evaluation, at least one)")

    def row(value: Any, name: str, label: str) -> Array | None:
        try:
            return None if value is None else read_row(value, shapes[name], case.dtype)
        except ValueError as error:
            raise ValueError(f"{where}/{label}: {error}") from None

    def table(part: str) -> dict[str, list[Array | None]]:
        columns = entry.get(part)
        whole = isinstance(columns, dict) and set(columns) == set(shapes)
        if not whole or any(not isinstance(rows, list) or len(rows) != len(losses) for rows in columns.values()):
            raise ValueError(f"{where}/{part}: not {len(losses)} rows of each of {', '.join(shapes)} (expected one an evaluation)")
        return {name: [row(value, name, f"{part}/{name}") for value in columns[name]] for name in shapes}

    params = {name: [value for value in rows if value is not None] for name, rows in table("params").items()}
    if any(len(rows) != len(losses) for rows in params.values()):
        raise ValueError(f"{where}/params: a row is null (expected the point of each evaluation)")
    try:
        return Evaluations(params, table("gradients"), [read_number(value) for value in losses])
    except ValueError as error:
        raise ValueError(f"{where}: {error}" if not str(error).startswith(where) else str(error)) from None


def read_decisions(given: Sequence[Mapping[str, Any]]) -> list[Decisions]:
    """Decisions from a validated fixture."""
    return [Decisions(entry["stop"], tuple(read_number(t) for t in entry["lengths"])) for entry in given]
