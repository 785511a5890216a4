"""One file per foreign library: what it calls things, and where it departs. The list of ecosystems is this folder."""

from __future__ import annotations

from functools import cache

from crossoptim.spec.discover import discover
from crossoptim.spec.model import Ecosystem, Quirk, lookup


@cache
def all_ecosystems() -> dict[str, Ecosystem]:
    """Every ecosystem by name."""
    found = {e.name: e for e in discover(__name__, __path__, Ecosystem)}  # a module may use another's
    return dict(sorted(found.items()))


def get_ecosystem(name: str) -> Ecosystem:
    """The ecosystem of that name; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("ecosystem", all_ecosystems(), name)


def all_quirks() -> dict[str, Quirk]:
    """Every quirk by id."""
    return {quirk.id: quirk for ecosystem in all_ecosystems().values() for quirk in ecosystem.quirks}
