"""The scores as a table, on a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crossoptim.check.power.criteria import CRITERIA
from crossoptim.check.power.score import Score, total


def rows(scores: Mapping[str, Score], others: bool) -> Iterator[dict[str, str]]:
    """One row a rule or schedule, then all together; shares in percent."""
    for name, score in (*scores.items(), ("all", total(scores.values()))):
        row = {
            "rule": name, "mutants": str(score.mutants), "equivalent": str(len(score.equivalent)),
            "caught": str(score.caught), "missed": str(len(score.missed)),
            "goldens": percent(score.caught, score.caught + len(score.missed)),
        }  # fmt: skip
        for criterion in CRITERIA if others else ():
            row[criterion.name] = percent(*score.others[criterion.name]) if criterion.name in score.others else ""
        yield row


def percent(caught: int, of: int) -> str:
    """A share, rounded down: only the whole is 100 %."""
    return f"{1000 * caught // of / 10:g} %" if of else "-"
