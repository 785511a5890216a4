"""Why an implementation of a schedule differs: searches for the one change that reproduces the foreign rates."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import numpy as np

from crossoptim.check.diagnosis.candidates import Candidate
from crossoptim.check.diagnosis.diagnose import ENOUGH, SECONDS, Diagnosis, Explanation
from crossoptim.check.diagnosis.schedule_candidates import Named, candidates, pairs
from crossoptim.check.diagnosis.schedule_port import BOUNDED, PLAIN, Port
from crossoptim.check.schedules import inside
from crossoptim.check.verdict import Finding, Judgement
from crossoptim.golden.schedules.case import START_MOMENTUM, ScheduleCase
from crossoptim.golden.schedules.rates import Predicted, Rates, same
from crossoptim.spec.schedule import MOMENTUM, OUTPUTS

_SHARE = 1e-3  # of a discrepancy may be left over where a port is worth a closer look
_UNIT = 2.0**-53


def diagnose_schedule(case: ScheduleCase, got: Rates, judgement: Judgement, seconds: float = SECONDS) -> Diagnosis:
    """Explain where the rates of a run leave their bounds.

    Args:
        case: the case that was run.
        got: the rates that the implementation set.
        judgement: the verdict on them.
        seconds: after which the search ends.
    """
    finding, deadline = judgement.finding, monotonic() + seconds
    if finding is None:
        return Diagnosis(judgement)
    tried = 0
    found: list[Explanation] = []
    for group in _groups(case):
        for sentence, port in group:
            if monotonic() > deadline:
                return Diagnosis(judgement, tuple(found), tried, False)
            tried += 1
            if explains(case, port, got, finding):
                found.append(_explanation(case, sentence, port))
            if len(found) == ENOUGH:
                break
        if found:
            break
    return Diagnosis(judgement, tuple(found), tried)


def _groups(case: ScheduleCase) -> Iterator[Iterator[Named]]:
    yield from candidates(case)
    yield pairs(case)


def explains(case: ScheduleCase, port: Port, got: Rates, finding: Finding) -> bool:
    """Whether a port's rates are those of the run: first the number that was found, then every group from beginning to end."""
    try:
        group = finding.element[0] if finding.element else 0
        return _near(port.column(case, group, PLAIN), got, finding) and all(
            _follows(case, port, got, place) for place in range(len(case.groups))
        )
    except Exception:  # an edited text may ask for anything
        return False


def _near(column: list[dict[str, float]], got: Rates, finding: Finding) -> bool:
    """Whether a group's rates come near the number that was found."""
    if finding.tensor not in got.columns or not finding.element:
        return True  # an output is missing, or one too many
    made = column[finding.step].get(finding.tensor)
    if made is None:
        return finding.tensor == MOMENTUM and got.columns[MOMENTUM][finding.step][finding.element[0]] == START_MOMENTUM
    apart = abs(float(made) - finding.got)
    return same(float(made), finding.got) or apart <= finding.bound + _SHARE * abs(finding.expected - finding.got)


def _follows(case: ScheduleCase, port: Port, got: Rates, group: int) -> bool:
    """Whether one group's rates are inside what the port gives: its numbers in double, with the bound of an honest implementation."""
    plain = port.column(case, group, PLAIN)
    with np.errstate(all="ignore"):
        bounded = port.column(case, group, BOUNDED)
    towards = float(case.settings[group].values.get("eta_min") or 0.0)
    for key in OUTPUTS:
        if key not in plain[0]:
            if any(row[group] != START_MOMENTUM for row in got.columns.get(key, ())):
                return False
            continue
        if key not in got.columns:
            return False
        values = [row[group] for row in got.columns[key]]
        predicted = [
            {key: Predicted(float(a[key]), 2 * float(b[key].bound) + _UNIT * abs(float(a[key])), towards)}
            for a, b in zip(plain, bounded, strict=True)
        ]
        if not all(inside(predicted, key, t, values, float(predicted[t][key].value)) for t in range(len(values))):
            return False
    return True


def _explanation(case: ScheduleCase, sentence: str, port: Port) -> Explanation:
    """The port with the lines of the text that it changes."""
    own = [f"{key} = {body}" for key, body in case.settings[0].text()]
    theirs = [f"{key} = {body}" for key, body in port.lines(port.case(case).settings[0])]
    before, after = tuple(line for line in own if line not in theirs), tuple(line for line in theirs if line not in own)
    return Explanation((Candidate(sentence),), before, after)
