"""The R package: what it is, its help pages, its vignette."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from crossoptim_docs import markup, rd
from crossoptim_docs.markup import fenced, section
from crossoptim_docs.writing import Page

_FOLDER = "r"
_CHUNK = re.compile(r"^```\{(r|python)([^}]*)\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OPTIONS = re.compile(r"^[ ,]*(?P<label>[\w-]+)?(?P<rest>.*)$")


def pages(root: Path) -> Iterator[Page]:
    """What it is, the help pages of functions and of optimizers, the vignette."""
    topics = [rd.topic(path.read_text(encoding="utf-8"), path.name) for path in sorted((root / "r" / "man").glob("*.Rd"))]
    optimizers = [topic for topic in topics if topic.name.startswith("optim_")]
    functions = [topic for topic in topics if topic not in optimizers]
    yield Page(
        f"{_FOLDER}/index.md",
        markup.joined(
            "```{include} ../../../r/README.md\n:relative-docs: ../docs\n```",
            fenced("{toctree}", [":hidden:", "", "vignette", "functions", "optimizers"]),
        ),
    )
    told = 'The help pages of the package: `help(package = "crossoptim")`.'
    yield Page(f"{_FOLDER}/functions.md", _page("R functions", told, functions))
    told = "Optimizers for R torch, made from [the equations](../optimizers/index.md): `?crossoptim_optimizers`."
    yield Page(f"{_FOLDER}/optimizers.md", _page("R optimizers", told, optimizers))
    yield Page(f"{_FOLDER}/vignette.md", _vignette(root / "r" / "vignettes"))


def _page(title: str, told: str, topics: list[rd.Topic]) -> str:
    return markup.joined(f"# {title}", told, *map(_topic, topics))


def _topic(topic: rd.Topic) -> str:
    sections = dict(topic.sections)
    described = sections.pop("", "")
    return section(
        f"`{topic.name}`",
        f"**{markup.escape(topic.title)}**",
        described,
        *(text if name == "Usage" else f"*{name}*\n\n{text}" for name, text in sections.items()),
    )


def _vignette(folder: Path) -> str:
    text = (folder / "same-training.Rmd").read_text(encoding="utf-8")
    title = re.search(r'^title: "(.*)"$', text, re.MULTILINE)
    body = text.split("---\n", 2)[2]
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    shown = _CHUNK.sub(lambda chunk: _chunk(folder, *chunk.groups()), body)
    told = '`vignette("same-training", "crossoptim")`; what only R can print or draw is not shown here.'
    return markup.joined(f"# {title[1] if title else 'Vignette'}", told, shown.strip())


def _chunk(folder: Path, language: str, options: str, code: str) -> str:
    """A chunk as the vignette shows it: with what it printed, where that was kept."""
    found = _OPTIONS.match(options)
    kept = folder / "recorded" / f"{found['label'] if found else ''}.md"
    if "include = FALSE" in options:
        return ""
    if "echo = FALSE" in options:
        return "*(Here R makes a table.)*"
    return kept.read_text(encoding="utf-8").strip() if kept.exists() else fenced(language, [code.rstrip("\n")])
