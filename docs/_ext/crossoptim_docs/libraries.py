"""Pages of what there is beside optimizers and schedules: problems, flags, libraries; and the pages of departures, as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sphinx.application import Sphinx

from crossoptim import catalogue
from crossoptim.quirks.pages import linked
from crossoptim.runners.registry import IMPLEMENTATIONS
from crossoptim.spec.ecosystems import all_ecosystems
from crossoptim.spec.emit.objective import objective_text
from crossoptim.spec.model import Binding, Problem
from crossoptim.spec.problems import all_problems
from crossoptim_docs import markup
from crossoptim_docs.markup import bullets, code, escape, fenced, section, table
from crossoptim_docs.writing import Page

_REPORT = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+)/(?:issues|pull)/(\d+)")


def pages() -> Iterator[Page]:
    """One of each."""
    yield Page("problems.md", _problems())
    yield Page("flags.md", _flags())
    yield Page("libraries.md", _libraries())


def as_orphan(_: Sphinx, docname: str, source: list[str]) -> None:
    """A departure's page is found through the tables of all, not in the sidebar."""
    if docname.startswith("quirks/") and docname != "quirks/README":
        source[0] = f"---\norphan: true\n---\n{source[0]}"


def _problems() -> str:
    found = list(all_problems().values())
    shown = [p for p in found if p.value]
    objectives = [
        [
            code(p.name),
            escape(p.title),
            ", ".join(code(f"{q.name}{list(q.shape)}") for q in p.params),
            escape(p.source),
        ]
        for p in shown
    ]
    tables = [
        [code(p.name), escape(p.title), ", ".join(code(f"{q.name}{list(q.shape)}") for q in p.params)] for p in found if not p.value
    ]
    formulas = [section(code(p.name), _formula(p), _start(p), level=3) for p in shown]
    return markup.joined(
        "# Problems",
        "What golden trajectories run on. `crossoptim list problems` and `crossoptim show rosenbrock` print the same.",
        section("Objectives", table(["name", "objective", "parameters", "source"], objectives)),
        section(
            "Tables of gradients",
            "They have no objective: each step is given its gradient.",
            table(["name", "what it holds", "parameters"], tables),
        ),
        section("The objectives as text", "As `spec.json` holds them for every language; the last line is the loss.", *formulas),
    )


def _formula(problem: Problem) -> str:
    return fenced("text", [f"{left} = {right}" for left, right in objective_text(problem)["statements"]])


def _start(problem: Problem) -> str:
    if sum(len(p.start) for p in problem.params) > 12:
        return ""
    start = "; ".join(f"{p.name} = {list(p.start)}" for p in problem.params)
    end = "; ".join(f"{key} = {list(value)}" for key, value in (problem.minimum or {}).items())
    return escape(f"Start: {start}." + (f" Minimum: {end}." if end else ""))


def _flags() -> str:
    rows = [
        [code(row["name"]), str(row["cases"]), escape(row["title"]), "<br>".join(map(_report, row["issues"]))]
        for row in catalogue.flags()
    ]
    return markup.joined(
        "# Flags",
        "A flag names the mistake that a case catches, with public reports of it where there are any: "
        "[how fixtures carry them](../fixtures.md#flags).",
        table(["flag", "cases", "what goes wrong", "reports"], rows),
    )


def _report(address: str) -> str:
    """A link that says repository and number where it can."""
    found = _REPORT.fullmatch(address)
    return f"[{escape(found[1])}\\#{found[2]}]({address})" if found else f"<{address}>"


def _libraries() -> str:
    parts = []
    for e in all_ecosystems().values():
        judged = [i for i in IMPLEMENTATIONS.values() if i.ecosystem == e.name]
        names = f"; judged as {', '.join(code(i.name) for i in judged)}" if judged else ""
        facts = [
            f"{escape(e.language)}, package {code(e.package)}{names}.",
            f"{len(e.quirks)} known departures: [table of all](../quirks/README.md).",
        ]
        parts.append(section(escape(e.title), bullets(facts), _classes(e.bindings, "optimizers"), _classes(e.schedules, "schedules")))
    return markup.joined(
        "# Libraries",
        "The libraries that the specification knows: their classes, each with the optimizer or schedule that it is. The page of that "
        "has names, defaults and departures.",
        *parts,
    )


def _classes(bindings: tuple[Binding, ...], folder: str) -> str:
    rows = [[code(b.name), f"[{b.rule}]({folder}/{b.rule}.md)", linked(b.source) and escape(b.source)] for b in bindings]
    return table([f"class of {folder}", "is", "read in"], rows) if rows else ""
