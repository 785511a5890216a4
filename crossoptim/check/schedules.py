"""The judge of schedules: every rate that an implementation set, against the exact one or what a quirk makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from crossoptim.check.judge import ulps
from crossoptim.check.verdict import Finding, Judgement, Verdict
from crossoptim.golden.schedules.case import START_MOMENTUM, ScheduleCase
from crossoptim.golden.schedules.rates import Predicted, Rates, admissible, predict, same
from crossoptim.spec.model import Raises
from crossoptim.spec.schedule import MOMENTUM, OUTPUTS, ScheduleQuirk

Table = list[list[dict[str, Predicted]]]


class ScheduleJudge:
    """Judges runs of one case.

    Args:
        case: the case.
        golden: its golden rates.
        quirks: the quirks of the library's class; those that do not apply to the case are passed over.
    """

    def __init__(self, case: ScheduleCase, golden: Rates, quirks: Sequence[ScheduleQuirk] = ()) -> None:
        self.case, self.golden = case, golden
        self.quirks = [quirk for quirk in quirks if quirk.applies(case.site)]

    @cached_property
    def _departing(self) -> ScheduleQuirk | None:
        return next((quirk for quirk in self.quirks if quirk.departs), None)

    @cached_property
    def _plain(self) -> Table:
        return predict(self.case)

    @cached_property
    def _bent(self) -> Table | None:
        return predict(self.case, self._departing.departs) if self._departing else None

    def raised(self, message: str) -> Judgement:
        """The verdict on a run that ended in an error."""
        for quirk in self.quirks:
            if any(isinstance(effect, Raises) and effect.message in message for effect in quirk.effects):
                return Judgement("documented", True, message, quirks=(quirk.id,))
        return Judgement("raises", False, message)

    def judge(self, got: Rates) -> Judgement:
        """The verdict on the rates of a whole run."""
        plain, bent, departing = self._plain, self._bent, self._departing
        worst = _Column(None)
        for key in OUTPUTS:
            if key not in plain[0][0]:
                if key == MOMENTUM and (moved := self._moved(got)):
                    return Judgement("diverges", False, moved.sentence(), moved)
                continue
            if key not in got.columns:
                reason = f"{key}: nothing, although the schedule sets it"
                return Judgement("diverges", False, reason, Finding(0, key, (), 0.0, 0.0, 0.0, 0.0, reason))
            for group in range(len(self.case.groups)):
                worst = worst.with_(self._column(got, key, group, plain, bent))
        if worst.finding:
            return Judgement("diverges", False, worst.finding.sentence(), worst.finding, drift=worst.drift)
        return self._verdict(worst, departing)

    def _verdict(self, worst: _Column, departing: ScheduleQuirk | None) -> Judgement:
        seen = (departing.id,) if departing and worst.departed else ()
        unseen = [quirk.id for quirk in self.quirks if quirk.effects]
        verdict: Verdict = "documented" if seen else "exact" if worst.exact else "rounding"
        if unseen:
            reason = f"{unseen[0]} predicts an error that did not come: mended upstream?"
            return Judgement(verdict, False, reason, quirks=seen, drift=worst.drift)
        if worst.missed and departing:
            return Judgement(verdict, False, f"{departing.id} predicts other numbers: mended upstream?", quirks=seen, drift=worst.drift)
        return Judgement(verdict, True, quirks=seen, drift=worst.drift)

    def _moved(self, got: Rates) -> Finding | None:
        """A momentum that the schedule leaves alone, but that did not stay what it was."""
        for t, row in enumerate(got.columns.get(MOMENTUM, ())):
            for group, value in enumerate(row):
                if value != START_MOMENTUM:
                    return Finding(t, MOMENTUM, (group,), value, START_MOMENTUM, 0.0, float(ulps(value, START_MOMENTUM)))
        return None

    def _column(self, got: Rates, key: str, group: int, plain: Table, bent: Table | None) -> _Column:
        """One output of one group: it follows the schedule, or the quirk's prediction, from beginning to end."""
        out = _Column(None)
        follows, bends = True, bent is not None
        golden = [row[group] for row in self.golden.columns[key]]
        values = [row[group] for row in got.columns[key]]
        apart = False
        for t, value in enumerate(values):
            out.exact = out.exact and same(value, golden[t])
            was_right, was_bent = follows, bends
            follows = follows and inside(plain[group], key, t, values, golden[t])
            if bent is not None:
                apart = apart or _apart(plain[group][t][key], bent[group][t][key])
                bends = bends and inside(bent[group], key, t, values, float(bent[group][t][key].value))
            if not follows and not bends:
                wanted = bent[group][t][key] if was_bent and bent and not was_right else plain[group][t][key]
                limit = admissible(wanted, None, 0.0)
                expected = float(wanted.value)
                out.finding = Finding(t, key, (group,), value, expected, limit, float(ulps(value, expected)))
                return out
        out.departed, out.missed = not follows, follows and apart and not bends
        out.drift = float(ulps(values[-1], golden[-1]))
        return out


@dataclass
class _Column:
    """How one column, or all of them, came out."""

    finding: Finding | None
    exact: bool = True
    departed: bool = False
    missed: bool = False
    drift: float = 0.0

    def with_(self, other: _Column) -> _Column:
        first = min((f for f in (self.finding, other.finding) if f), key=lambda f: f.step, default=None)
        return replace(
            self,
            finding=first,
            exact=self.exact and other.exact,
            departed=self.departed or other.departed,
            missed=self.missed or other.missed,
            drift=max(self.drift, other.drift),
        )


def inside(predicted: list[dict[str, Predicted]], key: str, t: int, values: list[float], rounded: float) -> bool:
    """Whether the value at ``t`` is admissible, given that those before it were."""
    now, before = predicted[t][key], predicted[t - 1][key] if t else None
    limit = admissible(now, before, values[t - 1] if t else 0.0)
    return same(values[t], rounded) or abs(values[t] - float(now.value)) <= limit


def _apart(a: Predicted, b: Predicted) -> bool:
    return abs(float(a.value) - float(b.value)) > 8 * (a.bound + b.bound)
