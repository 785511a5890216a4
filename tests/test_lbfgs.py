"""L-BFGS: the rule against PyTorch's class, the optimizer made from it, and the judge of optimizers that choose where to evaluate."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import crossoptim
from crossoptim.check.judge import Judge
from crossoptim.check.words import AffineWords
from crossoptim.errors import CrossoptimError, FixtureError, HyperError, RunnerError
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.closure import ReferenceWords
from crossoptim.golden.fixture import load, to_text
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.optim.namespace import Tensors
from crossoptim.runners import recorded
from crossoptim.runners.campaign import Campaign
from crossoptim.runners.registry import get_implementation, local_runner
from crossoptim.runners.request import read_trajectory
from crossoptim.runners.serve import Server
from crossoptim.spec.conversation import Memory
from crossoptim.spec.problems import get_problem
from crossoptim.spec.rules.lbfgs import direction

CASES = [case for case in all_cases().values() if case.optimizer == "lbfgs"]
WOLFE = "lbfgs/wolfe-rosenbrock-f64"
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def answer(name: str, case: Case, truth: Trajectory) -> dict[str, Any]:
    """What an implementation in this process answers."""
    return local_runner(name).run(get_implementation(name).request(case, truth, "closed"))


def judged(case: Case, got: Trajectory, quirks: Any = ()) -> Any:
    """The judgement on a trajectory."""
    return Judge(case, golden(case), quirks).judge(got, "closed")


class Problem:
    """An objective of the specification on torch tensors, with a closure that counts."""

    def __init__(self, name: str, dtype: str = "float64") -> None:
        problem, kind = get_problem(name), DTYPES[dtype]
        self.value = problem.value
        self.params = {p.name: torch.tensor(p.start, dtype=kind).reshape(p.shape).requires_grad_() for p in problem.params}
        self.data = SimpleNamespace(**{key: torch.tensor(value, dtype=kind) for key, value in problem.data.items()})
        self.calls = 0

    def __call__(self) -> torch.Tensor:
        self.calls += 1
        for p in self.params.values():
            p.grad = None
        assert self.value is not None
        loss: torch.Tensor = self.value(Tensors, SimpleNamespace(**self.params), self.data)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    def flat(self) -> np.ndarray[Any, Any]:
        """The parameters as one vector."""
        return np.concatenate([p.detach().numpy().ravel() for p in self.params.values()])


# The rule.

COURSES = [
    ("rosenbrock", {"lr": 0.5, "max_iter": 8}),
    ("rosenbrock", {"line_search_fn": "strong_wolfe", "max_iter": 12}),
    ("mtcars", {"line_search_fn": "strong_wolfe"}),
    ("shapes", {"lr": 0.1, "history_size": 3, "max_iter": 10}),
    ("iris", {"line_search_fn": "strong_wolfe", "max_iter": 6, "history_size": 4}),
    ("ravine", {"lr": 40.0, "line_search_fn": "strong_wolfe", "max_eval": 9}),
    ("tail", {"lr": 100.0, "line_search_fn": "strong_wolfe", "max_iter": 2, "max_eval": 20}),
    ("mtcars", {"lr": 0.5, "tolerance_grad": 0.01}),
    ("ravine", {"lr": 0.1, "tolerance_change": 0.02}),
]


@pytest.mark.parametrize("problem, options", COURSES, ids=lambda v: v if isinstance(v, str) else "-".join(v))
def test_the_rule_goes_where_pytorchs_class_goes(problem: str, options: dict[str, Any]) -> None:
    ours, theirs = Problem(problem), Problem(problem)
    mine = crossoptim.LBFGS(list(ours.params.values()), **options)
    witness = torch.optim.LBFGS(list(theirs.params.values()), **options)
    for _ in range(2):
        assert mine.step(ours).item() == pytest.approx(witness.step(theirs).item(), rel=1e-7)
        assert ours.calls == theirs.calls
        np.testing.assert_allclose(ours.flat(), theirs.flat(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_the_golden_trajectory_is_its_own_judge_and_survives_the_file(case: Case, tmp_path: Path) -> None:
    truth = golden(case)
    assert judged(case, truth).verdict == "exact"
    path = tmp_path / "case.json"
    path.write_text(to_text(case, truth), encoding="utf-8")
    read_case, read = load(path)
    assert read_case.id == case.id and read.digest() == truth.digest() and read.decisions == truth.decisions
    assert [e.loss for e in read.evaluations] == [pytest.approx(e.loss, nan_ok=True, rel=0, abs=0) for e in truth.evaluations]


def test_every_reason_to_stop_ends_some_step() -> None:
    ends = {made.stop for case in CASES for made in golden(case).decisions}
    assert ends == {
        "tolerance_grad at start", "max_iter", "max_eval", "tolerance_grad", "step within tolerance_change", "loss within tolerance_change",
        "slope within tolerance_change",
    }  # fmt: skip


def test_a_fixture_without_its_evaluations_is_refused(tmp_path: Path) -> None:
    case = get_case(WOLFE)
    path = tmp_path / "case.json"
    truth = golden(case)
    truth.evaluations = truth.evaluations[:-1]
    path.write_text(to_text(case, truth), encoding="utf-8")
    with pytest.raises(FixtureError, match="evaluations: 1 entries .expected 2, one a step: lbfgs chooses where to evaluate"):
        load(path)


# The optimizer.


def test_it_is_resumed_from_a_saved_state() -> None:
    through, broken = Problem("rosenbrock"), Problem("rosenbrock")
    options = {"lr": 0.25, "max_iter": 4}
    straight = crossoptim.LBFGS(list(through.params.values()), **options)
    first = crossoptim.LBFGS(list(broken.params.values()), **options)
    for _ in range(2):
        straight.step(through)
        first.step(broken)
    buffer = io.BytesIO()
    torch.save(first.state_dict(), buffer)
    buffer.seek(0)
    second = crossoptim.LBFGS(list(broken.params.values()), lr=1.0)
    second.load_state_dict(torch.load(buffer, weights_only=True))
    straight.step(through)
    second.step(broken)
    np.testing.assert_array_equal(through.flat(), broken.flat())


def test_what_it_cannot_do_is_one_clear_line() -> None:
    a, b = torch.zeros(2, requires_grad=True), torch.zeros(2, dtype=torch.float64, requires_grad=True)
    second = "LBFGS: a second parameter group (expected one, of all parameters)"
    second += " (LBFGS doesn't support per-parameter options (parameter groups))"
    cases: list[tuple[Any, str]] = [
        (lambda: crossoptim.LBFGS([{"params": [a]}, {"params": [b]}]), second),
        (lambda: crossoptim.LBFGS([a]).add_param_group({"params": [b]}), second),
        (
            lambda: crossoptim.LBFGS([a, b]),
            "LBFGS: parameters are torch.float32 on cpu, torch.float64 on cpu (expected one dtype on one device)",
        ),
        (lambda: crossoptim.LBFGS([a]).step(), "LBFGS: step() without a closure (expected one that evaluates loss and gradients)"),
        (
            lambda: crossoptim.LBFGS([a], line_search_fn="armijo"),
            "LBFGS: line_search_fn = 'armijo' is not known (expected one of None, 'strong_wolfe')",
        ),
        (lambda: crossoptim.LBFGS([a], max_iter=2.5), "LBFGS: max_iter = 2.5 is not a whole number (expected one in [1, inf))"),
        (lambda: crossoptim.LBFGS([a], lr=-1.0), "LBFGS: lr = -1.0 is outside [0, inf) (Invalid learning rate: -1.0)"),
    ]
    for attempt, message in cases:
        with pytest.raises(HyperError) as caught:
            attempt()
        assert str(caught.value) == message


def test_a_parameter_without_gradient_counts_as_zeros() -> None:
    used, idle = torch.tensor([3.0], requires_grad=True), torch.tensor([5.0], requires_grad=True)
    optimizer = crossoptim.LBFGS([used, idle], lr=0.5)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (used * used).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert abs(used.item()) < 1e-3 and idle.item() == 5.0


# The bounds.


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 12))
def test_a_direction_computed_in_any_order_lies_within_its_bound(seed: int, size: int, pairs: int) -> None:
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(size, size))
    hessian = basis @ basis.T + 0.1 * np.eye(size)
    steps = rng.normal(size=(pairs, size)).astype(np.float32)
    history = [((hessian @ s).astype(np.float32), s) for s in steps]
    g = rng.normal(size=size).astype(np.float32)

    class AnyOrder(ReferenceWords):
        def dot(self, a: Any, b: Any) -> Any:
            total = np.float32(0)
            for i in rng.permutation(len(a)):
                total = np.float32(total + np.float32(a[i] * b[i]))
            return total

    computed = direction(AnyOrder("float32"), history, g)
    words = AffineWords("float32", Memory())
    known = direction(words, [(words.exact(y), words.exact(s)) for y, s in history], words.exact(g))
    assert np.all(np.abs(computed.astype(np.float64) - known.centre) <= known.radius)
    exact = direction(ReferenceWords("float64"), [(y.astype(np.float64), s.astype(np.float64)) for y, s in history], g.astype(np.float64))
    assert np.all(np.abs(exact - known.centre) <= known.radius)


@pytest.mark.parametrize("name", ["crossoptim", "torch-single"])
@pytest.mark.parametrize("case", [c for c in CASES if "edge" not in c.id], ids=lambda c: c.id)
def test_torch_lies_within_the_bounds(case: Case, name: str) -> None:
    truth = golden(case)
    judgement = judged(case, read_trajectory(answer(name, case, truth), case, name))
    assert judgement.verdict in ("exact", "rounding") and judgement.expected, judgement.reason


# The judge.


def honest() -> tuple[Case, Trajectory]:
    """A case, and what PyTorch does in it."""
    case = get_case(WOLFE)
    return case, read_trajectory(answer("torch-single", case, golden(case)), case, "torch")


@pytest.mark.parametrize("number", [1, 2, 7])
def test_a_point_a_millionth_off_is_found(number: int) -> None:
    case, got = honest()
    row = got.evaluations[0].params["x"][number]
    got.evaluations[0].params["x"][number] = np.asarray(row * (1 + 1e-6))
    judgement = judged(case, got)
    assert judgement.verdict == "diverges" and judgement.finding.step == 1


def test_a_final_point_ten_ulps_off_is_found() -> None:
    case, got = honest()
    last = got.params["y"][-1]
    assert last is not None
    got.params["y"][-1] = np.asarray(last + 10 * np.spacing(last))
    assert judged(case, got).reason.startswith("step 2, params/y: ")


def test_an_evaluation_too_many_or_too_few_is_found() -> None:
    case, got = honest()
    more, less = copy.deepcopy(got), copy.deepcopy(got)
    seen = more.evaluations[0]
    seen.add({n: rows[-1] for n, rows in seen.params.items()}, seen.loss[-1], {n: rows[-1] for n, rows in seen.grads.items()})
    assert judged(case, more).reason == f"step 1, evaluations: {len(seen.loss)} (expected {len(seen.loss) - 1}: max_eval)"
    seen = less.evaluations[0]
    for rows in (*seen.params.values(), *seen.grads.values(), seen.loss):
        del rows[-1]
    assert judged(case, less).reason == f"step 1, evaluations: {len(seen.loss)}, where one more is due"


def test_a_wrong_gradient_and_a_wrong_loss_are_found_where_they_were_taken() -> None:
    case, got = honest()
    wrong = copy.deepcopy(got)
    row = wrong.evaluations[1].grads["y"][3]
    assert row is not None
    wrong.evaluations[1].grads["y"][3] = np.asarray(row * 1.001)
    assert judged(case, wrong).reason.startswith("step 2, evaluation 4, gradients/y: ")
    wrong = copy.deepcopy(got)
    wrong.evaluations[1].loss[3] *= 1.001
    assert judged(case, wrong).reason.startswith("step 2, evaluation 4, loss: ")
    got.loss[1] = got.evaluations[1].loss[1]
    assert judged(case, got).reason.startswith("step 2, loss: step() returned ")


def test_a_gradient_where_the_case_has_none_is_found() -> None:
    case = get_case("lbfgs/none-shapes-f64")
    got = copy.deepcopy(golden(case))
    got.evaluations[2].grads["vector"][1] = np.zeros(3)
    assert judged(case, got).reason == "step 3, evaluation 2, gradients/vector: a gradient where the case has none"


def test_a_quirk_that_is_not_seen_is_reported() -> None:
    case = get_case("lbfgs/wolfe_short-ravine-f32")
    quirks = get_implementation("r-torch").quirks(case.base)
    judgement = judged(case, golden(case), quirks)
    assert judgement.verdict == "exact" and not judgement.expected
    assert judgement.reason == "r-torch/lbfgs/line-search-ignores-max-eval predicts another course: mended upstream?"


def test_pytorchs_errors_and_courses_beyond_an_edge_are_predicted() -> None:
    case = get_case("lbfgs/edge-barrier-f64")
    quirks = get_implementation("torch-single").quirks(case.base)
    said = answer("torch-single", case, golden(case))
    judge = Judge(case, golden(case), quirks)
    assert judge.raised(said["message"]).quirks == ("pytorch/lbfgs/nan-loss-raises",)
    case = get_case("lbfgs/edge-exponential-f64")
    got = read_trajectory(answer("torch-single", case, golden(case)), case, "torch")
    quirks = get_implementation("torch-single").quirks(case.base)
    assert judged(case, got, quirks).quirks == ("pytorch/lbfgs/follows-what-is-not-finite",)
    assert judged(case, got).verdict == "diverges"


# Runners and files.


def test_an_answer_without_evaluations_says_what_is_missing() -> None:
    case, truth = get_case(WOLFE), golden(get_case(WOLFE))
    said = answer("reference", case, truth)
    del said["trajectory"]["evaluations"][1]["params"]["x"]
    with pytest.raises(RunnerError, match="x: step 2, evaluations/params: not 25 rows of each of x, y"):
        read_trajectory(said, case, "x")
    del said["trajectory"]["evaluations"]
    with pytest.raises(RunnerError, match="x: evaluations: NoneType .expected 2, one a step: lbfgs chooses where to evaluate."):
        read_trajectory(said, case, "x")


@pytest.mark.parametrize("name", ["reference", "crossoptim", "torch-single"])
@pytest.mark.parametrize("mode", ["replay", "lockstep"])
def test_injected_gradients_are_of_no_use(name: str, mode: Any) -> None:
    case = get_case(WOLFE)
    truth = golden(case)
    said = local_runner(name).run(get_implementation(name).request(case, truth, mode))
    assert said == {
        "outcome": "unsupported",
        "reason": f"an optimizer that chooses where to evaluate cannot {mode} gradients (expected mode closed)",
    }


def test_a_campaign_without_closed_loop_has_nothing_to_judge(tmp_path: Path) -> None:
    case = get_case(WOLFE)
    with pytest.raises(
        CrossoptimError, match="nothing to judge: 1 case of optimizers that choose where to evaluate run in closed loop only"
    ):
        Campaign(tmp_path, ["reference"], modes=["lockstep"]).run([(case, golden(case))])


def test_it_is_not_driven_by_gradients() -> None:
    server = Server()
    param = {"name": "x", "shape": [1], "data": [1.0]}
    server.answer(
        {"command": "open", "implementation": "crossoptim", "optimizer": "lbfgs", "arguments": {}, "dtype": "float64", "params": [param]}
    )
    said = server.answer({"command": "step", "session": 1, "gradients": {"x": [1.0]}})
    assert said is not None and said["class"] == "HyperError"
    assert said["message"] == "step: lbfgs chooses where to evaluate: gradients cannot drive it (expected a closure)"


def test_a_recording_holds_the_evaluations(tmp_path: Path) -> None:
    case, truth = get_case(WOLFE), golden(get_case(WOLFE))
    said = answer("torch-single", case, truth)
    path = tmp_path / f"{case.id}.json"
    path.parent.mkdir()
    path.write_text(recorded.record_text(case, truth, {"closed": said}), encoding="utf-8")
    held = recorded.load(tmp_path, case, truth)["closed"]
    assert read_trajectory(held, case, "x").digest() == read_trajectory(said, case, "x").digest()
    assert judged(case, read_trajectory(held, case, "x")).verdict == "rounding"
