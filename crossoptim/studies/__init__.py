"""One file per experiment of the tutorials and books on optimizers. The list of studies is this folder."""

from __future__ import annotations

from functools import cache
from typing import Any

from crossoptim.spec.discover import discover
from crossoptim.spec.model import lookup
from crossoptim.studies.model import Experiment


@cache
def all_studies() -> dict[str, Experiment[Any, Any]]:
    """Every study by name."""
    found: list[Experiment[Any, Any]] = [*discover(__name__, __path__, Experiment)]  # type: ignore[type-abstract]
    return {study.name: study for study in sorted(found, key=lambda study: study.name)}


def get_study(name: str) -> Experiment[Any, Any]:
    """The study of that name; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("study", all_studies(), name)
