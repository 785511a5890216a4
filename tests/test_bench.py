"""The benchmark: the workloads are the models they are named after, everybody takes the same step, and the table says what was measured."""

from __future__ import annotations

import json
import shutil
from functools import partial
from importlib.util import find_spec
from math import prod
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from crossoptim.bench.alone import Alone, alone
from crossoptim.bench.contenders import FORMS, MEMORY, OURS, Contender, optimizers, ours, rivals
from crossoptim.bench.measure import WARM_UP, against
from crossoptim.bench.peers import LIBRARIES
from crossoptim.bench.report import Figure, Pair, caption, rows
from crossoptim.bench.workloads import WORKLOADS, parameters
from crossoptim.cli import app
from crossoptim.errors import CrossoptimError

SMALL = partial(parameters, [(3,), (2, 2)], torch.float64)
needs_optax = pytest.mark.skipif(not find_spec("optax"), reason="optax is not installed (pip install 'crossoptim[adapters]')")


def taking_part(optimizer: str, others: bool = False) -> set[str]:
    return {rival.name for rival in rivals(optimizer, SMALL, others)}


def test_the_workloads_have_as_many_parameters_as_the_models() -> None:
    sizes = {name: sum(map(prod, shapes)) for name, shapes in WORKLOADS.items()}
    assert sizes == {"1x10M": 10_000_000, "100x1000": 100_000, "resnet50": 25_557_032, "gpt2": 124_439_808}  # torchvision's, Hugging Face's


def test_everybody_takes_part_who_has_the_optimizer() -> None:
    assert taking_part("Adam") == {*FORMS, MEMORY}
    assert taking_part("RAdam") == {"torch single", "torch foreach", MEMORY}
    assert taking_part("Lion") == {MEMORY}
    assert {"Adam", "Lion", "SGD"} <= set(optimizers()) and not {"Muon", "LBFGS", "SparseAdam"} & set(optimizers())


def test_other_libraries_take_part_where_they_are_installed() -> None:
    installed = {title for title, module in LIBRARIES.items() if find_spec(module)} - {"heavyball"}  # which has no Lion
    assert taking_part("Lion", others=True) == {MEMORY, *installed}
    assert taking_part("ASGD", others=True) == {"torch single", "torch foreach", MEMORY}


def flat(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([t.detach().reshape(-1) for t in tensors])


@pytest.mark.parametrize("optimizer", ["Adam", "SGD", "Rprop"])
def test_torch_takes_the_same_step(optimizer: str) -> None:
    one = ours(optimizer, SMALL())
    theirs = [rival.step.__self__ for rival in rivals(optimizer, SMALL, others=False) if rival.name != MEMORY]  # type: ignore[attr-defined]
    assert len(theirs) > 1
    for made in [one, *theirs]:
        made.step()
        torch.testing.assert_close(flat(made.param_groups[0]["params"]), flat(one.param_groups[0]["params"]), rtol=1e-10, atol=1e-12)


@needs_optax
@pytest.mark.parametrize("optimizer", ["AdamW", "RMSprop", "SGD", "ADOPT"])
def test_optax_takes_the_same_steps(optimizer: str) -> None:
    from crossoptim.bench.peers import optax

    one, theirs = ours(optimizer, SMALL()), optax.stepper(optimizer, SMALL)
    assert theirs is not None
    for _ in range(2):
        one.step()
        theirs()
    end = torch.cat([torch.tensor(value.tolist(), dtype=torch.float64).reshape(-1) for value in theirs.params])
    torch.testing.assert_close(flat(one.param_groups[0]["params"]), end, rtol=1e-7, atol=0)


def test_a_round_is_one_step_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    clock = iter(range(100))
    monkeypatch.setattr("crossoptim.bench.measure.perf_counter", lambda: next(clock))
    pair = against(
        Contender(OURS, partial(taken.append, "ours")), Contender("x", partial(taken.append, "x")), 2, partial(taken.append, "wait")
    )
    assert taken == ["x", "wait", *["ours", "wait", "x", "wait"] * (WARM_UP + 2)] and pair == Pair(1, 1, 1)


FIGURE = Figure(
    "RAdam", "1x10M", "float32", "cpu", 2,
    {
        "torch single": Pair(0.002, 0.03, 0.1),
        "torch foreach": Pair(0.001, 0.01, 0.1),  # slower than the loop, in rounds that were twice as fast
        "optax": Pair(0.002, 0.005, 1),
        MEMORY: Pair(0.003, 0.00225, 0.1),
    },
    Alone(0.25, 0.0125, 0.004),
)  # fmt: skip


def test_the_table_has_ratios_of_the_same_rounds() -> None:
    assert rows([FIGURE]) == [
        {
            "optimizer": "RAdam", "parameters": "1x10M", "dtype": "float32", "crossoptim": "2", "best of torch": "10 (foreach)",
            "times torch": "10.00", "best of others": "5 (optax)", "times others": "2.50", "of a plain loop": "75 %",
            "first step": "250, 12.5", "beyond tensors": "0.4 %",
        }
    ]  # fmt: skip
    assert "device cpu; threads 2" in caption([FIGURE]) and f"torch {torch.__version__}" in caption([FIGURE])
    data = FIGURE.as_json()
    assert data["seconds"] == 0.002 and data["rivals"]["torch single"]["ratio"] == 15 and data["alone"]["excess"] == 0.004


def test_figures_of_several_numbers_of_threads_say_so() -> None:
    other = Figure("Lion", "1x10M", "float32", "cpu", 1, {MEMORY: FIGURE.pairs[MEMORY]}, None)
    first, second = rows([FIGURE, other])
    assert (first["threads"], second["threads"]) == ("2", "1") and "threads" not in caption([FIGURE, other])
    assert (second["best of torch"], second["times others"]) == ("-", "-")


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
def test_first_steps_and_memory_are_measured_in_processes_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler, log = tmp_path / "compiler", tmp_path / "log"
    compiler.write_text(f'#!/bin/sh\necho $PPID "$@" >> {log}\nexec cc "$@"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    found = alone("Adam", "1x10M", "float32", "cpu", 1)
    assert found.new > 0 < found.again
    compiling = {line.split()[0] for line in log.read_text().splitlines() if "-shared" in line}
    assert len(compiling) == 1  # only the first of them
    assert found.excess is None or abs(found.excess) < 0.01  # a temporary would be a quarter


def test_a_process_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "false")
    with pytest.raises(CrossoptimError, match="bench: Adam, 1x10M, float32: no message"):
        alone("Adam", "1x10M", "float32", "cpu", 1)


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    path = tmp_path / "bench.json"
    words = ["bench", "-s", "Adam", "-w", "100x1000", "--dtype", "float32", "--rounds", "1", "--no-others", "--no-start"]
    done = CliRunner().invoke(app, [*words, "--threads", "1", "--threads", "2", "--markdown", "--json", str(path)])
    assert done.exit_code == 0, done.output
    report = json.loads(path.read_text())
    assert report["schema"] == "crossoptim/bench/1" and [figure["threads"] for figure in report["figures"]] == [1, 2]
    assert [(figure["optimizer"], set(figure["rivals"])) for figure in report["figures"]] == [("Adam", {*FORMS, MEMORY})] * 2
    assert "| Adam | 100x1000 | float32 | 1 |" in done.output and torch.get_num_threads() == threads


def test_a_device_that_is_not_there_is_an_error() -> None:
    done = CliRunner().invoke(app, ["bench", "-s", "Adam", "-w", "100x1000", "--device", "abacus"])
    assert done.exit_code and "bench: there is no device 'abacus' here (expected cpu" in str(done.output) + str(done.exception)
