"""What a view of the specification is: rows of a list, or one thing whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Page:
    """One thing, whole: as data, as LaTeX, and as a function that prints it."""

    data: dict[str, Any]
    latex: str
    print: Callable[[Console], None]
