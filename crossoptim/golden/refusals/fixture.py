"""Fixture files of refusals: the probes as JSON, checked on the way in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossoptim.errors import FixtureError
from crossoptim.golden.fixture import read_checked
from crossoptim.golden.json_text import pretty
from crossoptim.golden.refusals.case import RefusalCase, ScheduleRefusalCase, all_refusal_cases
from crossoptim.spec.refusals import ONE_GROUP, Probe

SCHEMA = "crossoptim/refusals/1"


def to_text(case: RefusalCase) -> str:
    """The fixture file of a case."""
    return pretty(as_json(case)) + "\n"


def as_json(case: RefusalCase) -> dict[str, Any]:
    """The fixture of a case as plain data."""
    return {
        "schema": SCHEMA,
        "id": case.id,
        **_subject(case),
        "given": case.given,
        "probes": [_probe(probe, case.given) for probe in case.probes],
    }


def _subject(case: RefusalCase) -> dict[str, Any]:
    if isinstance(case, ScheduleRefusalCase):
        return {"schedule": case.example.schedule}
    switches = {switch.name: case.base.values[switch.name] for switch in case.base.rule.switches}
    return {"optimizer": case.topic, "rule": case.base.rule.name, "switches": switches}


def _probe(probe: Probe, shared: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in probe.values.items() if key not in shared or key == probe.option}
    out: dict[str, Any] = {"id": probe.id, "kind": probe.kind, "set": own}
    if probe.groups != ONE_GROUP:
        out["groups"] = [{"params": list(params), "set": dict(values)} for params, values in probe.groups]
    return {**out, "refusal": probe.refusal} if probe.refusal else out


def load(path: Path, expected_sha256: str | None = None) -> tuple[RefusalCase, None]:
    """Read a fixture and check that it is what the specification says; it has no trajectory.

    Raises:
        FixtureError: truncated, another schema version, a hash that is not the manifest's, or probes that are not the specification's.
    """
    data = read_checked(path, SCHEMA, "refusals", expected_sha256, "regenerate with: crossoptim export")
    case = all_refusal_cases().get(data.get("id", ""))
    if case is None or json.loads(to_text(case)) != data:
        raise FixtureError(f"{path}: not what the specification refuses (regenerate with: crossoptim export)")
    return case, None
