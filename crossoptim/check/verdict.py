"""Verdicts, and what stands behind each one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["exact", "rounding", "documented", "diverges", "raises", "unsupported", "not run"]

SEVERITY: dict[Verdict, int] = {"not run": 0, "unsupported": 1, "exact": 2, "rounding": 3, "documented": 4, "raises": 5, "diverges": 6}
"""Which verdict stands for a group of cases: the highest."""

MEANING: dict[Verdict, str] = {
    "exact": "every bit equals the one-step reference",
    "rounding": "inside the rounding bound of an honest implementation",
    "documented": "outside, but inside the bound of what a named quirk predicts",
    "diverges": "outside every bound",
    "raises": "it raised an error, crashed, hung, or answered nonsense",
    "unsupported": "it has no such option",
    "not run": "not available here",
}

UNJUDGED: tuple[Verdict, ...] = ("unsupported", "not run")
"""What says nothing about an implementation's numbers."""


@dataclass(frozen=True)
class Finding:
    """The first element that lies outside its bound."""

    step: int
    tensor: str
    element: tuple[int, ...]
    got: float
    expected: float
    bound: float
    ulps: float
    remark: str = ""

    def sentence(self) -> str:
        """What, where, how far."""
        if self.remark:
            return f"{self.place()}: {self.remark}"
        return f"{self.place()}: {self.got!r} (expected {self.expected!r} within {self.bound:.2g}; {self.ulps:.3g} ulps away)"

    def place(self) -> str:
        """Step, tensor, element."""
        element = f"[{', '.join(map(str, self.element))}]" if self.element else ""
        return f"step {self.step}, {self.tensor}{element}"


@dataclass(frozen=True)
class Judgement:
    """A verdict on one trajectory.

    ``expected`` is False where someone should look: a divergence, an error, a quirk that no longer shows. ``drift`` is the distance of the
    last parameters from the golden path in ulps; it is reported, not judged. ``details`` is the end of a traceback or of standard error.
    ``diagnosis`` is the sentence that explains a divergence.
    """

    verdict: Verdict
    expected: bool
    reason: str = ""
    finding: Finding | None = None
    quirks: tuple[str, ...] = ()
    drift: float | None = None
    details: str = ""
    diagnosis: str = ""
