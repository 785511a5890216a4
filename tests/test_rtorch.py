"""R torch's optimizers in Python: with ``quirks="0.17"`` they do what R torch was recorded to do, with ``"fixed"`` what is specified."""

from __future__ import annotations

import ast
import copy
import inspect
import json
import pickle
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import crossoptim as co
from crossoptim import rtorch
from crossoptim.check.judge import Judge
from crossoptim.check.verdict import Judgement
from crossoptim.errors import HyperError, UnavailableError
from crossoptim.golden import fixture
from crossoptim.golden.case import Case
from crossoptim.golden.export import every_case, read_manifest
from crossoptim.golden.schedules import rates
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.rtorch.optimizers import ROptimizer
from crossoptim.rtorch.released import ReleasedError
from crossoptim.runners import recorded, schedules
from crossoptim.runners.kinds import kind_of
from crossoptim.runners.r import installation
from crossoptim.runners.registry import get_implementation, local_runner
from crossoptim.runners.request import Mode, read_trajectory
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.refusals import InputQuirk
from crossoptim.spec.schedule import ScheduleQuirk

THEIRS = {"rtorch-0.17": "r-torch", "rtorch-ignite-0.17": "r-torch-ignite"}
FIXED = {"rtorch-0.17": "rtorch", "rtorch-ignite-0.17": "rtorch-ignite"}
OPTIMIZERS = [*rtorch.OPTIMIZERS]


@cache
def folder(name: str) -> Path:
    """The newest recording of what an implementation imitates."""
    return recorded.folders(fixture.root(), THEIRS[name])[-1]


@cache
def hashes() -> dict[str, str]:
    """The manifest's."""
    return read_manifest(fixture.root())


@cache
def truth(case_id: str) -> tuple[Case, Trajectory]:
    """A case with its golden trajectory."""
    case = every_case()[case_id]
    assert isinstance(case, Case)
    return case, golden(case)


def theirs(name: str, case_id: str) -> dict[str, dict[str, Any]]:
    """What R torch answered, by mode."""
    path = folder(name) / f"{case_id}.json"
    return recorded.load(folder(name), *truth(case_id), hashes()[path.relative_to(fixture.root() / fixture.VERSION).as_posix()])


def ours(name: str, case_id: str, mode: Mode) -> tuple[dict[str, Any], Judgement]:
    """What crossoptim.rtorch answers, and the verdict."""
    implementation, (case, exact) = get_implementation(name), truth(case_id)
    kind = kind_of(case)
    answer = kind.ask(implementation, case, exact, mode, local_runner(name).run)
    return answer, kind.judge(implementation, case, exact, ())(answer, mode)


def recordings(name: str) -> Iterator[str]:
    """The recorded cases of optimizers that are no conversations."""
    known = every_case()
    for path in sorted(folder(name).rglob("*.json")):
        case = known.get(path.relative_to(folder(name)).with_suffix("").as_posix())
        if isinstance(case, Case) and not case.base.rule.converse:
            yield case.id


# The numbers of R torch 0.17.

BITES = {
    "r-torch/zero-grad-leaves-zeros": "rprop/unused-injected-f64",
    "r-torch/sgd/weight-decay-adds-index": "sgd/decay-ravine-f32",
    "r-torch/rmsprop/weight-decay-adds-index": "rmsprop/all_options-ravine-f32",
    "r-torch/adam/weight-decay-in-gradient": "adam/amsgrad_decay-ravine-f64",
    "r-torch/adam/late-amsgrad-raises": "adam/amsgrad_switched_on-ravine-f64",
    "r-torch/adamw/late-amsgrad-raises": "adamw/amsgrad_switched_on-ravine-f64",
    "r-torch/adamw/float32-bias-correction": "adamw/frozen-injected_1d-f64",
    "r-torch/adamw/zero-dimensional-raises": "adamw/extreme_zeros-zeros-f64",
    "r-torch/adagrad/group-added-raises": "adagrad/group-added-injected-f64",
    "r-torch/adagrad/group-start-ignored": "adagrad/start_groups-injected-f64",
    "r-torch/rmsprop/late-state-raises": "rmsprop/centered_switched_on-ravine-f64",
    "r-torch/asgd/averaging-raises": "asgd/frozen-injected-f64",
    "r-torch/lbfgs/float32-history": "lbfgs/curvature_skipped-ravine-f64",
    "r-torch/lbfgs/float32-line-search": "lbfgs/wolfe_short-ravine-f64",
    "r-torch/lbfgs/line-search-ignores-max-eval": "lbfgs/max_eval_one-ravine-f64",
    "r-torch/lbfgs/resume-freezes-the-state": "lbfgs/resume-wolfe-rosenbrock-f32",
    "r-torch/lbfgs/not-finite-raises": "lbfgs/edge-barrier-f32",
    "r-torch-ignite/adagrad/second-group-raises": "adagrad/groups-injected-f64",
    "r-torch-ignite/adam/late-amsgrad-raises": "adam/amsgrad_switched_on-ravine-f64",
    "r-torch-ignite/adamw/late-amsgrad-raises": "adamw/amsgrad_switched_on-ravine-f64",
    "r-torch-ignite/rmsprop/late-state-raises": "rmsprop/momentum_switched_on-ravine-f64",
}
"""For each quirk of an optimizer a case in which it shows."""


COPIES = "r-torch/asgd/copies-the-parameter"


@pytest.mark.parametrize(("quirks", "forgotten"), [("fixed", False), ("0.17", True)])
def test_an_average_that_is_not_a_number_is_forgotten_by_the_copy(quirks: Any, forgotten: bool) -> None:
    params = parameters()
    optimizer = make("optim_asgd", params, quirks=quirks)
    optimizer.step()
    average = optimizer.state[params[0]]["ax"]
    average.fill_(torch.nan)
    optimizer.step()
    assert torch.equal(average, params[0].detach()) is forgotten and bool(average.isnan().all()) is not forgotten


def test_every_quirk_of_an_optimizer_has_a_case() -> None:
    known = [q for name in ("r_torch", "r_torch_ignite") for q in get_ecosystem(name).quirks]
    assert {*BITES, COPIES} == {q.id for q in known if not isinstance(q, InputQuirk | ScheduleQuirk)}


@pytest.mark.parametrize("quirk", BITES)
def test_a_quirk_is_there_in_0_17_and_not_where_it_is_fixed(quirk: str) -> None:
    name, case_id = "rtorch-ignite-0.17" if quirk.startswith("r-torch-ignite/") else "rtorch-0.17", BITES[quirk]
    for mode, recording in theirs(name, case_id).items():
        answer, judgement = ours(name, case_id, mode)
        assert judgement.expected, judgement.reason
        assert (judgement.verdict, quirk in judgement.quirks) == ("documented", True)
        assert answer["outcome"] == recording["outcome"]
    _, judgement = ours(FIXED[name], case_id, mode)
    assert judgement.expected and judgement.verdict in ("exact", "rounding"), judgement.reason


SOME = [(name, case_id) for name in THEIRS for case_id in list(recordings(name))[5 :: 40]]


@pytest.mark.parametrize(("name", "case_id"), SOME)
def test_each_step_from_where_r_torch_was_is_its_own_within_rounding(name: str, case_id: str) -> None:
    (case, exact), implementation = truth(case_id), get_implementation(name)
    for mode, recording in theirs(name, case_id).items():
        if recording["outcome"] != "ok":
            assert ours(name, case_id, mode)[0]["outcome"] == recording["outcome"]
            continue
        there = read_trajectory(recording, case, case_id)
        begin = replace(exact, params=there.params, state=there.state, grads=there.grads, grads_after=there.grads_after)
        answer = local_runner(name).run(implementation.request(case, begin, "lockstep"))
        assert answer["outcome"] == "ok", answer
        here = read_trajectory(answer, case, case_id)
        judgement = Judge(case, begin, implementation.quirks(case.base)).judge(here, "lockstep")
        assert judgement.expected, judgement.reason
        if case.rule == "rprop":  # which ATen has no other order for
            assert all(np.array_equal(a, b) for p in here.params for a, b in zip(here.params[p], there.params[p], strict=True))


RATES = [case for case in every_case().values() if isinstance(case, ScheduleCase)]
RATES = [case for case in RATES if (folder("rtorch-0.17") / f"{case.id}.json").exists()][::4]


@pytest.mark.parametrize("case", RATES, ids=lambda case: case.id)
def test_the_rates_are_those_of_r_torch_to_the_last_bit(case: ScheduleCase) -> None:
    exact, runner = rates.golden(case), local_runner("rtorch-0.17")
    path = folder("rtorch-0.17") / f"{case.id}.json"
    recording = schedules.load_recorded(path, case, exact, hashes()[path.relative_to(fixture.root() / fixture.VERSION).as_posix()])
    answer = runner.run(schedules.request(get_implementation("rtorch-0.17"), case))
    assert recording and answer["outcome"] == recording["outcome"]
    if answer["outcome"] == "ok":
        assert answer["rates"] == {key: [list(row) for row in rows] for key, rows in recording["rates"].items()}
    fixed = local_runner("rtorch").run(schedules.request(get_implementation("rtorch"), case))
    judgement = schedules.judgement(case, exact, [], fixed, "rtorch")
    assert judgement.verdict in ("exact", "rounding"), judgement.reason


# The surface.


def parameters() -> list[Tensor]:
    """Two parameters with gradients."""
    made = [torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([[3.0]], requires_grad=True)]
    for p in made:
        p.grad = torch.ones_like(p)
    return made


def make(name: str, params: Any, **options: Any) -> ROptimizer:
    """An optimizer of that name."""
    lr = {"lr": 0.1} if "sgd" in name else {}
    made: ROptimizer = getattr(rtorch, name)(params, **lr, **options)
    return made


def closure(optimizer: ROptimizer, params: list[Tensor]) -> Any:
    """A sum of squares."""

    def evaluate() -> Tensor:
        optimizer.zero_grad()
        loss = sum(((p * p).sum() for p in params), torch.tensor(0.0))
        loss.backward()
        return loss

    return evaluate


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("quirks", ["fixed", "0.17"])
def test_a_state_dict_counts_from_1_and_a_loaded_run_goes_on(name: str, quirks: Any) -> None:
    params = parameters()
    optimizer = make(name, params, quirks=quirks)
    for _ in range(3):
        optimizer.step(closure(optimizer, params))
    saved = copy.deepcopy(optimizer.state_dict())
    assert [group["params"] for group in saved["param_groups"]] == [[1, 2]]
    assert set(saved["state"]) <= {1, 2}
    assert all(isinstance(held.get("step", 0), int | float) for held in saved["state"].values())
    assert set(saved["param_groups"][0]) >= set(rtorch.OPTIMIZERS[name][1].args)

    twins = [p.detach().clone().requires_grad_() for p in params]
    twin = make(name, twins, quirks=quirks)
    saved["state"] = {str(number): held for number, held in saved["state"].items()}  # as R has it
    twin.load_state_dict(saved)
    frozen = name == "optim_lbfgs" and quirks == "0.17"
    for _ in range(1 if frozen else 3):  # whose memory stays as it was loaded
        optimizer.step(closure(optimizer, params))
        twin.step(closure(twin, twins))
    assert all(torch.equal(a, b) for a, b in zip(params, twins, strict=True))


@pytest.mark.parametrize("quirks", ["fixed", "0.17"])
def test_a_state_as_ignite_lays_it_out_is_read(quirks: Any) -> None:
    params = parameters()
    optimizer = rtorch.optim_ignite_adam(params, quirks=quirks)
    groups = optimizer.state_dict()["param_groups"]
    moments = {"exp_avg": torch.ones(2), "exp_avg_sq": torch.ones(2), "max_exp_avg_sq": torch.zeros(0), "step": torch.tensor([3])}
    optimizer.load_state_dict({"param_groups": groups, "state": {"1": moments}})
    optimizer.step()
    assert optimizer.state_dict()["state"][1]["step"] == 4.0 and "max_exp_avg_sq" not in optimizer.state[params[0]]
    assert optimizer.state_dict()["state"][2]["step"] == 1.0


@pytest.mark.parametrize("name", ["optim_adagrad", "optim_asgd", "optim_lbfgs"])
def test_a_pickled_optimizer_is_the_same(name: str) -> None:
    params = parameters()
    optimizer = make(name, params, quirks="0.17")
    optimizer.step(closure(optimizer, params))
    copied = pickle.loads(pickle.dumps(optimizer))  # noqa: S301  # its own
    assert type(copied) is type(optimizer) and copied.quirks == "0.17"
    twins = copied.param_groups[0]["params"]
    optimizer.step(closure(optimizer, params))
    copied.step(closure(copied, twins))
    assert all(torch.equal(a, b) for a, b in zip(params, twins, strict=True))


def test_lambda_has_two_spellings_and_the_group_has_that_of_r() -> None:
    for options in ({"lambda_": 0.5}, {"lambda": 0.5}):
        optimizer = rtorch.optim_asgd(parameters(), **options)
        assert optimizer.param_groups[0]["lambda"] == 0.5 and "lambda_" not in optimizer.param_groups[0]
    assert list(inspect.signature(rtorch.optim_asgd).parameters)[1:4] == ["lr", "lambda_", "alpha"]


def test_a_learning_rate_is_required_of_sgd() -> None:
    with pytest.raises(HyperError, match="Need to specify a learning rate"):
        rtorch.optim_sgd(parameters())
    x, y = parameters()
    groups = [{"params": [x], "lr": 0.1}, {"params": [y], "lr": 0.2}]
    assert len(rtorch.optim_sgd(groups, lr=rtorch.optim_required()).param_groups) == 2
    with pytest.raises(HyperError, match="Need to specify a learning rate"):
        rtorch.optim_sgd(groups, quirks="0.17")
    optimizer = rtorch.optim_sgd(groups)
    with pytest.raises(HyperError, match="lr is missing"):
        optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)]})
    assert len(optimizer.param_groups) == 2


@pytest.mark.parametrize(("quirks", "left"), [("fixed", None), ("0.17", 0.0)])
def test_zero_grad_leaves_what_the_class_leaves(quirks: Any, left: float | None) -> None:
    params = parameters()
    optimizer = rtorch.optim_adam(params, quirks=quirks)
    optimizer.zero_grad()
    assert params[0].grad is None if left is None else params[0].grad is not None and not params[0].grad.any()
    optimizer.zero_grad(set_to_none=True)
    assert params[0].grad is None
    params = parameters()
    rtorch.optim_ignite_adam(params, quirks="0.17").zero_grad()
    assert params[0].grad is None


def test_a_parameter_may_be_in_two_groups_in_0_17_only() -> None:
    x, y = parameters()
    groups = [{"params": [x]}, {"params": [x, y]}]
    with pytest.raises(ValueError, match="more than one parameter group"):
        rtorch.optim_adam(groups)
    optimizer = rtorch.optim_adam(groups, quirks="0.17")
    optimizer.step()
    assert [optimizer.state[p]["step"] for p in (x, y)] == [2, 1]


def test_a_single_tensor_is_a_list_of_one() -> None:
    x = parameters()[0]
    assert rtorch.optim_adam(x).param_groups[0]["params"] == [x]


def test_the_indexed_weight_decay_goes_into_the_file_and_out_again(tmp_path: Path) -> None:
    params = parameters()
    optimizer = rtorch.optim_sgd(params, lr=0.1, momentum=0.9, weight_decay=0.5, quirks="0.17")
    optimizer.step()
    assert torch.equal(params[1].detach(), torch.tensor([[3.0]]) - 0.1 * (1 + 0.5 * 2)), "the parameter's number, not its value"
    co.save_optimizer_state(optimizer, tmp_path / "sgd.safetensors")
    twins = [torch.zeros_like(p).requires_grad_() for p in params]
    twin = torch.optim.SGD(twins, lr=9.0, momentum=0.5)
    co.load_optimizer_state(twin, tmp_path / "sgd.safetensors")
    assert twin.param_groups[0]["weight_decay"] == 0.5
    for p, q in zip(params, twins, strict=True):
        assert torch.equal(twin.state[q]["momentum_buffer"], optimizer.state[p]["momentum_buffer"])
    back = rtorch.optim_sgd(twins, lr=9.0, momentum=0.5, quirks="0.17")
    co.load_optimizer_state(back, tmp_path / "sgd.safetensors")
    for p, q in zip(params, twins, strict=True):
        p.grad, q.grad = torch.ones_like(p), torch.ones_like(q)
    optimizer.step()
    back.step()
    assert all(torch.equal(a, b) for a, b in zip(params, twins, strict=True))


def test_what_r_torch_raises_is_raised_in_its_words() -> None:
    params = parameters()
    optimizer = rtorch.optim_adagrad(params[:1], quirks="0.17")
    optimizer.add_param_group({"params": params[1:]})
    with pytest.raises(ReleasedError, match=r"attempt to apply non-function.*r-torch/adagrad/group-added-raises"):
        optimizer.step()


def test_unknown_names_are_one_clear_line() -> None:
    with pytest.raises(HyperError, match="quirks = '0.16' is not known"):
        rtorch.optim_adam(parameters(), quirks="0.16")
    with pytest.raises(HyperError, match="optim_adam has no argument maximize"):
        rtorch.optim_adam(parameters(), maximize=True)
    with pytest.raises(AttributeError, match="optim_adams"):
        rtorch.optim_adams  # noqa: B018


@pytest.mark.parametrize("name", rtorch.SCHEDULERS)
def test_a_scheduler_takes_any_torch_optimizer_and_goes_on_from_its_state(name: str) -> None:
    options: dict[str, Any] = {
        "lr_lambda": {"lr_lambda": lambda epoch: 0.5**epoch},
        "lr_multiplicative": {"lr_lambda": [lambda _: 0.5]},
        "lr_step": {"step_size": 2},
        "lr_cosine_annealing": {"T_max": 5},
        "lr_one_cycle": {"max_lr": 1.0, "total_steps": 10},
        "lr_reduce_on_plateau": {"patience": 1},
    }[name]
    metric = [1.0] if name == "lr_reduce_on_plateau" else []
    optimizer = torch.optim.SGD(parameters(), lr=0.1, momentum=0.9)
    scheduler = getattr(rtorch, name)(optimizer, **options)
    assert scheduler.quirks == "fixed" and optimizer.param_groups[0]["initial_lr"] == 0.1
    for _ in range(3):
        scheduler.step(*metric)
    other = torch.optim.SGD(parameters(), lr=0.1, momentum=0.9)
    twin = getattr(rtorch, name)(other, **options)
    other.load_state_dict(optimizer.state_dict())
    twin.load_state_dict(scheduler.state_dict())
    for _ in range(2):
        scheduler.step(*metric)
        twin.step(*metric)
    assert scheduler.get_last_lr() == twin.get_last_lr() == [optimizer.param_groups[0]["lr"]] != [0.1]


def test_a_scheduler_has_the_quirks_of_its_optimizer() -> None:
    assert rtorch.lr_step(rtorch.optim_adam(parameters(), quirks="0.17"), 2).quirks == "0.17"
    assert rtorch.lr_step(rtorch.optim_adam(parameters(), quirks="0.17"), 2, quirks="fixed").quirks == "fixed"


def test_the_stub_has_the_arguments_of_every_class() -> None:
    tree = ast.parse((Path(rtorch.__file__).parent / "__init__.pyi").read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    assert ["optim_required", *classes] == rtorch.__all__
    for name, stub in classes.items():
        made = next(node for node in stub.body if isinstance(node, ast.FunctionDef)).args
        known = inspect.signature(getattr(rtorch, name)).parameters.values()
        assert [a.arg for a in (*made.args[1:], *made.kwonlyargs)] == [p.name for p in known]
        assert len(made.defaults) + len(made.kw_defaults) == sum(p.default is not p.empty for p in known)


# R torch itself, where it is installed.

SCRIPT = """
suppressMessages(library(torch))
torch_set_num_threads(1)
said <- function(f) paste0('"', paste(names(formals(f))[-1], collapse = " "), '"')
names <- strsplit(commandArgs(TRUE)[1], ",")[[1]]
cat('{"arguments": {')
cat(paste(sprintf('"%s": %s', names, vapply(names, function(name) said(get(name)), "")), collapse = ", "))
x <- torch_tensor(c(1, 2), requires_grad = TRUE)
optimizer <- optim_rprop(x, lr = 0.1)
walk <- function(n) for (i in seq_len(n)) { optimizer$zero_grad(); sum(x^2 * (x - 1))$backward(); optimizer$step() }
numbers <- function(t) paste0("[", paste(sprintf("%.17g", as.numeric(t)), collapse = ", "), "]")
walk(4)
saved <- optimizer$state_dict()
held <- saved$state[["1"]]
cat(sprintf('}, "x": %s, "params": %d, "step": %s, "prev": %s, "step_size": %s', numbers(x), saved$param_groups[[1]]$params, held$step,
  numbers(held$prev), numbers(held$step_size)))
walk(4)
cat(sprintf(', "end": %s}', numbers(x)))
"""


def test_arguments_are_those_of_the_live_r_torch_and_its_state_goes_on_here(tmp_path: Path) -> None:
    try:
        found = installation()
    except UnavailableError as error:
        pytest.skip(str(error))
    script = tmp_path / "script.R"
    script.write_text(SCRIPT)
    names = [name for name in rtorch.__all__ if name != "optim_required"]
    command = [found.rscript, "--vanilla", str(script), ",".join(names)]
    done = subprocess.run(command, env=dict(found.environment), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"R torch is not there: {done.stderr[-200:]}")
    said = json.loads(done.stdout)
    for name in names:
        mine = [p for p in inspect.signature(getattr(rtorch, name)).parameters if p != "quirks"][1:]
        there = said["arguments"][name].split()
        there = ["lambda_" if argument == "lambda" else argument for argument in there]
        assert mine == (there if name != "lr_step" else [*there, "verbose"])
    x = torch.tensor(said["x"], requires_grad=True)
    optimizer = rtorch.optim_rprop([x], lr=0.1, quirks="0.17")
    groups = optimizer.state_dict()["param_groups"]
    assert groups[0]["params"] == [said["params"]] == [1]
    tensors = {key: torch.tensor(said[key]) for key in ("prev", "step_size")}
    optimizer.load_state_dict({"param_groups": groups, "state": {"1": {"step": said["step"], **tensors}}})
    for _ in range(4):
        optimizer.zero_grad()
        (x**2 * (x - 1)).sum().backward()
        optimizer.step()
    assert x.tolist() == said["end"]
