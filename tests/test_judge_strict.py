"""Wrong answers that look right: each of these was once, or could be, taken for an honest implementation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from crossoptim.check.judge import Judge
from crossoptim.check.objective import exact_objective
from crossoptim.check.verdict import Judgement
from crossoptim.errors import RunnerError
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.runners import reference
from crossoptim.runners.harness import GroupOptions
from crossoptim.runners.registry import IMPLEMENTATIONS, local_runner
from crossoptim.runners.request import read_trajectory
from crossoptim.spec.ecosystems import all_quirks

truth = cache(lambda case_id: golden(get_case(case_id)))


def judged(case_id: str, got: Trajectory, mode: str = "replay", *quirks: str) -> Judgement:
    """The verdict, with some quirks known."""
    return Judge(get_case(case_id), truth(case_id), [all_quirks()[q] for q in quirks]).judge(got, mode)


def test_state_made_up_before_the_first_step_is_rejected() -> None:
    got = copy.deepcopy(truth("adam/none-first-injected-f64"))
    for var in ("m", "v"):
        got.state["vector"][var][:2] = [np.full(2, 7.0), np.full(2, 7.0)]
    found = judged("adam/none-first-injected-f64", got).finding
    assert found and (found.step, found.tensor, found.element, found.expected) == (1, "state/vector/m", (0,), 0.0)


def test_state_that_is_not_in_force_must_wait_unchanged() -> None:
    case_id = "sgd/momentum_off_and_on-ravine-f64"
    got = copy.deepcopy(truth(case_id))
    for step in range(10, 20):
        got.state["x"]["velocity"][step] = np.full(2, 99.0)
    found = judged(case_id, got).finding
    assert found and (found.step, found.tensor) == (11, "state/x/velocity")


def test_an_infinity_of_the_other_sign_is_rejected() -> None:
    case_id = "adam/extreme_infinite-infinite-f64"
    got = copy.deepcopy(truth(case_id))
    row = got.state["matrix"]["m"][9]
    assert row is not None and np.isposinf(row).all()
    got.state["matrix"]["m"][9] = -row
    found = judged(case_id, got, "lockstep").finding
    assert found and (found.step, found.tensor) == (10, "state/matrix/m")


def test_the_loss_of_a_closed_loop_is_judged() -> None:
    got = copy.deepcopy(truth("adam/plain-ravine-f64"))
    got.loss[6] = 123.0
    found = judged("adam/plain-ravine-f64", got, "closed").finding
    assert found and (found.step, found.tensor, found.got) == (7, "loss", 123.0)


@pytest.mark.parametrize("case", [c for c in all_cases().values() if c.problem.value], ids=lambda c: c.id)
def test_the_bound_of_a_gradient_is_far_below_the_gradient(case: Case) -> None:
    """Else a gradient with the wrong sign would pass as rounding."""
    run = truth(case.id)
    largest = {name: max(float(np.max(np.abs(row))) for row in rows if row is not None) for name, rows in run.grads.items() if any(
        row is not None for row in rows)}  # fmt: skip
    for step in (1, case.steps):
        points = {name: np.asarray(rows[step - 2]) if step > 1 else np.asarray(case_start(case)[name]) for name, rows in run.params.items()}
        if not all(np.isfinite(point).all() for point in points.values()):
            continue  # there is no gradient there
        found = exact_objective(case.problem, points, case.dtype)
        assert found
        for name, exact in found[1].items():
            assert np.max(exact.bound) < 1e-3 * max(largest.get(name, 1.0), 1.0), (step, name)


def case_start(case: Case) -> dict[str, Any]:
    """The start point."""
    return {p.name: np.asarray(p.start, dtype=case.dtype).reshape(p.shape) for p in case.problem.params}


INDEX, RAISES, FLOAT32 = (
    "r-torch/sgd/weight-decay-adds-index",
    "r-torch/adamw/zero-dimensional-raises",
    "r-torch/adamw/float32-bias-correction",
)


def test_a_quirk_that_was_mended_after_the_first_step_is_reported() -> None:
    case_id = "sgd/decay-injected-f64"
    got = copy.deepcopy(truth(case_id))
    wrong = {}
    for index, (name, rows) in enumerate(got.params.items(), 1):
        start, grad = case_start(get_case(case_id))[name], got.grads[name][0]
        wrong[name] = start - 0.1 * (grad + 0.1 * index)
        drift = wrong[name] - np.asarray(rows[0])
        # the other steps decay as the equation says, from where the first one led
        for step in range(get_case(case_id).steps):
            rows[step] = np.asarray(rows[step]) + drift * 0.99**step
    found = judged(case_id, got, "replay", INDEX)
    assert not found.expected


def test_an_error_that_did_not_come_is_reported_beside_another_quirk() -> None:
    found = judged("adamw/decay_groups-injected-f64", truth("adamw/decay_groups-injected-f64"), "replay", FLOAT32, RAISES)
    assert not found.expected
    assert RAISES in found.reason and "an error that did not come" in found.reason
    assert RAISES not in found.quirks


# Answers that are not trajectories.


def changed(**parts: Any) -> dict[str, Any]:
    """A right answer with some parts replaced."""
    case = get_case("adam/plain-ravine-f64")
    answer = local_runner("reference").run(IMPLEMENTATIONS["reference"].request(case, truth(case.id), "replay"))
    return {**answer, "trajectory": {**answer["trajectory"], **parts}}


@pytest.mark.parametrize(
    "parts, message",
    [
        ({"state": [1]}, "state: not a table"),
        ({"state": {"x": [1]}}, "state: not a table"),
        ({"state": {"x": {"exp_avg": [None] * 30}}}, r"state/x/exp_avg: no such name \(expected one of m, v, v_max\)"),
        ({"state": {"y": {}}}, r"state/y: no such name \(expected one of x\)"),
        ({"loss": ["a"]}, "loss: not 30 numbers"),
        ({"loss": 3.0}, "loss: not 30 numbers"),
        ({"loss": ["a"] * 30}, "step 1, loss: 'a' is not a number"),
        ({"params": {"x": [[10**400, 0]] * 30}}, "step 1, params/x: an integer beyond every float"),
        ({"gradients": {"x": [[1.0]] * 30}}, r"step 1, gradients/x: 1 numbers \(expected 2, shape \[2\]\)"),
        ({"gradients_after": None}, "gradients_after: None"),
    ],
)
def test_an_answer_that_is_not_a_trajectory_is_refused_in_one_line(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(RunnerError, match=message):
        read_trajectory(changed(**parts), get_case("adam/plain-ravine-f64"), "fake")


# Events: a runner that mistakes one is caught by some case.

Optimizer = reference.ReferenceOptimizer
Change = Callable[[Any], None]


def set_goes_everywhere(patch: pytest.MonkeyPatch) -> None:
    def set_options(self: Any, group: int, arguments: Any) -> None:
        for number in range(len(self._groups)):
            original(self, number, arguments)

    original = Optimizer.set_options
    patch.setattr(Optimizer, "set_options", set_options)


def set_goes_to_the_first_group(patch: pytest.MonkeyPatch) -> None:
    original = Optimizer.set_options
    patch.setattr(Optimizer, "set_options", lambda self, group, arguments: original(self, 0, arguments))


def resume_forgets_the_state(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Optimizer, "load", lambda self, saved: setattr(self, "_groups", saved[0]))


def resume_forgets_the_options(patch: pytest.MonkeyPatch) -> None:
    def load(self: Any, saved: Any) -> None:
        _, self._state, self._count = saved

    patch.setattr(Optimizer, "load", load)


def resume_restores_the_first_group_only(patch: pytest.MonkeyPatch) -> None:
    def load(self: Any, saved: Any) -> None:
        groups, state, count = saved
        for name in groups[0][0]:
            self._state[name], self._count[name] = state[name], count[name]

    patch.setattr(Optimizer, "load", load)


def resume_shares_one_count(patch: pytest.MonkeyPatch) -> None:
    def load(self: Any, saved: Any) -> None:
        self._groups, self._state, count = saved
        self._count = dict.fromkeys(count, max(count.values()))

    patch.setattr(Optimizer, "load", load)


def resume_matches_states_by_position(patch: pytest.MonkeyPatch) -> None:
    def load(self: Any, saved: Any) -> None:
        self._groups, state, count = saved
        held = [(s, count[name]) for name, s in state.items() if s]
        for name, (found, number) in zip(self._params, held, strict=False):
            if all(value.shape == self._params[name].shape for value in found.values()):
                self._state[name], self._count[name] = found, number

    patch.setattr(Optimizer, "load", load)


def an_added_group_inherits_the_first_groups_options(patch: pytest.MonkeyPatch) -> None:
    original = Optimizer.add_group

    def add_group(self: Any, group: GroupOptions) -> None:
        inherited = {**self._groups[0][1], "lr": group.arguments["lr"]} if self._groups else group.arguments
        original(self, GroupOptions(group.params, inherited))

    patch.setattr(Optimizer, "add_group", add_group)


def gradients_are_never_zeroed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Optimizer, "zero_gradients", lambda self: None)


def gradients_never_accumulate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Optimizer, "add_gradients", lambda self, gradients: self._gradients.update(gradients))


def a_missing_gradient_counts_as_zero(patch: pytest.MonkeyPatch) -> None:
    def drop(self: Any, names: Any) -> None:
        self._gradients.update({name: np.zeros_like(self._params[name]) for name in names})

    patch.setattr(Optimizer, "drop_gradients", drop)


MISTAKES = (
    set_goes_everywhere,
    set_goes_to_the_first_group,
    resume_forgets_the_state,
    resume_forgets_the_options,
    resume_restores_the_first_group_only,
    resume_shares_one_count,
    resume_matches_states_by_position,
    an_added_group_inherits_the_first_groups_options,
    gradients_are_never_zeroed,
    gradients_never_accumulate,
    a_missing_gradient_counts_as_zero,
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.__name__)
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_mistaken_event_is_caught(mistake: Callable[[pytest.MonkeyPatch], None], optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mistake(monkeypatch)
    cases = [c for c in all_cases().values() if c.optimizer == optimizer and (c.events or c.groups) and c.dtype == "float64"]
    for case in cases:
        answer = local_runner("reference").run(IMPLEMENTATIONS["reference"].request(case, truth(case.id), "replay"))
        if answer["outcome"] != "ok" or judged(case.id, read_trajectory(answer, case, "mistaken")).verdict == "diverges":
            return
    pytest.fail("no case notices")
