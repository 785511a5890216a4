"""Code that is made from the specification and committed: where it lies in a checkout, and whether it is what would be made now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crossoptim.spec.emit.r_conversation import r_conversations
from crossoptim.spec.emit.r_optimizers import r_optimizers

GENERATED: dict[str, Callable[[], str]] = {
    "r/R/conversations-generated.R": r_conversations,
    "r/R/optimizers-generated.R": r_optimizers,
}
"""Path below the root of a checkout → what the file holds."""


def outdated(root: Path) -> dict[Path, str]:
    """The files below ``root`` that differ from what would be made, with what they should hold."""
    texts = {root / name: make() for name, make in GENERATED.items()}
    return {path: text for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text}
