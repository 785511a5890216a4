"""The benchmark: the workloads are the models they are named after, everybody takes the same step, and the table says what was measured."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from crossoptim.bench.contenders import FORMS, MEMORY, OURS, contenders, optimizers
from crossoptim.bench.report import Figure, rows
from crossoptim.bench.workloads import WORKLOADS
from crossoptim.cli import app


def test_the_workloads_have_as_many_parameters_as_the_models() -> None:
    sizes = {name: sum(map(prod, shapes)) for name, shapes in WORKLOADS.items()}
    assert sizes == {"1x10M": 10_000_000, "100x1000": 100_000, "resnet50": 25_557_032, "gpt2": 124_439_808}  # torchvision's, Hugging Face's


def test_everybody_takes_part_who_has_the_optimizer() -> None:
    assert {c.name for c in contenders("Adam", [(3,)], torch.float32)} == {OURS, *FORMS, MEMORY}
    assert {c.name for c in contenders("RAdam", [(3,)], torch.float32)} == {OURS, "torch single", "torch foreach", MEMORY}
    assert {c.name for c in contenders("Lion", [(3,)], torch.float32)} == {OURS, MEMORY}
    assert {"Adam", "Lion", "SGD"} <= set(optimizers()) and not {"Muon", "LBFGS", "SparseAdam"} & set(optimizers())


@pytest.mark.parametrize("optimizer", ["Adam", "SGD", "Rprop"])
def test_everybody_takes_the_same_step(optimizer: str) -> None:
    """Our class takes one step to know its state; the others follow."""
    made = [c.step.__self__ for c in contenders(optimizer, [(3,), (2, 2)], torch.float64) if c.name != MEMORY]  # type: ignore[attr-defined]
    for one in made[1:]:
        one.step()
    ours, *theirs = [torch.cat([p.detach().reshape(-1) for p in one.param_groups[0]["params"]]) for one in made]
    assert len(theirs) > 1
    for end in theirs:
        torch.testing.assert_close(end, ours, rtol=1e-10, atol=1e-12)


def test_the_table_has_ratios_of_what_was_measured() -> None:
    times = {OURS: 0.002, "torch single": 0.03, "torch foreach": 0.01, MEMORY: 0.0015}
    figure = Figure("RAdam", "1x10M", "float32", {name: {"first": 0.25, "median": value} for name, value in times.items()})
    data = figure.as_json()
    assert data["speedup"] == pytest.approx(5) and data["memory"] == pytest.approx(0.75)
    (row,) = rows([figure])
    assert (row[OURS], row["torch fused"], row["times torch's best"], row["of a plain loop"], row["first step"]) == (
        "2",
        "-",
        "5.00",
        "75 %",
        "250",
    )


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    path = tmp_path / "bench.json"
    words = ["bench", "-s", "Adam", "-w", "100x1000", "--dtype", "float32", "--rounds", "1", "--threads", "1", "--json", str(path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    report = json.loads(path.read_text())
    assert report["schema"] == "crossoptim/bench/1" and report["machine"]["threads"] == 1
    assert [figure["optimizer"] for figure in report["figures"]] == ["Adam"] and set(report["figures"][0]["seconds"]) == {
        OURS,
        *FORMS,
        MEMORY,
    }
    assert "100x1000" in done.output and torch.get_num_threads() == threads
