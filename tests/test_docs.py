"""The documentation does what it says: its examples run, its messages are real, its links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pages import HERE, PAGES, blocks

from crossoptim.check.result import Result
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.fixture import root, schema
from crossoptim.golden.json_text import compact
from crossoptim.golden.trajectory import golden
from crossoptim.runners.campaign import Campaign
from crossoptim.runners.registry import Implementation, local_runner

EXAMPLES = HERE / "docs" / "examples"


def run(*words: str, env: dict[str, str] | None = None, where: Path = HERE) -> subprocess.CompletedProcess[str]:
    """Run a program where a reader of the documentation stands: at the top of the checkout, unless it writes a file."""
    given = {**os.environ, "PYTHONPATH": str(HERE), **(env or {})}
    return subprocess.run(words, cwd=where, env=given, capture_output=True, text=True, timeout=60, check=False)


# The adapter of docs/protocol.md


def judged(adapter: Path, cases: Sequence[str], modes: Sequence[str] = ("replay",)) -> list[Result]:
    """Judge an adapter as ``crossoptim check --command`` does."""
    campaign = Campaign(root(), modes=modes, commands=[f"sgd={shlex.join([sys.executable, str(adapter)])}"])
    return campaign.run([(get_case(case), golden(get_case(case))) for case in cases])


PLAIN_SGD = [
    case.id
    for case in all_cases().values()
    if case.rule == "sgd" and all(case.base.values[switch.name] == switch.default for switch in case.base.rule.switches)
]


def test_the_adapter_is_exact_in_every_case_of_the_sgd_that_it_implements() -> None:
    results = judged(EXAMPLES / "adapter.py", PLAIN_SGD)
    assert [r.as_json() for r in results if r.judgement.verdict != "exact"] == []
    kinds = {event.kind for case in PLAIN_SGD for event in get_case(case).events}
    assert kinds == {"set", "add_group", "none", "frozen", "unused", "accumulate", "resume"} and len(results) > 60


@pytest.mark.parametrize(
    "case, mode, lacks",
    [
        ("sgd/lr_inside-ravine-f64", "replay", "momentum_form = lr_inside"),
        ("sgd/plain-ravine-f64", "closed", "mode closed"),
        ("sgd/plain-ravine-f64", "lockstep", "mode lockstep"),
        ("adamw/plain-ravine-f64", "replay", "optimizer adam"),
    ],
)
def test_the_adapter_says_what_it_lacks(case: str, mode: str, lacks: str) -> None:
    found = judged(EXAMPLES / "adapter.py", [case], [mode])[0].judgement
    assert (found.verdict, found.expected, found.reason) == ("unsupported", True, f"this adapter has no {lacks}")


@pytest.mark.parametrize(
    "right, wrong, case, step",
    [
        ('kept = 1.0 if v is None else r(1 - h["dampening"])', "kept = 1.0", "sgd/dampening-ravine-f64", 2),
        ('r(1 - h["dampening"])', '1 - h["dampening"] / 2', "sgd/dampening-ravine-f32", 2),
        ('groups[event["group"]][1].update(event["arguments"])', "pass", "sgd/lr-drops-ravine-f64", 11),
        ("if accumulate else None", "if False else None", "sgd/accumulate-ravine-f64", 8),
    ],
)
def test_an_adapter_with_a_bug_diverges_where_the_bug_bites(tmp_path: Path, right: str, wrong: str, case: str, step: int) -> None:
    text = (EXAMPLES / "adapter.py").read_text(encoding="utf-8")
    assert text.count(right) == 1
    spoiled = tmp_path / "adapter.py"
    spoiled.write_text(text.replace(right, wrong), encoding="utf-8")
    found = judged(spoiled, [case])[0].judgement
    assert found.verdict == "diverges" and found.finding is not None and found.finding.step == step


def test_the_adapter_reports_its_own_errors_and_goes_on() -> None:
    asked = '{"command": "run"}\n{"command": "describe"}\n{"command": "stop"}\n{"command": "describe"}\n'
    lines = subprocess.run(
        [sys.executable, EXAMPLES / "adapter.py"], input=asked, capture_output=True, text=True, timeout=60, check=True
    ).stdout.splitlines()
    assert [json.loads(line)["outcome"] for line in lines] == ["error", "ok"]
    for line in lines:
        assert errors(json.loads(line)) == []


# The messages of docs/protocol.md


def errors(message: Any) -> list[str]:
    """What the schema of the protocol finds wrong with a message."""
    whole = schema("protocol")
    part = {"$ref": f"#/$defs/{'request' if 'command' in message else 'answer'}", "$defs": whole["$defs"]}
    return [e.message for e in jsonschema.Draft202012Validator(part).iter_errors(message)]


MESSAGES = [json.loads(block.text) for block in blocks("docs/protocol.md") if block.language == "json"]
REQUEST, ANSWER = (message for message in MESSAGES if message.get("command") == "run" or "trajectory" in message)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.get("command") or "answer")
def test_every_message_of_the_protocol_page_is_valid(message: dict[str, Any]) -> None:
    assert errors(message) == []


def test_the_run_request_of_the_protocol_page_is_what_a_command_is_sent() -> None:
    case = Case("sgd/example", "sgd", {"lr": 0.0625, "momentum": 0.5}, "parabola", "float64", "", steps=2)
    sent = Implementation("sgd", "sgd", evaluates_specification=True).request(case, golden(case), "replay")
    assert json.loads(compact(sent)) == REQUEST


def test_the_answer_of_the_protocol_page_is_the_reference_s() -> None:
    assert json.loads(compact(local_runner("reference").run(REQUEST))) == ANSWER


def test_the_adapter_answers_the_request_of_the_protocol_page_as_the_reference_does() -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "adapter.py"], input=json.dumps(REQUEST), capture_output=True, text=True, timeout=60, check=True
    )
    trajectory = json.loads(done.stdout)["trajectory"]
    assert {**trajectory, "loss": [None, None]} == ANSWER["trajectory"]


# The readers of docs/fixtures.md


def last_digit_changed(fixture: str, folder: Path) -> str:
    """A copy of a fixture with the last parameter of the last step an ulp away."""
    data = json.loads((HERE / fixture).read_text(encoding="utf-8"))
    row = data["trajectory"]["params"]["x"]["data"][-1]
    row[-1] += abs(row[-1]) * (2**-23 if data["dtype"] == "float32" else 2**-52)
    copy = folder / "changed.json"
    copy.write_text(compact(data), encoding="utf-8")
    return str(copy)


def test_the_python_reader_replays_plain_adam_bit_for_bit(tmp_path: Path) -> None:
    for fixture in ("adam/plain-iris-f32", "adam/beta1_drops-ravine-f64", "adam/plain-injected-f64"):
        found = run(sys.executable, "docs/examples/read_fixture.py", f"fixtures/v1/golden/{fixture}.json")
        assert (found.returncode, found.stderr) == (0, "") and found.stdout.endswith("30 steps, bit for bit\n")
    spoiled = last_digit_changed("fixtures/v1/golden/adam/plain-ravine-f64.json", tmp_path)
    found = run(sys.executable, "docs/examples/read_fixture.py", spoiled)
    assert found.returncode == 1 and "step 30: x" in found.stderr
    found = run(sys.executable, "docs/examples/read_fixture.py", "fixtures/v1/golden/adam/amsgrad-ravine-f64.json")
    assert (found.returncode, found.stderr) == (1, "adam/amsgrad-ravine-f64: adam[amsgrad] (expected adam[])\n")


@pytest.fixture
def rscript() -> tuple[str, dict[str, str]]:
    """R with jsonlite, found as the runners find it, and its environment."""
    places = [os.environ.get("PATH", ""), *([f"{os.environ['R_HOME']}/bin"] if "R_HOME" in os.environ else [])]
    program = shutil.which("Rscript", path=os.pathsep.join(places))
    if not program:
        pytest.skip("R is not installed: no Rscript on PATH or in R_HOME")
    env = {"R_LIBS": os.pathsep.join([str(Path(sys.prefix) / "lib" / "R" / "library"), os.environ.get("R_LIBS", "")])}
    if run(program, "-e", 'quit(status = !requireNamespace("jsonlite"))', env=env).returncode:
        pytest.skip("the R package jsonlite is not installed")
    return program, env


def test_the_r_reader_replays_momentum_bit_for_bit(rscript: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    program, env = rscript
    fixture = "fixtures/v1/golden/sgd/momentum_drops-ravine-f64.json"
    found = run(program, "docs/examples/read_fixture.R", fixture, env=env)
    assert (found.returncode, found.stdout) == (0, "sgd/momentum_drops-ravine-f64: 30 steps, bit for bit\n"), found.stderr
    found = run(program, "docs/examples/read_fixture.R", last_digit_changed(fixture, tmp_path), env=env)
    assert found.returncode and "same(p, golden$params" in found.stderr


# Links


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_to_a_file(page: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", (HERE / page).read_text(encoding="utf-8"))
    # what is generated is on the site alone, whose links test_site.py follows
    inside = [link.partition("#")[0] for link in links if not re.match(r"[a-z]+:|#|generated/", link)]
    assert [link for link in inside if not ((HERE / page).parent / link).exists()] == []
