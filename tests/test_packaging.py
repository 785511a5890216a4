"""What is published: the wheel and the sdist, one version everywhere, and the workflows that make and judge it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import HERE, assert_is_a_command, blocks
from ruamel.yaml import YAML

from crossoptim import __version__
from crossoptim.golden.fixture import VERSION
from crossoptim.runners.r import install_command

WORKFLOWS = sorted((HERE / ".github" / "workflows").glob("*.yml"))


def run(*words: str | Path, where: Path, env: dict[str, str] | None = None) -> str:
    """What a program prints; it must succeed."""
    done = subprocess.run(words, cwd=where, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path, *without: str) -> set[str]:
    """The files below a folder of the checkout, by their path in the checkout, but for what Python and npm leave there."""
    found = {path.relative_to(HERE) for path in folder.rglob("*") if path.is_file()}
    return {path.as_posix() for path in found if not {"__pycache__", "node_modules", *without} & set(path.parts)}


# Wheel and sdist


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both, as `make dist` builds them."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", folder, where=HERE)
    return {"wheel": next(folder.glob("*.whl")), "sdist": next(folder.glob("*.tar.gz"))}


@pytest.fixture(scope="module")
def installed(dist: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder into which the wheel was installed."""
    folder = tmp_path_factory.mktemp("installed")
    options = ["--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check"]
    run(sys.executable, "-m", "pip", "install", *options, "--target", folder, dist["wheel"], where=folder)
    return folder


def asked(installed: Path, *words: str | Path) -> str:
    """What Python prints in which the installed package stands before the checkout."""
    return run(*words, where=installed.parent, env={"PYTHONPATH": str(installed)})


def test_the_wheel_holds_the_package_the_fixtures_and_the_r_package_and_nothing_else(dist: dict[str, Path]) -> None:
    with zipfile.ZipFile(dist["wheel"]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        about = {name.split("/", 1)[1] for name in wheel.namelist() if ".dist-info/" in name}
    inside = files(HERE / "fixtures") | files(HERE / "r", "tests")
    assert names == files(HERE / "crossoptim") | {f"crossoptim/{name}" for name in inside}
    assert {"crossoptim/py.typed", "crossoptim/__init__.pyi", "crossoptim/kernels/prelude.h", "crossoptim/adapters/tfjs.cjs"} <= names
    assert {"crossoptim/r/inst/kernels/tensors.c", "crossoptim/r/inst/extdata/fixtures.jsonl.xz"} <= names
    assert about == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def test_the_sdist_is_the_checkout(dist: dict[str, Path]) -> None:
    with tarfile.open(dist["sdist"]) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames()}
    parts = [files(HERE / part) for part in ("crossoptim", "fixtures", ".github", ".ci")]
    assert set().union(*parts) <= names
    assert {"LICENSE", "Makefile", "README.md", "r/DESCRIPTION", "tests/conftest.py", "docs/ci.md", "r/tests/testthat.R"} <= names
    assert not {name.split("/")[0] for name in names} & {".venv", ".git", "build", "dist", ".mypy_cache", ".hypothesis"}


def test_the_installed_command_uses_the_fixtures_that_came_with_it(installed: Path, tmp_path: Path) -> None:
    command = installed / "bin" / "crossoptim"
    assert asked(installed, command, "--version").split() == ["crossoptim", __version__]
    assert Path(asked(installed, command, "fixtures").strip()) == installed / "crossoptim" / "fixtures"
    assert {row["name"] for row in json.loads(asked(installed, command, "list", "optimizers", "--json", "-"))} >= {"sgd", "adamw"}
    report = tmp_path / "report.json"
    options = ["-s", "sgd/decay-ravine-f64", "-r", "r-torch", "--source", "recorded", "--mode", "replay", "--json", report]
    asked(installed, command, "check", *options)
    (found,) = json.loads(report.read_text(encoding="utf-8"))["results"]
    assert (found["implementation"], found["source"], found["verdict"]) == ("r-torch", "recorded", "documented")


def test_the_installed_package_says_how_its_r_package_is_installed(installed: Path) -> None:
    said = asked(installed, sys.executable, "-c", "from crossoptim.runners.r import install_command; print(install_command())")
    assert said.strip() == f"R CMD INSTALL {installed / 'crossoptim' / 'r'}"
    assert (installed / "crossoptim" / "r" / "DESCRIPTION").is_file()
    assert install_command() == f"R CMD INSTALL {HERE / 'r'}"


def test_what_writes_into_a_checkout_asks_where_there_is_none(installed: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run([installed / "bin" / "crossoptim", "quirks"], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert " ".join(done.stderr.split()) == f"crossoptim: {installed}: is no checkout of crossoptim (say where to write: --output DIR)"


# One version


def newest(page: str, pattern: str) -> str:
    """The version of a change log's first entry."""
    found = re.search(pattern, (HERE / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert found, page
    return found[1]


def test_python_r_and_both_change_logs_have_one_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert newest("r/DESCRIPTION", r"^Version: (.*)$") == __version__
    assert newest("CHANGELOG.md", r"^## \[(.*)\] - (?:unreleased|\d{4}-\d\d-\d\d)$") == __version__
    assert newest("r/NEWS.md", r"^# crossoptim (.*)$") == __version__


def test_the_fixtures_carry_the_version_of_their_format() -> None:
    manifest = json.loads((HERE / "fixtures" / "MANIFEST.json").read_text(encoding="utf-8"))
    assert manifest["version"] == VERSION and (HERE / "fixtures" / VERSION).is_dir()


# The workflows


def parsed(page: Path) -> dict[str, Any]:
    """A workflow as plain data."""
    found: dict[str, Any] = YAML(typ="safe").load(page.read_text(encoding="utf-8"))
    return found


def steps(*pages: Path) -> Iterator[dict[str, Any]]:
    """Each step of each job."""
    for page in pages:
        for job in parsed(page)["jobs"].values():
            yield from job["steps"]


def scripts(program: str) -> list[str]:
    """What the workflows run of one program, up to a pipe."""
    lines = [line.strip() for step in steps(*WORKFLOWS) for line in step.get("run", "").splitlines()]
    return sorted({line.split(" | ")[0] for line in lines if line.startswith(f"{program} ")})


def test_the_workflows_and_those_of_the_documentation_follow_github_s_schema(tmp_path: Path) -> None:
    assert [page.stem for page in WORKFLOWS] == ["judge", "site", "tests"]
    shown = [block.text for block in blocks("docs/ci.md") if block.language == "yaml" and "runs-on" in block.text]
    examples = [tmp_path / f"example-{number}.yml" for number in range(len(shown))]
    for file, text in zip(examples, shown, strict=True):
        file.write_text(text, encoding="utf-8")
    check = Path(sys.executable).with_name("check-jsonschema")
    assert len(examples) == 2
    run(check, "--builtin-schema", "vendor.github-workflows", *WORKFLOWS, *examples, where=HERE)


@pytest.mark.parametrize("page", WORKFLOWS, ids=lambda page: page.stem)
def test_a_workflow_may_read_and_must_end(page: Path) -> None:
    workflow = parsed(page)
    assert workflow["permissions"] == {"contents": "read"} and "group" in workflow["concurrency"]
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())


def test_an_action_has_one_version_in_the_workflows_and_in_the_documentation() -> None:
    used = {step["uses"] for step in steps(*WORKFLOWS) if "uses" in step}
    used |= set(re.findall(r"uses: (\S+)", (HERE / "docs" / "ci.md").read_text(encoding="utf-8")))
    assert all(re.fullmatch(r"[\w./-]+@v\d+", action) for action in used)
    names = [action.split("@")[0] for action in used]
    assert len(names) == len(set(names)), sorted(used)


@pytest.mark.parametrize("line", scripts("crossoptim"))
def test_a_workflow_asks_crossoptim_for_what_it_has(line: str) -> None:
    assert_is_a_command(line)


def test_what_the_workflows_make_can_be_made() -> None:
    rules = set(re.findall(r"^([\w./-]+):", (HERE / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {line.split()[1] for line in scripts("make")} <= rules
    assert len(scripts("make")) > 2 and len(scripts("crossoptim")) > 2
