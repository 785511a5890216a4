"""What a study found: its tables, and how far the implementations lie apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from crossoptim import screen
from crossoptim.studies.descend import REFERENCE, distance
from crossoptim.studies.model import Paths, Study, Table

SCHEMA = "crossoptim/study/1"


@dataclass(frozen=True)
class Outcome:
    """The paths of a study by implementation. Tables and pictures are those of the first one; the reference is always among them."""

    study: Study
    paths: Mapping[str, Paths]

    @property
    def tables(self) -> list[Table]:
        """The study's tables, and one of distances where others than the reference ran."""
        own = self.study.tables(self.shown)
        others = [name for name in self.paths if name != REFERENCE]
        if not others:
            return own
        reference = self.paths[REFERENCE]
        rows = [{"run": run.id, **{n: distance(self.paths[n][run.id], reference[run.id]) for n in others}} for run in self.study.runs]
        return [*own, Table("Distance from the reference: the greatest of any parameter after any step, in ulps", rows, ".3g")]

    @property
    def shown(self) -> Paths:
        """The paths of the first implementation."""
        return next(iter(self.paths.values()))

    def as_json(self) -> dict[str, Any]:
        """The result as ``--json`` writes it."""
        return {
            "schema": SCHEMA,
            "study": self.study.name,
            "title": self.study.title,
            "sources": list(self.study.sources),
            "implementations": list(self.paths),
            "tables": [{"title": table.title, "rows": [dict(row) for row in table.rows]} for table in self.tables],
        }

    def print(self, to: Console) -> None:
        """The tables, with the implementation that they show."""
        to.print(Text.assemble((self.study.title, "bold"), f"  ({next(iter(self.paths))})"), soft_wrap=True)
        for source in self.study.sources:
            to.print(Text(f"  {source}", "dim"), soft_wrap=True)
        for table in self.tables:
            to.print(Text(f"\n{table.title}", "bold"), soft_wrap=True)
            screen.print_rows(table.texts(), to)
