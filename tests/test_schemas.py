"""Every file and every message is what its schema says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from crossoptim.golden.cases import all_cases
from crossoptim.golden.fixture import root, schema
from crossoptim.golden.json_text import compact, read
from crossoptim.golden.trajectory import golden
from crossoptim.runners.registry import IMPLEMENTATIONS, local_runner

CASES = ("adam/groups-injected-f32", "sgd/lookahead-ravine-f64", "sgd/accumulate-ravine-f32", "adamw/group-added-injected_1d-f64")


def errors(data: Any, name: str, part: str = "") -> list[str]:
    """What a schema, or one definition of it, finds wrong."""
    whole = schema(name)
    chosen = {"$ref": f"#/$defs/{part}", "$defs": whole["$defs"]} if part else whole
    return [f"{list(e.absolute_path)}: {e.message[:200]}" for e in jsonschema.Draft202012Validator(chosen).iter_errors(data)]


@pytest.mark.parametrize("path", sorted((root() / "schema").glob("*.json")), ids=lambda p: p.stem)
def test_each_schema_is_a_schema(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(read(path))


def test_the_exported_specification_and_the_manifest() -> None:
    assert errors(read(root() / "v1" / "spec.json"), "spec") == []
    assert errors(read(root() / "MANIFEST.json"), "manifest") == []


def test_every_recording() -> None:
    for about in (root() / "v1" / "recorded").glob("*/about.json"):
        assert errors(read(about), "about") == []
        for path in about.parent.rglob("*/*.json"):
            data = read(path)
            assert errors(data, data["schema"].split("/")[1]) == [], path


@pytest.mark.parametrize("case_id", CASES)
@pytest.mark.parametrize("mode", ["replay", "closed", "lockstep"])
def test_requests_and_answers(case_id: str, mode: Any) -> None:
    case = all_cases()[case_id]
    if mode == "closed" and case.problem.value is None:
        mode = "replay"
    request = json.loads(compact(IMPLEMENTATIONS["base-r"].request(case, golden(case), mode)))
    assert errors(request, "protocol", "request") == []
    answer = local_runner("reference").run(IMPLEMENTATIONS["reference"].request(case, golden(case), mode))
    assert answer["outcome"] == "ok"
    assert errors(json.loads(compact(answer)), "protocol", "answer") == []


def test_a_request_without_its_fields_is_refused() -> None:
    assert errors({"command": "run"}, "protocol", "request")
    assert errors({"command": "dance"}, "protocol", "request")
    assert errors({"outcome": "unsupported"}, "protocol", "answer")
