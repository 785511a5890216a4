"""Pages of quirks: every program on them, run, prints what the page says; the pages are what the specification says now."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from crossoptim.cli import app
from crossoptim.golden.fixture import root
from crossoptim.golden.trajectory import golden
from crossoptim.quirks import pages
from crossoptim.quirks.departure import depart
from crossoptim.quirks.effect import effect
from crossoptim.quirks.pages import INDEX, index, linked, page, path_of
from crossoptim.quirks.reproduction import Reproduction, reproduction
from crossoptim.quirks.showing import ecosystem_of, golden_case, showing
from crossoptim.spec.ecosystems import all_quirks
from crossoptim.spec.model import Quirk
from crossoptim.spec.refusals import InputQuirk
from crossoptim.spec.schedule import ScheduleQuirk

BESIDE_OTHERS = ["pytorch/asgd/foreach-float32-step-size", "pytorch/nadam/loaded-momentum-product"]
"""Quirks of numbers that the library also has in float32: without them it does not follow the fixture, either."""
FOLDER = root().parent / "docs" / "quirks"

RSCRIPT = shutil.which("Rscript")


def of(language: str) -> list[Quirk]:
    """The quirks of PyTorch, or of R torch; tests/test_adapters.py runs the programs of other libraries."""
    libraries = {quirk.id: ecosystem_of(quirk) for quirk in all_quirks().values()}
    return [all_quirks()[key] for key, e in libraries.items() if (e.package, e.language) == ("torch", language)]


def told_of(quirk: Quirk) -> Reproduction:
    told = reproduction(quirk)
    assert told
    return told


def by_id(quirk: Quirk) -> str:
    return quirk.id


def agree(told: Reproduction, printed: str, error: str) -> None:
    """The program did what the page says."""
    if told.message:
        assert told.message in error and not printed.strip()
    else:
        assert not error
        assert printed.strip() == (told.printed(told.wrong) if told.numbers else "")


def run_python(program: list[str]) -> tuple[str, str]:
    """What a program printed, and the error that ended it."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of the order of steps, of which some quirks are about
        try:
            exec(compile("\n".join(program), "reproduction", "exec"), {})  # noqa: S102
        except Exception as error:
            return out.getvalue(), f"{type(error).__name__}: {error}"
    return out.getvalue(), ""


@pytest.mark.parametrize("quirk", of("Python"), ids=by_id)
def test_a_program_in_python_shows_what_its_page_says(quirk: Quirk) -> None:
    told = told_of(quirk)
    if not told.runs:
        pytest.skip(f"needs {', '.join(quirk.implementations)}, this is torch {torch.__version__}")
    agree(told, *run_python(told.program))


R_RUNNER = """
files <- commandArgs(TRUE)
if (!requireNamespace("torch", quietly = TRUE) || !torch::torch_is_installed()) quit(status = 3)
suppressPackageStartupMessages(library(torch))
for (file in files) {
  message <- ""
  printed <- capture.output(message <- tryCatch({
    source(file, local = new.env())
    ""
  }, error = conditionMessage))
  writeLines(c(message, "", paste(printed, collapse = " ")), paste0(file, ".out"), sep = "\\x1e")
}
"""


@pytest.fixture(scope="session")
def r_results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """What each program in R printed, and the error that ended it; one process for all of them."""
    if RSCRIPT is None:
        pytest.skip("R is not installed")
    folder = tmp_path_factory.mktemp("r")
    quirks = of("R")
    files = [folder / f"{number}.R" for number in range(len(quirks))]
    for quirk, file in zip(quirks, files, strict=True):
        file.write_text("\n".join(told_of(quirk).program) + "\n")
    (folder / "run.R").write_text(R_RUNNER)
    done = subprocess.run([RSCRIPT, str(folder / "run.R"), *map(str, files)], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode == 3:
        pytest.skip("R torch is not installed")
    assert done.returncode == 0, done.stderr
    out = {}
    for quirk, file in zip(quirks, files, strict=True):
        error, _, printed = Path(f"{file}.out").read_text().split("\x1e")[:3]
        out[quirk.id] = (printed, error)
    return out


@pytest.mark.parametrize("quirk", of("R"), ids=by_id)
def test_a_program_in_r_shows_what_its_page_says(quirk: Quirk, r_results: dict[str, tuple[str, str]]) -> None:
    agree(told_of(quirk), *r_results[quirk.id])


@pytest.mark.parametrize("quirk", all_quirks().values(), ids=by_id)
def test_a_page_is_what_the_specification_says(quirk: Quirk) -> None:
    assert (FOLDER / path_of(quirk)).read_text(encoding="utf-8") == page(quirk), "run: crossoptim quirks"
    assert (FOLDER / f"{quirk.id}.svg").exists() == bool((found := effect(quirk)) and found.curves)


def test_the_table_names_every_quirk_and_nothing_else_lies_there() -> None:
    assert (FOLDER / INDEX).read_text(encoding="utf-8") == index(), "run: crossoptim quirks"
    pages_there = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.md")} - {INDEX}
    assert pages_there == {path_of(quirk) for quirk in all_quirks().values()}
    assert {path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.svg")} <= set(all_quirks())


def test_links_between_pages_lead_somewhere() -> None:
    for path in FOLDER.rglob("*.md"):
        for target in re.findall(r"\]\((?!http)([^)]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path}: {target}"


def test_the_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 2_000_000


def test_upstream_is_a_link_to_file_and_line() -> None:
    assert linked("github.com/mlverse/torch@e4de110c:R/optim-sgd.R:79") == (
        "mlverse/torch at e4de110: [R/optim-sgd.R:79](https://github.com/mlverse/torch/blob/e4de110c/R/optim-sgd.R#L79)"
    )
    assert linked("torch 2.13.0: torch/optim/sgd.py:45-50").endswith(
        "(https://github.com/pytorch/pytorch/blob/v2.13.0/torch/optim/sgd.py#L45-L50)"
    )
    for upstream, address in (
        ("optax 0.2.8: optax/_src/transform.py:72", "google-deepmind/optax/blob/v0.2.8/optax/_src/transform.py#L72"),
        ("keras 3.15.1: keras/src/optimizers/sgd.py:104-110", "keras-team/keras/blob/v3.15.1/keras/src/optimizers/sgd.py#L104-L110"),
        ("tfjs 4.22.0: tfjs-core/src/a.ts:91", "tensorflow/tfjs/blob/tfjs-v4.22.0/tfjs-core/src/a.ts#L91"),
    ):
        assert linked(upstream).endswith(f"(https://github.com/{address})")
    assert linked("somewhere else") == "somewhere else"


@pytest.mark.parametrize("quirk", of("Python") + of("R"), ids=by_id)
def test_what_is_right_is_the_fixtures(quirk: Quirk) -> None:
    told = told_of(quirk)
    if isinstance(quirk, InputQuirk | ScheduleQuirk) or not told.right:
        return
    found = showing(quirk)
    assert found
    _, whole = golden_case(found.case.id)
    row = whole.state[found.param][found.tensor] if found.tensor not in ("", "grad") else whole.params[found.param]
    row = whole.after(found.param) if found.tensor == "grad" else row
    if quirk.id not in BESIDE_OTHERS:
        assert np.array_equal(np.ravel(row[found.case.steps - 1]), np.asarray(told.right), equal_nan=True)
    assert told.printed(told.right) != told.printed(told.wrong)


@pytest.mark.parametrize("case_id", ["adam/accumulate-ravine-f64", "nadam/resume-injected-f64", "adagrad/start_groups-injected-f32"])
def test_without_quirks_a_departure_is_the_golden_trajectory(case_id: str) -> None:
    case, whole = golden_case(case_id)
    run = depart(case, (), lambda step, _: {name: whole.injected(name)[step - 1] for name in whole.params})
    assert all(np.array_equal(a, b) for name in whole.params for a, b in zip(run.params[name], whole.params[name], strict=True))
    assert golden(case).digest() == whole.digest()


def test_a_departure_makes_the_numbers_by_hand() -> None:
    """R torch's SGD: p - lr (g + weight_decay * index), from (-5, -2) with the ravine's gradient (-1, -8)."""
    told = told_of(all_quirks()["r-torch/sgd/weight-decay-adds-index"])
    assert told.wrong == pytest.approx([-5 - 0.1 * (-1 + 0.1 * 1), -2 - 0.1 * (-8 + 0.1 * 1)], rel=1e-15)
    assert told.right == pytest.approx([-5 - 0.1 * (-1 + 0.1 * -5), -2 - 0.1 * (-8 + 0.1 * -2)], rel=1e-15)


def test_training_with_the_index_ends_where_its_gradient_vanishes() -> None:
    """0.2 x1 + 0.1 = 0 and 4 x2 + 0.1 = 0, so that the loss ends at 0.1 / 4 + 2 / 1600, but for what is left of the start."""
    found = effect(all_quirks()["r-torch/sgd/weight-decay-adds-index"])
    assert found
    left = (1 - 0.02) ** 200
    x1, x2 = -0.5 + (-5 + 0.5) * left, -0.025
    assert found.curves["with the departure"][-1] == pytest.approx(0.1 * x1**2 + 2 * x2**2, rel=1e-9)


def test_a_picture_is_drawn_with_the_same_bytes_each_time() -> None:
    plot = pytest.importorskip("crossoptim.quirks.plot")
    pytest.importorskip("matplotlib")
    found = effect(all_quirks()["r-torch/sgd/weight-decay-adds-index"])
    assert found
    drawn = plot.svg(found)
    assert drawn == plot.svg(found)
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    for words in ("as it should be", "with the departure", "loss"):
        assert words in drawn


def test_quirks_writes_what_is_missing_and_verify_says_what_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quirk = all_quirks()["r-torch/sgd/weight-decay-adds-index"]
    monkeypatch.setattr(pages, "pages", lambda tick: {path_of(quirk): page(quirk)})
    monkeypatch.setattr(pages, "pictures", dict)

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["quirks", "--output", str(tmp_path), *arguments])
        return done.exit_code, " ".join(done.output.split())

    code, said = run("--verify")
    assert code == 1 and "1 file in" in said and "1 out of date" in said and not (tmp_path / path_of(quirk)).exists()
    assert run()[1].endswith("1 changed") and (tmp_path / path_of(quirk)).read_text() == page(quirk)
    assert run()[1].endswith("0 changed")
    assert run("--verify")[0] == 0
