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
from crossoptim.quirks.report import BugReport, ChoiceError, bug_report
from crossoptim.quirks.reproduction import reproduction
from crossoptim.spec.ecosystems import all_quirks, get_ecosystem
from crossoptim.spec.model import Quirk

BESIDE_OTHERS = ["pytorch/asgd/foreach-float32-step-size", "pytorch/nadam/loaded-momentum-product"]
"""Defects beside float32 numbers that PyTorch chose: mended, it would give numbers that are not the equation's."""
INDEX = "r-torch/sgd/weight-decay-adds-index"
RSCRIPT = shutil.which("Rscript")
DEFECTS = {quirk.id: told for quirk in all_quirks().values() if quirk.kind == "defect" and (told := reproduction(quirk)) and told.runs}
PYTORCH = [name for name, told in DEFECTS.items() if (told.dialect.package, told.dialect.language) == ("torch", "Python")]
R_TORCH = [name for name, told in DEFECTS.items() if told.dialect.language == "R"]


def run(test: str) -> None:
    """Run the one function of a test file."""
    names: dict[str, object] = {}
    exec(compile(test, "report", "exec"), names)  # noqa: S102
    (function,) = [value for name, value in names.items() if name.startswith("test_")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function()  # type: ignore[operator]


def corrected(report: BugReport) -> str:
    """The test with this project's optimizer in the library's place; its paths are one."""
    text = re.sub(r", (foreach|fused)=True", "", report.test)
    (keys,) = (b.state for b in get_ecosystem("pytorch").bindings if b.name == DEFECTS[report.id].class_name)
    for ours, theirs in keys.items():
        text = text.replace(f'["{theirs}"]', f'["{ours}"]')
    return text.replace("torch.optim.", "crossoptim.optim.").replace("import torch\n", "import torch\nimport crossoptim.optim\n", 1)


@pytest.mark.parametrize("quirk", PYTORCH)
def test_a_test_of_pytorch_fails_where_the_defect_is(quirk: str) -> None:
    with pytest.raises(BaseException):  # noqa: B017, PT011
        run(bug_report(quirk).test)


CORRECTED = [q for q in PYTORCH if DEFECTS[q].class_name in crossoptim.optim.__all__ and q not in BESIDE_OTHERS]


@pytest.mark.parametrize("quirk", CORRECTED)
def test_a_test_of_pytorch_passes_where_it_is_corrected(quirk: str) -> None:
    run(corrected(bug_report(quirk)))


def test_a_report_of_pytorch_holds_a_file_that_pytest_runs(tmp_path: Path) -> None:
    report = bug_report("pytorch/adagrad/group-start-ignored")
    for name, text, code in (("test_theirs.py", report.test, 1), ("test_ours.py", corrected(report), 0)):
        (tmp_path / name).write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stdout
        if code:
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
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int]]:
    return run_r(tmp_path_factory.mktemp("report") / "theirs", {quirk: bug_report(quirk).test for quirk in R_TORCH})


@pytest.mark.parametrize("quirk", R_TORCH)
def test_a_test_of_r_torch_fails_where_the_defect_is(quirk: str, theirs: dict[str, tuple[int, int]]) -> None:
    assert theirs[quirk][1] >= 1


def corrected_in_r(report: BugReport) -> str:
    """The test with this project's optimizer for R torch in the library's place."""
    return re.sub(r"\boptim_(?:ignite_)?(\w+)\(", r"crossoptim::optim_\1(", report.test)


CORRECTED_IN_R = [quirk for quirk in R_TORCH if DEFECTS[quirk].class_name.startswith("optim_")]


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int]]:
    probe = [RSCRIPT or "Rscript", "-e", 'cat(requireNamespace("crossoptim", quietly = TRUE))']
    environment = {**os.environ, "R_LIBS": own_library()}
    if RSCRIPT is None or "TRUE" not in subprocess.run(probe, capture_output=True, text=True, check=False, env=environment).stdout:
        pytest.skip("the R package crossoptim is not installed (make setup)")
    tests = {quirk: corrected_in_r(bug_report(quirk)) for quirk in CORRECTED_IN_R}
    return run_r(tmp_path_factory.mktemp("report") / "ours", tests)


@pytest.mark.parametrize("quirk", CORRECTED_IN_R)
def test_a_test_of_r_torch_passes_where_it_is_corrected(quirk: str, ours: dict[str, tuple[int, int]]) -> None:
    expectations, failed = ours[quirk]
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
