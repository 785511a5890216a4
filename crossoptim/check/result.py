"""The result of one (case, implementation, mode), and the JSON report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from crossoptim.check.verdict import Judgement

SCHEMA = "crossoptim/report/1"


@dataclass(frozen=True)
class Result:
    """One judged run."""

    case: str
    optimizer: str
    topic: str
    implementation: str
    version: str
    source: Literal["live", "recorded", ""]
    mode: str
    judgement: Judgement

    def as_json(self) -> dict[str, Any]:
        """As the report holds it; fields that do not apply are left out."""
        j, found = self.judgement, self.judgement.finding
        out: dict[str, Any] = {
            "case": self.case,
            "optimizer": self.optimizer,
            "implementation": self.implementation,
            "version": self.version,
            "source": self.source,
            "mode": self.mode,
            "verdict": j.verdict,
            "expected": j.expected,
        }
        if found:
            out |= {"step": found.step, "tensor": found.tensor, "element": list(found.element), "ulps": found.ulps}
            out |= {"got": found.got, "wanted": found.expected, "bound": found.bound}
        if j.quirks:
            out["quirk"] = ", ".join(j.quirks)
        if j.reason:
            out["reason"] = j.reason
        if j.drift is not None:
            out["drift"] = j.drift
        return out


def report(results: Iterable[Result]) -> dict[str, Any]:
    """The JSON report: every result, and counts of verdicts by implementation."""
    results = list(results)
    implementations = dict.fromkeys(r.implementation for r in results)
    return {
        "schema": SCHEMA,
        "results": [r.as_json() for r in results],
        "summary": {
            "results": len(results),
            "unexpected": sum(not r.judgement.expected for r in results),
            "verdicts": dict(Counter(r.judgement.verdict for r in results)),
            "implementations": {
                name: {
                    "version": next(r.version for r in results if r.implementation == name),
                    "source": next(r.source for r in results if r.implementation == name),
                    "verdicts": dict(Counter(r.judgement.verdict for r in results if r.implementation == name)),
                }
                for name in implementations
            },
        },
    }
