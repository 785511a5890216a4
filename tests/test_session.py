"""Optimizers that a client drives over the protocol: every rule, groups, questions, what is saved and what is refused."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases
from crossoptim.golden.fixture import schema
from crossoptim.golden.json_text import compact
from crossoptim.golden.row import flat
from crossoptim.golden.trajectory import Trajectory, golden, initial_params
from crossoptim.runners.registry import get_implementation, local_runner
from crossoptim.runners.request import Mode
from crossoptim.runners.serve import Server
from crossoptim.spec.rules import all_rules, resolve

IMPLEMENTATIONS = ("reference", "crossoptim", "torch-single")
X = {"name": "x", "shape": [2], "data": [2.0, -1.0]}
Y = {"name": "y", "shape": [1], "data": [3.0]}
OPEN: dict[str, Any] = {"implementation": "crossoptim", "optimizer": "adam", "arguments": {"lr": 0.25}, "dtype": "float64", "params": [X]}


class Client:
    """Speaks to a server through text, and holds both to the schema."""

    def __init__(self) -> None:
        self.server = Server()
        whole = schema("protocol")
        self.valid = {
            part: jsonschema.Draft202012Validator({"$ref": f"#/$defs/{part}", "$defs": whole["$defs"]}) for part in whole["$defs"]
        }

    def __call__(self, command: str, session: int | None = None, **fields: Any) -> dict[str, Any]:
        text = compact({"command": command, **({} if session is None else {"session": session}), **fields})
        answer: dict[str, Any] = json.loads(str(self.server.line(text)))
        if answer["outcome"] == "ok":
            self.valid["request"].validate(json.loads(text))
        self.valid["answer"].validate(answer)
        return answer

    def opened(self, **changes: Any) -> int:
        answer = self("open", **{**OPEN, **changes})
        assert answer["outcome"] == "ok", answer
        return int(answer["session"])

    def of(self, case: Case, implementation: str) -> int:
        """A session with the groups of a case."""
        params = [{"name": key, "shape": list(value.shape), "data": flat(value)} for key, value in initial_params(case).items()]
        groups = [{"params": list(group.params), "arguments": dict(group.hyper)} for group in case.initial_groups]
        arguments = dict(case.base.values)
        return self.opened(
            implementation=implementation, optimizer=case.rule, arguments=arguments, dtype=case.dtype, params=params, groups=groups
        )


@pytest.fixture
def client() -> Client:
    """A client of a fresh server."""
    return Client()


def some_case(rule: str, implementation: str, dtype: str) -> tuple[Case, Trajectory]:
    """A case without events that the implementation supports, with as much state as there is."""
    found = [
        case
        for case in all_cases().values()
        if case.rule == rule
        and case.dtype == dtype
        and not case.events
        and case.steps >= 6
        and get_implementation(implementation).unsupported(case) is None
    ]
    case = max(found, key=lambda case: (len(case.base.state), len(case.hyper)))
    return case, golden(case)


def ran(case: Case, truth: Trajectory, implementation: str) -> dict[str, Any]:
    """What the same implementation answers to ``run``."""
    mode: Mode = "closed" if case.base.rule.converse else "replay"
    answer = local_runner(implementation).run(get_implementation(implementation).request(case, truth, mode))
    assert answer["outcome"] == "ok", answer
    trajectory: dict[str, Any] = json.loads(compact(answer["trajectory"]))
    return trajectory


def assert_as_ran(answer: dict[str, Any], run: dict[str, Any], step: int) -> None:
    """Parameters and state of a session after ``step``, to the bit."""
    assert answer["outcome"] == "ok", answer
    assert answer["params"] == {name: rows[step - 1] for name, rows in run["params"].items()}
    for name, columns in run["state"].items():
        assert answer["state"][name] == {var: rows[step - 1] for var, rows in columns.items() if rows[step - 1] is not None}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("rule", "implementation"),
    [
        (name, implementation)
        for name, rule in all_rules().items()
        for implementation in IMPLEMENTATIONS
        if not rule.converse and (implementation != "torch-single" or get_implementation(implementation).binding(resolve(name)))
    ],
)
def test_every_rule_is_driven_and_resumed_as_it_runs(client: Client, rule: str, implementation: str, dtype: str) -> None:
    case, truth = some_case(rule, implementation, dtype)
    run = ran(case, truth, implementation)
    session, other = client.of(case, implementation), client.of(case, implementation)
    for step in range(1, case.steps + 1):
        gradients = {name: rows[step - 1] for name, rows in run["gradients"].items()}
        if step % 2:
            answer = client("step", session, gradients=gradients)
        else:
            asked = client("step", session)["evaluate"]
            state = client("state", session)["state"]
            point = case.base.gradient_point
            for name, row in asked.items():
                assert row == (state[name].get(point) if point else None) or row == run["params"][name][step - 2]
                assert not point or row == state[name][point]
            answer = client("evaluated", session, loss=0.5, gradients=gradients)
            assert answer["loss"] == 0.5
        assert_as_ran(answer, run, step)
        if step == case.steps // 2:
            saved = client("state", session)
            assert client("load", other, **{key: saved[key] for key in ("count", "kept", "params", "state", "groups")})["outcome"] == "ok"
            session = other


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("rule", [name for name, rule in all_rules().items() if rule.converse])
@pytest.mark.parametrize("line_search", ["none", "strong_wolfe"])
def test_an_optimizer_that_asks_is_answered_and_resumed(
    client: Client, rule: str, implementation: str, dtype: str, line_search: str
) -> None:
    case = next(
        case
        for case in all_cases().values()
        if case.rule == rule
        and case.dtype == dtype
        and not case.events
        and case.base.values["max_iter"] > 1
        and case.base.values["line_search"] == line_search
    )
    run = ran(case, golden(case), implementation)
    session, other = client.of(case, implementation), client.of(case, implementation)
    questions = 0
    for step, seen in enumerate(run["evaluations"], 1):
        answer = client("step", session)
        for index, loss in enumerate(seen["loss"]):
            assert answer["evaluate"] == {name: rows[index] for name, rows in seen["params"].items()}
            gradients = {name: rows[index] for name, rows in seen["gradients"].items()}
            answer = client("evaluated", session, loss=loss, gradients=gradients)
            questions += 1
        assert answer["params"] == {name: rows[step - 1] for name, rows in run["params"].items()}
        assert answer["loss"] == seen["loss"][0]
        saved = client("state", session)
        client("load", other, **{key: saved[key] for key in ("count", "params", "state", "memory")})
        session, other = other, session
    assert questions > case.steps


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_step_that_is_not_finished_has_not_happened(client: Client, implementation: str, optimizer: str) -> None:
    session = client.opened(implementation=implementation, optimizer=optimizer)
    twin = client.opened(implementation=implementation, optimizer=optimizer)
    answers = [{"loss": 8.5, "gradients": {"x": [4.0, -2.0]}}, {"loss": 2.0, "gradients": {"x": [1.0, -0.5]}}]
    before = client("state", session)
    client("step", session)
    if optimizer == "lbfgs":
        assert "evaluate" in client("evaluated", session, **answers[0])
    assert client("state", session) == before
    assert "loss: 'much' is not a number" in client("evaluated", session, loss="much", gradients={})["message"]
    seen = []
    for number in (session, twin):
        client("step", number)
        seen.append([client("evaluated", number, **answer) for answer in answers])
    assert seen[0] == seen[1]


def test_an_answer_that_was_not_asked_for_is_refused(client: Client) -> None:
    session = client.opened()
    assert "no evaluation was asked for" in client("evaluated", session, loss=1.0, gradients={})["message"]
    client("step", session)
    client("set", session, group=0, arguments={"lr": 0.5})
    assert "no evaluation was asked for" in client("evaluated", session, loss=1.0, gradients={})["message"]


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_groups_have_options_of_their_own_that_change_and_come_back(client: Client, implementation: str) -> None:
    groups = [{"params": ["x"], "arguments": {"lr": 0.5}}, {"params": ["y"], "arguments": {}}]
    opened = client("open", **{**OPEN, "implementation": implementation, "optimizer": "sgd", "params": [X, Y], "groups": groups})
    assert [group["arguments"]["lr"] for group in opened["groups"]] == [0.5, 0.25]
    session = opened["session"]
    ones = {"x": [1.0, 1.0], "y": [1.0]}
    assert client("step", session, gradients=ones)["params"] == {"x": [1.5, -1.5], "y": [2.75]}
    assert client("set", session, group=1, arguments={"lr": 2.0})["groups"][1]["arguments"]["lr"] == 2.0
    assert client("step", session, gradients=ones)["params"] == {"x": [1.0, -2.0], "y": [0.75]}
    saved = client("state", session)
    late = {"name": "z", "shape": [], "data": [1.0]}
    assert len(client("add_group", session, params=[late], arguments={"lr": 4.0})["groups"]) == 3
    assert client("step", session, gradients={"z": [0.5]})["params"] == {"x": [1.0, -2.0], "y": [0.75], "z": [-1.0]}
    again = client("open", **{**OPEN, "implementation": implementation, "optimizer": "sgd", "params": [X, Y], "groups": groups})["session"]
    client("load", again, **{key: saved[key] for key in ("count", "params", "state", "groups")})
    assert client("step", again, gradients=ones)["params"] == {"x": [0.5, -2.5], "y": [-1.25]}


def test_what_pytorch_does_with_groups_a_session_does(client: Client) -> None:
    import torch

    groups = [{"params": ["x"], "arguments": {"lr": 0.5}}, {"params": ["y"], "arguments": {"weight_decay": 0.125}}]
    session = client.opened(params=[X, Y], groups=groups)
    x, y, z = (torch.tensor(data, dtype=torch.float64, requires_grad=True) for data in ([2.0, -1.0], [3.0], [0.5]))
    theirs = torch.optim.Adam([{"params": [x], "lr": 0.5}, {"params": [y], "weight_decay": 0.125}], lr=0.25, foreach=False)
    for step in range(6):
        if step == 3:
            theirs.param_groups[0]["lr"] = 0.125
            theirs.add_param_group({"params": [z], "lr": 1.0})
            client("set", session, group=0, arguments={"lr": 0.125})
            client("add_group", session, params=[{"name": "z", "shape": [1], "data": [0.5]}], arguments={"lr": 1.0})
        there = {"x": x, "y": y} if step < 3 else {"x": x, "y": y, "z": z}
        for p in there.values():
            p.grad = p.detach() ** 3
        theirs.step()
        answer = client("step", session, gradients={name: flat(p.grad.numpy()) for name, p in there.items() if p.grad is not None})
        for name, p in there.items():
            assert answer["params"][name] == pytest.approx(p.tolist(), rel=1e-13, abs=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"params": []}, "open: adam: there is no parameter (expected one at least)"),
        ({"params": [X, X]}, "parameter 'x' is in two places"),
        ({"params": [X, Y], "groups": [{"params": ["x"], "arguments": {}}]}, "parameter 'y' is in no group"),
        ({"groups": [{"params": ["x", "z"], "arguments": {}}]}, "parameter 'z' does not exist"),
        ({"groups": [{"params": ["x"], "arguments": {"lr": -1.0}}]}, "adam: lr = -1.0 is outside [0, inf)"),
        ({"groups": [{"params": ["x"]}]}, "the field 'arguments' is missing"),
        ({"arguments": {"lr": "Inf"}}, "adam: lr = inf is outside [0, inf)"),
        ({"optimizer": "muon"}, "muon: a parameter has shape [2]"),
        (
            {"optimizer": "lbfgs", "params": [X, Y], "groups": [{"params": [p], "arguments": {}} for p in "xy"]},
            "lbfgs: a second parameter group (expected one, of all parameters)",
        ),
        ({"protocol": 2}, "speaks protocol 1, the request protocol 2 (expected the same on both sides"),
    ],
)
def test_an_open_that_cannot_be_is_refused(client: Client, changes: dict[str, Any], message: str) -> None:
    answer = client("open", **{**OPEN, **changes})
    assert answer["outcome"] == "error" and message in answer["message"]
    assert "traceback" not in answer


def test_a_version_that_differs_has_a_class_of_its_own(client: Client) -> None:
    assert client("describe", protocol=2, implementation="reference")["class"] == "ProtocolError"


@pytest.mark.parametrize("groups", [[{"params": ["x"], "arguments": {"eps_placement": "inside"}}], None])
def test_switches_that_no_class_has_are_unsupported_in_any_group(client: Client, groups: Any) -> None:
    second = {"params": ["y"], "arguments": {"eps_placement": "inside"}}
    groups = groups or [{"params": ["x"], "arguments": {}}, second]
    params = [X, Y][: len(groups)]
    answer = client("open", **{**OPEN, "implementation": "torch-single", "params": params, "groups": groups})
    assert answer == {"outcome": "unsupported", "reason": "torch-single: no class implements adam with these switches"}


@pytest.mark.parametrize(
    ("command", "fields", "message"),
    [
        ("set", {"group": 1, "arguments": {}}, "adam: group 1 does not exist (expected 0 to 0)"),
        ("set", {"group": 0, "arguments": {"lr": -1.0}}, "lr = -1.0 is outside"),
        ("add_group", {"params": [X], "arguments": {}}, "parameter 'x' is in two places"),
        ("add_group", {"params": [], "arguments": {}}, "the group has no parameter"),
        ("add_group", {"params": [Y], "arguments": {"beta1": 2.0}}, "beta1 = 2.0 is outside"),
        ("load", {"count": {}}, "count/x: None (expected how many updates it has had)"),
        ("load", {"count": {"x": -1}}, "count/x: -1"),
        ("load", {"count": {"x": 1, "q": 1}}, "parameter 'q' does not exist"),
        ("load", {"state": {"x": {"w": [1.0, 2.0]}}}, "state variable 'x/w' does not exist"),
        ("load", {"state": {"x": {"m": [1.0]}}}, "state/x/m: 1 numbers (expected 2, shape [2])"),
        ("load", {"state": []}, "state: list (expected a JSON object)"),
        ("load", {"params": {"x": [1.0]}}, "params/x: 1 numbers (expected 2"),
        ("load", {"groups": [{"params": ["y"], "arguments": {}}]}, "groups: of ['y'] (expected of ['x'])"),
        ("load", {"groups": [{"params": ["x"], "arguments": {"lr": -1.0}}]}, "lr = -1.0 is outside"),
    ],
)
def test_what_is_refused_changes_nothing(client: Client, command: str, fields: dict[str, Any], message: str) -> None:
    session, twin = client.opened(), client.opened()
    for number in (session, twin):
        client("step", number, gradients={"x": [1.0, 2.0]})
    given = {**client("state", session), **fields} if command == "load" else fields
    answer = client(command, session, **{key: value for key, value in given.items() if key != "outcome"})
    assert answer["outcome"] == "error" and message in answer["message"], answer
    assert client("step", session, gradients={"x": [1.0, 2.0]}) == client("step", twin, gradients={"x": [1.0, 2.0]})


def test_kept_numbers_and_memory_are_asked_for_where_there_are_some(client: Client) -> None:
    session = client.opened(optimizer="nadam", implementation="torch-single")
    client("step", session, gradients={"x": [1.0, 2.0]})
    saved = client("state", session)
    given = {key: saved[key] for key in ("count", "params", "state")}
    assert "kept/x: no mu_product" in client("load", session, **given)["message"]
    session = client.opened(optimizer="lbfgs")
    saved = client("state", session)
    assert saved["memory"]["iterations"] == 0
    given = {key: saved[key] for key in ("count", "params", "state")}
    short = {**saved["memory"], "differences": [[1.0, 2.0]]}
    assert "1 differences and 0 steps" in client("load", session, **given, memory=short)["message"]
    short = {**saved["memory"], "iterations": 2}
    assert "no gradient, direction or length after 2 iterations" in client("load", session, **given, memory=short)["message"]
