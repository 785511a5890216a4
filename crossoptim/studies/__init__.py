"""One file per experiment of the tutorials and books on optimizers. The list of studies is this folder."""

from __future__ import annotations

from functools import cache

from crossoptim.spec.discover import discover
from crossoptim.spec.model import lookup
from crossoptim.studies.model import Study


@cache
def all_studies() -> dict[str, Study]:
    """Every study by name."""
    return {study.name: study for study in sorted(discover(__name__, __path__, Study), key=lambda study: study.name)}


def get_study(name: str) -> Study:
    """The study of that name; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("study", all_studies(), name)
