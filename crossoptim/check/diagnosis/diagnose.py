"""Why an implementation differs: searches for the single change of the specification that reproduces the foreign numbers."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from math import inf
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.check.closure import ClosureRun
from crossoptim.check.diagnosis.candidates import (
    Candidate,
    corners,
    differing,
    edits,
    gradients,
    half_precisions,
    pairs,
    precisions,
    starts,
    variants,
)
from crossoptim.check.diagnosis.closure_candidates import conducts, float32_names, lapses
from crossoptim.check.diagnosis.closure_source import source_edits
from crossoptim.check.diagnosis.memory import memories
from crossoptim.check.diagnosis.memory_run import MemoryRun
from crossoptim.check.judge import Haste, Judge, OutOfTimeError, Run
from crossoptim.check.predict import Row, numeric_effects
from crossoptim.check.verdict import Finding, Judgement
from crossoptim.errors import CrossoptimError
from crossoptim.golden import reference
from crossoptim.golden.case import Case, Group
from crossoptim.golden.reference import Reference
from crossoptim.golden.trajectory import Trajectory
from crossoptim.spec.edit import apply
from crossoptim.spec.expr import evaluate, names, parse, walk
from crossoptim.spec.model import Edit, Forgets, GradientAfter, HalfPrecision, LeavesZeros, Precision, Quirk, Rule, Setting, StartsAs, Swap
from crossoptim.spec.trace import GRAD, PARAM, STEP, Equation, trace

Array = NDArray[Any]
SECONDS = 5.0
"""How long a search may take."""
ENOUGH = 3
"""Explanations that are told."""
_CHANGES = 3  # that an explanation may join
_SLIGHT = 1e-5  # relative difference
_SHARE = 0.05  # of a discrepancy may be left over where a change is worth a closer look


@dataclass(frozen=True)
class Explanation:
    """Changes of the specification under which the whole trajectory is inside its bounds.

    ``before`` and ``after`` are the lines of the equation that change.
    """

    candidates: tuple[Candidate, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Completes "it matches if …"."""
        return ", and ".join(candidate.sentence for candidate in self.candidates)

    def joined(self, other: Explanation) -> Explanation:
        """Both changes together."""
        return Explanation(self.candidates + other.candidates, self.before + other.before, self.after + other.after)


@dataclass(frozen=True)
class Diagnosis:
    """What was found about a trajectory: the verdict without any change, and what explains it, the likeliest first."""

    judgement: Judgement
    explanations: tuple[Explanation, ...] = ()
    tried: int = 0
    complete: bool = True

    def sentence(self) -> str:
        """In a sentence, with the equation before and after."""
        if self.judgement.verdict != "diverges":
            return f"nothing to explain: the verdict is {self.judgement.verdict}"
        if not self.explanations:
            return f"no change of {self.tried} explains it{'' if self.complete else '; the search ran out of time'}"
        first = self.explanations[0]
        change = f" ({'; '.join(first.before)} -> {'; '.join(first.after)})" if first.before and first.after else ""
        return f"it matches if {first.sentence}{change}"


def diagnose(
    case: Case,
    golden: Trajectory,
    got: Trajectory,
    mode: str,
    quirks: Sequence[Quirk] = (),
    seconds: float = SECONDS,
    likely: Sequence[Candidate] = (),
    judgement: Judgement | None = None,
) -> Diagnosis:
    """Explain where a trajectory leaves its bounds: by one change, else by one that explains the first departure and then the next.

    Args:
        case: the case that was run.
        golden: its golden trajectory.
        got: what the implementation did.
        mode: replay, closed or lockstep.
        quirks: departures that are taken for granted.
        seconds: after which the search ends.
        likely: what is tried first.
        judgement: the verdict, where it is known.
    """
    judgement = judgement or Judge(case, golden, quirks).judge(got, mode)
    deadline, verdict = monotonic() + seconds, judgement
    found, tried, taken = Diagnosis(judgement), 0, tuple(quirks)
    first: Explanation | None = None
    while (finding := judgement.finding) is not None and len(taken) < len(quirks) + _CHANGES:
        search = _Search(case, golden, got, mode, taken, finding)
        round_ = search.run((likely, inf), *((group, deadline) for group in search.groups()))
        tried += round_.tried
        whole = tuple(first.joined(e) if first else e for e in round_.explanations)
        found = Diagnosis(found.judgement, whole, tried, round_.complete)
        if whole or round_.next is None or not round_.complete:
            break
        candidate, judgement = round_.next
        explanation = search.explanation(candidate)
        first = first.joined(explanation) if first else explanation
        taken = (*taken, _as_quirk(candidate, case.base.rule))
    if verdict.finding is not None and not found.explanations and found.complete:
        search = _Search(case, golden, got, mode, tuple(quirks), verdict.finding)
        last = search.run((search.last_resort(), deadline))
        return Diagnosis(verdict, last.explanations, tried + last.tried, last.complete)
    return found


class Explainer:
    """Explains the divergences of a campaign.

    What explained an implementation's rule before is tried first; after ``searches`` searches that found nothing by that, nothing more is
    searched for.
    """

    def __init__(self, searches: int = 12) -> None:
        self._left = searches
        self._known: dict[tuple[str, str], dict[str, Candidate]] = {}

    def sentence(
        self,
        implementation: str,
        case: Case,
        golden: Trajectory,
        got: Trajectory,
        mode: str,
        quirks: Sequence[Quirk],
        judgement: Judgement | None = None,
    ) -> str:
        """What explains a trajectory that diverges, or that nothing does."""
        known = self._known.setdefault((implementation, case.rule), {})
        diagnosis = diagnose(case, golden, got, mode, quirks, SECONDS if self._left else 0.0, tuple(known.values()), judgement)
        if not diagnosis.explanations:
            self._left = max(self._left - 1, 0)
            return diagnosis.sentence() if diagnosis.tried else f"crossoptim diagnose {case.id} -r {implementation} looks for the reason"
        for candidate in diagnosis.explanations[0].candidates:
            if candidate.sentence not in known:
                self._left = max(self._left - 1, 0)
            known[candidate.sentence] = candidate
        return diagnosis.sentence()


@dataclass(frozen=True)
class _Round:
    """One search: what explains all; else ``next``, the candidate that explains most, with the verdict once it is granted."""

    explanations: tuple[Explanation, ...]
    tried: int
    complete: bool
    next: tuple[Candidate, Judgement] | None = None


class _Search:
    def __init__(self, case: Case, golden: Trajectory, got: Trajectory, mode: str, quirks: tuple[Quirk, ...], finding: Finding) -> None:
        self.case, self.golden, self.got, self.mode, self.quirks, self.finding = case, golden, got, mode, quirks, finding
        self.rule = case.base.rule
        self.judge = Judge(case, golden, quirks)
        self.part, _, rest = finding.tensor.partition("/")
        self.param, _, self.variable = rest.partition("/")
        self.row = None if self.rule.converse else self._row()
        self.setting = self.row.member.setting if self.row else case.base

    def _row(self) -> Row | None:
        if self.param not in self.golden.params:
            return None
        run = Run(self.judge, self.got, self.mode)
        return next((row for row in run.rows(self.param) if row.step >= self.finding.step), None)

    def groups(self) -> Iterator[Iterator[Candidate]]:
        """The candidates, the likelier kinds first; where a kind explains, the others are not asked."""
        if self.rule.converse:
            yield conducts(self.rule, self.got)
            yield variants(self.setting)
            yield float32_names(self.rule)
            if any(event.kind == "resume" for event in self.case.events):
                yield lapses()
            return
        equation = trace(self.setting)
        if self.part in ("grads", "grads_after"):
            yield gradients(equation)
            return
        yield chain(variants(self.setting), starts(self.setting))
        yield (Candidate(sentence, memory=memory) for sentence, memory in memories(self.case))
        yield half_precisions(equation)
        yield corners(equation)
        kinds = [edits(equation), precisions(equation)]
        yield from kinds[::-1] if self.slight else kinds
        yield gradients(equation)

    def last_resort(self) -> Iterator[Candidate]:
        """What is tried where neither one of these, nor one after the other, explains."""
        return source_edits(self.rule) if self.rule.converse else pairs(self.setting)

    @property
    def slight(self) -> bool:
        """Whether float32 numbers in a float64 run could make such a difference."""
        return self.case.dtype == "float64" and abs(self.finding.got - self.finding.expected) < _SLIGHT * abs(self.finding.expected)

    def run(self, *groups: tuple[Iterable[Candidate], float]) -> _Round:
        """Try the candidates in turn, each group until its deadline, until some explain everything."""
        found: list[Explanation] = []
        best: tuple[Candidate, Judgement] | None = None
        reach = _reach(self.finding)
        tried = 0
        try:
            for group, until in groups:
                haste = Haste(self.finding.step, self.param, until)
                for candidate in group:
                    haste.check()
                    tried += 1
                    if not self.promising(candidate) or (judgement := self.judgement(candidate, haste)) is None:
                        continue
                    if judgement.finding is None and judgement.expected:
                        found.append(self.explanation(candidate))
                    elif judgement.finding is not None and _reach(judgement.finding) > reach and candidate.effects:
                        best, reach = (candidate, judgement), _reach(judgement.finding)
                    if len(found) == ENOUGH:
                        break
                if found:
                    break
        except OutOfTimeError:
            return _Round(tuple(found), tried, False, best)
        return _Round(tuple(found), tried, True, best)

    def promising(self, candidate: Candidate) -> bool:
        """Whether a change of the graph brings the element that was found, in that one step, to where the implementation has it."""
        edited = candidate.effects and all(isinstance(e, Edit | Swap) for e in candidate.effects)
        if not edited or self.row is None or self.part not in ("params", "state"):
            return True
        output = self.variable or PARAM
        found = self.got.params[self.param] if output == PARAM else self.got.state[self.param][self.variable]
        got = found[self.row.step - 1]
        if got is None or self.row.step != self.finding.step:
            return True
        granted = numeric_effects(self.judge.active(self.row.member, self.row.loaded))
        if any(isinstance(effect, Precision | HalfPrecision) for effect in granted):
            return True  # which plain doubles do not show
        try:
            made = _step(apply(trace(self.setting), (*granted, *candidate.effects)), self.row, self.case.dtype)[output]
        except Exception:  # an edited graph may ask for anything
            return False
        place = self.finding.element
        apart = abs(float(made[place]) - float(got[place]))
        return _same(made[place], got[place]) or apart <= self.finding.bound + _SHARE * abs(self.finding.expected - float(got[place]))

    def judgement(self, candidate: Candidate, haste: Haste) -> Judgement | None:
        """The verdict once the specification is changed; None where the change makes no sense, or leaves the step that was found wrong."""
        try:
            case = _with_values(self.case, candidate.values) if candidate.values else self.case
            extra = (_as_quirk(candidate, self.rule),) if candidate.effects else ()
            judge = Judge(case, self.golden, (*self.quirks, *extra), haste)
            if self.rule.converse:
                finding = ClosureRun(judge, self.got, candidate.converse).departure()
                return Judgement("diverges", False, "", finding) if finding else Judgement("documented", True)
            one_step = self.row is not None and self.part in ("params", "state") and self.row.step == self.finding.step
            if one_step and self._run(judge, candidate).departs(self.param, self.finding.step):
                return None
            return self._run(judge, candidate).judgement()
        except OutOfTimeError:
            raise
        except Exception:  # an edited graph may ask for anything
            return None

    def _run(self, judge: Judge, candidate: Candidate) -> Run:
        return MemoryRun(judge, self.got, self.mode, candidate.memory) if candidate.memory else Run(judge, self.got, self.mode)

    def explanation(self, candidate: Candidate) -> Explanation:
        """The candidate with the lines of the equation that it changes."""
        own = trace(self.setting)
        lines = (candidate.before,) * bool(candidate.before), (candidate.after,) * bool(candidate.after)
        if candidate.values:
            lines = differing(own, trace(self.setting.with_values(**candidate.values)))
        elif any(isinstance(effect, Edit | Swap) for effect in candidate.effects):
            lines = differing(own, apply(own, candidate.effects))
        return Explanation((candidate,), *lines)


def _reach(finding: Finding) -> tuple[int, int]:
    """How far a run comes before it departs: the step, and the evaluation within it where there are several."""
    place = re.match(r"evaluation(s| \d+)", finding.tensor)
    if place is None:
        return finding.step, 0
    return finding.step, sys.maxsize if place[1] == "s" else int(place[1])  # where only their number is wrong, each was right


def _same(a: Any, b: Any) -> bool:
    return bool(a == b or (np.isnan(a) and np.isnan(b)))


def _step(equation: Equation, row: Row, dtype: str) -> dict[str, Array]:
    """One step of an edited equation, its scalars in plain double."""
    numbers = {**row.member.setting.reals, **{key: scalar.rounded for key, scalar in row.kept.items()}, STEP: float(row.t)}
    env = {key: np.float64(value) for key, value in numbers.items()}
    memo: dict[int, Any] = {}
    scalars = {key: float(evaluate(root, env, Reference, memo, literal=np.float64)) for key, root in equation.scalars.items()}
    index = float(row.member.index)
    return reference.step(equation, {**numbers, **scalars, "index": index, **row.before, GRAD: row.grad}, dtype)


def _with_values(case: Case, values: Mapping[str, Any]) -> Case:
    """The case with an option changed throughout: what groups and events say of it is overruled."""

    def changed(hyper: Mapping[str, Any]) -> dict[str, Any]:
        return {**hyper, **{key: value for key, value in values.items() if key in hyper}}

    groups = tuple(Group(group.params, changed(group.hyper)) for group in case.groups)
    events = tuple(replace(event, hyper=changed(event.hyper)) for event in case.events)
    return replace(case, hyper={**case.hyper, **values}, groups=groups, events=events)


def _as_quirk(candidate: Candidate, rule: Rule) -> Quirk:
    """The candidate as a departure of no library."""

    def bears(site: Any) -> bool:
        options = {option.name for option in rule.options()}
        values = vars(site.h)
        setting = Setting(rule, {k: v for k, v in values.items() if k in options}, {k: v for k, v in values.items() if k not in options})
        return all(_occurs(effect, setting) for effect in candidate.effects)

    return Quirk(
        id=candidate.sentence,
        title=candidate.sentence,
        bindings=(),
        when=bears,
        effects=candidate.effects,
        upstream="",
        kind="defect",
        versions="",
        everywhere=candidate.everywhere,
    )


def _occurs(effect: Any, setting: Setting) -> bool:
    """Whether an effect has something to change in a setting's equation."""
    if isinstance(effect, LeavesZeros | Forgets) or setting.rule.converse:
        return True
    equation = trace(setting)
    if isinstance(effect, Edit):
        return _contains(equation, effect.find)
    if isinstance(effect, Swap):
        return any(node is effect.node for node in walk(*equation.scalars.values(), *equation.outputs.values()))
    if isinstance(effect, Precision):
        return any(key in equation.scalars for key in effect.scalars)
    if isinstance(effect, GradientAfter):
        known = {PARAM, GRAD, *equation.state, *equation.reals, *equation.scalars, *equation.kept}
        return set(names(parse(effect.expression))) <= known
    return not isinstance(effect, StartsAs) or effect.variable in equation.state


@cache
def _contains(equation: Equation, pattern: str) -> bool:
    try:
        apply(equation, (Edit(pattern, pattern),))
    except CrossoptimError:
        return False
    return True
