"""``crossoptim serve`` judges trajectories that others ran."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crossoptim.golden.cases import get_case
from crossoptim.golden.fixture import validate
from crossoptim.golden.json_text import compact
from crossoptim.golden.trajectory import golden
from crossoptim.runners.recorded import folders, load
from crossoptim.runners.serve import Server

FIXTURES = Path(__file__).parents[1] / "fixtures"
CASE = "sgd/decay_momentum-ravine-f64"


def ask(**fields: Any) -> dict[str, Any]:
    """The answer of a fresh server, through text; the request may leave out what is the usual."""
    request = {"command": "judge", "protocol": 1, "case": CASE, "implementation": "r-torch", "mode": "replay", **fields}
    answer: dict[str, Any] = json.loads(str(Server().line(compact(request))))
    return answer


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    """What R torch did, whose weight decay adds the parameter's position."""
    case = get_case(CASE)
    answer: dict[str, Any] = load(folders(FIXTURES, "r-torch")[-1], case, golden(case))["replay"]["trajectory"]
    return answer


def test_a_known_quirk_explains_the_library_that_has_it(recorded: dict[str, Any]) -> None:
    answer = ask(trajectory=recorded)
    assert answer == {
        "outcome": "ok",
        "verdict": "documented",
        "expected": True,
        "quirks": ["r-torch/sgd/weight-decay-adds-index"],
        "findings": [],
        "notes": [],
    }


@pytest.mark.parametrize("implementation", [None, "r-torch-ignite"])
def test_without_it_the_first_element_is_named(recorded: dict[str, Any], implementation: str | None) -> None:
    answer = ask(trajectory=recorded, implementation=implementation)
    (finding,) = answer["findings"]
    assert (answer["verdict"], answer["expected"], answer["quirks"]) == ("diverges", False, [])
    assert (finding["step"], finding["tensor"], finding["element"], finding["got"]) == (1, "params/x", [0], recorded["params"]["x"][0][0])
    assert answer["notes"][0].startswith("step 1, params/x[0]: ")
    assert answer["diagnosis"].startswith("it matches if the parameter in weight_decay * p is replaced by the parameter's 1-based index")


def test_an_exact_trajectory_is_exact() -> None:
    case = get_case("sgd/plain-ravine-f64")
    run = golden(case)
    rows = {"x": [row.tolist() for row in run.params["x"] if row is not None]}
    grads = {"x": [row.tolist() for row in run.grads["x"] if row is not None]}
    trajectory = {"params": rows, "gradients": grads, "gradients_after": grads, "state": {}}
    assert ask(case=case.id, implementation=None, trajectory=trajectory)["verdict"] == "exact"
    rows["x"][3][1] = float("nan")
    answer = ask(case=case.id, implementation=None, trajectory=trajectory)
    assert (answer["verdict"], answer["findings"][0]["got"], answer["findings"][0]["ulps"]) == ("diverges", "NaN", "Inf")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"case": "sgd/nothing"}, "nothing"),
        ({"implementation": "no-torch"}, "no-torch"),
        ({"mode": "open"}, "mode 'open'"),
        ({"trajectory": None}, "no trajectory"),
        ({"trajectory": {"params": {"x": [[0.0, 0.0]]}}}, "1 rows (expected 30 rows, one a step)"),
    ],
)
def test_what_cannot_be_judged_is_refused(recorded: dict[str, Any], fields: dict[str, Any], message: str) -> None:
    answer = ask(**{"trajectory": recorded, **fields})
    assert answer["outcome"] == "error"
    assert message in answer["message"]
    assert "traceback" not in answer


def test_request_and_answer_follow_the_schema(recorded: dict[str, Any]) -> None:
    request = {"command": "judge", "case": CASE, "implementation": None, "mode": "replay", "trajectory": recorded}
    validate(request, "protocol", Path("request"))
    validate(ask(trajectory=recorded, implementation=None), "protocol", Path("answer"))
