"""Why an optimizer under test differs: a departure that is known of some library, else what the diagnosis finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from crossoptim.check.diagnosis.candidates import Candidate
from crossoptim.check.diagnosis.diagnose import SECONDS, diagnose
from crossoptim.check.judge import Judge
from crossoptim.errors import CrossoptimError
from crossoptim.golden.case import Case
from crossoptim.golden.trajectory import Trajectory
from crossoptim.spec.ecosystems import all_ecosystems
from crossoptim.spec.model import Precision, Quirk


@dataclass(frozen=True)
class Reason:
    """What explains a divergence; empty where nothing was found. ``before`` and ``after`` are lines of the equation."""

    sentence: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    quirk: str = ""


class Reasons:
    """Explains one divergence after the other; what explained one is tried first on the next.

    Args:
        granted: departures that are taken for granted.
        seconds: after which no further search is begun.
    """

    def __init__(self, granted: Sequence[Quirk], seconds: float = 20.0) -> None:
        self._granted, self._left = tuple(granted), seconds
        self._known: dict[str, Candidate] = {}

    def of_error(self, case: Case, golden: Trajectory, message: str) -> Reason:
        """Whether an error is known."""
        for quirk in known_quirks(case):
            if Judge(case, golden, (quirk,)).raised(message).expected:
                return Reason(quirk.title, quirk=quirk.id)
        return Reason()

    def of(self, case: Case, golden: Trajectory, got: Trajectory, mode: str) -> Reason:
        """The reason why a trajectory diverges."""
        if self._left <= 0:
            return self._found(case, golden, got, mode, 0.0) or Reason(
                "the reason was not searched for: those of other cases took the time"
            )
        begun = monotonic()
        try:
            return self._known_departure(case, golden, got, mode) or self._found(case, golden, got, mode, self._left) or Reason()
        finally:
            self._left -= monotonic() - begun

    def _known_departure(self, case: Case, golden: Trajectory, got: Trajectory, mode: str) -> Reason | None:
        for quirk in known_quirks(case):
            try:
                found = Judge(case, golden, (*self._granted, quirk)).judge(got, mode)
            except CrossoptimError:  # a change of what this case's equation does not have
                continue
            if found.verdict == "documented" and found.expected:
                return Reason(quirk.title, quirk=quirk.id)
        return None

    def _found(self, case: Case, golden: Trajectory, got: Trajectory, mode: str, seconds: float) -> Reason | None:
        """What explained another case, else what a search finds; None for neither."""
        diagnosis = diagnose(case, golden, got, mode, self._granted, min(SECONDS, seconds), tuple(self._known.values()))
        if not diagnosis.explanations:
            return None
        first = diagnosis.explanations[0]
        # a number's precision is tried with every way to round it, which takes seconds
        quick = (c for c in first.candidates if not any(isinstance(effect, Precision) for effect in c.effects))
        self._known.update({candidate.sentence: candidate for candidate in quick})
        return Reason(f"it matches if {first.sentence}", first.before, first.after)


def known_quirks(case: Case) -> Iterator[Quirk]:
    """The departures that are known of the classes of any library that implement the case's setting."""
    for ecosystem in all_ecosystems().values():
        classes = {binding.name for binding in ecosystem.bindings if binding.implements(case.base)}
        yield from (quirk for quirk in ecosystem.quirks if classes & set(quirk.bindings))
