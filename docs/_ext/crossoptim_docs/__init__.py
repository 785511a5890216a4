"""Sphinx extension: the pages of the site that follow from the specification, written into ``docs/generated`` before Sphinx reads."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from crossoptim_docs import api, commands, files, libraries, optimizers, r_package, schedules, schemas, sidebar, studies
from crossoptim_docs.writing import GENERATED, Page, write

ROOT = Path(__file__).parents[3]


def _pages(app: Sphinx) -> Iterator[Page]:
    docs = Path(app.srcdir)
    return chain(
        optimizers.pages(),
        schedules.pages(),
        libraries.pages(),
        schemas.pages(),
        commands.pages(),
        api.pages(),
        r_package.pages(ROOT),
        studies.pages(app.config.crossoptim_slow),
        files.pages(docs, ROOT),
        [Page("changelog.md", "```{include} ../../CHANGELOG.md\n```\n")],
    )


def _generate(app: Sphinx) -> None:
    write(Path(app.srcdir) / GENERATED, _pages(app))


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_config_value("crossoptim_repository", "", "env", str)
    app.add_config_value("crossoptim_slow", False, "env", bool)
    app.connect("builder-inited", _generate)
    app.connect("autodoc-process-docstring", api.as_plain_text, priority=400)  # before napoleon
    app.connect("source-read", studies.with_pictures)
    app.connect("source-read", libraries.as_orphan)
    app.connect("html-page-context", sidebar.quickly, priority=400)  # before the theme
    app.add_transform(files.FileLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
