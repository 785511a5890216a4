"""The exported, language-neutral view of the specification: what ``spec.json`` holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from crossoptim.spec.ecosystems import all_ecosystems
from crossoptim.spec.emit.objective import objective_text
from crossoptim.spec.model import Binding, Constraint, Ecosystem, Flag, Problem, Quirk, Real, Rule
from crossoptim.spec.problems import all_problems
from crossoptim.spec.rules import all_rules
from crossoptim.spec.schedule import REQUIRED, Choice, Number, Option, Schedule, Whole
from crossoptim.spec.schedules import all_schedules
from crossoptim.spec.trace import Equation

SCHEMA = "crossoptim/spec/1"


def document(equations: Iterable[Equation], quirk_cases: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The specification as plain data.

    Args:
        equations: which equations it has.
        quirk_cases: for each quirk of an optimizer, by id, the ids of the cases on which it bears.
    """
    return {
        "schema": SCHEMA,
        "rules": {name: rule_document(rule) for name, rule in all_rules().items()},
        "schedules": {name: schedule_document(schedule) for name, schedule in all_schedules().items()},
        "equations": {e.id: {**e.as_json(), "when": e.when, "sha256": e.sha256} for e in sorted(equations, key=lambda e: e.id)},
        "problems": {problem.name: problem_document(problem) for problem in all_problems().values()},
        "ecosystems": {name: ecosystem_document(ecosystem, quirk_cases) for name, ecosystem in all_ecosystems().items()},
    }


def problem_document(problem: Problem) -> dict[str, Any]:
    """One problem; of a table of gradients there is no objective."""
    return {
        "title": problem.title,
        "source": problem.source,
        "params": [{"name": p.name, "shape": list(p.shape), "start": list(p.start)} for p in problem.params],
        "minimum": None if problem.minimum is None else {key: list(value) for key, value in problem.minimum.items()},
        "objective": None if problem.value is None else objective_text(problem),
    }


def rule_document(rule: Rule) -> dict[str, Any]:
    """One rule's metadata."""
    return {
        "title": rule.title,
        "class_name": rule.class_name,
        "kind": rule.kind,
        "sources": list(rule.sources),
        "witness": rule.witness,
        "hyper": [_hyper(option) for option in rule.hyper],
        "state": [
            {"name": var.name, "init": var.init, "shape": var.shape, "gradient_point": var.gradient_point, "doc": var.doc}
            for var in rule.state
        ],
        "kept": [{"name": var.name, "init": var.init, "doc": var.doc} for var in rule.kept],
        "switches": [
            {
                "name": switch.name,
                "default": switch.default,
                "doc": switch.doc,
                "values": {
                    value: {"source": switch.sources.get(value, ""), "witness": switch.witness.get(value, "unverified")}
                    for value in switch.values
                },
            }
            for switch in rule.switches
        ],
        "constraints": [asdict(constraint) for constraint in rule.constraints],
        "takes": asdict(rule.takes or Constraint("any parameter", "axes >= 0")),
        "facts": [asdict(fact) for fact in rule.facts],
        "presets": {
            preset.name: {
                "title": preset.title,
                "switches": dict(preset.switches),
                "hyper": dict(preset.hyper),
                "sources": list(preset.sources),
            }
            for preset in rule.presets
        },
    }


def _hyper(option: Real | Flag) -> dict[str, Any]:
    kind = {"type": type(option).__name__.lower(), **({"interval": option.interval} if isinstance(option, Real) else {})}
    return {"name": option.name, **kind, "default": option.default, "doc": option.doc}


def schedule_document(schedule: Schedule) -> dict[str, Any]:
    """One schedule's metadata; its equation, which depends on the options, stands in each fixture."""
    return {
        "title": schedule.title,
        "doc": schedule.doc,
        "sources": list(schedule.sources),
        "witness": schedule.witness,
        "options": [_schedule_option(option) for option in schedule.options],
        "constraints": [constraint.text for constraint in schedule.constraints],
    }


def _schedule_option(option: Option) -> dict[str, Any]:
    out: dict[str, Any] = {"name": option.name, "type": type(option).__name__.lower(), "doc": option.doc}
    if isinstance(option, Number | Whole):
        out["interval"] = option.interval
    if isinstance(option, Choice):
        out["values"] = list(option.values)
    return out if option.default is REQUIRED else {**out, "default": option.default}


def ecosystem_document(ecosystem: Ecosystem, quirk_cases: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """One library: its classes, names, defaults and quirks, each with the cases on which it bears."""
    return {
        "title": ecosystem.title,
        "language": ecosystem.language,
        "package": ecosystem.package,
        "classes": {binding.name: binding_document(binding) for binding in ecosystem.bindings},
        "schedules": {binding.name: binding_document(binding) for binding in ecosystem.schedules},
        "quirks": {quirk.id: {**quirk_document(quirk), "cases": list(quirk_cases[quirk.id])} for quirk in ecosystem.quirks},
    }


_UNTOLD = ("name", "counts", "early", "constructor")
"""What only a class made after another one needs to know of it."""


def binding_document(binding: Binding) -> dict[str, Any]:
    """One foreign class."""
    data = {key: value for key, value in asdict(binding).items() if key not in _UNTOLD}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}


def quirk_document(quirk: Quirk) -> dict[str, Any]:
    """One quirk, without the condition, which is code."""
    return {
        "title": quirk.title,
        "kind": quirk.kind,
        "classes": list(quirk.bindings),
        "effects": [{"type": type(effect).__name__, **asdict(effect)} for effect in quirk.effects],
        "upstream": quirk.upstream,
        "versions": quirk.versions,
        "issue": quirk.issue,
        "advice": quirk.advice,
    }
