"""One file per objective. The list of problems is this folder."""

from __future__ import annotations

from functools import cache

from crossoptim.spec.discover import discover
from crossoptim.spec.model import Problem, lookup


@cache
def all_problems() -> dict[str, Problem]:
    """Every problem by name."""
    return {p.name: p for p in sorted(discover(__name__, __path__, Problem), key=lambda p: p.name)}


def get_problem(name: str) -> Problem:
    """The problem of that name; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("problem", all_problems(), name)
