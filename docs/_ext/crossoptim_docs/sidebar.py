"""The sidebar in less time: it is on every page, and Sphinx makes it anew each time, from all headings of all pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from docutils.nodes import document
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def quickly(app: Sphinx, docname: str, _: str, context: dict[str, Any], tree: document | None) -> None:
    """Give the theme a sidebar made of titles only, and the same one to all pages of a folder's depth that are in no table of contents."""
    if not tree:
        return
    kept: dict[Any, str] = app.__dict__.setdefault("_crossoptim_sidebars", {})
    render = context["toctree"]

    def toctree(**options: Any) -> str:
        # departures and files: none is the current entry, and what leads from them to the others is the same
        alike = "orphan" in app.env.metadata[docname] and (docname.split("/")[0], docname.count("/"))
        key = (alike or docname, *sorted(options.items()))
        if key not in kept:
            with _titles_only(app.env):
                kept[key] = render(**options)
        return kept[key]

    context["toctree"] = toctree


@contextmanager
def _titles_only(env: BuildEnvironment) -> Iterator[None]:
    """Pages without pages below them count as having no headings."""
    leaves = [env.metadata[name] for name in env.found_docs if name not in env.toctree_includes and "tocdepth" not in env.metadata[name]]
    for leaf in leaves:
        leaf["tocdepth"] = 1
    try:
        yield
    finally:
        for leaf in leaves:
            del leaf["tocdepth"]
