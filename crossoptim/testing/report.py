"""What a test says about an optimizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import shorten

from crossoptim.check.result import Result, plural, tally
from crossoptim.check.verdict import UNJUDGED
from crossoptim.golden.case import Case
from crossoptim.golden.flags import FLAGS
from crossoptim.testing.reasons import Reason

_SHOWN = 4  # reasons that a message tells in full
_NAMED = 3  # further cases that it names of each


@dataclass(frozen=True)
class Report:
    """The verdicts on an optimizer under test.

    Attributes:
        subject: what was tested.
        golden: the optimizer that it was to follow, a case, or a pattern.
        mode: replay or closed.
        variant: the values of switches under which it was judged.
        results: one for each case, those left out included (``unsupported``).
        reasons: case → why it diverges.
        cases: the cases by id.
        unread: state variables that were named, and that no case showed, with the key that they were looked for under.
        arguments: the optimizer's arguments that cases set, with what they mean.
    """

    subject: str
    golden: str
    mode: str
    variant: Mapping[str, str]
    results: tuple[Result, ...]
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    cases: Mapping[str, Case] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)

    @property
    def judged(self) -> tuple[Result, ...]:
        """The results that say something about the optimizer."""
        return tuple(r for r in self.results if r.judgement.verdict not in UNJUDGED)

    @property
    def failures(self) -> tuple[Result, ...]:
        """The results at which someone should look."""
        return tuple(r for r in self.judged if not r.judgement.expected)

    @property
    def follows(self) -> bool:
        """Whether cases were run, and all of them are as they should be."""
        return bool(self.judged) and not self.failures and not self.unread

    def kinds(self) -> list[list[Result]]:
        """The failures, those of one verdict and reason together."""
        found: dict[tuple[str, str], list[Result]] = {}
        for r in self.failures:
            reason = self.reasons.get(r.case, Reason())
            why = reason.sentence or (r.judgement.reason.rpartition(": ")[2] if r.judgement.verdict == "raises" else "")
            found.setdefault((r.judgement.verdict, why), []).append(r)
        return sorted(found.values(), key=len, reverse=True)

    def left_out(self) -> dict[str, int]:
        """Why cases were left out, and how many."""
        return dict(Counter(r.judgement.reason for r in self.results if r.judgement.verdict in UNJUDGED).most_common())

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        variant = f" with {' and '.join(f'{key} = {value}' for key, value in self.variant.items())}" if self.variant else ""
        what = f"{self.golden}{variant} (mode {self.mode})"
        if not self.judged:
            yield f"{self.subject} can run no case of {what}"
        elif self.failures:
            yield f"{self.subject} does not follow {what}: {len(self.failures)} of {plural(len(self.judged), 'case')}"
        elif self.unread:
            yield f"{self.subject}: the state could not be read"
        else:
            yield f"{self.subject} follows {what}"
        for alike in self.kinds()[:_SHOWN]:
            yield from self._told(alike)
        if len(more := self.kinds()[_SHOWN:]):
            yield f"\nand {plural(sum(map(len, more)), 'case')} for {plural(len(more), 'other reason')}"
        yield ""
        for var, key in self.unread.items():
            yield f"state: no case showed {var}: no state has the key {key!r}"
        if self.judged:
            yield f"judged: {tally(self.judged)}"
        for reason, number in self.left_out().items():
            yield f"left out: {plural(number, 'case')} ({reason})"

    def _told(self, alike: list[Result]) -> Iterator[str]:
        first, *others = alike
        case = self.cases[first.case]
        judgement, reason = first.judgement, self.reasons.get(first.case, Reason())
        yield f"\n{first.case}: {judgement.verdict} ({case.comment})"
        finding = judgement.finding
        if finding is None or finding.remark:
            yield f"  {judgement.reason}"
        else:
            yield f"  {finding.place()}: {finding.got!r}, {finding.ulps:.3g} ulps away"
            yield f"  expected {finding.expected!r} within {finding.bound:.2g}"
        if judgement.quirks:
            yield f"  granted: {', '.join(judgement.quirks)}"
        if reason.sentence or judgement.verdict == "diverges":
            yield f"  {reason.sentence or 'no single change of the specification explains it'}"
        if not reason.sentence:
            yield from (f"  {flag}: {FLAGS[flag].title}" for flag in case.flags)
        yield from (f"    - {line}" for line in reason.before)
        yield from (f"    + {line}" for line in reason.after)
        if reason.quirk:
            yield f"  known: {reason.quirk} (accepted with quirks=[{reason.quirk!r}])"
        if judgement.verdict == "raises" and judgement.details:
            yield f"  {shorten(judgement.details.splitlines()[-1], 200)}"
        if others:
            names = ", ".join(r.case for r in others[:_NAMED])
            more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
            yield f"  likewise: {names}{more}"
