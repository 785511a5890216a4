"""What the page says of a case: its options, equations, problem, flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crossoptim.check.reports.html.numbers import Table
from crossoptim.golden.case import Case
from crossoptim.golden.described import event_lines, group_lines, options_text, value_text
from crossoptim.golden.flags import flags_document
from crossoptim.golden.refusals.case import RefusalCase
from crossoptim.golden.schedules.case import OPTIMIZERS, ScheduleCase
from crossoptim.golden.trajectory import equations
from crossoptim.spec.emit.latex import render, symbol
from crossoptim.spec.emit.mathml import mathml, translated
from crossoptim.spec.expr import parse
from crossoptim.spec.model import Rule, Switch
from crossoptim.spec.trace import Equation

AnyCase = Case | ScheduleCase | RefusalCase


class Cases:
    """Collects the documents of cases, and what they share: equations, their lines, the options of rules, problems, flags."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self.equations: list[dict[str, Any]] = []
        self.options: dict[str, list[list[str]]] = {}
        self.problems: dict[str, dict[str, str]] = {}
        self.flags: dict[str, Any] = {}
        self.lines = Table()
        self._known: dict[str, int] = {}

    def add(self, case: AnyCase) -> None:
        """One more case."""
        document: dict[str, Any] = {"id": case.id, "optimizer": case.optimizer, "topic": case.topic, "dtype": case.dtype}
        if isinstance(case, Case):
            document |= self._run(case)
        elif isinstance(case, ScheduleCase):
            document |= self._schedule(case)
        else:
            document |= {"comment": case.comment}
        self.documents.append({key: value for key, value in document.items() if value not in ([], {}, "")})

    def _run(self, case: Case) -> dict[str, Any]:
        rule, problem = case.base.rule, case.problem
        if rule.name not in self.options:
            self.options[rule.name] = _options(rule)
        self.problems.setdefault(problem.name, {"title": problem.title, "source": problem.source})
        self.flags |= flags_document(case.flags)
        defaults = {option.name: option.default for option in rule.options()}
        return {
            "comment": case.comment,
            "rule": rule.name,
            "hyper": {key: value_text(value) for key, value in case.base.values.items() if value != defaults[key]},
            "problem": problem.name,
            "steps": case.steps,
            "flags": list(case.flags),
            "groups": group_lines(case),
            "events": event_lines(case),
            "equations": [self._equation(equation) for equation in equations(case).values()],
        }

    def _schedule(self, case: ScheduleCase) -> dict[str, Any]:
        self.flags |= flags_document(case.flags)
        text = case.settings[0].text()
        return {
            "comment": case.comment,
            "setting": options_text(case.settings[0].as_json()),
            "on": f"{case.optimizer_name} ({options_text(OPTIMIZERS[case.optimizer_name])})",
            "steps": case.steps,
            "flags": list(case.flags),
            "groups": group_lines(case),
            "events": event_lines(case),
            "equations": [self._once(repr(text), lambda: self._lines(_schedule_lines(text)))],
        }

    def _equation(self, equation: Equation) -> int:
        if equation.algorithm:
            return self._once(equation.id, lambda: {"algorithm": equation.algorithm})
        return self._once(equation.id, lambda: self._lines(mathml(equation)))

    def _lines(self, lines: list[str]) -> dict[str, Any]:
        return {"lines": self.lines.places(lines)}

    def _once(self, key: str, make: Callable[[], dict[str, Any]]) -> int:
        """The place of an equation, which is made where it is not known yet."""
        if key not in self._known:
            self._known[key] = len(self.equations)
            self.equations.append(make())
        return self._known[key]


def _schedule_lines(text: list[list[str]]) -> list[str]:
    return [translated(f"{symbol(left)} = {render(parse(right), {})}") for left, right in text]


def _options(rule: Rule) -> list[list[str]]:
    """Name, default, admissible values, meaning."""
    out = []
    for option in rule.options():
        admissible = ", ".join(option.values) if isinstance(option, Switch) else getattr(option, "interval", "true, false")
        out.append([option.name, value_text(option.default), admissible, option.doc])
    return out
