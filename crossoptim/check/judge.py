"""The judge: compares each step of a trajectory with the specification's step from the trajectory's own previous state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.check.verdict import Finding, Judgement, Verdict
from crossoptim.golden import oracle, reference
from crossoptim.golden.bounded import PRECISIONS, Bounded, BoundedArrays, wide
from crossoptim.golden.case import Case, Membership
from crossoptim.golden.double_double import DoubleDouble
from crossoptim.golden.reference import DTYPES
from crossoptim.golden.trajectory import Rows, Trajectory, initial_params
from crossoptim.spec.edit import apply, float32_scalars
from crossoptim.spec.expr import evaluate
from crossoptim.spec.expr import name as leaf
from crossoptim.spec.model import Problem, Quirk, QuirkSite, Raises
from crossoptim.spec.trace import GRAD, PARAM, Equation, trace

Array = NDArray[Any]
_PLAIN: tuple[Quirk, ...] = ()
_GRADIENT_KEPT = leaf(GRAD)


@dataclass(frozen=True)
class Prediction:
    """One output of one step for a stack of rows: the reference's bits, the exact value with its bound."""

    reference: Array
    value: Any
    bound: Array

    def inside(self, got: Array) -> NDArray[np.bool_]:
        """Elementwise: equal (NaN to NaN), or within the bound of a finite value.

        Where an operand is infinite, the order of operations decides between NaN and infinity, as in ``m + c (g - m)``
        and ``(1 - c) m + c g``.
        """
        with np.errstate(all="ignore"):
            distance = self.value.distance(got) if isinstance(self.value, DoubleDouble) else np.abs(got.astype(np.float64) - self.value)
            near = np.isfinite(self.reference) & (distance <= self.bound)
        beyond = ~np.isfinite(self.reference) & ~np.isfinite(got) & np.isinf(self.bound)
        return np.asarray(equal(got, self.reference) | near | beyond)

    def rows(self, chosen: NDArray[np.bool_]) -> Prediction:
        """Some of the rows."""
        value = (
            DoubleDouble(self.value.high[chosen], self.value.low[chosen]) if isinstance(self.value, DoubleDouble) else self.value[chosen]
        )
        return Prediction(self.reference[chosen], value, self.bound[chosen])

    def replaced(self, where: NDArray[np.bool_], other: Prediction) -> Prediction:
        """A copy with the rows ``where`` taken from ``other``."""

        def put(into: Array, values: Array) -> Array:
            out = np.array(into)
            out[where] = values
            return out

        if isinstance(self.value, DoubleDouble):
            value: Any = DoubleDouble(put(self.value.high, other.value.high), put(self.value.low, other.value.low))
        else:
            value = put(self.value, other.value)
        return Prediction(put(self.reference, other.reference), value, put(self.bound, other.bound))

    def centre(self) -> Array:
        """The exact value in double."""
        return np.asarray(self.value.high if isinstance(self.value, DoubleDouble) else self.value)


def equal(a: Array, b: Array) -> NDArray[np.bool_]:
    """Elementwise: the same bits, counting every NaN as the same."""
    kind = np.int32 if a.dtype == np.float32 else np.int64
    return np.asarray((a.view(kind) == b.view(kind)) | (np.isnan(a) & np.isnan(b)))


@dataclass(frozen=True)
class Row:
    """One step of one parameter: where it stands, the setting in force, its update count, and the state before it."""

    step: int
    member: Membership
    t: int
    before: Mapping[str, Array]
    grad: Array


class Judge:
    """Judges trajectories of one case.

    Args:
        case: the case.
        golden: its golden trajectory.
        quirks: the quirks of the library under judgement that concern its class.
    """

    def __init__(self, case: Case, golden: Trajectory, quirks: Sequence[Quirk] = ()) -> None:
        self.case, self.golden, self.quirks = case, golden, tuple(quirks)
        self._shapes = {p.name: p.shape for p in case.problem.params}

    def active(self, member: Membership) -> tuple[Quirk, ...]:
        """The quirks whose condition holds for a parameter's setting."""
        starts = self._first_steps
        group = {
            name: starts[name]
            for members in self.case.timeline
            for name, m in members.items()
            if m.group == member.group and name in starts
        }
        site = QuirkSite(
            h=member.setting.h,
            dtype=self.case.dtype,
            shapes=tuple(self._shapes[name] for name in starts),
            late_start=len(set(group.values())) > 1,
        )
        return tuple(quirk for quirk in self.quirks if quirk.when(site))

    @cached_property
    def _first_steps(self) -> dict[str, int]:
        """The step of each parameter's first gradient; parameters that never have one are left out."""
        rows = {name: [step for step, row in enumerate(column) if row is not None] for name, column in self.golden.grads.items()}
        return {name: steps[0] for name, steps in rows.items() if steps}

    @cached_property
    def _active_anywhere(self) -> tuple[Quirk, ...]:
        members = [m for step in self.case.timeline for m in step.values()]
        return tuple({quirk.id: quirk for m in members for quirk in self.active(m)}.values())

    def raised(self, message: str) -> Judgement:
        """The verdict on a run that ended in an error."""
        for quirk in self._active_anywhere:
            if any(isinstance(effect, Raises) and effect.message in message for effect in quirk.effects):
                return Judgement("documented", True, message, quirks=(quirk.id,))
        return Judgement("raises", False, message)

    def judge(self, got: Trajectory, mode: str) -> Judgement:
        """The verdict on a trajectory that was run in ``mode`` (replay, closed or lockstep)."""
        tally = _Tally()
        tally.unseen.update({q.id: None for q in self._active_anywhere if any(isinstance(effect, Raises) for effect in q.effects)})
        for name in self._shapes:
            self._judge_gradients(tally, got, name, mode)
            self._judge_standing(tally, got, name, mode)
            for rows in self._rows(got, name, mode):
                self._judge_rows(tally, got, name, rows)
        hidden = self._hidden(got)
        note = f"{', '.join(hidden)} not exposed: carried by the oracle" if hidden else ""
        return tally.judgement(self._drift(got), note)

    def _previous(self, got: Trajectory, mode: str) -> Trajectory:
        return self.golden if mode == "lockstep" else got

    def _param_before(self, got: Trajectory, name: str, step: int, mode: str) -> Array:
        if step == 1:
            return initial_params(self.case)[name]
        row = self._previous(got, mode).params[name][step - 2]
        assert row is not None
        return row

    def _state_before(self, got: Trajectory, name: str, var: str, step: int, mode: str) -> Array | None:
        column = self._previous(got, mode).state.get(name, {}).get(var)
        return column[step - 2] if column and step > 1 else None

    def _rows(self, got: Trajectory, name: str, mode: str) -> Iterator[list[Row]]:
        """The rows that make a step, stacked by equation; one by one where a state variable is not exposed."""
        stacks: dict[str, list[Row]] = {}
        t = 0
        for step, members in enumerate(self.case.timeline, 1):
            member, grad = members.get(name), got.grads[name][step - 1]
            if member is None or grad is None:
                continue
            t += 1
            p = self._param_before(got, name, step, mode)
            before: dict[str, Array] = {}
            for var in member.setting.state:
                found = self._state_before(got, name, var.name, step, mode)
                before[var.name] = (p if var.init == "param" else np.zeros_like(p)) if found is None else found
            row = Row(step, member, t, {**before, PARAM: p}, grad)
            stacks.setdefault(trace(member.setting).id, []).append(row)
        yield from stacks.values()

    def _judge_rows(self, tally: _Tally, got: Trajectory, name: str, rows: list[Row]) -> None:
        """Compare the outputs of a stack of rows; a variable that is not exposed is carried from row to row as value plus bound."""
        quirks = self.active(rows[0].member)
        hidden = [var.name for var in rows[0].member.setting.state if not _exposed(got, name, var.name)]
        carried: dict[bool, dict[str, Prediction]] = {True: {}, False: {}}
        for stack in [[row] for row in rows] if hidden else [rows]:
            plain = predict(stack, _PLAIN, self.case.dtype, carried[False])
            bent = self._bent(stack, quirks, got, name, carried[True]) if quirks else {}
            carried = {False: {v: plain[v] for v in hidden}, True: {v: bent[v] for v in hidden} if quirks else {}}
            for output, prediction in plain.items():
                if output not in hidden:
                    label, column = self._column(got, name, output)
                    steps = [row.step for row in stack]
                    self._compare(tally, label, steps, column, prediction, bent.get(output), quirks, self._shapes[name])

    def _bent(
        self, rows: list[Row], quirks: tuple[Quirk, ...], got: Trajectory, name: str, carried: Mapping[str, Prediction]
    ) -> dict[str, Prediction]:  # fmt: skip
        """What the quirks predict.

        Scalars made in float32 depend on how a library rounds powers and roots: each row is held against the neighbour that fits.
        """
        best = predict(rows, quirks, self.case.dtype, carried)
        actual = np.stack([np.ravel(got.params[name][row.step - 1]) for row in rows])  # type: ignore[arg-type]
        for rounding in _roundings(trace(rows[0].member.setting), quirks):
            bad = ~np.asarray(best[PARAM].inside(actual).all(axis=1))
            if not bad.any():
                break
            other = predict([row for row, b in zip(rows, bad, strict=True) if b], quirks, self.case.dtype, carried, rounding)
            fits = np.zeros_like(bad)
            fits[bad] = other[PARAM].inside(actual[bad]).all(axis=1)
            best = {key: best[key].replaced(fits, value.rows(fits[bad])) for key, value in other.items()}
        return best

    def _column(self, got: Trajectory, name: str, output: str) -> tuple[str, Rows]:
        if output == PARAM:
            return f"params/{name}", got.params[name]
        if output == GRAD:
            return f"grads_after/{name}", got.after(name)
        return f"state/{name}/{output}", got.state[name][output]

    def _compare(
        self,
        tally: _Tally,
        label: str,
        steps: list[int],
        column: Rows,
        plain: Prediction,
        bent: Prediction | None,
        quirks: tuple[Quirk, ...],
        shape: tuple[int, ...],
    ) -> None:
        missing = next((step for step in steps if column[step - 1] is None), None)
        if missing is not None:
            tally.diverges(
                Finding(missing, label, (), np.nan, float(np.ravel(plain.centre())[0]) if plain.centre().size else 0.0, 0.0, np.inf)
            )
            return
        actual = np.stack([np.ravel(column[step - 1]) for step in steps])  # type: ignore[arg-type]
        tally.count(bool(equal(actual, plain.reference).all()))
        ok = plain.inside(actual)
        if bent is not None:
            with np.errstate(all="ignore"):
                gap = np.abs(bent.centre() - plain.centre())
                apart = ~(gap <= bent.bound + plain.bound) & ~equal(bent.reference, plain.reference)
            bends = bent.inside(actual)
            if (apart & bends & ~ok).any():
                tally.quirks.update(dict.fromkeys(q.id for q in quirks))
            elif apart.any() and ok.all():
                tally.unseen.update(dict.fromkeys(q.id for q in quirks))
            ok = ok | bends
        if not ok.all():
            row, element = np.argwhere(~ok)[0]
            target = plain if bent is None else bent
            tally.diverges(
                Finding(
                    step=steps[row],
                    tensor=label,
                    element=tuple(int(i) for i in np.unravel_index(element, shape)) if shape else (),
                    got=float(actual[row, element]),
                    expected=float(target.centre()[row, element]),
                    bound=float(target.bound[row, element]),
                    ulps=float(ulps(actual[row, element], target.reference[row, element])),
                )
            )

    def _judge_gradients(self, tally: _Tally, got: Trajectory, name: str, mode: str) -> None:
        """The gradient that each step used: the injected one, or the exact one at the trajectory's own point."""
        for step, members in enumerate(self.case.timeline, 1):
            used, member = got.grads[name][step - 1], members.get(name)
            expects = member is not None and self.golden.grads[name][step - 1] is not None
            if (used is None) == expects:
                what = "no gradient where the case has one" if used is None else "a gradient where the case has none"
                tally.odd(f"step {step}, grads/{name}: {what}", Finding(step, f"grads/{name}", (), np.nan, np.nan, 0.0, np.inf))
                return
            if used is None:
                continue
            carried = got.after(name)[step - 2] if step > 1 and self.case.happens("accumulate", step) else None
            fresh = self.golden.injected(name)[step - 1]
            bound = np.zeros(used.shape)
            if mode == "closed":
                fresh, bound = exact_gradient(self.case.problem, self._points(got, step), self.case.dtype)[name]
            assert fresh is not None
            expected = np.asarray(fresh + carried) if carried is not None else fresh
            slack = bound + (PRECISIONS[self.case.dtype].unit * np.abs(expected) if carried is not None and mode == "closed" else 0.0)
            with np.errstate(all="ignore"):
                off = np.abs(used.astype(np.float64) - expected.astype(np.float64))
                ok = equal(np.atleast_1d(used), np.atleast_1d(expected)) | np.atleast_1d(off <= slack)
            tally.count(bool(equal(np.atleast_1d(used), np.atleast_1d(expected)).all()))
            if not ok.all():
                index = int(np.argwhere(~np.ravel(ok))[0][0])
                place = tuple(int(i) for i in np.unravel_index(index, used.shape)) if used.shape else ()
                a, b = np.ravel(used)[index], np.ravel(expected)[index]
                tally.diverges(Finding(step, f"grads/{name}", place, float(a), float(b), float(np.ravel(slack)[index]), float(ulps(a, b))))
                return

    def _points(self, got: Trajectory, step: int) -> dict[str, Array]:
        points = {}
        for name in self._shapes:
            member = self.case.timeline[step - 1].get(name)
            var = member.setting.gradient_point if member else None
            state = self._state_before(got, name, var, step, "closed") if var else None
            points[name] = self._param_before(got, name, step, "closed") if state is None else state
        return points

    def _judge_standing(self, tally: _Tally, got: Trajectory, name: str, mode: str) -> None:
        """Where a parameter makes no step, neither it nor its state may change."""
        for step in range(1, self.case.steps + 1):
            if got.grads[name][step - 1] is not None:
                continue
            columns = {
                f"state/{name}/{var}": (rows, self._state_before(got, name, var, step, mode))
                for var, rows in got.state.get(name, {}).items()
            }
            columns[f"params/{name}"] = (got.params[name], self._param_before(got, name, step, mode))
            for label, (rows, before) in columns.items():
                now = rows[step - 1]
                if before is not None and (now is None or not equal(np.atleast_1d(now), np.atleast_1d(before)).all()):
                    first = float(np.ravel(now)[0]) if now is not None else np.nan
                    tally.diverges(Finding(step, label, (), first, float(np.ravel(before)[0]), 0.0, np.inf))

    def _hidden(self, got: Trajectory) -> list[str]:
        stepping = {name for name, rows in got.grads.items() if any(row is not None for row in rows)}
        wanted = {(n, var.name) for members in self.case.timeline for n, m in members.items() if n in stepping for var in m.setting.state}
        return sorted({var for name, var in wanted if not _exposed(got, name, var)})

    def _drift(self, got: Trajectory) -> float:
        worst = 0.0
        for name in self._shapes:
            a, b = got.params[name][-1], self.golden.params[name][-1]
            if a is not None and b is not None and a.size:
                worst = max(worst, float(np.max(ulps(a, b))))
        return worst


def _exposed(got: Trajectory, name: str, var: str) -> bool:
    return any(row is not None for row in got.state.get(name, {}).get(var, ()))


def _roundings(equation: Equation, quirks: Sequence[Quirk]) -> Iterator[dict[str, tuple[int, ...]]]:
    """Every way in which a faithful library may round the float32 scalars of these quirks."""
    low = float32_scalars(effect for quirk in quirks for effect in quirk.effects) & set(equation.scalars)
    choices = {key: product((0, 1, -1), repeat=oracle.faithful_operations(equation.scalars[key])) for key in sorted(low)}
    if low:
        yield from (dict(zip(choices, choice, strict=True)) for choice in product(*choices.values()))


class _Tally:
    """Collects what was seen over all tensors of a run."""

    def __init__(self) -> None:
        self.exact = True
        self.quirks: dict[str, None] = {}
        self.unseen: dict[str, None] = {}
        self.finding: Finding | None = None
        self.remark = ""

    def count(self, exact: bool) -> None:
        self.exact = self.exact and exact

    def diverges(self, finding: Finding) -> None:
        if self.finding is None or finding.step < self.finding.step:
            self.finding = finding

    def odd(self, remark: str, finding: Finding) -> None:
        self.diverges(finding)
        self.remark = self.remark or remark

    def judgement(self, drift: float, note: str) -> Judgement:
        quirks = tuple(self.quirks)
        if self.finding is not None:
            reason = self.remark or self.finding.sentence()
            return Judgement("diverges", False, reason, self.finding, quirks, drift)
        if quirks:
            return Judgement("documented", True, note, None, quirks, drift)
        verdict: Verdict = "exact" if self.exact else "rounding"
        if self.unseen:
            return Judgement(verdict, False, f"{', '.join(self.unseen)} predicts other numbers: mended upstream?", None, (), drift)
        return Judgement(verdict, True, note, None, (), drift)


def ulps(a: Any, b: Any) -> Any:
    """Distance in units of the last place of ``b``; 0 for equal or both NaN, infinite where only one is finite."""
    a, b = np.asarray(a), np.asarray(b)
    with np.errstate(all="ignore"):
        gap = np.abs(a.astype(np.float64) - b.astype(np.float64)) / np.spacing(np.abs(b)).astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, np.where(np.isfinite(gap), gap, np.inf))


def predict(
    rows: list[Row],
    quirks: Sequence[Quirk],
    dtype: str,
    carried: Mapping[str, Prediction] | None = None,
    rounding: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, Prediction]:
    """One step for a stack of rows that share an equation: arrays of shape (rows, elements).

    ``carried`` replaces state variables that the library does not expose by the prediction of the row before, bound included. ``rounding``
    says for each float32 scalar by how many ulps its powers and roots are off.
    """
    effects = [effect for quirk in quirks for effect in quirk.effects if not isinstance(effect, Raises)]
    equation = apply(trace(rows[0].member.setting), effects)
    outputs = equation.outputs if GRAD in equation.outputs else {**equation.outputs, GRAD: _GRADIENT_KEPT}
    precision = PRECISIONS[dtype]
    tensors = {key: np.stack([np.ravel(row.before[key]) for row in rows]) for key in rows[0].before}
    tensors[GRAD] = np.stack([np.ravel(row.grad) for row in rows])

    numbers: dict[str, Array] = {"index": _column([row.member.index for row in rows])}
    low = {key: (rounding or {}).get(key, ()) for key in float32_scalars(effects)}
    scalars = [step_scalars(equation, row.member.setting.reals, row.t, low) for row in rows]
    for key in rows[0].member.setting.reals:
        numbers[key] = _column([row.member.setting.reals[key] for row in rows])
    bounded = {key: Bounded.exact(wide(value, dtype), precision) for key, value in tensors.items()}
    bounded |= {key: _scalar(value, 0.0, dtype) for key, value in numbers.items()}
    for key, before in (carried or {}).items():
        tensors[key] = before.reference
        bounded[key] = Bounded(before.value, np.abs(before.centre()), 0, before.bound, precision)
    for key in equation.scalars:
        numbers[key] = _column([row[key].rounded for row in scalars])
        exact = DoubleDouble(_column([row[key].high for row in scalars]), _column([row[key].low for row in scalars]))
        bounded[key] = _scalar(exact if dtype == "float64" else exact.high, _column([row[key].error for row in scalars]), dtype)

    bits = reference.step(replace(equation, outputs=outputs), {**tensors, **numbers}, dtype)
    memo: dict[int, Any] = {}
    out = {}
    with np.errstate(all="ignore"):
        for key, root in outputs.items():
            result = evaluate(root, bounded, BoundedArrays, memo)
            value = wide(result.value, dtype)
            out[key] = Prediction(bits[key], value, np.broadcast_to(result.bound, bits[key].shape))
    return out


def _column(values: list[Any]) -> Array:
    return np.asarray(values, dtype=np.float64).reshape(-1, 1)


def _scalar(value: Any, error: Any, dtype: str) -> Bounded:
    """A scalar as an implementation holds it: computed in double with ``error``, then rounded to the dtype."""
    magnitude = np.abs(value.high if isinstance(value, DoubleDouble) else value)
    return Bounded(wide(value, dtype), magnitude, 1 if dtype == "float32" else 0, error, PRECISIONS[dtype])


@dataclass(frozen=True)
class Scalar:
    """A per-step scalar: rounded to double, exact as high + low, and how far a computation in double may be off."""

    rounded: float
    high: float
    low: float
    error: float


def step_scalars(equation: Equation, reals: Mapping[str, float], t: int, low: Mapping[str, tuple[int, ...]]) -> dict[str, Scalar]:
    """The scalars of step ``t`` with their error bounds; those in ``low`` as float32 arithmetic makes them. Cached."""
    if not equation.scalars:
        return {}
    return _scalars(equation, tuple((key, reals[key]) for key in equation.reals), t, tuple(low.items()))


@lru_cache(maxsize=65536)
def _scalars(
    equation: Equation, reals: tuple[tuple[str, float], ...], t: int, low: tuple[tuple[str, tuple[int, ...]], ...]
) -> dict[str, Scalar]:
    exact = oracle.step_scalars(equation, dict(reals), t)
    double = {key: Bounded.exact(np.float64(value), PRECISIONS["float64"]) for key, value in (*reals, ("t", float(t)))}
    memo: dict[int, Any] = {}
    out = {}
    for name, root in equation.scalars.items():
        if name in dict(low):
            ulps_off = dict(low)[name] or (0,) * oracle.faithful_operations(root)
            value = oracle.float32_scalar(root, dict(reals), t, ulps_off)
            out[name] = Scalar(value, value, 0.0, 0.0)
            continue
        with np.errstate(all="ignore"):
            result = evaluate(root, double, BoundedArrays, memo)
        error = float(result.bound) if isinstance(result, Bounded) else 0.0
        high = float(exact[name])
        out[name] = Scalar(high, high, float(exact[name] - high) if np.isfinite(high) else 0.0, error)
    return out


def exact_gradient(problem: Problem, points: dict[str, Array], dtype: str) -> dict[str, tuple[Array, Array]]:
    """The gradient at ``points``, exact and rounded once, with the bound for an implementation that sums in any order. Cached."""
    key = tuple((name, value.tobytes(), value.shape) for name, value in points.items())
    return _gradient(problem, key, dtype)


@lru_cache(maxsize=65536)
def _gradient(problem: Problem, key: tuple[tuple[str, bytes, tuple[int, ...]], ...], dtype: str) -> dict[str, tuple[Array, Array]]:
    assert problem.gradient is not None
    points = {name: np.frombuffer(data, dtype=DTYPES[dtype]).reshape(shape) for name, data, shape in key}
    if not all(np.isfinite(value).all() for value in points.values()):
        return {name: (np.full(value.shape, np.nan, DTYPES[dtype]), np.zeros(value.shape)) for name, value in points.items()}
    exact = oracle.gradient(problem, points, dtype)
    precision = PRECISIONS[dtype]
    p = SimpleNamespace(**{name: Bounded.exact(value.astype(np.float64), precision) for name, value in points.items()})
    d = SimpleNamespace(
        **{
            name: Bounded.exact(np.asarray(value, dtype=DTYPES[dtype]).astype(np.float64), precision)
            for name, value in problem.data.items()
        }
    )
    with np.errstate(all="ignore"):
        rough = problem.gradient(BoundedArrays, p, d)
    return {name: (exact[name], np.broadcast_to(rough[name].bound, points[name].shape).reshape(points[name].shape)) for name in points}
