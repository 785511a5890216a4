"""The specification's schedules behind the protocol's ``schedule``: exact values, rounded once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossoptim.golden.json_text import read_number
from crossoptim.golden.schedules.case import ScheduleCase, ScheduleEvent
from crossoptim.golden.schedules.rates import golden
from crossoptim.spec.schedule import BASE
from crossoptim.spec.schedules import get_schedule


def run(request: Mapping[str, Any], at: list[str]) -> dict[str, Any]:
    """The rates before the first step and after each, under the specification's names."""
    at[0] = "reading the request"
    given = request["schedule"]
    own = {o.name for o in get_schedule(given["name"]).options if getattr(o, "per_group", False)}
    options = {key: _option(value) for key, value in given["arguments"].items()}
    split = {key for key, value in options.items() if key in own and isinstance(value, list)}
    groups = [{BASE.name: lr, **{key: options[key][group] for key in split}} for group, lr in enumerate(request["lrs"])]
    case = ScheduleCase(
        id=str(request.get("case", given["name"])),
        schedule=given["name"],
        hyper={key: value for key, value in options.items() if key not in split},
        groups=tuple(groups),
        steps=int(request["steps"]),
        comment="a request",
        optimizer_name=request["optimizer"]["name"],
        events=tuple(ScheduleEvent(**event) for event in request["events"]),
        metrics=tuple(map(read_number, request.get("metrics", ()))),
        positions=tuple(request.get("positions", ())),
    )
    at[0] = "evaluating"
    return dict(golden(case).columns)


def _option(value: Any) -> Any:
    if isinstance(value, list):
        return [_option(v) for v in value]
    if isinstance(value, dict) and "formula" in value:
        return value["formula"]
    if isinstance(value, dict):
        return [{"name": c["name"], "arguments": {k: _option(v) for k, v in c["arguments"].items()}} for c in value["schedules"]]
    return value
