"""Code of the R package that is made from the specification, or copied, and committed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

from crossoptim.spec.emit.r_conversation import r_conversations
from crossoptim.spec.emit.r_optimizers import r_optimizers


def _prelude() -> str:
    return (files("crossoptim") / "kernels" / "prelude.h").read_text(encoding="utf-8")


GENERATED: dict[str, Callable[[], str]] = {
    "r/R/conversations-generated.R": r_conversations,
    "r/R/optimizers-generated.R": r_optimizers,
    "r/inst/kernels/prelude.h": _prelude,
}
"""Path below the root of a checkout → what the file holds."""
