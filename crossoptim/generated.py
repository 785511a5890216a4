"""Code that is made from the specification and committed: where it lies in a checkout, and whether it is what would be made now."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from crossoptim import _FUNCTIONS
from crossoptim.optim import stubs
from crossoptim.rtorch import stubs as rtorch_stubs
from crossoptim.spec.emit.generated import GENERATED as R_PACKAGE

GENERATED: dict[str, Callable[[], str]] = {
    "crossoptim/__init__.pyi": partial(stubs.package, _FUNCTIONS),
    "crossoptim/optim/__init__.pyi": stubs.optimizers,
    "crossoptim/rtorch/__init__.pyi": rtorch_stubs.text,
    **R_PACKAGE,
}
"""Path below the root of a checkout → what the file holds."""


def outdated(root: Path) -> dict[Path, str]:
    """The files below ``root`` that differ from what would be made, with what they should hold."""
    texts = {root / name: make() for name, make in GENERATED.items()}
    return {path: text for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text}
