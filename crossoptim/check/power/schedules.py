"""Schedules: every term of their text is made wrong in turn, and a port that computes that on plain floats is judged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

from crossoptim.check.diagnosis.candidates import single_edits
from crossoptim.check.diagnosis.schedule_port import FLOATS
from crossoptim.check.schedules import ScheduleJudge
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.cases import all_schedule_cases, get_schedule_case
from crossoptim.golden.schedules.rates import Rates, golden
from crossoptim.spec.expr import Expr, evaluate, name, names, parse, parsed, rebuild, text, walk
from crossoptim.spec.trace import Equation

Statements = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ScheduleMutant:
    """A schedule's text in which one statement is wrong."""

    schedule: str
    original: Statements
    wrong: str
    statements: Statements

    @property
    def id(self) -> str:
        """Names the mutant among all."""
        return f"schedules/{self.schedule}: {self.wrong}"


@cache
def texts() -> dict[Statements, tuple[str, ...]]:
    """Each text that a schedule has in some case's first group, with the ids of those cases."""
    found: dict[Statements, list[str]] = {}
    for case in all_schedule_cases().values():
        found.setdefault(statements(case), []).append(case.id)
    return {key: tuple(ids) for key, ids in found.items()}


def statements(case: ScheduleCase) -> Statements:
    """The text of a case's first group."""
    return tuple((key, body) for key, body in case.settings[0].text())


def schedules() -> list[str]:
    """The schedules that some case runs."""
    return sorted({get_schedule_case(ids[0]).schedule for ids in texts().values()})


def mutants_of(schedule: str) -> dict[str, list[ScheduleMutant]]:
    """Everything that may be wrong about a schedule: what is wrong, and how each of its texts then reads.

    Texts differ by the options that decide about branches, milestones and lengths; the same mistake in two of them is one mistake. It is
    named by what it changes, written out, with ``#`` for a number.
    """
    found: dict[str, list[ScheduleMutant]] = {}
    for original, ids in texts().items():
        if get_schedule_case(ids[0]).schedule == schedule:
            for mutant in mutants(original, schedule):
                found.setdefault(mutant.wrong, []).append(mutant)
    return found


def mutants(original: Statements, schedule: str) -> list[ScheduleMutant]:
    """Everything that may be wrong about a text of a schedule, each thing once."""
    found: dict[tuple[str, str], ScheduleMutant] = {}
    graphs = [parse(body) for _, body in original]
    written = [key for key, _ in original]
    whole: dict[str, Expr] = {}
    for place, graph in enumerate(graphs):
        known = dict.fromkeys(label for g in graphs for label in names(g) if label not in written)
        for node, instead in _edited(graph, {label: name(label) for label in known}):
            wrong = rebuild(graph, lambda *_: None, {id(node): instead})
            lines = (*original[:place], (written[place], text(wrong)), *original[place + 1 :])
            said = _change(text(_expanded(node, whole)), text(_expanded(instead, whole)))
            found.setdefault((said, lines[place][1]), ScheduleMutant(schedule, original, said, lines))
        whole[written[place]] = _expanded(graph, whole)
    return list(found.values())


def _edited(graph: Expr, leaves: dict[str, Expr]) -> Iterator[tuple[Expr, Expr]]:
    equation = Equation("", "", {}, {"": graph}, (), {})
    for node, instead, _ in single_edits(equation, [node for node in walk(graph) if node.args], leaves, text):
        yield node, instead


def _expanded(graph: Expr, whole: dict[str, Expr]) -> Expr:
    """The graph with what earlier statements named written out."""
    return rebuild(graph, lambda node, _: whole.get(node.label) if node.op == "name" else None)


_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?")


def _change(before: str, after: str) -> str:
    """The change, in which numbers are ``#``; where only a number is another one, with what became of it."""
    plain, other = (_NUMBER.sub("#", said) for said in (before, after))
    if plain.replace("(-#)", "#") != other.replace("(-#)", "#"):
        return f"{plain} -> {other}"
    was, now = ([float(n) for n in _NUMBER.findall(said)] for said in (before, after))
    moved = next(((a, b) for a, b in zip(was, now, strict=True) if a != b), (0.0, 0.0))
    how = next((how for how, value in _moves(moved[0]).items() if value == moved[1]), "negated")
    return f"{plain} with a number {how}"


def _moves(a: float) -> dict[str, float]:
    return {"one higher": a + 1, "one lower": abs(a - 1), "doubled": 2 * a, "halved": a / 2}


def in_floats(lines: Any, case: ScheduleCase, group: int) -> list[dict[str, float]]:
    """Run a schedule's text on plain floats, as a port does: one row a step, 0 being before the first one."""
    return run(lines, case, group, lambda value: value, lambda graph, env: evaluate(graph, {"pi": FLOATS.pi, **env}, FLOATS))


def run(
    lines: Any, case: ScheduleCase, group: int, lift: Callable[[Any], Any], value: Callable[[Expr, dict[str, Any]], Any]
) -> list[dict[str, Any]]:
    """Run a schedule's text on any kind of number.

    Args:
        lines: the text, as assignments.
        case: options, metrics and events.
        group: the parameter group.
        lift: the way in for what the case holds; what is not a number stays.
        value: evaluates an expression.
    """
    setting = case.settings[group]
    graphs = [(key, parsed(body)) for key, body in lines]
    options = {key: lift(option) for key, option in setting.values.items()}

    def step(t: float, state: dict[str, Any]) -> dict[str, Any]:
        env = {**options, **state, "t": lift(t)}
        for key, graph in graphs:
            env[key] = value(graph, env)
        return env

    start = setting.schedule.start
    places = case.positions or range(1, case.steps + 1)
    if start is None:
        return [step(t, {}) for t in (0, *places)]
    out = [{key: lift(begun) for key, begun in start(SimpleNamespace(**setting.values)).items()}]
    for t in range(1, case.steps + 1):
        state = {**out[-1], **({"metric": lift(case.metrics[t - 1])} if case.metrics else {})}
        for event in case.events:
            if event.kind == "set" and event.step == t and event.group == group:
                state["lr"] = lift(event.lr)
        new = step(t, state)
        out.append({key: new[f"{key}_new"] for key in out[0]})
    return out



@cache
def _judged(case_id: str) -> tuple[ScheduleCase, Rates, ScheduleJudge, list[dict[str, float]]]:
    case = get_schedule_case(case_id)
    rates = golden(case)
    return case, rates, ScheduleJudge(case, rates), in_floats(statements(case), case, 0)


def caught_by(mutant: ScheduleMutant) -> str | None:
    """The first case that tells the mutant from the schedule; None where no case does."""
    return next((case for case in texts()[mutant.original] if catches(case, mutant)), None)


def catches(case_id: str, mutant: ScheduleMutant) -> bool:
    """Whether a case tells the mutant from the schedule."""
    case, truth, judge, plain = _judged(case_id)
    try:
        rows = in_floats(mutant.statements, case, 0)
    except (ArithmeticError, ValueError, TypeError):
        return True
    keys = list(truth.columns)
    if any(isinstance(row[key], bool | complex) for row in rows for key in keys):
        return True
    if all(row[key] == was[key] for row, was in zip(rows, plain, strict=True) for key in keys):
        return False
    columns = {key: [[float(row[key]), *was[1:]] for row, was in zip(rows, truth.columns[key], strict=True)] for key in keys}
    return judge.judge(Rates(columns)).verdict == "diverges"
