"""The judge: compares each step of a trajectory with the specification's step from the trajectory's own previous state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.check.objective import Exact, exact_objective
from crossoptim.check.predict import Prediction, Row, Scalar, equal, held, initial_kept, kept_after, kept_choices, predict, roundings
from crossoptim.check.verdict import Finding, Judgement, Verdict
from crossoptim.golden.bounded import PRECISIONS
from crossoptim.golden.case import Case, Membership
from crossoptim.golden.sites import Sites
from crossoptim.golden.trajectory import Rows, Trajectory, initial_params, initial_state
from crossoptim.spec.model import HalfPrecision, LeavesZeros, Quirk, Raises, StartsAs, StateVar
from crossoptim.spec.trace import GRAD, PARAM, trace

Array = NDArray[Any]
_PLAIN: tuple[Quirk, ...] = ()


class OutOfTimeError(Exception):
    """A judgement was not done in time."""


@dataclass(frozen=True)
class Haste:
    """When a judgement may end before it is complete.

    With a finding in ``step`` or before it, when nothing better is asked for; ``first`` is the parameter with which to begin. By an
    :class:`OutOfTimeError` at ``deadline``, on the clock of :func:`time.monotonic`.
    """

    step: int = 0
    first: str = ""
    deadline: float = inf

    def check(self) -> None:
        """Raise where time is up."""
        if self.deadline < inf and monotonic() > self.deadline:
            raise OutOfTimeError


class Judge:
    """Judges trajectories of one case.

    Args:
        case: the case.
        golden: its golden trajectory.
        quirks: the quirks of the library under judgement that concern its class.
        haste: when a judgement may end early.
    """

    def __init__(self, case: Case, golden: Trajectory, quirks: Sequence[Quirk] = (), haste: Haste = Haste()) -> None:
        self.case, self.golden, self.quirks, self.haste = case, golden, tuple(quirks), haste
        self.shapes = {p.name: p.shape for p in case.problem.params}
        self.variables = {var.name: var for var in case.base.rule.state}
        self.sites = Sites(case, golden.evaluations)

    def judge(self, got: Trajectory, mode: str) -> Judgement:
        """The verdict on a trajectory that was run in ``mode`` (replay, closed or lockstep)."""
        if self.case.base.rule.converse:
            from crossoptim.check.closure import ClosureRun  # which builds on this module

            return ClosureRun(self, got).judgement()
        return Run(self, got, mode).judgement()

    def raised(self, message: str) -> Judgement:
        """The verdict on a run that ended in an error."""
        for quirk in self.expected_errors:
            if any(isinstance(effect, Raises) and effect.message in message for effect in quirk.effects):
                return Judgement("documented", True, message, quirks=(quirk.id,))
        return Judgement("raises", False, message)

    @cached_property
    def expected_errors(self) -> tuple[Quirk, ...]:
        """The quirks that predict an error in this case."""
        steps = enumerate(self.case.timeline)
        members = [m for step, table in steps for name, m in table.items() if self.golden.grads[name][step] is not None]
        found = {quirk.id: quirk for m in members for quirk in self._conditions_hold(m) if _has(quirk, Raises)}
        return tuple(found.values())

    def active(self, member: Membership, loaded: bool = False) -> tuple[Quirk, ...]:
        """The quirks that change a parameter's numbers in its setting; ``loaded`` as in :class:`QuirkSite`."""
        return tuple(quirk for quirk in self._conditions_hold(member, loaded) if not _has(quirk, Raises, LeavesZeros))

    def leaves_zeros(self, member: Membership) -> tuple[Quirk, ...]:
        """The quirks by which ``zero_grad()`` leaves zeros."""
        return tuple(quirk for quirk in self._conditions_hold(member) if _has(quirk, LeavesZeros))

    def _conditions_hold(self, member: Membership, loaded: bool = False) -> list[Quirk]:
        site = self.sites.at(member, loaded)
        return [quirk for quirk in self.quirks if quirk.when(site)]


def _has(quirk: Quirk, *kinds: type) -> bool:
    return any(isinstance(effect, kinds) for effect in quirk.effects)


@dataclass(frozen=True)
class Compared:
    """A tensor's numbers after some steps, and what they may be.

    ``label`` names the tensor, ``rows`` has all steps of the run, ``steps`` are those that are compared: a row of ``plain`` and ``bent``
    each, which are the predictions without and with the ``quirks``. ``shape`` is the tensor's.
    """

    label: str
    steps: list[int]
    rows: Rows
    plain: Prediction
    bent: Prediction | None
    quirks: tuple[Quirk, ...]
    shape: tuple[int, ...]


class Run:
    """One trajectory under judgement; what is found collects here."""

    def __init__(self, judge: Judge, got: Trajectory, mode: str) -> None:
        self.judge, self.case, self.golden, self.got, self.mode = judge, judge.case, judge.golden, got, mode
        self.exact = True
        self.quirks: dict[str, None] = {}
        self.unseen: dict[str, None] = {quirk.id: None for quirk in judge.expected_errors}
        self.finding: Finding | None = None
        self.hidden: set[str] = set()
        self.notes: dict[str, None] = {}

    def judgement(self) -> Judgement:
        """The verdict."""
        for name in sorted(self.judge.shapes, key=lambda name: name != self.judge.haste.first):
            if self._enough():
                break
            if self._gradients_as_given(name):
                self._standing(name)
                self._steps(name)
        if self.mode == "closed":
            self._loss()
        carried = [f"{', '.join(sorted(self.hidden))} not exposed: carried by the oracle"] if self.hidden else []
        drift, note = self._drift(), "; ".join([*carried, *self.notes])
        if self.finding is not None:
            return Judgement("diverges", False, self.finding.sentence(), self.finding, tuple(self.quirks), drift)
        verdict: Verdict = "documented" if self.quirks else "exact" if self.exact else "rounding"
        if self.unseen:
            errors = {quirk.id for quirk in self.judge.expected_errors}
            what = [f"{key} predicts {'an error that did not come' if key in errors else 'other numbers'}" for key in self.unseen]
            reason = f"{'; '.join(what)}: mended upstream?"
            return Judgement(verdict, False, reason, None, tuple(self.quirks), drift)
        return Judgement(verdict, True, note, None, tuple(self.quirks), drift)

    def _diverges(self, finding: Finding) -> None:
        if self.finding is None or finding.step < self.finding.step:
            self.finding = finding

    def _enough(self) -> bool:
        """Whether more would not be of interest."""
        self.judge.haste.check()
        return self.finding is not None and self.finding.step <= self.judge.haste.step

    def departs(self, name: str, step: int) -> bool:
        """Whether one step of a parameter, looked at by itself, leaves its bounds; False where that cannot be told."""
        row = next((row for row in self.rows(name) if row.step >= step), None)
        if row is None or row.step > step or any(self._hidden(name, var.name) for var in row.member.setting.state):
            return False
        self._stack(name, [row], {}, {})
        return self.finding is not None

    # What was there before a step.

    @property
    def _previous(self) -> Trajectory:
        return self.golden if self.mode == "lockstep" else self.got

    def _param_before(self, name: str, step: int) -> Array:
        if step == 1:
            return initial_params(self.case)[name]
        row = self._previous.params[name][step - 2]
        assert row is not None
        return row

    def _state_before(self, name: str, var: str, step: int) -> Array | None:
        column = self._previous.state.get(name, {}).get(var)
        return column[step - 2] if column and step > 1 else None

    def _hidden(self, name: str, var: str) -> bool:
        """Whether the library never shows a variable; in lockstep it was set, and so is known."""
        return self.mode != "lockstep" and not any(row is not None for row in self.got.state.get(name, {}).get(var, ()))

    # Gradients and loss.

    def _gradients_as_given(self, name: str) -> bool:
        """Whether each step used the gradient that it should: the injected one, or the exact one at the trajectory's own point."""
        for step, members in enumerate(self.case.timeline, 1):
            used, label = self.got.grads[name][step - 1], f"grads/{name}"
            expects = name in members and self.golden.grads[name][step - 1] is not None
            if self._left_as_zeros(name, step):
                continue
            if (used is None) == expects:
                what = "no gradient where the case has one" if used is None else "a gradient where the case has none"
                self._diverges(Finding(step, label, (), np.nan, np.nan, 0.0, np.inf, what))
                return False
            if used is None:
                continue
            wanted = self._fresh_gradient(name, step)
            if wanted is None:
                continue
            expected, bound = wanted.value, wanted.bound
            if step > 1 and self.case.happens("accumulate", step) and (left := self.got.after(name)[step - 2]) is not None:
                expected = np.asarray(left + expected)
                bound = bound + (PRECISIONS[self.case.dtype].unit * np.abs(expected) if self.mode == "closed" else 0.0)
            if not self._near(step, label, used, Exact(expected, bound)):
                return False
        return True

    def _left_as_zeros(self, name: str, step: int) -> bool:
        """Whether the gradient of a parameter that takes no part in this step's loss is the zeros that a quirk predicts."""
        used, member = self.got.grads[name][step - 1], self.case.timeline[step - 1].get(name)
        unused = any(name in event.params for event in self.case.happens("unused", step))
        if not unused or member is None or step == 1 or self.got.grads[name][step - 2] is None:
            return False
        quirks, zeros = self.judge.leaves_zeros(member), used is not None and not used.any()
        if zeros or used is None:
            (self.quirks if zeros else self.unseen).update(dict.fromkeys(quirk.id for quirk in quirks))
        return bool(quirks) and zeros

    def _fresh_gradient(self, name: str, step: int) -> Exact | None:
        if self.mode != "closed":
            row = self.golden.injected(name)[step - 1]
            assert row is not None
            return Exact(row, np.zeros(row.shape))
        found = self._objective(step)
        return found[1][name] if found else None

    def _loss(self) -> None:
        for step, value in enumerate(self.got.loss, 1):
            found = self._objective(step) if value is not None else None
            if found and not self._near(step, "loss", np.asarray(value, dtype=found[0].value.dtype), found[0]):
                return

    def _objective(self, step: int) -> tuple[Exact, dict[str, Exact]] | None:
        """Loss and gradients at the points where this step took them; None where a point is not finite, or not known."""
        points = {}
        for name in self.judge.shapes:
            member = self.case.timeline[step - 1].get(name)
            var = member.setting.gradient_point if member else None
            if var and self._hidden(name, var):
                self.notes[f"{var} not exposed: gradients and loss not judged"] = None
                return None
            state = self._state_before(name, var, step) if var else None
            points[name] = self._param_before(name, step) if state is None else state
        return exact_objective(self.case.problem, points, self.case.dtype)

    def _near(self, step: int, label: str, used: Array, wanted: Exact) -> bool:
        a, b = np.atleast_1d(used), np.atleast_1d(wanted.value)
        same = equal(a, b)
        self.exact = self.exact and bool(same.all())
        with np.errstate(all="ignore"):
            ok = same | (np.abs(a.astype(np.float64) - b.astype(np.float64)) <= wanted.bound)
        if not ok.all():
            index = int(np.argmin(np.ravel(ok)))
            self._diverges(finding_at(step, label, used, wanted.value, np.broadcast_to(wanted.bound, used.shape), index))
        return bool(ok.all())

    # What must not move.

    def _standing(self, name: str) -> None:
        """What takes no part in a step does not change by a bit; state that appears without a step holds its initial value."""
        for step, members in enumerate(self.case.timeline, 1):
            stepped, member = self.got.grads[name][step - 1] is not None, members.get(name)
            in_force = {var.name for var in member.setting.state} if member and stepped else set()
            param = self._param_before(name, step)
            columns = {} if stepped else {f"params/{name}": (self.got.params[name], param)}
            for var, rows in self.got.state.get(name, {}).items():
                before = self._state_before(name, var, step)
                if before is None and rows[step - 1] is not None:
                    reals = (member.setting if member else self.case.base).reals
                    before = initial_state(self.judge.variables[var], reals, param, np.zeros_like(param))
                if var not in in_force and before is not None:
                    columns[f"state/{name}/{var}"] = (rows, before)
            for label, (rows, before) in columns.items():
                now = rows[step - 1]
                if now is None:
                    self._diverges(Finding(step, label, (), np.nan, np.nan, 0.0, np.inf, "gone, although no step touched it"))
                elif before is not None and not equal(np.atleast_1d(now), np.atleast_1d(before)).all():
                    index = int(np.argmin(equal(np.ravel(now), np.ravel(before))))
                    self._diverges(finding_at(step, label, now, before, np.zeros(now.shape), index))

    # What steps.

    def _steps(self, name: str) -> None:
        """Judge the steps of a parameter: stacked by equation, or one by one where a variable is carried from step to step."""
        rows = list(self.rows(name))
        hidden = {var.name for row in rows for var in row.member.setting.state if self._hidden(name, var.name)}
        self.hidden |= hidden
        if not hidden:
            stacks: dict[tuple[str, ...], list[Row]] = {}
            for row in rows:
                key = (trace(row.member.setting).id, *(quirk.id for quirk in self.judge.active(row.member, row.loaded)))
                stacks.setdefault(key, []).append(row)
            for stack in stacks.values():
                if self._enough():
                    return
                self._stack(name, stack, {}, {})
            return
        plain: dict[str, Prediction] = {}
        bent: dict[str, Prediction] = {}
        for row in rows:
            if self._enough():
                return
            seen_plain, seen_bent = self._stack(name, [row], plain, bent)
            plain |= {var: value for var, value in seen_plain.items() if var in hidden}
            bent |= {var: value for var, value in (seen_bent or seen_plain).items() if var in hidden}

    def rows(self, name: str) -> Iterator[Row]:
        """The steps that a parameter takes, each with where it stood before."""
        t = 0
        kept: dict[str, Scalar] = {}
        bent: dict[str, Scalar] = {}
        others: list[dict[str, Scalar]] = []
        for step, members in enumerate(self.case.timeline, 1):
            member, grad = members.get(name), self.got.grads[name][step - 1]
            if member is None or grad is None:
                continue
            t += member.setting.counts
            p = self._param_before(name, step)
            before: dict[str, Array] = {}
            starts: dict[str, Array] = {}
            for var in member.setting.state:
                found = self._state_before(name, var.name, step)
                before[var.name] = initial_state(var, member.setting.reals, p, grad) if found is None else found
                if found is None:
                    starts |= self._bent_start(member, var, p, grad)
            if member.setting.rule.kept:
                kept = kept or initial_kept(member.setting)
                bent = held(kept, self.judge.quirks) if self.mode == "lockstep" or not bent else bent
            row = Row(step, member, t, {**before, PARAM: p}, grad, kept, bent, others, self._loaded(name, step), starts)
            yield row
            kept, (bent, *others) = kept_after(row), kept_choices(row.bent(), self.judge.active(member, row.loaded))

    def _bent_start(self, member: Membership, var: StateVar, p: Array, grad: Array) -> dict[str, Array]:
        """Where a variable starts by a quirk, if one says so."""
        for effect in (e for quirk in self.judge.active(member) for e in quirk.effects if isinstance(e, StartsAs)):
            if effect.variable == var.name:
                return {var.name: initial_state(replace(var, init=effect.init), self.judge.sites.first.reals, p, grad)}
        return {}

    def _loaded(self, name: str, step: int) -> bool:
        """Whether a parameter's state was loaded from a saved one; in lockstep at this very step, since the golden state replaces it."""
        return step in self.judge.sites.loads(name) if self.mode == "lockstep" else self.judge.sites.loaded(name, step)

    def _stack(
        self, name: str, rows: list[Row], plain_carried: Mapping[str, Prediction], bent_carried: Mapping[str, Prediction]
    ) -> tuple[dict[str, Prediction], dict[str, Prediction]]:
        """Compare rows that share an equation and quirks with what is predicted without and with the quirks.

        A quirk that shows in some elements only is called upon where the numbers cannot be explained without it.
        """
        active, dtype = self.judge.active(rows[0].member, rows[0].loaded), self.case.dtype
        quirks = tuple(quirk for quirk in active if quirk.everywhere)
        inside = {var.name for var in rows[0].member.setting.state}
        plain = predict(rows, _PLAIN, dtype, {k: v for k, v in plain_carried.items() if k in inside})
        carried = {k: v for k, v in bent_carried.items() if k in inside}
        bent = self._bent(name, rows, quirks, carried) if quirks else {}
        steps = [row.step for row in rows]
        if quirks != active and not self._explained(name, steps, plain, bent):
            quirks, bent = active, self._bent(name, rows, active, carried)
        for output, prediction in plain.items():
            if output in (PARAM, GRAD) or not self._hidden(name, output):
                label, column = self._column(name, output)
                shape = self.case.state_shape(output, self.judge.shapes[name])
                self._compare(Compared(label, steps, column, prediction, bent.get(output), quirks, shape))
        return plain, bent

    def _explained(self, name: str, steps: list[int], plain: Mapping[str, Prediction], bent: Mapping[str, Prediction]) -> bool:
        """Whether each number that is there is inside one of the predictions."""
        for output, prediction in plain.items():
            found = [self._column(name, output)[1][step - 1] for step in steps]
            if any(row is None for row in found):
                continue
            actual = np.stack([np.ravel(row) for row in found])  # type: ignore[arg-type]
            if not (prediction.inside(actual) | bent.get(output, prediction).inside(actual)).all():
                return False
        return True

    def _bent(self, name: str, rows: list[Row], quirks: tuple[Quirk, ...], carried: Mapping[str, Prediction]) -> dict[str, Prediction]:
        """What the quirks predict.

        Scalars made in float32 depend on how a library rounds powers and roots: each row is held against the neighbour that fits.
        """
        best = predict([row.bent() for row in rows], quirks, self.case.dtype, carried)
        actual = np.stack([np.ravel(self.got.params[name][row.step - 1]) for row in rows])  # type: ignore[arg-type]
        now = [(0, rounding) for rounding in roundings(trace(rows[0].member.setting), quirks)]
        before = range(1, 1 + max(len(row.bent_others) for row in rows))
        for kept, rounding in [*now, *((choice, {}) for choice in before)]:
            self.judge.haste.check()
            bad = ~np.asarray(best[PARAM].inside(actual).all(axis=1))
            if not bad.any():
                break
            other = predict([row.bent(kept) for row, b in zip(rows, bad, strict=True) if b], quirks, self.case.dtype, carried, rounding)
            fits = np.zeros_like(bad)
            fits[bad] = other[PARAM].inside(actual[bad]).all(axis=1)
            best = {key: best[key].replaced(fits, value.rows(fits[bad])) for key, value in other.items()}
        return best

    def _column(self, name: str, output: str) -> tuple[str, Rows]:
        if output == PARAM:
            return f"params/{name}", self.got.params[name]
        if output == GRAD:
            return f"grads_after/{name}", self.got.after(name)
        return f"state/{name}/{output}", self.got.state.get(name, {}).get(output, [None] * self.case.steps)

    def _compare(self, one: Compared) -> None:
        steps, plain, bent, quirks = one.steps, one.plain, one.bent, one.quirks
        missing = next((step for step in steps if one.rows[step - 1] is None), None)
        if missing is not None:
            self._diverges(Finding(missing, one.label, (), np.nan, np.nan, 0.0, np.inf, "nothing, although the step makes it"))
            return
        actual = np.stack([np.ravel(one.rows[step - 1]) for step in steps])  # type: ignore[arg-type]
        self.exact = self.exact and bool(equal(actual, plain.reference).all())
        ok = plain.inside(actual)
        if bent is not None:
            ids = dict.fromkeys(quirk.id for quirk in quirks)
            bends, apart = bent.inside(actual), bent.apart(plain)
            # a coarser precision, or another form that was called upon, predicts the same numbers, less exactly
            coarser = any(_has(quirk, HalfPrecision) or not quirk.everywhere for quirk in quirks)
            if ((apart | coarser) & bends & ~ok).any():
                self.quirks.update(ids)
            if (apart & ok & ~bends).any() and all(quirk.everywhere for quirk in quirks):
                self.unseen.update(ids)
            ok = ok | bends
        if not ok.all():
            row, element = np.argwhere(~ok)[0]
            target = plain if bent is None else bent
            got, wanted, bound = (values[row].reshape(one.shape) for values in (actual, target.centre(), target.bound))
            self._diverges(finding_at(steps[row], one.label, got, wanted, bound, int(element)))

    def _drift(self) -> float:
        """How far the last parameters lie from the golden ones, in ulps."""
        ends = [(self.got.params[name][-1], self.golden.params[name][-1]) for name in self.judge.shapes]
        return max((float(np.max(ulps(a, b))) for a, b in ends if a is not None and b is not None and a.size), default=0.0)


def finding_at(step: int, label: str, got: Array, wanted: Array, bound: Array, index: int) -> Finding:
    """The finding about one element, given by its flat index."""
    place = tuple(int(i) for i in np.unravel_index(index, got.shape)) if got.shape else ()
    a, b = np.ravel(got)[index], np.ravel(wanted)[index]
    return Finding(step, label, place, float(a), float(b), float(np.ravel(bound)[index]), float(ulps(a, np.asarray(b).astype(got.dtype))))


def ulps(a: Any, b: Any) -> Any:
    """Distance in units of the last place of ``b``; 0 for equal or both NaN, infinite where only one is finite."""
    a, b = np.asarray(a), np.asarray(b)
    with np.errstate(all="ignore"):
        gap = np.abs(a.astype(np.float64) - b.astype(np.float64)) / np.spacing(np.abs(b)).astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, np.where(np.isfinite(gap), gap, np.inf))
