"""Fixture files of schedules: a case and its rates as JSON, checked on the way in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossoptim.errors import CrossoptimError, FixtureError
from crossoptim.golden.fixture import read_checked
from crossoptim.golden.json_text import pretty, read_number
from crossoptim.golden.schedules.case import ScheduleCase, ScheduleEvent
from crossoptim.golden.schedules.rates import Rates

SCHEMA = "crossoptim/schedule/1"


def to_text(case: ScheduleCase, rates: Rates) -> str:
    """The fixture file of a case."""
    return pretty(as_json(case, rates)) + "\n"


def as_json(case: ScheduleCase, rates: Rates) -> dict[str, Any]:
    """The fixture of a case as plain data."""
    return {
        "schema": SCHEMA,
        "id": case.id,
        "comment": case.comment,
        "flags": list(case.flags),
        "schedule": case.schedule,
        "optimizer": case.optimizer_name,
        "steps": case.steps,
        "hyper": plain(case.hyper),
        "groups": [plain(group) for group in case.groups],
        "events": [_event(event) for event in case.events],
        "metrics": list(case.metrics),
        "positions": list(case.positions),
        "settings": [{"values": setting.as_json(), "equation": setting.text()} for setting in case.settings],
        "rates": rates.columns,
    }


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON holds them."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def _event(event: ScheduleEvent) -> dict[str, Any]:
    out: dict[str, Any] = {"kind": event.kind, "step": event.step}
    return {**out, "group": event.group, "lr": event.lr} if event.kind == "set" else out


def load(path: Path, expected_sha256: str | None = None) -> tuple[ScheduleCase, Rates]:
    """Read a fixture and check everything that it claims.

    Raises:
        FixtureError: truncated, another schema version, a hash that is not the manifest's, an equation that is not the specification's, or
            a wrong number of rows or columns; the message names the file and the place.
    """
    data = read_checked(path, SCHEMA, "schedule", expected_sha256, "regenerate with: crossoptim export")
    try:
        case = ScheduleCase(
            id=data["id"],
            schedule=data["schedule"],
            hyper=data["hyper"],
            groups=tuple(data["groups"]),
            steps=data["steps"],
            comment=data["comment"],
            optimizer_name=data["optimizer"],
            events=tuple(ScheduleEvent(**event) for event in data["events"]),
            metrics=tuple(read_number(value) for value in data["metrics"]),
            positions=tuple(data["positions"]),
            flags=tuple(data["flags"]),
        )
        known = [setting.text() for setting in case.settings]
    except (CrossoptimError, KeyError, TypeError, ValueError) as error:
        raise FixtureError(f"{path}: {error}") from None
    if [setting["equation"] for setting in data["settings"]] != known:
        raise FixtureError(f"{path}: its equation is not the specification's (regenerate with: crossoptim export)")
    return case, read_rates(data["rates"], case, str(path))


def read_rates(given: Any, case: ScheduleCase, where: str, optional: tuple[str, ...] = ()) -> Rates:
    """Rows of numbers, one a step and group; an ``optional`` column may be null or left out.

    Raises:
        FixtureError: naming the column, the step, what came and what was expected.
    """
    if not isinstance(given, dict):
        raise FixtureError(f"{where}: rates: not a table (expected one column an output)")
    out = Rates()
    for key, table in given.items():
        if table is None and key in optional:
            continue
        if not isinstance(table, list) or len(table) != case.steps + 1:
            got = len(table) if isinstance(table, list) else type(table).__name__
            raise FixtureError(f"{where}: {key}: {got} rows (expected {case.steps + 1}, one a step, 0 first)")
        out.columns[key] = [_row(row, len(case.groups), f"{where}: {key}, step {t}") for t, row in enumerate(table)]
    if "lr" not in out.columns:
        raise FixtureError(f"{where}: lr is missing")
    return out


def _row(row: Any, count: int, where: str) -> list[float]:
    row = row if isinstance(row, list) else [row]  # R unboxes a row of one
    if len(row) != count:
        raise FixtureError(f"{where}: {len(row)} numbers (expected {count}, one a group)")
    try:
        return [read_number(value) for value in row]
    except ValueError as error:
        raise FixtureError(f"{where}: {error}") from None
