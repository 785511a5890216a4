"""Schedule cases and the protocol's ``schedule``: the request for one implementation, its answer, and its recording."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crossoptim.check.schedules import ScheduleJudge
from crossoptim.check.verdict import Judgement
from crossoptim.errors import CrossoptimError, FixtureError
from crossoptim.golden.fixture import read_checked
from crossoptim.golden.json_text import compact, pretty
from crossoptim.golden.schedules.case import OPTIMIZERS, START_MOMENTUM, ScheduleCase
from crossoptim.golden.schedules.fixture import read_rates
from crossoptim.golden.schedules.rates import Rates
from crossoptim.runners.base import Answer
from crossoptim.runners.recorded import SAME, moved, shorter
from crossoptim.runners.registry import Implementation
from crossoptim.runners.request import PROTOCOL
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.model import Binding, Setting
from crossoptim.spec.rules import resolve
from crossoptim.spec.schedule import BASE, Children, Formula, Option, Schedule, ScheduleQuirk, ScheduleSetting
from crossoptim.spec.schedules import get_schedule

RECORDED_SCHEMA = "crossoptim/recorded-schedule/1"
SPEAKERS = ("reference", "torch-single", "r-torch", "rtorch", "rtorch-0.17")
"""The implementations whose schedules are judged: of PyTorch's paths one, since no schedule depends on the path."""


def binding_of(implementation: Implementation, schedule: str) -> Binding | None:
    """The foreign class of a schedule; None where there is none, or none is needed."""
    if implementation.ecosystem is None:
        return None
    return next((b for b in get_ecosystem(implementation.ecosystem).schedules if b.rule == schedule), None)


def quirks_of(implementation: Implementation, schedule: str) -> list[ScheduleQuirk]:
    """The known departures of the class that a schedule is run with."""
    binding = binding_of(implementation, schedule)
    if binding is None or implementation.ecosystem is None or implementation.imitates == "mended":
        return []
    return [q for q in get_ecosystem(implementation.ecosystem).quirks if isinstance(q, ScheduleQuirk) and binding.name in q.bindings]


def unsupported(implementation: Implementation, case: ScheduleCase) -> str | None:
    """Why an implementation cannot run a case, or None."""
    if implementation.name not in SPEAKERS:
        return f"schedules are asked of {', '.join(SPEAKERS)}"
    if implementation.ecosystem is None:
        return None
    binding = binding_of(implementation, case.schedule)
    if binding is None:
        return f"no class implements the schedule {case.schedule}"
    if case.positions and "positions" not in binding.switches:
        return f"{binding.name} cannot be told where to go"
    for option in get_schedule(case.schedule).options:
        changed = any(setting.values[option.name] != option.default for setting in case.settings)
        if changed and option.name not in binding.args.values():
            return f"{binding.name} has no argument for {option.name}"
    return None


def request(implementation: Implementation, case: ScheduleCase) -> dict[str, Any]:
    """The ``schedule`` request of a case, in the implementation's vocabulary."""
    name, options = _optimizer(implementation, case)
    out = {
        "command": "schedule",
        "protocol": PROTOCOL,
        "implementation": implementation.name,
        "case": case.id,
        "optimizer": {"name": name, "arguments": options},
        "lrs": [setting.values[BASE.name] for setting in case.settings],
        "schedule": _foreign(implementation, get_schedule(case.schedule), case.settings),
        "steps": case.steps,
        "events": [{"kind": e.kind, "step": e.step, **({"group": e.group, "lr": e.lr} if e.kind == "set" else {})} for e in case.events],
    }
    given = {"metrics": list(case.metrics), "positions": list(case.positions)}
    return {**out, **{key: values for key, values in given.items() if values}}


def _optimizer(implementation: Implementation, case: ScheduleCase) -> tuple[str, dict[str, Any]]:
    """The optimizer that the schedule is hung on, with the options that a schedule may move."""
    given = OPTIMIZERS[case.optimizer_name]
    setting: Setting = resolve(case.optimizer_name, dict(given))
    binding = implementation.binding(setting)
    if binding is None:
        return case.optimizer_name, dict(given)
    options: dict[str, Any] = {}
    for foreign, ours in binding.args.items():
        if isinstance(ours, str) and ours in given:
            options[foreign] = given[ours]
        elif not isinstance(ours, str) and set(ours) <= set(given):
            options[foreign] = [given[key] for key in ours]
    return binding.name, options


def _foreign(implementation: Implementation, schedule: Schedule, settings: tuple[ScheduleSetting, ...]) -> dict[str, Any]:
    binding = binding_of(implementation, schedule.name)
    ours = {option.name: option for option in (BASE, *schedule.options)}
    names = binding.args if binding else {option.name: option.name for option in schedule.options}
    arguments = {}
    for foreign, own in names.items():
        option = ours[str(own)]
        values = [_argument(implementation, option, setting.values[option.name]) for setting in settings]
        if values[0] is not None:
            arguments[foreign] = values[0] if all(v == values[0] for v in values) else values
    return {"name": binding.name if binding else schedule.name, "arguments": arguments}


def _argument(implementation: Implementation, option: Option, value: Any) -> Any:
    if isinstance(option, Formula) and value is not None:
        return {"formula": value}
    if isinstance(option, Children):
        return {"schedules": [_foreign(implementation, child.schedule, (child,)) for child in value]}
    return list(value) if isinstance(value, tuple) else value


def judgement(case: ScheduleCase, golden: Rates, quirks: list[ScheduleQuirk], answer: Answer, name: str) -> Judgement:
    """The verdict on an answer."""
    judge = ScheduleJudge(case, golden, quirks)
    if answer["outcome"] == "unsupported":
        return Judgement("unsupported", True, answer["reason"])
    if answer["outcome"] == "error":
        return judge.raised(f"{answer.get('class', 'error')}: {answer.get('message', '')}")
    try:
        return judge.judge(read_answer(answer, case, f"answered nonsense: {name}, {case.id}"))
    except CrossoptimError as error:
        return Judgement("raises", False, str(error))


def read_answer(answer: Mapping[str, Any], case: ScheduleCase, where: str) -> Rates:
    """Check an answer's structure against the case; raises :class:`FixtureError` naming the place."""
    return read_rates(answer.get("rates"), case, where, optional=("momentum",))


def record_text(case: ScheduleCase, golden: Rates, answer: Answer) -> str:
    """A recording as text: a row that equals the golden one is ``"="``, one near it its distances."""
    run: dict[str, Any] = {key: answer[key] for key in ("outcome", "reason", "class", "message") if key in answer}
    if answer["outcome"] == "ok":
        rates = json.loads(compact(read_answer(answer, case, case.id).columns))
        run["rates"] = {
            key: [shorter(row, near) for row, near in zip(rows, _near(golden, key, case), strict=True)] for key, rows in rates.items()
        }
    return pretty({"schema": RECORDED_SCHEMA, "case": case.id, "run": run}) + "\n"


def load_recorded(path: Path, case: ScheduleCase, golden: Rates, expected_sha256: str | None = None) -> Answer | None:
    """The recorded answer, or None where the case was not recorded; raises :class:`FixtureError` for a file that is not one."""
    if not path.exists():
        return None
    data = read_checked(path, RECORDED_SCHEMA, "recorded-schedule", expected_sha256, "record again: crossoptim record")
    run: Answer = data["run"]
    if run["outcome"] != "ok":
        return run
    for key, rows in run["rates"].items():
        near = _near(golden, key, case)
        if len(rows) != len(near):
            raise FixtureError(f"{path}: {key}: {len(rows)} rows (expected {len(near)})")
        for t, row in enumerate(rows):
            if isinstance(row, str):
                base = near[t]
                if row != SAME and len(row.split()) != base.size:
                    raise FixtureError(f"{path}: {key}, step {t}: {row!r} does not fit the golden row")
                rows[t] = moved(base, row).tolist()
    return run


def _near(golden: Rates, key: str, case: ScheduleCase) -> list[Any]:
    """The golden rows; of a momentum that the schedule leaves alone, what it began with."""
    rows = golden.columns.get(key, [[START_MOMENTUM] * len(case.groups)] * (case.steps + 1))
    return [np.asarray(row, dtype=np.float64) for row in rows]
