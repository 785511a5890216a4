"""Parts of a page in MyST's Markdown."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.console import Console

from crossoptim import catalogue
from crossoptim.check.reports.markdown import code, escape, table
from crossoptim.spec.emit.latex import lines
from crossoptim.spec.emit.mathml import translated
from crossoptim.spec.model import Quirk
from crossoptim.spec.trace import Equation

__all__ = ["bullets", "code", "dropdown", "escape", "fenced", "joined", "math", "mathml_table", "printed", "quirk_link", "section", "table"]


def joined(*parts: str) -> str:
    """Blocks of a page, those that are empty left out."""
    return "\n\n".join(part for part in parts if part) + "\n"


def section(title: str, *parts: str, level: int = 2) -> str:
    """A heading and what stands below it; nothing where there is nothing."""
    body = [part for part in parts if part]
    return "\n\n".join([f"{'#' * level} {title}", *body]) if body else ""


def bullets(items: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {item}" for item in items)


def fenced(language: str, lines_of: Iterable[str]) -> str:
    """Code."""
    return "\n".join([f"```{language}", *lines_of, "```"])


def dropdown(title: str, body: str) -> str:
    """A part that is folded away."""
    return f":::::{{dropdown}} {title}\n{body}\n:::::" if body else ""


def printed(name: str) -> str:
    """What ``crossoptim show`` prints of a name, folded away."""
    out = io.StringIO()
    catalogue.page(name, {}).print(Console(file=out, width=260))
    return dropdown(f"`crossoptim show {name}`", fenced("text", [line.rstrip() for line in out.getvalue().splitlines()]))


def math(equation: Equation) -> str:
    """An equation; of a rule that is an algorithm, its text."""
    return fenced("text", equation.algorithm.splitlines()) if equation.algorithm else mathml_table(lines(equation))


def mathml_table(pairs: Sequence[tuple[str, str]]) -> str:
    """Left and right sides in LaTeX as MathML, one pair a row."""
    rows = [f"<tr><td>{translated(left)}</td><td>{translated('= ' + right)}</td></tr>" for left, right in pairs]
    return fenced("{raw} html", ['<div class="equation"><table role="presentation">', *rows, "</table></div>"])


def quirk_link(quirk: Quirk, up: str) -> str:
    """A departure's sentence as a link to its page; ``up`` leads to the folder of the documentation."""
    return f"[{escape(quirk.title)}]({up}quirks/{quirk.id}.md) ({quirk.kind}, {escape(quirk.versions)})"
