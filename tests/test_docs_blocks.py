"""Every fenced block of the documentation is run, or checked as far as it can be: a page is followed from top to bottom, as a reader would.

- ``python``: executed, in one namespace a page; where it holds tests, by pytest. Under a line that ends
  with `` `name.py`: `` it is that file.
- ``sh``, ``console``: every ``crossoptim …`` in this process, but for those of NOT_RUN; of other programs what KNOWN says. What ``console``
  shows is compared with what is printed.
- ``r``: in one R process for all pages; skipped without R, and without R torch where a block needs it.
- ``text``: compared with what the block above printed, or what PRINTED_BY prints; ``...`` stands for anything.
- ``json``, ``toml``, ``yaml``: parsed, and held against a schema where there is one.

R torch is taken for missing in Python's commands: what a page shows is what is on record, on every machine.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from pages import HERE, PAGES, Block, agrees, assert_is_a_command, blocks, commands, prose
from ruamel.yaml import YAML

from crossoptim.cli import main
from crossoptim.errors import UnavailableError
from crossoptim.golden.fixture import schema
from crossoptim.kernels.build import folder
from crossoptim.runners import r
from crossoptim.testing import assert_follows_golden

pytest_plugins = ["pytester"]

ELSEWHERE = {
    ("docs/quirks/*", "*"): "test_quirk_pages.py",  # and test_adapters.py: programs are run, pages are what the specification says
    ("docs/third-party.md", "diff"): "test_pytest_plugin.py",  # what the script measures
    ("docs/adding-an-optimizer.md", "*"): "test_docs_adding.py",  # in a copy of the checkout
    ("docs/worked-examples.md", "*"): "test_examples.py",  # lines of scripts, which are run
    ("docs/protocol.md", "json"): "test_docs.py",  # messages: the schema, the adapter, the reference
    ("docs/studies.md", "python"): "test_studies.py",
    ("docs/studies.md", "r"): "test_studies.py",
    ("docs/*.md", "{*"): "test_site.py",  # directives of the site's generator
    ("r/vignettes/*", "*"): "../.ci/check-r",  # built; what torch and Python print is held against r/vignettes/recorded
}
"""Who runs the blocks of a page in a language by other means. Each of these files speaks of the page."""

R_NOT_RUN = {"docs/r-torch.md": "crossoptim::golden_optimizers"}
"""R that is only parsed: all cases of all optimizers (r/tests/testthat/test-expect.R runs that file with fewer)."""

NOT_RUN = {
    r"(bench|power|sharpness)\b": "they measure, for minutes",
    r"list implementations": "it starts every implementation",
    r"(export|generate|record|quirks)\b(?!.* --output)": "they write into the checkout",
    r"check(?!.* (-s|--select) )": "they judge the whole catalogue",
    r".* (-r|--runner) (optax|keras|tfjs)\b": "they start JAX or Node",
    r".* --against ": "they ask live libraries",
    r".*--source live": "they need R torch",
    r"study \S": "test_studies*.py run every study",
    r"check --command \"sgd=python docs/examples/adapter.py\"": "test_docs.py judges that adapter",
    r".*(\./my-adapter|tests/adapter\.py)": "the program stands for the reader's own",
    r"diagnose '(schedules|adam)/\*'": "they search for minutes",
    r"check .*-s 'adam/\*' -s": "they judge a fifth of the catalogue",
}
"""Command lines, behind ``crossoptim``, that are parsed, not run; why."""

MY_ADAM = """
import pytest
import torch

class MyAdam(torch.optim.Adam):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps)
"""
BEFORE = {
    "README.md": "import torch\nimport crossoptim as co\nmodel = torch.nn.Linear(2, 1)\n",
    "docs/training.md": "import torch\nmodel = torch.nn.Linear(2, 1)\n",
    "docs/state.md": "import torch\nmodel = torch.nn.Linear(2, 1)\noptimizer = torch.optim.Adam(model.named_parameters())\n",
    "docs/testing.md": MY_ADAM,
}
"""What a page's Python takes for given."""

BEFORE_R = {
    "docs/state.md": "model <- torch::nn_linear(2, 1)\noptimizer <- torch::optim_adam(model$parameters)\n",
}
"""What a page's R takes for given."""


def _printed(*lines: str) -> str:
    """What the last of some commands prints."""
    return [crossoptim(shlex.split(line))[1] for line in lines][-1]


class MySGD(torch.optim.Optimizer):
    """The slip of R torch's SGD, in Python."""

    def __init__(self, params: Any, lr: float = 0.001, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for index, p in enumerate(group["params"], 1):
                if p.grad is not None:
                    p -= group["lr"] * (p.grad + group["weight_decay"] * index if group["weight_decay"] else p.grad)


def _failure() -> str:
    with pytest.raises(AssertionError) as failed:
        assert_follows_golden(MySGD, "sgd", dtype="float64")
    return f"AssertionError: {failed.value}"


KERNELS = folder()
"""Kernels are not compiled anew where a test has a home of its own."""
INDEX = "--ignore-quirk r-torch/sgd/weight-decay-adds-index"
SOME = "check -r r-torch -s 'sgd/decay-ravine-*'"
PRINTED_BY = {
    "docs/ci.md": partial(_printed, f"{SOME} {INDEX} --json last.json", f"{SOME} --compare last.json"),
    "docs/testing.md": _failure,
}
"""What prints the text of pages whose blocks do not, or only for the whole catalogue."""


def elsewhere(block: Block) -> str:
    """The test that runs a block by other means."""
    found = (test for (page, language), test in ELSEWHERE.items() if fnmatch(block.page, page) and fnmatch(block.language, language))
    return next(found, "")


def above(block: Block) -> Block:
    """The block before this one on its page."""
    whole = blocks(block.page)
    return whole[whole.index(block) - 1]


def ours(page: str) -> list[Block]:
    """The blocks of a page that nobody else runs."""
    return [block for block in blocks(page) if not elsewhere(block)]


# Programs other than crossoptim: run, or looked at


def _script(words: list[str], folder: Path) -> None:
    assert (HERE / words[1]).is_file() or words[1] == "-e"


def _pip(words: list[str], folder: Path) -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    assert words[1] == "install"
    for name, extra in (re.fullmatch(r"([^\[]+)(?:\[(.+)\])?", word).groups() for word in words[2:]):  # type: ignore[union-attr]
        assert name in (".", "./crossoptim", project["name"])
        assert set((extra or "").split(",")) <= {"", *project["optional-dependencies"]}


def _make(words: list[str], folder: Path) -> None:
    assert re.search(rf"^{words[1]}:.*## ", (HERE / "Makefile").read_text(), re.MULTILINE)


def _run(words: list[str], folder: Path) -> str:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=True).stdout


KNOWN: dict[str, Callable[[list[str], Path], str | None]] = {
    "python": _run,
    "sed": _run,
    "mv": _run,
    "pip": _pip,
    "make": _make,
    "Rscript": _script,
    "pytest": _script,
    "R": lambda words, folder: None if (HERE / words[3] / "DESCRIPTION").is_file() else pytest.fail(f"{words[3]} is no R package"),
    ".": lambda words, folder: None,
    "export": lambda words, folder: None,
}
"""What is done with a program's command line; it gives what it printed."""


class Reader:
    """Follows a page in a folder that has what the top of a checkout has."""

    def __init__(self, page: str, folder: Path, pytester: pytest.Pytester | None = None) -> None:
        self.page, self.folder, self.pytester = page, folder, pytester
        self.names: dict[str, Any] = {"__name__": "page"}
        self.code: int | None = 0
        self.printed: str | None = None
        for name in ("docs", "fixtures", "benchmarks"):
            (folder / name).symlink_to(HERE / name)

    def follow(self) -> None:
        """Everything but R, from the top."""
        exec(BEFORE.get(self.page, ""), self.names)  # noqa: S102
        for block in ours(self.page):
            if block.language != "r":
                try:
                    getattr(self, f"_{block.language}")(block)
                except Exception as error:
                    raise AssertionError(f"{block.place}: {type(error).__name__}: {error}") from error

    def _python(self, block: Block) -> None:
        code = compile(block.text, block.place, "exec")
        if block.file:
            (self.folder / block.file).write_text(block.text, encoding="utf-8")
        elif re.search(r"^def test_", block.text, re.MULTILINE):
            assert self.pytester
            test = self.pytester.makepyfile(BEFORE[self.page] + block.text.replace("from mylibrary import MyAdam\n", ""))
            outcomes = self.pytester.runpytest(test, "-q", "-W", "error").parseoutcomes()
            assert set(outcomes) == {"passed"}, outcomes
        else:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(code, self.names)  # noqa: S102  # our own page
            self.printed = out.getvalue()

    def _sh(self, block: Block) -> None:
        for command in commands(block):
            self.printed = self.command(command.line)
            if command.shown is not None:
                assert self.printed is not None, f"{command.line} is not run: its output cannot be shown"
                assert agrees(command.shown, self.printed), f"{command.line} prints\n{self.printed}"

    _console = _sh

    def command(self, line: str) -> str | None:
        """Run a command line; what it printed, or None where it was only looked at."""
        line, _, target = line.partition(" > ")
        words = shlex.split(line, comments=True)
        if words == ["echo", "$?"]:
            return str(self.code)
        if words[0] != "crossoptim":
            printed = KNOWN[words[0]](words, self.folder)
        elif any(re.match(pattern, line.removeprefix("crossoptim ")) for pattern in NOT_RUN):
            return None  # the test of all command lines parses it
        else:
            self.code, printed = crossoptim(words[1:])
            assert self.code == 0 or (self.code == 1 and words[1] in ("check", "diagnose")), f"{line} ends with {self.code}"
        if target and printed is not None:
            (self.folder / target.split()[0]).write_text(printed, encoding="utf-8")
        return printed

    def _text(self, block: Block) -> None:
        if self.page in PRINTED_BY:
            printed = PRINTED_BY[self.page]()
            assert agrees(f"...{block.text.strip()}...", printed), f"it is\n{printed}"
        elif above(block).language != "r":  # the test of R's blocks compares that
            assert self.printed is not None, "nothing that is run prints it: PRINTED_BY says what does"
            assert agrees(block.text, self.printed), f"the block above prints\n{self.printed}"

    def _json(self, block: Block) -> None:
        data = json.loads(block.text)
        described = data.get("format") or data.get("schema")
        if described:  # crossoptim/state/1
            jsonschema.validate(data, schema(str(described).split("/")[1]))

    def _toml(self, block: Block) -> None:
        tomllib.loads(block.text)

    def _yaml(self, block: Block) -> None:
        YAML(typ="safe").load(block.text)


def crossoptim(words: list[str]) -> tuple[int, str]:
    """Run the command line in this process: exit code and standard output."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["crossoptim", *words])
        with pytest.raises(SystemExit) as end:
            main()
    code = end.value.code
    assert isinstance(code, int | None)
    assert code != 2, err.getvalue()
    return code or 0, out.getvalue()


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Path, pytest.Pytester | None], None]]:
    """Follow a page in a folder; what it imports from there is forgotten afterwards."""
    with reader(monkeypatch) as follow:
        yield follow


@contextlib.contextmanager
def reader(patch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Path, pytest.Pytester | None], None]]:
    def missing(*_: object) -> r.Installation:
        raise UnavailableError("R is not asked here")

    patch.setattr(r, "installation", missing)
    patch.setenv("CROSSOPTIM_CACHE", str(KERNELS))
    patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    folders: list[Path] = []

    def follow(page: str, folder: Path, pytester: pytest.Pytester | None) -> None:
        folders.append(folder)
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        Reader(page, folder, pytester).follow()

    yield follow
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "/").parent in folders:
            del sys.modules[name]


FOLLOWED = [page for page in PAGES if any(block.language != "r" for block in ours(page))]


@pytest.mark.parametrize("page", FOLLOWED)
def test_what_a_page_shows_is_what_happens(page: str, reading: Callable[..., None], tmp_path: Path, pytester: pytest.Pytester) -> None:
    reading(page, tmp_path, pytester)


# R

R_BLOCKS = [block for page in PAGES for block in ours(page) if block.language == "r"]
R_RUNNER = r"""
there <- c(torch = requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed(),
           testthat = suppressWarnings(library(testthat, logical.return = TRUE)))
for (folder in commandArgs(TRUE)) {
  setwd(folder)
  attached <- search()
  env <- new.env(parent = globalenv())
  for (file in sort(list.files(pattern = "^[0-9]+[.]R$"))) {
    exprs <- parse(file, keep.source = TRUE)
    lines <- readLines(file)
    if (!all(there[strsplit(sub("# needs *", "", lines[[1]]), " ")[[1]]])) next
    run <- function() {
      for (i in seq_along(exprs)) {
        fails <- grepl("# fails", lines[[utils::getSrcLocation(attr(exprs, "srcref")[[i]], "line", first = FALSE)]], fixed = TRUE)
        done <- tryCatch(withVisible(eval(exprs[[i]], env)), error = identity)
        if (inherits(done, "error") != fails) stop(if (fails) "no error where one is told" else conditionMessage(done))
        if (fails) cat(conditionMessage(done)) else if (done$visible) print(done$value)
      }
      ""
    }
    message <- ""
    printed <- capture.output(message <- tryCatch(run(), error = conditionMessage))
    writeLines(c(message, "\x1e", printed), paste0(file, ".out"))
  }
  for (name in setdiff(search(), attached)) detach(name, character.only = TRUE)
}
"""


@pytest.fixture(scope="session")
def r_said(tmp_path_factory: pytest.TempPathFactory) -> dict[Block, tuple[str, str]]:
    """The error that ended each block in R, and what it printed: one process for all. The Python of its page has run before it."""
    try:
        found = r.installation()
    except UnavailableError as missing:
        pytest.skip(str(missing))
    env = {**found.environment, "CROSSOPTIM_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    folders, files = [], {}
    for page in dict.fromkeys(block.page for block in R_BLOCKS):
        folder = tmp_path_factory.mktemp("r")
        folders.append(folder)
        if any("load_" in block.text for block in R_BLOCKS if block.page == page):  # what Python saved
            with pytest.MonkeyPatch.context() as patch, reader(patch) as follow:
                follow(page, folder, None)
        for number, block in enumerate(b for b in R_BLOCKS if b.page == page):
            files[block] = folder / f"{number:02}.R"
            before = BEFORE_R.get(page, "") if number == 0 else ""
            files[block].write_text(f"# needs {' '.join(needs(block))}\n{before}{r_text(block)}", encoding="utf-8")
    script = tmp_path_factory.mktemp("r") / "run"
    script.write_text(R_RUNNER)
    done = subprocess.run(
        [found.rscript, str(script), *map(str, folders)], env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return {block: _said(file) for block, file in files.items() if Path(f"{file}.out").exists()}


def _said(file: Path) -> tuple[str, str]:
    error, printed = Path(f"{file}.out").read_text(encoding="utf-8").split("\x1e")
    return error.strip(), printed.strip("\n")


def r_text(block: Block) -> str:
    """What is run of a block in R: all of it, or its syntax."""
    only_parsed = R_NOT_RUN.get(block.page)
    return f"if (FALSE) {{\n{block.text}}}\n" if only_parsed and only_parsed in block.text else block.text


def needs(block: Block) -> set[str]:
    """Which of R's packages a block needs beside ours."""
    hints = {"torch": r"torch::|library\(torch\)|model\$", "testthat": r"test_that\(|testthat"}
    return {package for package, hint in hints.items() if re.search(hint, block.text)}


@pytest.mark.parametrize("block", R_BLOCKS, ids=lambda block: block.place)
def test_the_r_of_a_page_runs(block: Block, r_said: dict[Block, tuple[str, str]]) -> None:
    if block not in r_said:
        pytest.skip(f"it needs {' and '.join(sorted(needs(block)))} in R")
    error, printed = r_said[block]
    assert not error
    for below in ours(block.page):
        if below.language == "text" and above(below) == block:
            assert agrees(below.text, printed), printed


# Command lines, run or not


def command_lines(page: str) -> list[str]:
    """Each ``crossoptim …`` of a page's shell blocks, workflows and code spans, up to a pipe."""
    shell = [command.line for block in blocks(page) if block.language in ("sh", "console", "yaml") for command in commands(block)]
    lines = [*shell, *re.findall(r"`(crossoptim [^`\n]+)`", prose(page))]
    return [re.split(r" [|>] ", line)[0] for line in lines if line.startswith("crossoptim ")]


LINES = [line for page in PAGES for line in command_lines(page)]


@pytest.mark.parametrize("line", sorted(set(LINES)))
def test_every_command_line_of_the_documentation_is_one(line: str) -> None:
    assert_is_a_command(line)


def test_the_command_lines_are_found() -> None:
    assert {shlex.split(line)[1] for line in LINES} >= {"bench", "check", "export", "list", "record", "serve", "show"}


# Nothing goes unrun


def test_no_block_is_of_a_kind_that_nothing_runs() -> None:
    unknown = [b.place for page in PAGES for b in ours(page) if b.language != "r" and not hasattr(Reader, f"_{b.language}")]
    assert unknown == [], "neither this test nor one of ELSEWHERE runs these blocks"
    for page in PAGES:
        text = (HERE / page).read_text(encoding="utf-8")
        assert len(re.findall(r"^ *```", text, re.MULTILINE)) == 2 * len(blocks(page)), f"{page}: a fence that is no block"
        assert re.findall(r"\n\n {4}\S.*", prose(page)) == [], f"{page}: code without a fence is not run"


def fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```\n"


@pytest.mark.parametrize(
    "text",
    [
        fenced("python", "assert False"),
        fenced("python", "print(1)") + fenced("text", "2"),
        fenced("text", "printed by nothing"),
        fenced("console", "$ crossoptim show no-such-optimizer"),
        fenced("console", "$ crossoptim list problems\nthere are none"),
        fenced("console", "$ crossoptim power -s adam\nwhat is not run"),
        fenced("sh", "a-program-of-which-nothing-is-known"),
        fenced("sh", "pip install 'crossoptim[no-such-extra]'"),
        fenced("sh", "make no-such-target"),
        fenced("json", "{"),
        fenced("json", '{"format": "crossoptim/state/1"}'),
        fenced("toml", "a"),
        fenced("yaml", "a: ["),
        fenced("fortran", "END"),
    ],
)
def test_a_page_that_is_wrong_does_not_pass(text: str, reading: Callable[..., None], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError, match=r"page\.md:\d"):
        reading(str(page), tmp_path, None)


@pytest.mark.parametrize("place", ELSEWHERE, ids=str)
def test_who_runs_blocks_elsewhere_knows_of_the_page(place: tuple[str, str]) -> None:
    text = (HERE / "tests" / ELSEWHERE[place]).read_text(encoding="utf-8")
    assert re.search(re.escape(Path(place[0].rstrip("*/")).stem.removesuffix("*")), text)


@pytest.mark.parametrize(
    "shown, printed, same", [("a\nb", "a  \nb\n", True), ("a...c", "a\nb\nc", True), ("a...", "b", False), ("a", "a b", False)]
)
def test_what_agrees(shown: str, printed: str, same: bool) -> None:
    assert agrees(shown, printed) is same
