"""What a case does, in short lines of plain text."""

from __future__ import annotations

from typing import Any

from crossoptim.golden.case import Case, Event
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.fixture import plain
from crossoptim.spec.trace import format_setting


def value_text(value: Any) -> str:
    """A value as a reader writes it: ``true``, ``0.1``, ``[1, 2]``, ``step(gamma = 0.1)``."""
    if isinstance(value, dict):
        if "name" not in value:
            return options_text(value)
        return f"{value['name']}({options_text(value['arguments'])})" if value.get("arguments") else str(value["name"])
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def options_text(values: Any) -> str:
    """``lr = 0.1, nesterov = true``."""
    return ", ".join(f"{key} = {value_text(value)}" for key, value in values.items()) or "defaults"


def group_lines(case: Case | ScheduleCase) -> list[str]:
    """One line a parameter group, where there are several or where one has options of its own."""
    if isinstance(case, ScheduleCase):
        return [f"group {number}: {options_text(plain(group))}" for number, group in enumerate(case.groups)]
    if len(case.initial_groups) == 1 and not case.initial_groups[0].hyper:
        return []
    return [
        f"group {number} of {', '.join(group.params)}: {format_setting(case.base.with_values(**group.hyper))}"
        for number, group in enumerate(case.initial_groups)
    ]


def event_lines(case: Case | ScheduleCase) -> list[str]:
    """One line an event."""
    if isinstance(case, ScheduleCase):
        return [f"step {e.step}: {e.kind}" + (f" group {e.group} lr = {e.lr:g}" if e.kind == "set" else "") for e in case.events]
    return [f"step {event.step or 'all'}: {event.kind} {_details(event)}".rstrip() for event in case.events]


def _details(event: Event) -> str:
    what = {"group": event.group if event.kind == "set" else "", "params": ", ".join(event.params), **dict(event.hyper)}
    return ", ".join(f"{key} = {value_text(value)}" for key, value in what.items() if value != "")
