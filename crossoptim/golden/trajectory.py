"""Trajectories: what an optimizer did at every step; and the golden one, made by the reference and the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.golden import closure, oracle, reference
from crossoptim.golden.case import Case, Membership
from crossoptim.golden.evaluations import Decisions, Evaluations
from crossoptim.golden.reference import DTYPES
from crossoptim.spec.model import StateVar
from crossoptim.spec.trace import GRAD, PARAM, Equation, trace

Array = NDArray[Any]
Rows = list[Array | None]
"""One entry a step; None where the tensor does not exist yet or has no gradient."""


@dataclass
class Trajectory:
    """Columnar: for each tensor one row a step, taken right after the step.

    ``grads`` are as the step used them, ``grads_after`` as it left them (given only where that differs), ``fresh`` what the backward
    pass of this step added (given only where gradients accumulate). Where a closure rule chose to evaluate, ``evaluations`` has one entry a
    step; ``loss`` and ``grads`` are then those of the first evaluation. ``decisions`` are the specification's.
    """

    params: dict[str, Rows] = field(default_factory=dict)
    state: dict[str, dict[str, Rows]] = field(default_factory=dict)
    grads: dict[str, Rows] = field(default_factory=dict)
    grads_after: dict[str, Rows] = field(default_factory=dict)
    fresh: dict[str, Rows] = field(default_factory=dict)
    loss: list[float | None] = field(default_factory=list)
    scalars: dict[str, list[dict[str, float] | None]] = field(default_factory=dict)
    evaluations: list[Evaluations] = field(default_factory=list)
    decisions: list[Decisions] = field(default_factory=list)

    def after(self, name: str) -> Rows:
        """Gradients as found after the step."""
        return self.grads_after.get(name, self.grads[name])

    def digest(self) -> str:
        """Hash of parameters, gradients and state at every step: what a recording was compared with. Every NaN is the same."""
        out = sha256()
        evaluated = (table for one in self.evaluations for table in (one.params, one.grads))
        for table in (self.params, self.grads, *self.state.values(), *evaluated):
            for name, rows in table.items():
                out.update(name.encode())
                for row in rows:
                    out.update(b"-" if row is None else np.where(np.isnan(row), row.dtype.type(np.nan), row).tobytes())
        return out.hexdigest()

    def injected(self, name: str) -> Rows:
        """What the backward pass added at each step."""
        return self.fresh.get(name, self.grads[name])


def _point(member: Membership | None) -> str:
    return (member.setting.gradient_point if member else None) or ""


def initial_params(case: Case) -> dict[str, Array]:
    """The start point, in the case's dtype."""
    kind = DTYPES[case.dtype]
    return {p.name: np.asarray(p.start, dtype=kind).reshape(p.shape) for p in case.problem.params}


def initial_state(var: StateVar, reals: Mapping[str, float], param: Array, grad: Array) -> Array:
    """A state variable before its first step, which starts from ``param`` with the gradient ``grad``."""
    return reference.initial(var.init, {**reals, PARAM: param, GRAD: grad}, str(param.dtype), var.shape_for(param.shape))


def step_env(member: Membership, scalars: dict[str, float], p: Array, g: Array, state: dict[str, Array]) -> dict[str, Any]:
    """What an equation reads."""
    return {"p": p, "g": g, **state, **member.setting.reals, **scalars, "index": float(member.index)}


def golden(case: Case) -> Trajectory:
    """Evaluate a case: the update by the reference, losses and gradients by the oracle."""
    if case.base.rule.converse:
        return conversation(case)
    params = initial_params(case)
    names = list(params)
    state: dict[str, dict[str, Array]] = {name: {} for name in names}
    after: dict[str, Array | None] = dict.fromkeys(names)
    count = dict.fromkeys(names, 0)
    kept: dict[str, dict[str, float]] = {}
    out = Trajectory(
        params={n: [] for n in names}, state={n: {} for n in names}, grads={n: [] for n in names}, scalars={n: [] for n in names}
    )
    accumulates = any(e.kind == "accumulate" for e in case.events)
    if accumulates:
        out.fresh = {n: [] for n in names}
    for step, members in enumerate(case.timeline, 1):
        points = {n: state[n].get(_point(members.get(n)), params[n]) for n in names}
        fresh, value = objective(case, step, points)
        out.loss.append(value)
        skipped = case.without_gradient(step)
        for n in names:
            member = members.get(n)
            used = None if member is None or n in skipped else fresh[n]
            if accumulates:
                out.fresh[n].append(used)
            if used is not None and member is not None:
                previous = after[n]
                if case.happens("accumulate", step) and previous is not None:
                    used = np.asarray(previous + used)
                count[n] += member.setting.counts
                if n not in kept:
                    kept[n] = oracle.initial_kept(member.setting)
                scalars = oracle.rounded_scalars(member.setting, count[n], kept[n])
                kept[n] = oracle.kept_after(scalars)
                for variable in member.setting.state:
                    if variable.name not in state[n]:
                        state[n][variable.name] = initial_state(variable, member.setting.reals, params[n], used)
                current = {var.name: state[n][var.name] for var in member.setting.state}
                outputs = reference.step(trace(member.setting), step_env(member, scalars, params[n], used, current), case.dtype)
                params[n] = outputs.pop("p")
                state[n].update(outputs)
                out.scalars[n].append(scalars)
            else:
                out.scalars[n].append(None)
            after[n] = used
            out.grads[n].append(used)
            out.params[n].append(params[n])
        for n in names:
            for var in state[n]:
                rows = out.state[n].setdefault(var, [None] * (step - 1))
                rows.append(state[n][var])
    return out


def conversation(case: Case, conduct: Mapping[str, Any] | None = None) -> Trajectory:
    """The golden trajectory of a closure rule, or the one with another ``conduct``."""
    params = initial_params(case)
    out = Trajectory(
        params={n: [] for n in params}, state={n: {} for n in params}, grads={n: [] for n in params}, scalars={n: [] for n in params}
    )
    stepper = closure.ReferenceStepper({n: params[n].shape for n in case.initial_groups[0].params}, case.dtype, conduct)
    for step, members in enumerate(case.timeline, 1):
        seen, skipped = Evaluations.of(list(params)), case.without_gradient(step)

        def evaluate(
            point: dict[str, Array], step: int = step, seen: Evaluations = seen, skipped: set[str] = skipped
        ) -> tuple[float, dict[str, Array | None]]:
            fresh, value = objective(case, step, point)
            assert value is not None
            grads = {n: None if n in skipped else fresh[n] for n in fresh}
            seen.add(point, value, grads)
            return value, grads

        params, decisions = stepper.step(next(iter(members.values())).setting, params, evaluate)
        out.evaluations.append(seen)
        out.decisions.append(decisions)
        out.loss.append(seen.loss[0])
        for n in params:
            out.params[n].append(params[n])
            out.grads[n].append(seen.grads[n][0])
            out.scalars[n].append(None)
    return out


def objective(case: Case, step: int, points: dict[str, Array]) -> tuple[dict[str, Array], float | None]:
    """Exact gradient and loss at ``points``, rounded once; or the table's gradients."""
    problem = case.problem
    if problem.gradients is not None:
        kind = DTYPES[case.dtype]
        return {n: np.asarray(g, dtype=kind).reshape(points[n].shape) for n, g in problem.gradients(step).items()}, None
    return oracle.gradient(problem, points, case.dtype), oracle.loss(problem, points, case.dtype)


def equations(case: Case) -> dict[str, Equation]:
    """The equations that a case uses, by id."""
    found = (trace(member.setting) for members in case.timeline for member in members.values())
    return {equation.id: equation for equation in found}
