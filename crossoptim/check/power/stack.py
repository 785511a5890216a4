"""All steps that a parameter takes with one equation, from where the golden trajectory stands: one evaluation judges a mutant.

Up to the first row that differs by a bit, a mutant's own trajectory is the golden one. Where that row is outside the bound, the judge says
so of the mutant's whole run, too. Where it is inside, only the whole run can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property, lru_cache
from typing import Any, Literal

import numpy as np

from crossoptim.check.judge import Judge, Run
from crossoptim.check.power.mutants import Mutant
from crossoptim.check.power.replay import replayed, started, trajectory
from crossoptim.check.predict import Row, equal, predict
from crossoptim.check.verdict import Verdict
from crossoptim.errors import HyperError
from crossoptim.golden import reference
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.trajectory import Array, equations
from crossoptim.spec.expr import Expr, evaluate
from crossoptim.spec.trace import GRAD, NEW, PARAM, STEP, Equation, trace

_FAR = 1e-4  # of the largest number: no rounding is that large
Seen = Literal["same", "outside", "open"]


class Doubles(reference.Reference):
    """The namespace of plain doubles: scalars as a program in double has them, sums and products in whatever order."""

    exp = staticmethod(np.exp)
    log = staticmethod(np.log)
    tanh = staticmethod(np.tanh)
    cos = staticmethod(np.cos)
    floor = staticmethod(np.floor)

    @staticmethod
    def sum(x: Array) -> Array:
        """The sum of all elements."""
        return np.asarray(np.sum(x))

    @staticmethod
    def matmul(a: Array, b: Array) -> Array:
        """Matrix product."""
        return np.asarray(a @ b)

    @staticmethod
    def sum_rows(x: Array) -> Array:
        """The sum of each row, as a column."""
        return np.asarray(np.sum(x, axis=-1, keepdims=True))


class Stack:
    """Rows of one parameter that share an equation; of a rule that reduces, one row."""

    def __init__(self, case: Case, name: str, rows: list[Row], first: bool) -> None:
        self.case, self.name, self.rows, self._first = case, name, rows, first
        self.equation = trace(rows[0].member.setting)
        self._single = rows[0].member.setting.rule.kind == "reducing"
        self.prediction = predict(rows, (), case.dtype)
        self._memo: dict[int, Any] = {}
        self._env = self._environment()
        self.outputs = reference.step(self.equation, self._env, case.dtype, self._memo)

    def _environment(self) -> dict[str, Any]:
        rows = self.rows
        golden = trajectory(self.case.id).scalars[self.name]
        scalars = [golden[row.step - 1] or {} for row in rows]
        tensors = {key: self._tensor([row.before[key] for row in rows]) for key in rows[0].before}
        numbers = {key: self._column([row.member.setting.reals[key] for row in rows]) for key in rows[0].member.setting.reals}
        known = {key: self._column([row[key] for row in scalars]) for key in (*self.equation.scalars, *self.equation.kept)}
        counts = {"index": self._column([row.member.index for row in rows]), STEP: self._column([row.t for row in rows])}
        return {**tensors, GRAD: self._tensor([row.grad for row in rows]), **numbers, **known, **counts}

    def _tensor(self, tensors: list[Array]) -> Array:
        return tensors[0] if self._single else np.stack([np.ravel(tensor) for tensor in tensors])

    def _column(self, values: list[Any]) -> Array:
        return np.asarray(values, dtype=np.float64).reshape(() if self._single else (-1, 1))

    def see(self, mutant: Mutant) -> Seen:
        """What the golden rows tell of a mutant.

        Raises:
            ValueError: where shapes do not fit.
            HyperError: where its options make no sense.
        """
        equation, env = mutant.equation, self._env
        if mutant.values:
            setting = mutant.setting(self.rows[0].member.setting)
            equation = trace(setting)
            env = {**env, **{key: np.float64(value) for key, value in mutant.values.items() if isinstance(value, float)}}
        env = self._started(mutant, env)
        scalars = {key: root for key, root in equation.scalars.items() if mutant.values or root is not self.equation.scalars.get(key)}
        env = {**env, **self._doubles(scalars, env)}
        changed = {key.removesuffix(NEW) for key in scalars if key.endswith(NEW)}
        if any(var not in env for var in equation.state) or (mutant.values and equation.kept):
            return "open"
        own = not (mutant.starts or mutant.values or changed)
        if self._single and not self._delicate and self._far(equation, env):
            return "outside" if own or self._first else "open"
        memo = {} if mutant.values or mutant.starts or scalars else dict(self._memo)
        outputs = reference.step(equation, env, self.case.dtype, memo)
        point = self.rows[0].member.setting.gradient_point
        if point and point not in outputs:
            outputs[point] = outputs[PARAM]
        return self._compare(outputs, own)

    def _compare(self, outputs: Mapping[str, Array], own: bool) -> Seen:
        """``own``: whether the rows after the first are where the mutant stands, too, as long as no bit differs."""
        first, outside = len(self.rows), False
        for key, prediction in self.prediction.items():
            if key == GRAD or key not in outputs:
                continue
            got = outputs[key].reshape(prediction.reference.shape)
            same = equal(got, prediction.reference).all(axis=1)
            if same.all():
                continue
            row = int(np.argmin(same))
            if row <= first:
                beyond = not bool(prediction.inside(got)[row].all())
                outside = beyond or (outside and row == first)
                first = row
        if first == len(self.rows):
            return "same" if own else "open"
        return "outside" if outside and (own or (first == 0 and self._first)) else "open"

    @cached_property
    def _delicate(self) -> bool:
        """Whether rounding decides here: plain doubles bring the equation itself elsewhere."""
        return self._far(self.equation, self._env)

    def _far(self, equation: Equation, env: Mapping[str, Any]) -> bool:
        """Whether plain doubles already are farther off than any rounding could bring them: exact sums and products take long."""
        with np.errstate(all="ignore"):
            memo: dict[int, Any] = {}
            for key, prediction in self.prediction.items():
                if key == GRAD or key not in equation.outputs:
                    continue
                got = np.ravel(np.broadcast_to(evaluate(equation.outputs[key], env, Doubles, memo, literal=np.float64), np.shape(env[key])))
                wanted = np.ravel(prediction.reference).astype(np.float64)
                margin = np.ravel(prediction.bound) + _FAR * np.max(np.abs(wanted), initial=1e-30)
                if np.isfinite(wanted).all() and not (np.abs(got - wanted) <= margin).all():
                    return True
        return False

    def _started(self, mutant: Mutant, env: Mapping[str, Any]) -> dict[str, Any]:
        """Rows in which a state variable is new, with what it begins as."""
        out = dict(env)
        row = self.rows[0]
        setting = mutant.setting(row.member.setting)
        for var in setting.state if mutant.starts or mutant.values else ():
            if self._fresh(var.name):
                value = started(self.case, var.name, row.before[PARAM], row.grad, mutant.starts.get(var.name), setting)
                tensor = self._tensor([row.before.get(var.name, value) for row in self.rows]).copy()
                if self._single:
                    tensor = value
                else:
                    tensor[0] = np.ravel(value)
                out[var.name] = tensor
        return out

    def _fresh(self, variable: str) -> bool:
        column = trajectory(self.case.id).state[self.name].get(variable)
        return column is None or self.rows[0].step == 1 or column[self.rows[0].step - 2] is None

    def _doubles(self, scalars: Mapping[str, Expr], env: Mapping[str, Any]) -> dict[str, Any]:
        with np.errstate(all="ignore"):
            memo: dict[int, Any] = {}
            return {key: evaluate(root, env, Doubles, memo, literal=np.float64) for key, root in scalars.items()}


@lru_cache(maxsize=512)
def stacks(case_id: str, equation: str) -> tuple[tuple[Stack, ...], ...]:
    """The stacks of a case's steps with an equation: for each parameter, in order."""
    case = get_case(case_id)
    run = Run(Judge(case, trajectory(case.id)), trajectory(case.id), "replay")
    found = []
    for param in case.problem.params:
        rows = [row for row in run.rows(param.name) if trace(row.member.setting).id == equation]
        if rows:
            single = rows[0].member.setting.rule.kind == "reducing"
            parts = [[row] for row in rows] if single else [rows]
            found.append(tuple(Stack(case, param.name, part, part[0] is rows[0]) for part in parts))
    return tuple(found)


@cache
def cases_by_equation() -> dict[str, tuple[Case, ...]]:
    """The cases that use each equation: float64 first, then those with the fewest numbers."""
    found: dict[str, list[Case]] = {}
    for case in sorted(all_cases().values(), key=lambda c: (c.dtype != "float64", sum(len(p.start) for p in c.problem.params))):
        for equation in equations(case):
            found.setdefault(equation, []).append(case)
    return {equation: tuple(cases) for equation, cases in found.items()}


def caught_by(mutant: Mutant) -> str | None:
    """The first case that tells the mutant from the equation; None where no case does."""
    return next((case.id for case in cases_by_equation()[mutant.original] if catches(case, mutant)), None)


def catches(case: Case, mutant: Mutant) -> bool:
    """Whether a case tells the mutant from the equation: the cheap way where that decides, else by a whole run."""
    seen: set[Seen] = set()
    try:
        for column in stacks(case.id, mutant.original):
            for stack in column:
                seen.add(found := stack.see(mutant))
                if found == "outside":
                    return True
                if found == "open":
                    break
    except (ValueError, IndexError):
        return True
    except HyperError:
        return False
    return "open" in seen and verdict(case, mutant) in ("diverges", "raises")


def verdict(case: Case, mutant: Mutant) -> Verdict:
    """What the judge says of an implementation with the mutant's equation."""
    try:
        answer = replayed(case, mutant)
    except (ValueError, IndexError):  # what is left has not the shape that a matrix function needs
        return "raises"
    return Judge(case, trajectory(case.id)).judge(answer, "replay").verdict
