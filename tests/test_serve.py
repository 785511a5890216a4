"""``crossoptim serve``: Python's optimizers for any language, line by line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import pytest

from crossoptim.golden.case import Case
from crossoptim.golden.json_text import compact
from crossoptim.golden.row import flat
from crossoptim.golden.trajectory import golden
from crossoptim.runners.registry import IMPLEMENTATIONS, get_implementation
from crossoptim.runners.serve import Server, serve

LOCAL = [name for name, i in IMPLEMENTATIONS.items() if i.module and not i.imitates]
CASE = Case("adam/serve", "adam", {"lr": 0.25, "beta1": 0.5, "beta2": 0.75, "eps": 0.5}, "injected", "float64", "", steps=6)
GOLDEN = golden(CASE)
OPEN = {
    "command": "open",
    "optimizer": "adam",
    "arguments": dict(CASE.hyper),
    "dtype": "float64",
    "params": [{"name": p.name, "shape": list(p.shape), "data": list(p.start)} for p in CASE.problem.params],
}


class Client:
    """Speaks to a server through text, as another process would."""

    def __init__(self) -> None:
        self.server = Server()

    def __call__(self, **message: Any) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(str(self.server.line(compact(message))))
        return answer

    def opened(self, implementation: str, **changes: Any) -> int:
        answer = self(**{**OPEN, "implementation": implementation, **changes})
        assert answer["outcome"] == "ok", answer
        return int(answer["session"])


@pytest.fixture
def client() -> Client:
    """A client of a fresh server."""
    return Client()


def gradients(step: int) -> dict[str, Any]:
    """The golden gradients of a step as rows."""
    return {name: flat(rows[step - 1]) for name, rows in GOLDEN.grads.items()}


def assert_golden(answer: dict[str, Any], step: int, rel: float) -> None:
    """Parameters and state after ``step``."""
    assert answer["outcome"] == "ok", answer
    for name, rows in GOLDEN.params.items():
        assert answer["params"][name] == pytest.approx(flat(rows[step - 1]), rel=rel, abs=0)
        for var, held in GOLDEN.state[name].items():
            assert answer["state"][name][var] == pytest.approx(flat(held[step - 1]), rel=rel, abs=0)


@pytest.mark.parametrize("implementation", LOCAL)
def test_an_optimizer_is_driven_step_by_step(client: Client, implementation: str) -> None:
    session = client.opened(implementation)
    for step in range(1, CASE.steps + 1):
        answer = client(command="step", session=session, gradients=gradients(step))
        assert answer["step"] == step
        assert_golden(answer, step, rel=0 if implementation == "reference" else 1e-13)
    assert client(command="close", session=session) == {"outcome": "ok"}
    assert client(command="state", session=session)["message"] == "state: session 1 is not open (open: none)"


@pytest.mark.parametrize("target", LOCAL)
@pytest.mark.parametrize("source", LOCAL)
def test_state_moves_between_implementations_mid_run(client: Client, source: str, target: str) -> None:
    first, second = client.opened(source), client.opened(target)
    for step in (1, 2, 3):
        client(command="step", session=first, gradients=gradients(step))
    saved = client(command="state", session=first)
    assert saved["count"] == dict.fromkeys(GOLDEN.params, 3)
    loaded = client(command="load", session=second, count=saved["count"], params=saved["params"], state=saved["state"])
    assert loaded == {"outcome": "ok"}
    for step in (4, 5, 6):
        answer = client(command="step", session=second, gradients=gradients(step))
        assert answer["step"] == step
        assert_golden(answer, step, rel=1e-12)


def test_a_parameter_without_a_gradient_stays_and_is_not_counted(client: Client) -> None:
    session = client.opened("crossoptim")
    answer = client(command="step", session=session, gradients={**gradients(1), "matrix": None})
    assert answer["params"]["matrix"] == list(CASE.problem.params[0].start)
    assert answer["state"]["matrix"] == {}
    assert client(command="state", session=session)["count"] == {"matrix": 0, "vector": 1, "scalar": 1}


def test_presets_and_switches_are_the_specifications(client: Client) -> None:
    arguments = {"lr": 0.1, "eps_placement": "inside"}
    assert client.opened("crossoptim", optimizer="adamw", arguments=arguments)
    answer = client(**{**OPEN, "implementation": "torch-single", "optimizer": "adamw", "arguments": arguments})
    assert answer == {"outcome": "unsupported", "reason": "torch-single: no class implements adam with these switches"}


def test_a_whole_case_runs_over_a_stream_and_end_of_input_ends_it() -> None:
    request = get_implementation("reference").request(CASE, GOLDEN, "replay")
    answers = io.StringIO()
    serve(io.StringIO(compact(request) + "\n\n" + compact({"command": "describe", "implementation": "reference"}) + "\n"), answers)
    ran, described = map(json.loads, answers.getvalue().splitlines())
    assert ran["trajectory"]["params"]["vector"] == [flat(row) for row in GOLDEN.params["vector"]]
    assert described["protocol"] == 1 and described["implementation"] == "reference"


def test_nothing_is_answered_after_stop() -> None:
    answers = io.StringIO()
    serve(io.StringIO('{"command": "stop"}\n{"command": "describe", "implementation": "reference"}\n'), answers)
    assert answers.getvalue() == ""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "request: not JSON"),
        ('{"command": "run"', "request: not JSON"),
        ("[" * 100_000, "request: not JSON"),
        ("[1]", "request: list (expected a JSON object)"),
        ("{}", "command None is unknown"),
        ('{"command": ["run"]}', "command ['run'] is unknown"),
        ('{"command": "fly"}', "command 'fly' is unknown (expected one of describe, run,"),
        ('{"command": "describe"}', "describe: the field 'implementation' is missing"),
        ('{"command": "describe", "implementation": "nobody"}', "runner 'nobody' does not exist"),
        ('{"command": "describe", "implementation": []}', "describe: "),
        ('{"command": "run", "implementation": "reference"}', "the field 'optimizer' is missing"),
        ('{"command": "open", "implementation": "reference", "arguments": {}}', "open: the field 'optimizer' is missing"),
        ('{"command": "step", "session": 7, "gradients": {}}', "session 7 is not open"),
        ('{"command": "step", "session": [7], "gradients": {}}', "session [7] is not open"),
    ],
)
def test_bad_input_is_answered_with_an_error(line: str, message: str) -> None:
    answer = json.loads(str(Server().line(line)))
    assert answer["outcome"] == "error" and message in answer["message"]
    assert "\n" not in answer["message"]


@pytest.mark.parametrize("implementation", LOCAL)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "adamm"}, "optimizer 'adamm' does not exist (did you mean"),
        ({"arguments": {"lr": -1.0}}, "adam: lr = -1.0 is outside [0, inf)"),
        ({"arguments": {"betas": [0.9, 0.99]}}, "adam: 'betas' is not a hyperparameter"),
        ({"dtype": "float16"}, "dtype 'float16' (expected one of float32, float64)"),
        ({"params": [{"name": "x", "shape": [2], "data": [1.0]}]}, "params/x: 1 numbers (expected 2, shape [2])"),
        ({"params": [{"name": "x", "shape": [1], "data": ["one"]}]}, "params/x: 'one' is not a number"),
        ({"params": [{"name": "x", "shape": [1]}]}, "the field 'data' is missing"),
    ],
)
def test_an_open_that_cannot_be_is_one_clear_line(client: Client, implementation: str, changes: dict[str, Any], message: str) -> None:
    answer = client(**{**OPEN, "implementation": implementation, **changes})
    assert answer["outcome"] == "error" and message in answer["message"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"y": [1.0]}, "step: parameter 'y' does not exist"),
        ({"vector": [1.0, 2.0, 3.0]}, "gradients/vector: 3 numbers (expected 2, shape [2])"),
    ],
)
def test_a_bad_step_leaves_the_session_as_it_was(client: Client, given: dict[str, Any], message: str) -> None:
    session = client.opened("crossoptim")
    assert message in client(command="step", session=session, gradients=given)["message"]
    assert_golden(client(command="step", session=session, gradients=gradients(1)), 1, rel=1e-13)


def test_without_torch_the_reference_serves_and_crossoptim_says_what_to_install() -> None:
    requests = [{"command": "describe", "implementation": name} for name in ("crossoptim", "torch-fused", "reference")]
    code = "import sys; sys.modules['torch'] = None; from crossoptim.runners.serve import serve; serve()"
    lines = "".join(compact(r) + "\n" for r in requests)
    done = subprocess.run([sys.executable, "-c", code], input=lines, capture_output=True, text=True, check=True)
    ours, fused, reference = map(json.loads, done.stdout.splitlines())
    assert ours == {"outcome": "unsupported", "reason": "crossoptim: torch is not installed (pip install torch)"}
    assert fused["outcome"] == "unsupported"
    assert reference["outcome"] == "ok"
