"""What an implementation with a wrong equation answers when the golden gradients are injected."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

from crossoptim.check.power.mutants import Mutant
from crossoptim.golden import oracle, reference
from crossoptim.golden.case import Case
from crossoptim.golden.cases import get_case
from crossoptim.golden.sites import Sites
from crossoptim.golden.trajectory import Array, Trajectory, golden, initial_params, initial_state, step_env
from crossoptim.spec.model import Setting
from crossoptim.spec.trace import PARAM, STEP, Equation, trace


@cache
def trajectory(case_id: str) -> Trajectory:
    """The golden trajectory of a case."""
    return golden(get_case(case_id))


def replayed(case: Case, mutant: Mutant) -> Trajectory:
    """The mutant's whole run.

    Raises:
        ValueError: where shapes do not fit.
        HyperError: where the mutant's options make no sense.
    """
    truth = trajectory(case.id)
    out = Trajectory(grads=truth.grads)
    for name, param in initial_params(case).items():
        state: dict[str, Any] = {}
        numbers: dict[str, float] = {}
        t = 0
        out.params[name], out.state[name] = [], {var: [] for var in truth.state[name]}
        for step, members in enumerate(case.timeline):
            member, grad = members.get(name), truth.grads[name][step]
            if member is not None and grad is not None:
                t += member.setting.counts
                wrong = trace(member.setting).id == mutant.original
                setting = mutant.setting(member.setting) if wrong else member.setting
                equation = _equation(setting, mutant) if wrong else trace(setting)
                for var in setting.rule.state:
                    if var.name in equation.state and var.name not in state:
                        begins = mutant.starts.get(var.name) if wrong else None
                        state[var.name] = started(case, var.name, param, grad, begins, setting)
                reals = setting.reals
                numbers = numbers or oracle.initial_kept(setting)
                scalars = _scalars(equation, tuple(reals.items()), t, tuple(numbers.items()))
                numbers = oracle.kept_after(scalars)
                current = {key: state[key] for key in equation.state}
                env = {**step_env(member, scalars, param, grad, current), **reals, STEP: float(t)}
                outputs = reference.step(equation, env, case.dtype)
                param = outputs.pop(PARAM)
                state.update(outputs)
                point = member.setting.gradient_point
                if point and point not in equation.state:
                    state[point] = param  # without a point of its own, gradients are taken at the parameter
            out.params[name].append(param)
            for key, rows in out.state[name].items():
                rows.append(state.get(key))
    return out


def _equation(setting: Setting, mutant: Mutant) -> Equation:
    return trace(setting) if mutant.values else mutant.equation


def started(case: Case, variable: str, param: Array, grad: Array, begins: str | None, setting: Setting) -> Array:
    """A state variable before its first step; one that ``begins`` as something else reads the first group's options."""
    var = next(var for var in setting.rule.state if var.name == variable)
    if begins is None:
        return initial_state(var, setting.reals, param, grad)
    return initial_state(replace(var, init=begins), Sites(case).first.reals, param, grad)


@cache
def _scalars(equation: Equation, reals: tuple[tuple[str, float], ...], t: int, kept: tuple[tuple[str, float], ...]) -> dict[str, float]:
    """The scalars of a step as a program in double has them: no division fails, and the root of a negative number is NaN."""
    try:
        exact = oracle.step_scalars(equation, dict(reals), t, dict(kept))
    except (ZeroDivisionError, TypeError):  # a number that is not real has no order either
        return {**dict(kept), **dict.fromkeys(equation.scalars, math.inf)}
    return {**dict(kept)} | {key: math.nan if oracle.MP.im(value) else float(oracle.MP.re(value)) for key, value in exact.items()}
