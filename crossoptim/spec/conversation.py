"""The vocabulary of closure rules: those that choose themselves where loss and gradient are wanted.

Such a rule has no expression graph. It is a *conversation*, a generator that yields points and is sent what was found there, written over a
small namespace (see :class:`Words`) so that it runs on NumPy numbers (the reference), on numbers with bounds (the judge) and on
torch tensors. All parameters form one flat vector, in the order of the parameter group, each row-major.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Stop = Literal[
    "tolerance_grad at start", "max_iter", "max_eval", "tolerance_grad", "step within tolerance_change", "loss within tolerance_change",
    "slope within tolerance_change", "no lower end",
]  # fmt: skip
"""Why a step ended. ``no lower end``: an unguarded line search was content with a loss of NaN, which is not the lower one of any."""

UNGUARDED: Mapping[str, Any] = {"not_finite_is_too_high": False}
"""The conduct of a line search that compares losses that are not finite as they are."""


@dataclass(frozen=True)
class Evaluation:
    """Loss and flat gradient at a flat point. Whoever evaluates gives the point back as it was, rounded."""

    point: Any
    loss: Any
    gradient: Any


@dataclass
class Memory:
    """What an optimizer of this kind keeps between steps.

    ``iterations`` so far; ``pairs`` of (gradient difference, step), oldest first; the ``gradient``, ``direction`` and step ``length`` of
    the last iteration; ``travel``: where its step began and ended, None if it made none.
    """

    iterations: int = 0
    pairs: tuple[tuple[Any, Any], ...] = ()
    gradient: Any = None
    direction: Any = None
    length: Any = None
    travel: tuple[Any, Any] | None = None


@dataclass(frozen=True)
class Outcome:
    """How a step ended: the new point, why, and the length of each iteration's step."""

    point: Any
    stop: Stop
    lengths: list[Any] = field(default_factory=list)


Conversation = Generator[Any, Evaluation, Outcome]


class Words(Protocol):
    """What a conversation may say beside ``+ - * /`` and comparison."""

    def number(self, value: float) -> Any:
        """A constant, rounded to the working precision."""

    def dot(self, a: Any, b: Any) -> Any:
        """The inner product of two vectors."""

    def largest(self, x: Any) -> Any:
        """The largest absolute value of a vector; NaN if there is a NaN."""

    def total(self, x: Any) -> Any:
        """The sum of a vector's absolute values."""

    def sqrt(self, x: Any) -> Any:
        """The square root of a number."""

    def holds(self, condition: Any) -> bool:
        """Decide. A comparison with NaN is false."""

    def named(self, name: str, value: Any) -> Any:
        """A number whose precision is known to differ between libraries."""

    def clipped(self, x: Any, low: Any, high: Any) -> Any:
        """A number, or the bound that it lies beyond; NaN stays NaN."""

    def measured(self, t: Any, d: Any, travel: tuple[Any, Any]) -> Any:
        """The length of a step along ``d``, of which a judge also sees where it began and ended."""

    def seen(self, step: Any, travel: tuple[Any, Any] | None) -> Any:
        """A step, of which a judge also sees where it began and ended."""
