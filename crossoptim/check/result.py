"""The result of one (case, implementation, mode), and the JSON report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from crossoptim.check.verdict import MEANING, UNJUDGED, Judgement

if TYPE_CHECKING:
    from crossoptim.check.detail import Detail

SCHEMA = "crossoptim/report/1"


@dataclass(frozen=True)
class Result:
    """One judged run; ``detail`` is there where it was asked for."""

    case: str
    optimizer: str
    topic: str
    implementation: str
    version: str
    source: Literal["live", "recorded", ""]
    mode: str
    judgement: Judgement
    dtype: Literal["float32", "float64"] = "float64"
    detail: Detail | None = None

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
        if j.diagnosis:
            out["diagnosis"] = j.diagnosis
        if j.details:
            out["details"] = j.details
        if j.drift is not None:
            out["drift"] = j.drift
        return out


def verdict_counts(results: Iterable[Result]) -> dict[str, int]:
    """How often each verdict was given, best first."""
    counts = Counter(r.judgement.verdict for r in results)
    return {verdict: counts[verdict] for verdict in MEANING if verdict in counts}


def tally(results: Iterable[Result]) -> str:
    """``46 rounding, 86 documented``."""
    return ", ".join(f"{count} {verdict}" for verdict, count in verdict_counts(results).items())


def plural(number: int, what: str) -> str:
    """``1 case``, ``2 cases``."""
    return f"{number} {what}{'s' * (number != 1)}"


def unjudged(results: Iterable[Result]) -> dict[str, str]:
    """Implementation → why, for each of which no result says anything about its numbers."""
    by: dict[str, list[Judgement]] = {}
    for r in results:
        by.setdefault(r.implementation, []).append(r.judgement)
    return {name: _why(judgements) for name, judgements in by.items() if all(j.verdict in UNJUDGED for j in judgements)}


def _why(judgements: Sequence[Judgement]) -> str:
    not_run = [j.reason for j in judgements if j.verdict == "not run"]
    return not_run[0] if not_run else f"all {len(judgements)} unsupported: {judgements[0].reason}"


def asked_for(results: Sequence[Result], names: Collection[str]) -> list[Result]:
    """The results, where it is no longer expected that an implementation asked for by name was not run at all."""
    missed = unjudged(results).keys() & names
    return [
        replace(r, judgement=replace(r.judgement, expected=False)) if r.implementation in missed and r.judgement.verdict == "not run" else r
        for r in results
    ]


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
            "verdicts": verdict_counts(results),
            "implementations": {
                name: {
                    "version": next(r.version for r in results if r.implementation == name),
                    "source": next(r.source for r in results if r.implementation == name),
                    "verdicts": verdict_counts(r for r in results if r.implementation == name),
                }
                for name in implementations
            },
        },
    }
