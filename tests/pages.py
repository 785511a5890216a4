"""The fenced blocks of the documentation's pages, and their command lines."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from itertools import pairwise
from pathlib import Path

import typer.main

from crossoptim.bench.contenders import optimizers
from crossoptim.cli import app
from crossoptim.golden.export import every_case
from crossoptim.runners.registry import IMPLEMENTATIONS
from crossoptim.spec.ecosystems import all_quirks
from crossoptim.spec.rules import all_rules
from crossoptim.spec.schedules import all_schedules

HERE = Path(__file__).parents[1]
MADE = ("docs/generated/", "docs/_")
"""What the site's generator writes, or takes along."""
_DOCS = sorted(str(path.relative_to(HERE)) for path in (HERE / "docs").rglob("*.md"))
PAGES = ["README.md", *(page for page in _DOCS if not page.startswith(MADE)), "r/README.md", "r/vignettes/same-training.Rmd"]
_FENCE = re.compile(
    r"^(?P<margin> *)(?P<fence>```+)(?P<language>[^\s`]*)[^\n`]*\n(?P<text>.*?)^(?P=margin)(?P=fence) *$", re.DOTALL | re.MULTILINE
)
_NAMED = re.compile(r"(?:^|\s)`(\S+\.\w+)`:\s*\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, its language, and the file that it is, where the line above names one (`` `name.py`: ``)."""

    page: str
    line: int
    language: str
    text: str
    file: str = ""

    @property
    def place(self) -> str:
        """Page and line, for messages and the ids of tests."""
        return f"{self.page}:{self.line}"


@cache
def blocks(page: str) -> tuple[Block, ...]:
    """The fenced blocks of a page, from the top."""
    text = (HERE / page).read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        above = _NAMED.search(text[: match.start()])
        body = re.sub(rf"^{match['margin']}", "", match["text"], flags=re.MULTILINE)
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, match["language"], body, above[1] if above else ""))
    return tuple(found)


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", (HERE / page).read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Command:
    """A command line, and the output that the page shows below it: None where it shows none."""

    line: str
    shown: str | None = None


def commands(block: Block) -> list[Command]:
    """The command lines of a block: each line of ``sh``, those behind ``$`` of ``console``, a workflow's steps of ``yaml``."""
    lines = block.text.splitlines()
    if block.language == "console":
        starts = [i for i, line in enumerate(lines) if line.startswith("$ ")]
        return [
            Command(lines[a][2:], "\n".join(lines[a + 1 : b]).strip("\n") if b > a + 1 else None)
            for a, b in pairwise([*starts, len(lines)])
        ]
    if block.language == "yaml":
        lines = [re.sub(r"^\s*- (run: )?", "", line) for line in lines if re.match(r"\s*- (run: )?\w+ ", line)]
    return [Command(line.strip()) for line in lines if line.strip()]


def agrees(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; ``...`` stands for anything, and spaces at the ends of lines do not count."""

    def plain(text: str) -> str:
        return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip("\n")

    pattern = re.escape(plain(shown)).replace(r"\.\.\.", ".*?")
    return re.fullmatch(pattern, plain(printed), re.DOTALL) is not None


def assert_is_a_command(line: str) -> None:
    """A line ``crossoptim …`` has a command, options and names that there are."""
    _, name, *rest = shlex.split(line, comments=True)
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert name in known
    given = known[name].make_context(name, rest).params  # exits with 2 on an unknown option or value
    assert set(given.get("runner") or ()) <= set(IMPLEMENTATIONS)
    assert set(given.get("ignore_quirk") or ()) <= set(all_quirks())
    names = {"bench": optimizers(), "power": [*all_rules(), *(f"schedules/{name}" for name in all_schedules())]}.get(name, every_case())
    named = [pattern for pattern in given.get("select") or () if pattern != "qhm/*"]  # docs/adding-an-optimizer.md adds it
    assert all(any(fnmatch(one, pattern) for one in names) for pattern in named)
