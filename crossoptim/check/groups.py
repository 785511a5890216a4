"""Results that a report shows together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crossoptim.check.result import Result
from crossoptim.check.verdict import SEVERITY, Verdict


def worst(results: Iterable[Result]) -> Verdict:
    """The verdict that stands for a group of cases."""
    return max((r.judgement.verdict for r in results), key=SEVERITY.__getitem__)


def departures(results: Iterable[Result]) -> dict[str, dict[str, set[str]]]:
    """Quirk → implementation → the cases in which it was seen."""
    seen: dict[str, dict[str, set[str]]] = {}
    for r in results:
        for quirk in r.judgement.quirks:
            seen.setdefault(quirk, {}).setdefault(r.implementation, set()).add(r.case)
    return dict(sorted(seen.items()))


def unexpected(results: Iterable[Result]) -> list[list[Result]]:
    """What was not expected, in groups of an implementation's results in one topic of an optimizer."""
    alike: dict[tuple[str, str, str], list[Result]] = {}
    for r in results:
        if not r.judgement.expected:
            alike.setdefault((r.implementation, r.optimizer, r.topic), []).append(r)
    return list(alike.values())


def by_implementation(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Implementation → its results, in the order of the columns."""
    return {name: [r for r in results if r.implementation == name] for name in dict.fromkeys(r.implementation for r in results)}
