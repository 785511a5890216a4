"""Refusal cases over the protocol: an optimizer or a schedule is made, no step is taken; the answers, and their recording."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from crossoptim.check.refusals import Reaction, RefusalJudge
from crossoptim.golden.fixture import read_checked
from crossoptim.golden.json_text import pretty
from crossoptim.golden.refusals.case import RefusalCase, ScheduleRefusalCase
from crossoptim.runners import schedules
from crossoptim.runners.base import Answer
from crossoptim.runners.registry import Implementation
from crossoptim.runners.request import PROTOCOL
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.model import Binding
from crossoptim.spec.refusals import ADMISSIBLE, PARAMS, UNKNOWN, InputQuirk, Probe, said
from crossoptim.spec.schedule import BASE

RECORDED_SCHEMA = "crossoptim/recorded-refusals/1"
_EVALUATORS = ("base-r",)  # what makes no optimizers
_STEPS = 2  # of an optimizer that should not be there
_SHAPE = (2, 2)
_OBJECTIVE = {"statements": [["loss", "sum(x * x) + sum(y * y)"]], "data": {}}
Run = Callable[[dict[str, Any]], Answer]
Reactions = Mapping[str, Reaction]
"""By the probes' ids."""


def binding_of(implementation: Implementation, case: RefusalCase) -> Binding | None:
    """The class that is to be made; None where there is none, or none is needed."""
    if isinstance(case, ScheduleRefusalCase):
        return schedules.binding_of(implementation, case.example.schedule)
    return implementation.binding(case.base)


def judge_of(implementation: Implementation, case: RefusalCase, ignored: frozenset[str] | set[str] = frozenset()) -> RefusalJudge:
    """The judge of one implementation's constructor."""
    binding = binding_of(implementation, case)
    if implementation.ecosystem and binding:
        ecosystem = get_ecosystem(implementation.ecosystem)
        known = (q for q in ecosystem.quirks if isinstance(q, InputQuirk) and binding.name in q.bindings)
        if implementation.imitates == "mended":  # what has no default in the library has none here, and its words are its own
            spelled, missing = {binding.args[foreign] for foreign in binding.spellings}, [q for q in known if q.kinds == ("default",)]
            return RefusalJudge(case, binding, missing, lambda probe: "" if probe.option in spelled else _sentence(probe))
        quirks = [q for q in known if q.id not in ignored and implementation.name in (q.implementations or (implementation.name,))]
        return RefusalJudge(case, binding, quirks, lambda probe: said(ecosystem.refusals, binding, probe))
    own = implementation.module is not None and not implementation.ecosystem
    return RefusalJudge(case, messages=_sentence if own else lambda _: "")


def _sentence(probe: Probe) -> str:
    """Of our own implementations: the specification's sentence, as far as it is about values."""
    return {"unknown": UNKNOWN, "empty": "", "twice": ""}.get(probe.kind, probe.refusal)


def unsupported(implementation: Implementation, case: RefusalCase) -> str | None:
    """Why an implementation cannot be asked, or None."""
    if isinstance(case, ScheduleRefusalCase) and implementation.name not in schedules.SPEAKERS:
        return f"{implementation.name} has no schedules"
    if implementation.ecosystem and binding_of(implementation, case) is None:
        return f"no class implements {case.topic}"
    if implementation.name in _EVALUATORS:
        return "it makes no optimizers: it evaluates equations that others have checked"
    return None


def react(implementation: Implementation, case: RefusalCase, run: Run) -> Reactions:
    """Try every probe."""
    return {probe.id: _react(implementation, case, probe, run) for probe in case.probes}


def _react(implementation: Implementation, case: RefusalCase, probe: Probe, run: Run) -> Reaction:
    binding = binding_of(implementation, case)
    if binding and (missing := _missing(binding, probe)):
        return Reaction("unsupported", f"{binding.name} has no argument for {missing}")
    if binding and implementation.own and probe.kind == "default" and (needed := [a for a in binding.args if a not in binding.defaults]):
        return Reaction("unsupported", f"{binding.name} has no default for {', '.join(needed)}")
    answer = run(request(implementation, case, probe))
    if answer["outcome"] == "unsupported":
        known = probe.kind == "unknown" and UNKNOWN in answer["reason"]
        return Reaction("refused" if known else "unsupported", answer["reason"])
    if answer["outcome"] == "error":
        return Reaction("refused", _said(answer))
    if probe.kind in ADMISSIBLE:
        return Reaction("accepted")
    return Reaction("accepted", later=_later(run(request(implementation, case, probe, _STEPS))))


def _missing(binding: Binding, probe: Probe) -> str | None:
    """An option of the probe that the class has no argument for."""
    needed = (name for name in probe.values if name != UNKNOWN and not (name == "lr" and probe.option != "lr"))
    return next((name for name in needed if not binding.foreign(name)), None)


def _later(answer: Answer) -> str:
    if answer["outcome"] != "ok":
        return _said(answer)
    columns, first = (answer["rates"], 0) if "rates" in answer else (answer["trajectory"]["params"], 1)
    for name, rows in columns.items():
        for step, row in enumerate(rows, first):
            if not all(isinstance(v, int | float) and math.isfinite(v) for v in (row if isinstance(row, list) else [row])):
                return f"{name} is not finite after step {step}"
    return ""


def _said(answer: Answer) -> str:
    """An error in one line, without the harness's own word for this stage; file names and the like follow in later lines."""
    message = str(answer.get("message", answer.get("reason", "")))
    for stage in ("making the optimizer: ", "constructing: ", "evaluating: "):
        message = message.removeprefix(stage)
    first = " ".join(message.split("\n")[:2]) if message.startswith("!") else message.split("\n")[0]
    return f"{answer.get('class', 'error')}: {first}"


def request(implementation: Implementation, case: RefusalCase, probe: Probe, steps: int = 0) -> dict[str, Any]:
    """The request that makes the optimizer or schedule, and then takes no step, or some."""
    if isinstance(case, ScheduleRefusalCase):
        return _schedule_request(implementation, case, probe, steps)
    setting, binding = case.base, implementation.binding(case.base)
    closure = setting.rule.kind == "closure"
    switches = {} if binding else {s.name: setting.values[s.name] for s in setting.rule.switches}
    groups = [
        {"params": list(params), "arguments": _arguments({**switches, **probe.values, **own}, setting.values, binding)}
        for params, own in probe.groups
    ]
    rows = [[float(k) for k in range(1, 1 + math.prod(_SHAPE))]] * steps
    return {
        "command": "run",
        "protocol": PROTOCOL,
        "implementation": implementation.name,
        "case": f"{case.id}/{probe.id}",
        "mode": "closed" if closure else "replay",
        "dtype": case.dtype,
        "steps": steps,
        "params": [{"name": name, "shape": list(_SHAPE), "data": [1.0, 2.0, 3.0, 4.0]} for name in PARAMS],
        "optimizer": {"name": binding.name if binding else setting.rule.name, "groups": groups, "state": {}, "closure": closure},
        "events": [],
        **({"objective": _OBJECTIVE} if closure else {"gradients": dict.fromkeys(PARAMS, rows)}),
    }


def _schedule_request(implementation: Implementation, case: ScheduleRefusalCase, probe: Probe, steps: int) -> dict[str, Any]:
    """The example's request, with one argument changed or left out."""
    example = replace(case.example, id=f"{case.id}/{probe.id}", steps=steps, events=(), metrics=case.example.metrics[:steps])
    out = schedules.request(implementation, example)
    binding = binding_of(implementation, case)
    arguments = {key: value for key, value in out["schedule"]["arguments"].items() if key in _set_by(case, binding)}
    foreign = (binding.foreign(probe.option) if binding else None) or probe.option
    arguments.pop(foreign, None)
    new = {} if probe.kind == "missing" else {foreign: probe.value}
    return {**out, "schedule": {**out["schedule"], "arguments": {**arguments, **new}}}


def _set_by(case: ScheduleRefusalCase, binding: Binding | None) -> set[str]:
    return {(binding.foreign(name) if binding else None) or name for name in (*case.given, BASE.name)}


def _arguments(values: Mapping[str, Any], defaults: Mapping[str, Any], binding: Binding | None) -> dict[str, Any]:
    """What is set, in the foreign vocabulary; the other parts of a vector have their defaults."""
    if binding is None:
        return dict(values)
    out: dict[str, Any] = {}
    for foreign, ours in binding.args.items():
        if isinstance(ours, str) and ours in values:
            out[foreign] = values[ours]
        elif not isinstance(ours, str) and any(key in values for key in ours):
            rest = binding.defaults.get(foreign) or [defaults[key] for key in ours]
            out[foreign] = [values.get(key, default) for key, default in zip(ours, rest, strict=True)]
    return {**out, UNKNOWN: values[UNKNOWN]} if UNKNOWN in values else out


def record_text(case: RefusalCase, reactions: Reactions) -> str:
    """A recording as text: a line a probe."""
    probes = {name: {k: v for k, v in asdict(reaction).items() if v} for name, reaction in reactions.items()}
    return pretty({"schema": RECORDED_SCHEMA, "case": case.id, "probes": probes}) + "\n"


def load_recorded(path: Path, expected_sha256: str | None = None) -> Reactions | None:
    """The recorded reactions, or None where the case was not recorded; raises :class:`FixtureError` for a file that is not one."""
    if not path.exists():
        return None
    data = read_checked(path, RECORDED_SCHEMA, "recorded-refusals", expected_sha256, "record again: crossoptim record")
    return {name: Reaction(**reaction) for name, reaction in data["probes"].items()}
