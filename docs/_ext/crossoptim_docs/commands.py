"""The command line's reference, by Typer itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import typer.main
from typer.cli import get_docs_for_click

from crossoptim.cli import app
from crossoptim_docs.markup import escape
from crossoptim_docs.writing import Page

_EXAMPLES = re.compile(r"^(Examples?|Start with):\n((?:  .*\n)+)", re.MULTILINE)
_SUMMARIES = re.compile(r"^\*\*Commands\*\*:\n\n(\* .*\n)+", re.MULTILINE)  # cut short
_MEANING = re.compile(r"^(\* `[^`]+`: )(.*)$", re.MULTILINE)


def pages() -> Iterator[Page]:
    """One page of all commands."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="crossoptim"), name="crossoptim", title="The command line")
    text = _SUMMARIES.sub("", text)
    text = _MEANING.sub(lambda found: found[1] + escape(found[2]), text)
    yield Page("commands.md", _EXAMPLES.sub(_as_code, text))


def _as_code(found: re.Match[str]) -> str:
    lines = [f"$ {line.strip()}" for line in found[2].splitlines()]
    return "\n".join([f"{found[1]}:", "", "```console", *lines, "```", ""])
