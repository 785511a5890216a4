"""docs/adding-an-optimizer.md is true: what it shows, dropped into a copy of the checkout, is all that a new optimizer needs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crossoptim.spec.ecosystems import all_ecosystems
from crossoptim.spec.model import Binding

HERE = Path(__file__).parents[1]
PAGE = (HERE / "docs" / "adding-an-optimizer.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`(\S+\.py)`:\n\n```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
BINDING, CASES = re.findall(r"^```python\n((?:Binding|from crossoptim.golden.cases).*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COPIED = ("crossoptim", "tests", "pyproject.toml", "fixtures/schema")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with the new optimizer."""
    target = tmp_path_factory.mktemp("checkout")
    for name in COPIED:
        source = HERE / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
        else:
            shutil.copy(source, target / name)
    for name, text in FILES.items():
        assert not (target / name).exists()
        (target / name).write_text(text, encoding="utf-8")
    return target


def run(checkout: Path, *words: str) -> str:
    """Run Python in the copy; its output."""
    env = {**os.environ, "PYTHONPATH": f"{checkout}:{checkout / 'tests'}"}
    done = subprocess.run([sys.executable, *words], cwd=checkout, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_two_files_are_all_that_it_takes() -> None:
    assert sorted(FILES) == ["crossoptim/spec/rules/qhm.py", "tests/witness/qhm.py"]


def test_the_binding_shown_is_pytorchs() -> None:
    shown = eval(BINDING, {"Binding": Binding})  # our own page
    theirs = {binding.name: binding for binding in all_ecosystems()["pytorch"].bindings}["Adamax"]
    assert all(getattr(shown, key) == getattr(theirs, key) for key in ("rule", "args", "defaults", "state", "source"))


def test_its_goldens_are_made_and_every_implementation_follows_them(checkout: Path) -> None:
    run(checkout, "-m", "crossoptim", "export", "--select", "qhm/*")
    report = checkout / "report.json"
    names = [word for name in ("reference", "crossoptim") for word in ("--runner", name)]
    run(checkout, "-m", "crossoptim", "check", "--select", "qhm/*", "--json", str(report), *names)
    results = json.loads(report.read_text())["results"]
    verdicts = {(r["implementation"], r["mode"], r["verdict"]) for r in results}
    assert {("reference", "replay", "exact"), ("crossoptim", "replay", "exact")} <= verdicts
    assert {verdict for _, _, verdict in verdicts} <= {"exact", "rounding"}
    assert len({r["case"] for r in results}) > 20


def test_it_is_listed_and_shown(checkout: Path) -> None:
    assert "qhm" in run(checkout, "-m", "crossoptim", "list")
    assert "arXiv:1810.06801" in run(checkout, "-m", "crossoptim", "show", "qhm")


def test_the_projects_own_tests_hold_it_to_its_witness_and_miss_no_term(checkout: Path) -> None:
    tests = ["tests/test_witness.py", "tests/test_power.py", "tests/test_spec_latex.py", "tests/test_oracle.py"]
    out = run(checkout, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *tests, "-k", "qhm")
    assert re.search(r"\d+ passed", out)


def test_a_case_of_its_own_is_found(checkout: Path) -> None:
    file = checkout / "crossoptim" / "golden" / "cases" / "qhm.py"
    file.write_text(CASES, encoding="utf-8")
    try:
        assert "qhm/nu_large-" in run(checkout, "-m", "crossoptim", "list", "cases")
    finally:
        file.unlink()
