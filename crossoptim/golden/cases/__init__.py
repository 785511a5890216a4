"""The cases, one file per rule. A case's id is ``optimizer/label-problem-f32|f64``."""

from __future__ import annotations

from functools import cache
from typing import Any

from crossoptim.golden.case import Case, Event, Group
from crossoptim.spec.discover import discover
from crossoptim.spec.model import lookup

_DTYPES = {"f32": "float32", "f64": "float64"}


class Cases:
    """Collects the cases of one optimizer; ``topic`` names the row of the report that the following cases belong to."""

    def __init__(self, optimizer: str, lr: float) -> None:
        self.optimizer, self.lr, self._topic = optimizer, lr, ""
        self.collected: list[Case] = []

    def topic(self, name: str) -> None:
        """Start a new row of the report."""
        self._topic = name

    def add(
        self,
        label: str,
        comment: str,
        *,
        problem: str = "ravine",
        dtypes: str = "f32 f64",
        steps: int = 30,
        events: tuple[Event, ...] = (),
        groups: tuple[Group, ...] = (),
        flags: tuple[str, ...] = (),
        **hyper: Any,
    ) -> None:
        """Add the case in each dtype."""
        for short in dtypes.split():
            self.collected.append(
                Case(
                    id=f"{self.optimizer}/{label}-{problem}-{short}",
                    optimizer=self.optimizer,
                    hyper={"lr": self.lr, **hyper},
                    problem_name=problem,
                    dtype=_DTYPES[short],  # type: ignore[arg-type]
                    comment=comment,
                    topic=self._topic,
                    steps=steps,
                    groups=groups,
                    events=events,
                    flags=flags,
                )
            )


@cache
def all_cases() -> dict[str, Case]:
    """Every case by id."""
    return {case.id: case for cases in discover(__name__, __path__, Cases) for case in cases.collected}


def get_case(case_id: str) -> Case:
    """The case of that id; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("case", all_cases(), case_id)
