"""The two worked examples of docs/worked-examples.md: one line of a training script, and an R script beside its port to Python."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import crossoptim as co
from crossoptim.errors import UnavailableError
from crossoptim.runners.r import installation

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS / "examples"
RECORDED = "iris_r_torch_0.17.txt"


def losses(text: str) -> list[float]:
    """What the scripts on iris print: an epoch and its loss a line."""
    rows = [line.split() for line in text.splitlines()]
    assert [int(epoch) for epoch, _ in rows] == list(range(1, 61))
    return [float(loss) for _, loss in rows]


R = losses((EXAMPLES / RECORDED).read_text(encoding="utf-8"))


def test_the_transformer_learns_alike_before_and_after_the_change(capsys: pytest.CaptureFixture[str]) -> None:
    example = runpy.run_path(str(EXAMPLES / "transformer.py"))
    before, after = (example["train"](library, 20)[0] for library in (torch.optim, co))
    assert after == pytest.approx(before, rel=1e-5) and after[-1] < 0.75 * after[0]
    page = (DOCS / "worked-examples.md").read_text(encoding="utf-8")
    shown = re.findall(r"^ +1 +([\d.]+) +([\d.]+)$", page, re.MULTILINE)
    assert [float(loss) for loss in shown[0]] == pytest.approx([before[0], after[0]], rel=1e-5)
    example["main"](5)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["step", "torch.optim", "crossoptim"] and [row.split()[0] for row in rows] == [*"12345", "agree", "ms"]


def port(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quirks: str) -> list[float]:
    monkeypatch.setattr(sys, "argv", ["iris.py", quirks])
    runpy.run_path(str(EXAMPLES / "iris.py"))
    return losses(capsys.readouterr().out)


def test_the_port_prints_what_r_torch_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert port(monkeypatch, capsys, "0.17") == pytest.approx(R, abs=2e-6)


def test_the_port_without_quirks_prints_what_torch_s_sgd_does(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fixed = port(monkeypatch, capsys, "fixed")
    assert max(abs(a - b) for a, b in zip(fixed, R, strict=True)) > 0.005
    monkeypatch.setattr("crossoptim.rtorch.optim_sgd", lambda *args, quirks, **kwargs: torch.optim.SGD(*args, **kwargs))
    assert fixed == pytest.approx(port(monkeypatch, capsys, "fixed"), abs=2e-6)


def test_r_torch_prints_what_was_recorded() -> None:
    try:
        found = installation()
    except UnavailableError as missing:
        pytest.skip(str(missing))

    def answer(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([found.rscript, *words], env=found.environment, capture_output=True, text=True, timeout=60, check=False)

    version = answer("-e", 'cat(if (nzchar(system.file(package = "torch"))) format(packageVersion("torch")))').stdout
    if not version.startswith("0.17"):
        pytest.skip(f"the losses were recorded with R torch 0.17 (here {version or 'none'})")
    done = answer(str(EXAMPLES / "iris.R"))
    assert done.returncode == 0, done.stderr
    assert losses(done.stdout) == pytest.approx(R, abs=2e-6)


def test_the_page_shows_lines_of_the_examples() -> None:
    page = (DOCS / "worked-examples.md").read_text(encoding="utf-8")
    scripts = {name: (EXAMPLES / name).read_text(encoding="utf-8") for name in ("iris.R", "iris.py", "transformer.py")}
    shown = {language: re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE) for language in ("r", "python", "diff")}
    for language, name in (("r", "iris.R"), ("python", "iris.py")):
        (block,) = shown[language]
        assert [line for line in block.splitlines() if f"{line}\n" not in scripts[name]] == []
    (diff,) = shown["diff"]
    changed = [line[1:].replace("torch.optim.", "library.").replace("co.", "library.") for line in diff.splitlines()]
    assert all(f"{line}  #" in scripts["transformer.py"] for line in changed) and len(changed) == 2
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \|", page, re.MULTILINE)
    assert len(rows) == 4 and all(float(loss) == float(again) == R[int(epoch) - 1] for epoch, loss, again in rows)
