"""A list is its folder: everything of a kind that the modules of a package hold."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

T = TypeVar("T")


def discover(package: str, path: list[str], kind: type[T]) -> Iterator[T]:
    """Every ``kind`` at the top level of the package's modules, in the order of the files."""
    for module in iter_modules(path):
        if not module.ispkg:
            yield from (value for value in vars(import_module(f"{package}.{module.name}")).values() if isinstance(value, kind))
