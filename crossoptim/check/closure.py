"""Judges optimizers that choose where to evaluate: the specification's conversation, answered with the library's own evaluations.

Each question (the next point), the end of each step and the point where it ends are predicted from what the library itself had
evaluated before, so that error never accumulates: the steps that L-BFGS remembers are known from the distance travelled, not only from
the prediction.
Where a decision lies within rounding of the other one, both are tried; one course that explains every evaluation is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.check.affine import Affine, Symbols, Tape
from crossoptim.check.judge import finding_at, ulps
from crossoptim.check.objective import Exact, exact_objective
from crossoptim.check.predict import equal
from crossoptim.check.verdict import Finding, Judgement
from crossoptim.check.words import AffineWords
from crossoptim.golden.bounded import PRECISIONS
from crossoptim.golden.closure import ReferenceWords, conclude, converse, flatten, unflatten
from crossoptim.golden.reference import DTYPES
from crossoptim.golden.sites import Sites
from crossoptim.golden.trajectory import Trajectory, initial_params
from crossoptim.spec.conversation import Evaluation, Memory
from crossoptim.spec.model import Conduct, Forgets, Precision, Quirk, Setting

if TYPE_CHECKING:
    from crossoptim.check.judge import Judge

Array = NDArray[Any]
COURSES = 128
"""How many courses are tried, each of one step, before a run is given up."""
RECONSIDERED = 3
"""Of how many questions back a decision is reconsidered: one that was wrong shows in the questions that follow it."""


@dataclass(frozen=True)
class _Form:
    """How a library conducts the conversation, by its quirks."""

    conduct: Mapping[str, Any] = field(default_factory=dict)
    float32: Collection[str] = ()
    forgets: Forgets | None = None

    @classmethod
    def of(cls, quirks: Sequence[Quirk]) -> _Form:
        effects = [effect for quirk in quirks for effect in quirk.effects]
        return cls(
            {key: value for effect in effects if isinstance(effect, Conduct) for key, value in effect.values.items()},
            {name for effect in effects if isinstance(effect, Precision) for name in effect.scalars},
            next((effect for effect in effects if isinstance(effect, Forgets)), None),
        )


class _DiffersError(Exception):
    def __init__(self, finding: Finding, progress: int) -> None:
        self.finding, self.progress = finding, progress


class ClosureRun:
    """One trajectory of a closure rule under judgement; ``talk`` is another conversation than the rule's."""

    def __init__(self, judge: Judge, got: Trajectory, talk: Callable[..., Any] | None = None) -> None:
        self.judge, self.case, self.got, self.talk = judge, judge.case, got, talk
        self.shapes = {name: judge.shapes[name] for name in judge.case.initial_groups[0].params}

    def judgement(self) -> Judgement:
        """The verdict."""
        finding, exact = self._structure(), True
        if finding is None:
            finding, exact = self._objective()
        drift = self._drift()
        if finding is not None:
            return Judgement("diverges", False, finding.sentence(), finding, (), drift)
        if exact and self._exactly():
            return self._expected(Judgement("exact", True, drift=drift))
        plain = _Course(self, _Form())
        if plain.holds():
            return self._expected(Judgement("rounding", True, plain.note(), drift=drift))
        quirks = self._quirks()
        bent = _Course(self, _Form.of(quirks))
        if quirks and bent.holds():
            needed = [q for q in quirks if not _Course(self, _Form.of([other for other in quirks if other is not q])).holds()] or quirks
            return self._expected(Judgement("documented", True, bent.note(), None, tuple(q.id for q in needed), drift))
        finding = (bent if quirks else plain).finding
        assert finding is not None
        return Judgement("diverges", False, finding.sentence(), finding, (), drift)

    def departure(self) -> Finding | None:
        """Where the run leaves what the quirks predict; None where it does not. What :meth:`judgement` asks beside that is left out."""
        finding = self._structure() or self._objective()[0]
        if finding is not None:
            return finding
        course = _Course(self, _Form.of(self._quirks()))
        return None if course.holds() else course.finding

    def _quirks(self) -> list[Quirk]:
        """The quirks that bear on some step's conversation: whether it came to an edge, the library's own evaluations tell."""
        sites = Sites(self.case, self.got.evaluations)
        places = [sites.at(next(iter(members.values()))) for members in self.case.timeline]
        active = [quirk for quirk in self.judge.quirks if any(map(quirk.when, places))]
        return [q for q in active if any(isinstance(effect, Conduct | Precision | Forgets) for effect in q.effects)]

    def _expected(self, judgement: Judgement) -> Judgement:
        """The judgement, unless a quirk predicts something else that was not seen."""
        missing = [f"{quirk.id} predicts an error that did not come" for quirk in self.judge.expected_errors]
        if judgement.verdict != "documented":
            unseen = [q for q in self._quirks() if q.everywhere and not _Course(self, _Form.of([q])).holds()]
            missing += [f"{quirk.id} predicts another course" for quirk in unseen]
        return replace(judgement, expected=False, reason=f"{'; '.join(missing)}: mended upstream?") if missing else judgement

    # What is compared before the conversation.

    def _structure(self) -> Finding | None:
        got = self.got
        if len(got.evaluations) != self.case.steps or not all(seen.loss for seen in got.evaluations):
            return _remark(1, "evaluations", "none recorded, although the optimizer evaluates where it wants")
        for step, seen in enumerate(got.evaluations, 1):
            if not _same(np.asarray(got.loss[step - 1] if got.loss[step - 1] is not None else np.nan), np.asarray(seen.loss[0])):
                return _remark(step, "loss", f"step() returned {got.loss[step - 1]!r} (expected its first evaluation's, {seen.loss[0]!r})")
            skipped = self.case.without_gradient(step)
            for name, rows in seen.grads.items():
                wrong = [i for i, row in enumerate(rows, 1) if (row is None) != (name in skipped or name not in self.shapes)]
                if wrong:
                    what = "no gradient where the case has one" if rows[wrong[0] - 1] is None else "a gradient where the case has none"
                    return _remark(step, f"evaluation {wrong[0]}, gradients/{name}", what)
        return None

    def _objective(self) -> tuple[Finding | None, bool]:
        """Loss and gradients against the exact ones at the library's own points; also whether all bits are equal."""
        exact = True
        for step, seen in enumerate(self.got.evaluations, 1):
            for number, loss in enumerate(seen.loss):
                found = exact_objective(self.case.problem, {name: rows[number] for name, rows in seen.params.items()}, self.case.dtype)
                if found is None:
                    continue
                pairs: list[tuple[str, Array | None, Exact]] = [("loss", np.asarray(loss, dtype=found[0].value.dtype), found[0])]
                pairs += [(f"gradients/{name}", seen.grads[name][number], found[1][name]) for name in seen.grads]
                for label, used, wanted in pairs:
                    if used is None:
                        continue
                    same = equal(np.atleast_1d(used), np.atleast_1d(wanted.value))
                    exact = exact and bool(same.all())
                    with np.errstate(all="ignore"):
                        near = np.abs(np.atleast_1d(used).astype(np.float64) - np.atleast_1d(wanted.value)) <= np.atleast_1d(wanted.bound)
                    # beyond an edge one order of operations gives NaN, another an infinity
                    lost = ~np.isfinite(np.atleast_1d(used)) & ~np.isfinite(np.atleast_1d(wanted.value))
                    if not (same | near | lost).all():
                        index = int(np.argmin(np.ravel(same | near | lost)))
                        bound = np.broadcast_to(wanted.bound, used.shape)
                        return finding_at(step, f"evaluation {number + 1}, {label}", used, wanted.value, bound, index), False
        return None, exact

    # The conversation.

    def before(self, step: int) -> dict[str, Array]:
        """The parameters before a step."""
        if step == 1:
            return initial_params(self.case)
        return {name: row for name in self.judge.shapes if (row := self.got.params[name][step - 2]) is not None}

    def after(self, step: int) -> dict[str, Array]:
        """The parameters after a step."""
        return {name: row for name in self.judge.shapes if (row := self.got.params[name][step - 1]) is not None}

    def flat(self, tensors: Mapping[str, Array | None]) -> Array:
        """As the conversation has them."""
        return flatten(tensors, self.shapes, self.case.dtype)

    def setting(self, step: int) -> Setting:
        """The setting in force."""
        own = next(iter(self.case.timeline[step - 1].values())).setting
        return own if self.talk is None else Setting(replace(own.rule, converse=self.talk), own.values)

    def _exactly(self) -> bool:
        """Whether the reference, given the library's evaluations, asks for the same points to the last bit."""
        memory, kind = Memory(), DTYPES[self.case.dtype]
        for step, seen in enumerate(self.got.evaluations, 1):
            asked = 0

            def answer(point: Array, step: int = step) -> Evaluation:
                nonlocal asked
                evaluations = self.got.evaluations[step - 1]
                if asked == len(evaluations.loss) or not _same(point, self.flat({n: r[asked] for n, r in evaluations.params.items()})):
                    raise _DiffersError(_remark(step, "", ""), asked)
                asked += 1
                grads = self.flat({name: rows[asked - 1] for name, rows in evaluations.grads.items()})
                return Evaluation(point, kind(evaluations.loss[asked - 1]), grads)

            try:
                talk = converse(self.setting(step), ReferenceWords(self.case.dtype), memory, self.flat(self.before(step)))
                end = conclude(talk, answer).point
            except _DiffersError:
                return False
            if asked != len(seen.loss) or not _same(end, self.flat(self.after(step))):
                return False
        return True

    def _drift(self) -> float:
        ends = [(self.got.params[name][-1], self.judge.golden.params[name][-1]) for name in self.judge.shapes]
        return max((float(np.max(ulps(a, b))) for a, b in ends if a is not None and b is not None and a.size), default=0.0)


class _Course:
    """The search for a course of decisions that explains what a library did, conducted in one form."""

    def __init__(self, run: ClosureRun, form: _Form) -> None:
        self.run, self.form, self.case = run, form, run.case
        self.finding: Finding | None = None
        self._progress = (0, -1)
        self._tried = 0
        self._undecided = self._loose = self._points = 0

    def holds(self) -> bool:
        """Whether there is one."""
        return self._from(1, Memory(), None)

    def note(self) -> str:
        """What was not as clear as it should be."""
        out = []
        if self._undecided:
            out.append(f"{self._undecided} decisions within rounding, either way admissible")
        if self._loose:
            out.append(f"{self._loose} of {self._points} points known no better than a tenth of the step to them")
        return "; ".join(out)

    def _from(self, step: int, memory: Memory, loaded: Memory | None) -> bool:
        if step > self.case.steps:
            return True
        if self.form.forgets and self.case.happens("resume", step) and memory.iterations:
            loaded = replace(memory)
        symbols = Symbols(self.case.dtype)
        choices: list[tuple[tuple[bool, ...], Tape]] = [((), [])]
        while choices and self._tried < COURSES:
            self._tried += 1
            self.run.judge.haste.check()
            (chosen, tape), after = choices.pop(), replace(memory)
            symbols.rewind(tape)
            counts = self._loose, self._points
            words = AffineWords(self.case.dtype, after, chosen, self.form.float32, symbols)
            try:
                self._step(step, words)
                follows = self._from(step + 1, self._recalled(after, loaded), loaded)
            except _DiffersError as error:
                follows = False
                if (step, error.progress) > self._progress:
                    self.finding, self._progress = error.finding, (step, error.progress)
            if follows:
                self._undecided += len(words.taken)
                return True
            self._loose, self._points = counts
            recent = [place for place in range(len(chosen), len(words.taken)) if words.asked_when[place] >= words.asked - RECONSIDERED]
            choices += [((*words.taken[:place], not words.taken[place]), symbols.tape[: words.places[place]]) for place in recent]
        return False

    def _recalled(self, memory: Memory, loaded: Memory | None) -> Memory:
        """What the next step finds."""
        if loaded is None or self.form.forgets is None:
            return memory
        return replace(loaded, **{name: getattr(memory, name) for name in self.form.forgets.keeps})

    def _step(self, step: int, words: AffineWords) -> None:
        """One conversation; raises where the library went another way."""
        run, seen = self.run, self.run.got.evaluations[step - 1]
        begin = run.flat(run.before(step))

        def answer(point: Affine) -> Evaluation:
            asked = words.asked
            if asked == len(seen.loss):
                raise _DiffersError(_remark(step, "evaluations", f"{asked}, where one more is due"), asked)
            observed = run.flat({name: rows[asked] for name, rows in seen.params.items()})
            self._compare(step, f"evaluation {asked + 1}, ", point, observed, begin, asked)
            words.asked += 1
            grads = run.flat({name: rows[asked] for name, rows in seen.grads.items()})
            return Evaluation(words.exact(observed), words.exact(seen.loss[asked]), words.exact(grads))

        outcome = conclude(converse(run.setting(step), words, words.memory, words.exact(begin), self.form.conduct), answer)
        asked = words.asked
        if asked < len(seen.loss):
            raise _DiffersError(_remark(step, "evaluations", f"{len(seen.loss)} (expected {asked}: {outcome.stop})"), asked)
        end = run.flat(run.after(step))
        if outcome.point.radius.any():
            self._compare(step, "", outcome.point, end, begin, asked)
        else:  # a point that was evaluated: computed anew, it may be rounded anew
            slack = 2 * PRECISIONS[self.case.dtype].unit * np.abs(outcome.point.centre)
            self._compare(step, "", Affine.around(words.symbols, outcome.point.centre, slack), end, begin, asked)
        if words.memory.travel is not None:
            words.memory.travel = (words.memory.travel[0], words.exact(end))

    def _compare(self, step: int, label: str, wanted: Affine, got: Array, begin: Array, progress: int) -> None:
        centre, radius = wanted.centre, wanted.radius
        with np.errstate(all="ignore"):
            same = (got == centre) | (np.isnan(got) & np.isnan(centre))
            near = np.isfinite(centre) & (np.abs(got.astype(np.float64) - centre) <= radius)
            lost = ~np.isfinite(centre) & ~np.isfinite(got)
            moved = np.max(np.abs(got - begin))
            self._points += 1
            self._loose += bool(moved != 0 and np.any((radius > 0) & ~(radius <= 0.1 * moved)))
        if (same | near | np.isinf(radius) | lost).all():
            return
        tensors = [unflatten(array, self.run.shapes) for array in (got, centre, radius, same | near | np.isinf(radius) | lost)]
        name = next(name for name, fine in tensors[3].items() if not fine.all())
        a, b, bound, fine = (table[name] for table in tensors)
        raise _DiffersError(finding_at(step, f"{label}params/{name}", a, b, bound, int(np.argmin(np.ravel(fine)))), progress)


def _same(a: Array, b: Array) -> bool:
    return bool(np.all((a == b) | (np.isnan(a) & np.isnan(b))))


def _remark(step: int, label: str, text: str) -> Finding:
    return Finding(step, label, (), np.nan, np.nan, 0.0, np.inf, text)
