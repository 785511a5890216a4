"""What a study found: its tables, and how far the implementations lie apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rich.console import Console
from rich.text import Text

from crossoptim import screen
from crossoptim.studies.descend import distance
from crossoptim.studies.model import Experiment, Path, Paths, Table

SCHEMA = "crossoptim/study/1"


@dataclass(frozen=True)
class Outcome:
    """The paths of a study by implementation, the study's standard among them; ``lacks`` says what could not run, and why."""

    study: Experiment[Any, Any]
    paths: Mapping[str, Paths]
    lacks: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def tables(self) -> list[Table]:
        """The study's tables, one of distances where others than the standard ran, and one of what could not run."""
        out: list[Table] = self.study.tables(self.shown)
        others = [name for name in self.paths if name != self.study.standard]
        standard = self.paths[self.study.standard]

        def apart(name: str, run: str) -> float | str:
            return distance(self.paths[name][run], standard[run]) if run in self.paths[name] and run in standard else ""

        if others:
            out.append(Table(self.study.apart, [{"run": run, **{n: apart(n, run) for n in others}} for run in self._runs], ".3g"))
        if self.lacks:
            out.append(Table("Not run", [{"run": run, "why": why} for run, why in self.lacks.items()]))
        return out

    @property
    def shown(self) -> Any:
        """What the study's tables and pictures are made of."""
        return self.study.shown(self.paths)

    @property
    def _runs(self) -> list[str]:
        return [run.id for run in self.study.runs]

    def as_json(self) -> dict[str, Any]:
        """The result as ``--json`` writes it."""
        return {
            "schema": SCHEMA,
            "study": self.study.name,
            "title": self.study.title,
            "sources": list(self.study.sources),
            "implementations": list(self.paths),
            "tables": [{"title": table.title, "rows": [dict(row) for row in table.rows]} for table in self.tables],
            **({"trainings": trained} if (trained := self._trainings()) else {}),
        }

    def _trainings(self) -> list[dict[str, Any]]:
        """What came of each training: its losses at every step, those over all examples, the seconds of each epoch."""

        def told(path: Path) -> dict[str, Any]:
            return {"losses": path.losses.tolist(), "whole": path.curve.tolist(), "seconds": list(path.seconds)}

        paths = ((name, run, path) for name, paths in self.paths.items() for run, path in paths.items())
        return [{"implementation": name, "run": run, **told(path)} for name, run, path in paths if path.seconds]

    def print(self, to: Console) -> None:
        """The tables, with the implementation that they show, or all of them."""
        shown = list(self.paths) if self.study.side_by_side else list(self.paths)[:1]
        to.print(Text.assemble((self.study.title, "bold"), f"  ({', '.join(shown)})"), soft_wrap=True)
        for source in self.study.sources:
            to.print(Text(f"  {source}", "dim"), soft_wrap=True)
        for table in self.tables:
            to.print(Text(f"\n{table.title}", "bold"), soft_wrap=True)
            screen.print_rows(table.texts(), to)
