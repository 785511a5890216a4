"""The judge: what it accepts, what it rejects, and what it says."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crossoptim.check.judge import Judge
from crossoptim.check.objective import exact_objective
from crossoptim.check.predict import Prediction, Row, predict
from crossoptim.check.verdict import Judgement
from crossoptim.golden import fixture
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.trajectory import Rows, Trajectory, golden, initial_params, initial_state
from crossoptim.runners import recorded
from crossoptim.runners.registry import IMPLEMENTATIONS
from crossoptim.runners.request import Mode, read_trajectory
from crossoptim.spec.ecosystems import all_quirks, get_ecosystem
from crossoptim.spec.model import Quirk
from crossoptim.spec.rules import get_rule

Array = NDArray[Any]
MODES: tuple[Mode, ...] = ("replay", "closed", "lockstep")
LAST = 0  # the last step of a case
PERTURBED = [
    "sgd/momentum-ravine-f32",
    "sgd/decay_nesterov-ravine-f64",
    "adam/amsgrad_decay-ravine-f64",
    "adam/eps_large-ravine-f32",
    "adamw/groups-injected_1d-f64",
]
ADAM, SGD, INJECTED = "adam/plain-ravine-f32", "sgd/momentum-ravine-f64", "adam/none-later-injected-f64"
INDEX = "r-torch/sgd/weight-decay-adds-index"


@cache
def trajectory(case_id: str) -> Trajectory:
    """The golden trajectory of a case; tests work on copies."""
    return golden(get_case(case_id))


def judge(case_id: str, got: Trajectory, mode: str = "replay", *quirks: str) -> Judgement:
    """The verdict on a trajectory, with the quirks of these ids known."""
    return Judge(get_case(case_id), trajectory(case_id), [all_quirks()[q] for q in quirks]).judge(got, mode)


def mine(case_id: str) -> Trajectory:
    """A copy of the golden trajectory whose every row may be written to."""
    return copy.deepcopy(trajectory(case_id))


@dataclass(frozen=True)
class Place:
    """One output of one step: its column, its name in a finding, what the equation predicts there."""

    step: int
    label: str
    prediction: Prediction

    def column(self, got: Trajectory) -> Rows:
        part, name, *var = self.label.split("/")
        return got.state[name][var[0]] if var else getattr(got, part)[name]

    def shift(self, got: Trajectory, bounds: float) -> tuple[tuple[int, ...], float]:
        """Move the last element by so many bounds, an ulp at least; returns which one, and how far it now is from the exact value."""
        row = self.column(got)[self.step - 1]
        assert row is not None
        row = self.column(got)[self.step - 1] = row.copy()
        element = tuple(n - 1 for n in row.shape)
        by = max(bounds * float(self.prediction.bound[0, -1]), float(np.spacing(np.abs(row[element]))))
        row[element] += row.dtype.type(by)
        return element, by


def places(case_id: str, step: int, path: Trajectory | None = None) -> Iterator[Place]:
    """Every parameter and state variable at a step of a trajectory, by default the golden one."""
    case, truth = get_case(case_id), path or trajectory(case_id)
    for name, start in initial_params(case).items():
        member, grad = case.timeline[step - 1][name], truth.grads[name][step - 1]
        assert grad is not None
        before: dict[str, Any] = {"p": truth.params[name][step - 2] if step > 1 else start}
        for var in member.setting.state:
            before[var.name] = truth.state[name][var.name][step - 2] if step > 1 else initial_state(var, member.setting.reals, start, grad)
        for output, prediction in predict([Row(step, member, step, before, grad)], (), case.dtype).items():
            if output != "g":
                yield Place(step, f"params/{name}" if output == "p" else f"state/{name}/{output}", prediction)


# The golden trajectory


@pytest.mark.parametrize("mode", MODES)
def test_the_golden_trajectory_is_exact_against_itself(mode: Mode) -> None:
    for case_id, case in list(all_cases().items())[MODES.index(mode) :: 6]:  # a check judges the reference on all
        if mode != "closed" or case.problem.value is not None:
            assert judge(case_id, trajectory(case_id), mode) == Judgement("exact", True, "", drift=0.0), case_id


# Bounds


@pytest.mark.parametrize("case_id", PERTURBED)
@pytest.mark.parametrize("mode", ["replay", "lockstep"])
@pytest.mark.parametrize("step", [1, 17, LAST])
def test_four_bounds_are_rejected_with_step_tensor_and_element(case_id: str, mode: str, step: int) -> None:
    step = step or get_case(case_id).steps
    for place in places(case_id, step):
        got = mine(case_id)
        element, _ = place.shift(got, 4)
        found = judge(case_id, got, mode)
        assert (found.verdict, found.expected) == ("diverges", False)
        assert found.finding is not None
        assert (found.finding.step, found.finding.tensor, found.finding.element) == (step, place.label, element)
        assert found.finding.ulps >= 1 and abs(found.finding.got - found.finding.expected) > found.finding.bound
        where = f"{place.label}[{', '.join(map(str, element))}]" if element else place.label
        assert found.reason.startswith(f"step {step}, {where}: ")


@pytest.mark.parametrize("case_id", PERTURBED)
@pytest.mark.parametrize("mode, step", [("replay", LAST), ("lockstep", 1), ("lockstep", 17)])
def test_a_quarter_of_the_bound_is_rounding(case_id: str, mode: str, step: int) -> None:
    step = step or get_case(case_id).steps
    for place in places(case_id, step):
        got = mine(case_id)
        _, by = place.shift(got, 0.25)
        assert by <= place.prediction.bound[0, -1], "the bound leaves room for an ulp"
        found = judge(case_id, got, mode)
        assert (found.verdict, found.expected, found.finding) == ("rounding", True, None)


def test_a_library_that_is_always_a_little_off_is_rounding_however_far_it_drifts() -> None:
    got = mine(ADAM)
    for step in range(1, get_case(ADAM).steps + 1):
        for place in places(ADAM, step, got):
            place.column(got)[step - 1] = place.prediction.reference.reshape(2)
            place.shift(got, 0.25)
    off = float(np.abs(np.subtract(got.params["x"][-1], trajectory(ADAM).params["x"][-1])).max())  # type: ignore[arg-type]
    assert off > place.prediction.bound.max(), "from the golden path alone it would be rejected"
    found = judge(ADAM, got)
    assert (found.verdict, found.expected) == ("rounding", True)
    assert found.drift is not None and found.drift > 10


def test_in_lockstep_an_error_shows_at_its_own_step_and_nowhere_else() -> None:
    case, truth = get_case(SGD), trajectory(SGD)
    got = mine(SGD)
    got.params["x"][4] = np.asarray(got.params["x"][4]) + 1.0
    tail = mine(SGD)
    tail.params["x"][4] = truth.params["x"][4]
    assert judge(case.id, got, "lockstep").finding.step == 5  # type: ignore[union-attr]
    assert judge(case.id, tail, "lockstep").verdict == "exact"


# Gradients


@pytest.mark.parametrize("case_id", ["sgd/plain-ravine-f32", "adam/plain-mtcars-f64"])
def test_a_gradient_is_held_against_the_exact_one_at_its_own_point(case_id: str) -> None:
    case, truth = get_case(case_id), trajectory(case_id)
    name = case.problem.params[0].name
    point = {key: rows[-2] for key, rows in truth.params.items()}
    exact = exact_objective(case.problem, point, case.dtype)  # type: ignore[arg-type]
    assert exact
    bound = float(np.ravel(exact[1][name].bound)[-1])
    for bounds, rejected in ((4.0, True), (0.25, False)):
        got = mine(case_id)
        grad = got.grads[name][-1]
        assert grad is not None and bound >= np.spacing(np.abs(np.ravel(grad)[-1]))
        np.ravel(grad)[-1] += grad.dtype.type(max(bounds * bound, float(np.spacing(np.abs(np.ravel(grad)[-1])))))
        _make_last_step(case, got, name)
        found = judge(case_id, got, "closed")
        if rejected:
            assert found.finding and (found.finding.step, found.finding.tensor) == (case.steps, f"grads/{name}")
            assert found.finding.element == tuple(n - 1 for n in grad.shape)
        else:
            assert found.verdict == "rounding"
        assert judge(case_id, got, "replay").verdict == "diverges", "an injected gradient may not change by a bit"


def _make_last_step(case: Case, got: Trajectory, name: str) -> None:
    """The parameter and state that follow from the last gradient."""
    member, grad = case.timeline[-1][name], got.grads[name][-1]
    before: dict[str, Any] = {"p": got.params[name][-2], **{var: rows[-2] for var, rows in got.state[name].items()}}
    assert grad is not None
    for output, prediction in predict([Row(case.steps, member, case.steps, before, grad)], (), case.dtype).items():
        if output != "g":
            column = got.params[name] if output == "p" else got.state[name][output]
            column[-1] = prediction.reference.reshape(grad.shape)


@pytest.mark.parametrize("mode", ["replay", "lockstep"])
@pytest.mark.parametrize(
    "step, given, what", [(5, False, "no gradient where the case has one"), (9, True, "a gradient where the case has none")]
)
def test_a_gradient_that_is_none_in_one_of_both_is_named(mode: str, step: int, given: bool, what: str) -> None:
    got = mine(INJECTED)
    got.grads["matrix"][step - 1] = np.ones((2, 3)) if given else None
    found = judge(INJECTED, got, mode)
    assert found.verdict == "diverges"
    assert found.reason == f"step {step}, grads/matrix: {what}"
    assert found.finding and (found.finding.step, found.finding.tensor) == (step, "grads/matrix")


@pytest.mark.parametrize("mode", ["replay", "lockstep"])
@pytest.mark.parametrize("label", ["params/matrix", "state/matrix/m", "state/scalar/v"])
def test_what_moves_without_a_gradient_is_rejected(mode: str, label: str) -> None:
    got = mine(INJECTED)
    column = Place(9, label, None).column(got)  # type: ignore[arg-type]
    column[8] = np.nextafter(column[8], np.inf)
    found = judge(INJECTED, got, mode)
    assert found.verdict == "diverges"
    assert found.finding and (found.finding.step, found.finding.tensor) == (9, label)


def test_a_frozen_parameter_stays_where_it_started() -> None:
    got = mine("adam/frozen-injected-f64")
    got.params["vector"] = [None if row is None else row + 1.0 for row in got.params["vector"]]
    found = judge("adam/frozen-injected-f64", got)
    assert found.finding and (found.finding.step, found.finding.tensor) == (1, "params/vector")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("label", ["params/x", "state/x/v"])
def test_what_is_finite_may_be_neither_nan_nor_infinite(mode: Mode, value: float, label: str) -> None:
    got = mine(ADAM)
    column = Place(12, label, None).column(got)  # type: ignore[arg-type]
    column[11] = np.array([column[11][0], value], dtype=np.float32)  # type: ignore[index]
    found = judge(ADAM, got, mode)
    assert found.verdict == "diverges"
    assert found.finding and (found.finding.step, found.finding.tensor, found.finding.element) == (12, label, (1,))
    assert found.finding.ulps == np.inf


def test_nan_must_appear_where_the_golden_trajectory_has_it() -> None:
    case_id = "adam/extreme_not_a_number-not_a_number-f64"
    name, row = next((n, i) for n, rows in trajectory(case_id).params.items() for i, r in enumerate(rows) if np.isnan(r).any())  # type: ignore[arg-type]
    got = mine(case_id)
    got.params[name][row] = np.nan_to_num(got.params[name][row])  # type: ignore[call-overload]
    found = judge(case_id, got)
    assert found.verdict == "diverges"
    assert found.finding and (found.finding.step, found.finding.tensor) == (row + 1, f"params/{name}")


# State that a library does not show


@pytest.mark.parametrize(
    "case_id, hidden",
    [
        (ADAM, ("v",)),
        (ADAM, ("m", "v")),
        (SGD, ("velocity",)),
        ("adam/amsgrad-injected-f64", ("v_max",)),
        ("adam/none-first-injected-f64", ("m",)),
        ("sgd/lookahead-ravine-f64", ("lookahead",)),
    ],
)
def test_state_that_is_not_exposed_is_carried(case_id: str, hidden: tuple[str, ...]) -> None:
    got = mine(case_id)
    for columns in got.state.values():
        for var in hidden:
            columns.pop(var, None)
    found = judge(case_id, got)
    assert (found.verdict, found.expected) == ("exact", True)
    assert found.reason == f"{', '.join(sorted(hidden))} not exposed: carried by the oracle"
    for step in (1, 10, get_case(case_id).steps):
        wrong = copy.deepcopy(got)
        name = list(wrong.params)[-1]
        row = np.array(wrong.params[name][step - 1])
        row[...] *= row.dtype.type(1.001)
        wrong.params[name][step - 1] = row
        rejected = judge(case_id, wrong)
        assert rejected.verdict == "diverges"
        assert rejected.finding and (rejected.finding.step, rejected.finding.tensor) == (step, f"params/{name}")


def test_state_that_vanishes_at_a_step_is_rejected() -> None:
    got = mine(ADAM)
    got.state["x"]["v"][6] = None
    found = judge(ADAM, got)
    assert found.finding and (found.finding.step, found.finding.tensor) == (7, "state/x/v")


# Quirks


def from_recording(case_id: str, implementation: str) -> Trajectory:
    """What a library answered in replay when it was recorded."""
    case = get_case(case_id)
    return read_trajectory(recorded.load(recording(implementation), case, trajectory(case_id))["replay"], case, case_id)


def recording(implementation: str) -> Path:
    """The folder of the newest recording of a library."""
    return recorded.folders(fixture.root(), implementation)[-1]


@pytest.mark.parametrize(
    "case_id, tensor",
    [
        ("sgd/decay-ravine-f32", "params/x"),
        ("sgd/decay-ravine-f64", "params/x"),
        ("sgd/decay_momentum-ravine-f32", "params/x"),
        ("sgd/decay_nesterov-ravine-f64", "params/x"),
        ("sgd/decay-injected-f64", "params/matrix"),
    ],
)
def test_r_torchs_sgd_adds_the_index_instead_of_the_value(case_id: str, tensor: str) -> None:
    got = from_recording(case_id, "r-torch")
    known = judge(case_id, got, "replay", INDEX)
    assert (known.verdict, known.expected, known.quirks, known.finding) == ("documented", True, (INDEX,), None)
    unknown = judge(case_id, got)
    assert (unknown.verdict, unknown.expected) == ("diverges", False)
    assert unknown.finding and (unknown.finding.step, unknown.finding.tensor) == (1, tensor)


def test_what_a_quirk_predicts_is_checked_too() -> None:
    case_id = "sgd/decay-ravine-f64"
    for step in range(30):
        got = from_recording(case_id, "r-torch")
        row = got.params["x"][step]
        assert row is not None
        row += 1e-9
        found = judge(case_id, got, "replay", INDEX)
        assert found.verdict == "diverges" and found.finding and found.finding.step == step + 1


def test_a_quirk_that_bites_at_one_step_only_is_documented() -> None:
    case_id = "sgd/decay_switched_on-ravine-f64"
    found = judge(case_id, from_recording(case_id, "r-torch"), "replay", INDEX)
    assert (found.verdict, found.quirks) == ("documented", (INDEX,))
    unknown = judge(case_id, from_recording(case_id, "r-torch"))
    assert unknown.finding and unknown.finding.step == 11


def test_a_quirk_that_is_not_seen_where_it_should_be_is_unexpected() -> None:
    found = judge("sgd/decay-ravine-f64", trajectory("sgd/decay-ravine-f64"), "replay", INDEX)
    assert (found.verdict, found.expected) == ("exact", False)
    assert found.reason == f"{INDEX} predicts other numbers: mended upstream?"


def test_a_quirk_without_its_condition_changes_nothing() -> None:
    known = [quirk.id for quirk in IMPLEMENTATIONS["r-torch"].quirks(get_case(SGD).base)]
    assert INDEX in known
    assert judge(SGD, trajectory(SGD), "replay", *known) == Judgement("exact", True, "", drift=0.0)


def test_what_a_step_leaves_in_the_gradient_is_judged() -> None:
    case_id, quirk = "adam/decay-ravine-f64", "r-torch/adam/weight-decay-in-gradient"
    got = mine(case_id)
    assert judge(case_id, got, "replay", quirk).expected is False
    before: list[Array] = [np.asarray(row) for row in (initial_params(get_case(case_id))["x"], *got.params["x"][:-1])]
    got.grads_after = {"x": [g + 0.1 * p for g, p in zip(got.grads["x"], before, strict=True) if g is not None]}
    found = judge(case_id, got, "replay", quirk)
    assert (found.verdict, found.quirks) == ("documented", (quirk,))
    unknown = judge(case_id, got)
    assert unknown.finding and (unknown.finding.step, unknown.finding.tensor) == (1, "grads_after/x")


RAISES = (
    "adamw/decay_groups-injected-f64",
    "r-torch/adamw/zero-dimensional-raises",
    "RuntimeError: output with shape [] doesn't match the broadcast shape [1]",
)


def test_an_error_that_a_quirk_predicts_is_documented() -> None:
    case_id, quirk, message = RAISES
    known = Judge(get_case(case_id), trajectory(case_id), [all_quirks()[quirk]])
    assert known.raised(message) == Judgement("documented", True, message, quirks=(quirk,))
    assert known.raised("RuntimeError: out of memory") == Judgement("raises", False, "RuntimeError: out of memory")
    assert Judge(get_case(case_id), trajectory(case_id)).raised(message) == Judgement("raises", False, message)


def test_an_error_that_a_quirk_predicts_but_that_does_not_come_is_unexpected() -> None:
    case_id, quirk, _ = RAISES
    found = judge(case_id, trajectory(case_id), "replay", quirk)
    assert (found.verdict, found.expected) == ("exact", False)
    assert quirk in found.reason


def recorded_quirks() -> list[tuple[str, Quirk]]:
    """The quirks of R torch's elementwise optimizers, with the implementation that has each.

    Without those of input, and those that show in some elements only: it may take lockstep, which is not recorded, to come to them.
    """
    out = []
    for implementation in ("r-torch", "r-torch-ignite"):
        ecosystem = get_ecosystem(IMPLEMENTATIONS[implementation].ecosystem or "")
        elementwise = {b.name for b in ecosystem.bindings if get_rule(b.rule).kind == "elementwise"}
        ours = [quirk for quirk in ecosystem.quirks if type(quirk) is Quirk and elementwise & set(quirk.bindings)]
        out += [(implementation, quirk) for quirk in ours if quirk.everywhere]
    return out


@pytest.mark.parametrize("implementation, quirk", recorded_quirks(), ids=lambda x: x.id if isinstance(x, Quirk) else x)
def test_every_quirk_of_r_torch_is_needed_by_some_recording(implementation: str, quirk: Quirk) -> None:
    """With one quirk less, a recording that is documented becomes a divergence or an error."""
    for case in all_cases().values():
        known = IMPLEMENTATIONS[implementation].quirks(case.base)
        if quirk not in known or not (answers := recorded.load(recording(implementation), case, trajectory(case.id))):
            continue
        answer = answers["replay"]

        def verdict(known: list[Quirk], case: Case = case, answer: dict[str, Any] = answer) -> Judgement:
            judging = Judge(case, trajectory(case.id), known)
            if answer["outcome"] == "error":
                return judging.raised(answer["message"])
            return judging.judge(read_trajectory(answer, case, case.id), "replay")

        if quirk.id in (found := verdict(known)).quirks:
            assert found.expected
            if not verdict([k for k in known if k is not quirk]).expected:
                return
    pytest.fail(f"no recording of {implementation} needs {quirk.id}")
