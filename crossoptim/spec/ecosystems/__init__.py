"""One file per foreign library: what it calls things, and where it departs. The list of ecosystems is this folder."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from crossoptim.spec.model import Ecosystem, Quirk, lookup


@cache
def all_ecosystems() -> dict[str, Ecosystem]:
    """Every ecosystem by name."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Ecosystem)]
    return {ecosystem.name: ecosystem for ecosystem in sorted(found, key=lambda e: e.name)}


def get_ecosystem(name: str) -> Ecosystem:
    """The ecosystem of that name; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("ecosystem", all_ecosystems(), name)


def all_quirks() -> dict[str, Quirk]:
    """Every quirk by id."""
    return {quirk.id: quirk for ecosystem in all_ecosystems().values() for quirk in ecosystem.quirks}
