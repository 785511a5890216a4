"""Diagnosis of what is kept between steps: torch's Adam, whose state somebody meddles with, is the foreign library."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from crossoptim.check.diagnosis.diagnose import diagnose
from crossoptim.golden.cases import get_case
from crossoptim.golden.trajectory import golden
from crossoptim.runners.registry import IMPLEMENTATIONS, local_runner
from crossoptim.runners.request import read_trajectory

SECONDS = 60.0
Meddling = Callable[[torch.optim.Adam], None]


class Meddled(torch.optim.Adam):
    """Adam, in whose state something is changed before each step, and where a group is added."""

    before: Meddling
    joining: Meddling

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        type(self).before(self)
        super().step()

    def add_param_group(self, param_group: dict[str, object]) -> None:
        super().add_param_group(param_group)
        type(self).joining(self)


def nothing(_: torch.optim.Adam) -> None:
    """Leave it as it is."""


def no_count(optimizer: torch.optim.Adam) -> None:
    for state in optimizer.state.values():
        state["step"].zero_()


def no_mean(optimizer: torch.optim.Adam) -> None:
    for state in optimizer.state.values():
        state["exp_avg"].zero_()


def no_state(optimizer: torch.optim.Adam) -> None:
    optimizer.state.clear()


def parameters(optimizer: torch.optim.Adam) -> list[torch.Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def fresh(p: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"step": torch.zeros(()), "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}


def one_count(optimizer: torch.optim.Adam) -> None:
    if not optimizer.state:
        count = torch.zeros(())
        for p in parameters(optimizer):
            optimizer.state[p] = {**fresh(p), "step": count}


def one_state(optimizer: torch.optim.Adam) -> None:
    if not optimizer.state:
        shared = fresh(parameters(optimizer)[0])
        for p in parameters(optimizer):
            optimizer.state[p] = shared


def count_of_steps(optimizer: torch.optim.Adam) -> None:
    optimizer.steps = getattr(optimizer, "steps", 0) + 1
    for p in parameters(optimizer):
        if p.grad is not None:
            state = optimizer.state[p] = optimizer.state.get(p) or fresh(p)
            state["step"].fill_(optimizer.steps - 1)


@pytest.mark.parametrize(
    "case_id, before, joining, sentence",
    [
        ("adam/plain-injected-f64", no_count, nothing, "the step count begins anew at each step, the state goes on"),
        ("adam/plain-injected-f64", no_mean, nothing, "m begins anew at each step"),
        ("adam/plain-injected-f64", no_state, nothing, "state and step count begin anew at each step"),
        ("adam/group-added-injected-f64", nothing, no_state, "state and step count begin anew when a group joins"),
        ("adam/plain-injected-f64", one_count, nothing, "share one step count, which each of them advances"),
        ("adam/plain-rosenbrock-f32", one_state, nothing, "share their state and step count, which each of them advances"),
        ("adam/none-later-injected-f64", count_of_steps, nothing, "the step count counts the optimizer's steps"),
    ],
)
def test_what_is_kept_otherwise_is_named(
    case_id: str, before: Meddling, joining: Meddling, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Meddled, "before", staticmethod(before), raising=False)
    monkeypatch.setattr(Meddled, "joining", staticmethod(joining), raising=False)
    monkeypatch.setattr(torch.optim, "Adam", Meddled)
    case, implementation = get_case(case_id), IMPLEMENTATIONS["torch-single"]
    truth = golden(case)
    answer = local_runner("torch-single").run(implementation.request(case, truth, "replay"))
    found = diagnose(case, truth, read_trajectory(answer, case, case_id), "replay", seconds=SECONDS)
    assert any(sentence in explanation.sentence for explanation in found.explanations), found.sentence()
