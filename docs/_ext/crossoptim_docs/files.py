"""Links to files that are no pages: a page with the file, a link to the repository, or plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from crossoptim_docs.markup import fenced, joined
from crossoptim_docs.writing import GENERATED, Page

_FOLDER = "files"
_LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
_LANGUAGES = {".py": "python", ".R": "r", ".json": "json", ".cjs": "javascript", ".c": "c", ".toml": "toml", ".txt": "text", ".yml": "yaml"}
_LARGEST = 64 * 1024
_ELSEWHERE = {"r/README.md": f"{GENERATED}/r/index", "CHANGELOG.md": f"{GENERATED}/changelog", "README.md": "index"}
"""Texts outside the documentation that are pages of the site."""


def pages(docs: Path, root: Path) -> Iterator[Page]:
    """A page for each file of code or data that some page links to."""
    found: set[Path] = set()
    for page in docs.rglob("*.md"):
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            if not urlsplit(target).scheme and _shown(path, root):
                found.add(path)
    for schema in (root / "fixtures" / "schema").glob("*.json"):
        found.add(schema)
    for path in sorted(found):
        yield Page(f"{_FOLDER}/{_name(path, root)}.md", _page(path, root))


def _shown(path: Path, root: Path) -> bool:
    return path.suffix in _LANGUAGES and path.is_file() and path.is_relative_to(root) and path.stat().st_size <= _LARGEST


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _page(path: Path, root: Path) -> str:
    name = _name(path, root)
    up = "../" * (name.count("/") + 3)
    body = fenced(f"{{literalinclude}} {up}{name}", [f":language: {_LANGUAGES[path.suffix]}"])
    return joined("---\norphan: true\n---", f"# {path.name}", f"`{name}` in the repository; {{download}}`download <{up}{name}>`.", body)


class FileLinks(SphinxTransform):
    """Turns MyST's links to files into links to their pages, and links that lead out of the site into the repository's address."""

    default_priority = 500

    def apply(self) -> None:
        """Go through the links of one page."""
        docs = Path(self.env.srcdir)
        root = docs.parent
        for link in [*self.document.findall(addnodes.download_reference), *self.document.findall(addnodes.pending_xref)]:
            if link.get("reftype") != "myst":
                continue
            path = self._path(docs, link)
            if path is None or not path.is_relative_to(root) or not path.exists():
                continue  # a page, an anchor, or what Sphinx warns of
            name = _name(path, root)
            if _shown(path, root):
                link.replace_self(self._to_page(link, f"{GENERATED}/{_FOLDER}/{name}"))
            elif name in _ELSEWHERE:
                link.replace_self(self._to_page(link, _ELSEWHERE[name]))
            elif not path.is_relative_to(docs) or path.is_dir():
                link.replace_self(self._outside(link, name, path.is_dir()))

    def _path(self, docs: Path, link: nodes.Element) -> Path | None:
        """The file that a link means, where that is no page of the site."""
        target = link["reftarget"].partition("#")[0]
        if link.get("refdomain") == "doc":  # MyST takes any Markdown for a page, and its path for a name
            return Path(f"{target}.md") if target.startswith("/") else None
        return (docs / link["refdoc"]).parent.joinpath(target).resolve() if target else None

    def _to_page(self, link: nodes.Element, docname: str) -> nodes.Element:
        found = addnodes.pending_xref(refdomain="doc", reftype="myst", refexplicit=True, refdoc=link["refdoc"])
        found["reftarget"], found["reftargetid"] = docname, None
        found += [child.deepcopy() for child in link.children]
        return found

    def _outside(self, link: nodes.Element, name: str, folder: bool) -> nodes.Element:
        address = self.config.crossoptim_repository
        made: nodes.Element = nodes.inline()
        if address:
            made = nodes.reference(refuri=f"{address}/{'tree' if folder else 'blob'}/HEAD/{name}")
        made += [child.deepcopy() for child in link.children]
        return made
