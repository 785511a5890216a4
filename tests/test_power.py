"""The fixtures bite: an implementation that drops a term or takes another variant diverges in at least one case."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from crossoptim.check.judge import Judge
from crossoptim.check.verdict import Verdict
from crossoptim.golden import oracle, reference
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.trajectory import Trajectory, equations, golden, initial_params, initial_state, step_env
from crossoptim.spec.expr import Expr, call, rebuild, text, walk
from crossoptim.spec.model import Setting
from crossoptim.spec.rules import all_rules
from crossoptim.spec.trace import Equation, trace


@dataclass(frozen=True)
class Mutant:
    """An equation in place of ``original``, and what is wrong with it."""

    original: str
    wrong: str
    equation: Equation


def weaker(node: Expr) -> Iterator[Expr]:
    """What is left of an operation when something of it is forgotten; a literal alone is no term."""
    match node.op:
        case "+" | "maximum":
            yield from node.args
        case "-":
            yield node.args[0]
            yield call("neg", node.args[1])
        case "*":
            yield from (other for other, dropped in (node.args, node.args[::-1]) if dropped.op != "number")
        case "/" | "**" | "neg" | "sqrt":
            if node.args[-1].op != "number":
                yield node.args[0]
        case "where":
            yield from node.args[1:]


def dropped_terms(equation: Equation) -> Iterator[Mutant]:
    """One mutant for each operand that can be forgotten, in the update or in a scalar; a value used twice is wrong at both places."""
    for node in walk(*equation.outputs.values(), *equation.scalars.values()):
        for instead in weaker(node):
            memo = {id(node): instead}
            outputs = {key: rebuild(root, lambda *_: None, memo) for key, root in equation.outputs.items()}
            scalars = {key: rebuild(root, lambda *_: None, memo) for key, root in equation.scalars.items()}
            if all(scalars[key] is root for key, root in equation.scalars.items()):
                scalars = equation.scalars  # the same object: its numbers are known
            yield Mutant(equation.id, f"{text(node)} -> {text(instead)}", replace(equation, outputs=outputs, scalars=scalars))


def flipped_switches(setting: Setting) -> Iterator[Mutant]:
    """One mutant for each other value of each switch that changes the equation."""
    own = trace(setting)
    for switch in setting.rule.switches:
        for value in switch.values:
            other = trace(setting.with_values(**{switch.name: value}))
            if (other.statements, other.as_json()["scalars"]) != (own.statements, own.as_json()["scalars"]):
                yield Mutant(own.id, f"{switch.name} = {value}", other)


@cache
def settings() -> dict[str, Setting]:
    """One setting for each equation of the catalogue; rules without one have their own mutants (test_lbfgs_power.py)."""
    members = (m for case in all_cases().values() if not case.base.rule.converse for step in case.timeline for m in step.values())
    return {trace(m.setting).id: m.setting for m in members}


@cache
def cases_by_equation() -> dict[str, list[Case]]:
    """The cases that use each equation: float64 first, then those with the fewest numbers."""
    found: dict[str, list[Case]] = {}
    for case in sorted(all_cases().values(), key=lambda c: (c.dtype != "float64", sum(len(p.start) for p in c.problem.params))):
        for equation in equations(case):
            found.setdefault(equation, []).append(case)
    return found


def cases_with(equation: str) -> list[Case]:
    """The cases that use an equation."""
    return cases_by_equation()[equation]


def mutants(equation: str) -> list[Mutant]:
    """Everything that may be wrong about an equation."""
    return [*dropped_terms(trace(settings()[equation])), *flipped_switches(settings()[equation])]


@cache
def trajectory(case_id: str) -> Trajectory:
    """The golden trajectory of a case."""
    return golden(get_case(case_id))


def replayed(case: Case, mutant: Mutant) -> Trajectory:
    """What an implementation with the wrong equation answers when the golden gradients are injected."""
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
                t += 1
                equation = trace(member.setting)
                if equation.id == mutant.original:
                    equation = mutant.equation
                kept = (var for var in member.setting.rule.state if var.name in equation.state)
                reals = member.setting.reals
                current = {var.name: state.setdefault(var.name, initial_state(var, reals, param, grad)) for var in kept}
                numbers = numbers or oracle.initial_kept(member.setting)
                own = equation if equation.scalars is not trace(member.setting).scalars else trace(member.setting)
                scalars = scalars_of(own, tuple(reals.items()), t, tuple(numbers.items()))
                numbers = oracle.kept_after(scalars)
                outputs = reference.step(equation, step_env(member, scalars, param, grad, current), case.dtype)
                param = outputs.pop("p")
                state.update(outputs)
            out.params[name].append(param)
            for var, rows in out.state[name].items():
                rows.append(state.get(var))
    return out


@cache
def scalars_of(equation: Equation, reals: tuple[tuple[str, float], ...], t: int, kept: tuple[tuple[str, float], ...]) -> dict[str, float]:
    """The scalars of a step as a program in double has them: no division fails, and the root of a negative number is NaN."""
    try:
        exact = oracle.step_scalars(equation, dict(reals), t, dict(kept))
    except (ZeroDivisionError, TypeError):  # a number that is not real has no order either
        return {**dict(kept), **dict.fromkeys(equation.scalars, math.inf)}
    return {**dict(kept)} | {key: math.nan if oracle.MP.im(value) else float(oracle.MP.re(value)) for key, value in exact.items()}


def caught(mutant: Mutant) -> bool:
    """Whether some case of the catalogue tells the mutant from the equation."""
    return any(verdict(case, mutant) in ("diverges", "raises") for case in cases_with(mutant.original))


def verdict(case: Case, mutant: Mutant) -> Verdict:
    """What the judge says of an implementation with the mutant's equation."""
    try:
        answer = replayed(case, mutant)
    except ValueError:  # what is left has not the shape that a matrix function needs
        return "raises"
    return Judge(case, trajectory(case.id)).judge(answer, "replay").verdict


def undecided(mutant: Mutant) -> bool:
    """A guard against a length that is zero only where decay takes back the whole direction: there rounding decides about everything."""
    return mutant.original.startswith("lamb[weight_decay") and mutant.wrong.startswith("where(sqrt(sum(((") and mutant.wrong[-4:] != "-> 1"


@pytest.mark.parametrize("equation", sorted(settings()))
def test_a_dropped_term_or_another_variant_is_caught(equation: str) -> None:
    assert [mutant.wrong for mutant in mutants(equation) if not undecided(mutant) and not caught(mutant)] == []


@pytest.mark.parametrize("equation", sorted(settings()))
def test_the_equation_itself_is_not_caught(equation: str) -> None:
    honest = Mutant(equation, "", trace(settings()[equation]))
    assert verdict(cases_with(equation)[0], honest) == "exact"


def test_every_variant_of_every_rule_is_flipped_somewhere() -> None:
    wrong = {(setting.rule.name, m.wrong) for setting in settings().values() for m in flipped_switches(setting)}
    assert wrong == {
        (r.name, f"{s.name} = {value}") for r in all_rules().values() if not r.converse for s in r.switches for value in s.values
    }


def test_every_operation_of_an_equation_has_its_mutants() -> None:
    counts = {equation: len(list(dropped_terms(trace(setting)))) for equation, setting in settings().items()}
    flips = sum(len(list(flipped_switches(setting))) for setting in settings().values())
    print(f"{sum(counts.values())} dropped terms and {flips} flipped switches in {len(counts)} equations")
    assert counts["sgd[]"] == 4  # p - lr * g: p, -(lr * g), lr, g
    assert counts["adam[]"] > 30
