"""`crossoptim report-bug`: the test in every report fails on the library with the defect, and passes on the corrected form."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import crossoptim.optim
from crossoptim.cli import app
from crossoptim.quirks.dialects import dialect_of
from crossoptim.quirks.report import BugReport, ChoiceError, bug_report
from crossoptim.quirks.reproduction import runs
from crossoptim.quirks.showing import ecosystem_of
from crossoptim.spec.ecosystems import all_quirks
from crossoptim.spec.model import Quirk

BESIDE_OTHERS = ["pytorch/asgd/foreach-float32-step-size", "pytorch/nadam/loaded-momentum-product"]
"""Defects beside float32 numbers that PyTorch chose: mended, it would give numbers that are not the equation's."""
INDEX = "r-torch/sgd/weight-decay-adds-index"
RSCRIPT = shutil.which("Rscript")
LIBRARIES = {q.id: ecosystem_of(q) for q in all_quirks().values() if q.kind == "defect" and runs(q)}
DEFECTS = [q for q, library in LIBRARIES.items() if dialect_of(library)]
PYTORCH = [q for q in DEFECTS if (LIBRARIES[q].package, LIBRARIES[q].language) == ("torch", "Python")]
R_TORCH = [q for q in DEFECTS if LIBRARIES[q].language == "R"]


def run(test: str) -> None:
    """Run the one function of a test file."""
    names: dict[str, object] = {}
    exec(compile(test, "report", "exec"), names)  # noqa: S102
    (function,) = [value for name, value in names.items() if name.startswith("test_")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function()  # type: ignore[operator]


def corrected(report: BugReport) -> str:
    """The test with this project's optimizer in the library's place: its state has the same names, its paths are one."""
    text = re.sub(r", (foreach|fused)=True", "", report.test)
    return text.replace("torch.optim.", "crossoptim.optim.").replace("import torch\n", "import torch\nimport crossoptim.optim\n", 1)


@pytest.mark.parametrize("quirk", PYTORCH)
def test_a_test_of_pytorch_fails_where_the_defect_is(quirk: str) -> None:
    with pytest.raises(BaseException):  # noqa: B017, PT011
        run(bug_report(quirk).test)


CORRECTED = [q for q in PYTORCH if all_quirks()[q].bindings[0] in crossoptim.optim.__all__ and q not in BESIDE_OTHERS]


@pytest.mark.parametrize("quirk", CORRECTED)
def test_a_test_of_pytorch_passes_where_it_is_corrected(quirk: str) -> None:
    run(corrected(bug_report(quirk)))


def test_a_report_of_pytorch_holds_a_file_that_pytest_runs(tmp_path: Path) -> None:
    report = bug_report("pytorch/adagrad/group-start-ignored")
    (tmp_path / "test_theirs.py").write_text(report.test)
    (tmp_path / "test_ours.py").write_text(corrected(report))
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1 and "1 failed, 1 passed" in done.stdout, done.stdout
    assert "PASSED test_ours.py" in done.stdout and "FAILED test_theirs.py" in done.stdout
    assert "Tensor-likes are not close" in done.stdout


R_RUNNER = """
files <- commandArgs(TRUE)
if (!requireNamespace("torch", quietly = TRUE) || !torch::torch_is_installed()) quit(status = 3)
if (!requireNamespace("testthat", quietly = TRUE)) quit(status = 4)
for (file in files) {
  result <- as.data.frame(testthat::test_file(file, reporter = "silent", stop_on_failure = FALSE))
  cat("RESULT", nrow(result), sum(result$nb), sum(result$failed) + sum(result$error), sum(result$skipped), "\\n")
}
"""


def own_library() -> str:
    """Where this project's R package is installed for the tests."""
    first = os.environ.get("CROSSOPTIM_R_LIBS") or str(Path(sys.prefix) / "lib" / "R" / "library")
    return os.pathsep.join([first, os.environ.get("R_LIBS", "")])


def run_r(folder: Path, tests: dict[str, str]) -> dict[str, tuple[int, int]]:
    """For each test file how many expectations it has, and how many failed; one process for all of them."""
    if RSCRIPT is None:
        pytest.skip("R is not installed")
    folder.mkdir()
    files = [folder / f"test-{number}.R" for number in range(len(tests))]
    for text, file in zip(tests.values(), files, strict=True):
        file.write_text(text)
    (folder / "run.R").write_text(R_RUNNER)
    command = [RSCRIPT, str(folder / "run.R"), *map(str, files)]
    environment = {**os.environ, "R_LIBS": own_library(), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    if done.returncode in (3, 4):
        pytest.skip("R torch or testthat is not installed")
    assert done.returncode == 0, done.stderr
    rows = [[int(word) for word in line.split()[1:]] for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert [row[0] for row in rows] == [1] * len(tests) and not any(row[3] for row in rows)
    return {quirk: (row[1], row[2]) for quirk, row in zip(tests, rows, strict=True)}


@pytest.fixture(scope="session")
def in_r(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int]]:
    """What became of the tests of R torch by quirk, and of those with our optimizers as ``ours quirk`` where these are installed."""
    tests = {quirk: bug_report(quirk).test for quirk in R_TORCH}
    if RSCRIPT and (Path(own_library().split(os.pathsep)[0]) / "crossoptim").is_dir():
        tests |= {f"ours {quirk}": corrected_in_r(bug_report(quirk)) for quirk in CORRECTED_IN_R}
    return run_r(tmp_path_factory.mktemp("report") / "tests", tests)


@pytest.mark.parametrize("quirk", R_TORCH)
def test_a_test_of_r_torch_fails_where_the_defect_is(quirk: str, in_r: dict[str, tuple[int, int]]) -> None:
    assert in_r[quirk][1] >= 1


def corrected_in_r(report: BugReport) -> str:
    """The test with this project's optimizer for R torch in the library's place."""
    return re.sub(r"\boptim_(?:ignite_)?(\w+)\(", r"crossoptim::optim_\1(", report.test)


CORRECTED_IN_R = [quirk for quirk in R_TORCH if all_quirks()[quirk].bindings[0].startswith("optim_")]


@pytest.mark.parametrize("quirk", CORRECTED_IN_R)
def test_a_test_of_r_torch_passes_where_it_is_corrected(quirk: str, in_r: dict[str, tuple[int, int]]) -> None:
    if f"ours {quirk}" not in in_r:
        pytest.skip("the R package crossoptim is not installed (make setup)")
    expectations, failed = in_r[f"ours {quirk}"]
    assert expectations >= 1 and failed == 0


def test_a_test_needs_nothing_of_crossoptim() -> None:
    for quirk in DEFECTS:
        assert "crossoptim" not in bug_report(quirk).test


def test_numbers_in_r_have_17_digits() -> None:
    assert "c(-4.8499999999999996, -1.1800000000000002)" in bug_report(INDEX).test


def test_a_report_says_what_is_expected_what_happens_where_and_since_when() -> None:
    body = bug_report(INDEX).body
    assert body.startswith("# optim_sgd: weight decay adds the parameter's position")
    for part in (
        "p_new = p - lr * (g + weight_decay * p)",
        "+ p_new = p - lr * (g + weight_decay * index)",
        "/R/optim-sgd.R#L79",
        "# prints:    -4.91 -1.21",
        "# should be: -4.85 -1.18",
        "test_that(",
        "0.17.0.9000",
        "libtorch 2.",
        "Use optim_ignite_sgd",
    ):
        assert part in body


def cli(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["report-bug", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_the_command_prints_writes_and_gives_json(tmp_path: Path) -> None:
    body = bug_report(INDEX).body
    assert cli(INDEX) == (0, body)
    assert cli(INDEX, "--output", str(tmp_path / "report.md")) == (0, "")
    assert (tmp_path / "report.md").read_text() == body
    code, text = cli(INDEX, "--json", "-")
    data = json.loads(text)
    assert code == 0 and data["id"] == INDEX and data["framework"] == "testthat" and data["body"] == body and data["test"] in body


def choices() -> list[Quirk]:
    return [quirk for quirk in all_quirks().values() if quirk.kind == "choice"]


@pytest.mark.parametrize("quirk", choices(), ids=lambda q: q.id)
def test_a_choice_is_not_reported(quirk: Quirk) -> None:
    with pytest.raises(ChoiceError, match="a choice of .*, not a defect"):
        bug_report(quirk.id)


def test_the_process_ends_with_2_for_a_choice_and_for_an_unknown_name() -> None:
    for name, said in (("pytorch/input/infinity", "a choice of PyTorch, not a defect"), ("r-torch/sgd/weight-decay-adds-indexx", INDEX)):
        command = [sys.executable, "-m", "crossoptim", "report-bug", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 2 and said in done.stderr and done.stdout == ""


def test_torch_is_the_library_that_the_reports_are_about() -> None:
    assert f"- here: torch {torch.__version__.split('+')[0]}" in bug_report("pytorch/adagrad/group-start-ignored").body
