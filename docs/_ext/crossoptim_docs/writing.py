"""Files below ``docs/generated``: what is written is what is wanted, and nothing else stays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from crossoptim.golden.json_text import write_whole

GENERATED = "generated"


@dataclass(frozen=True)
class Page:
    """A file of the site: its path below ``docs/generated``, and its text."""

    path: str
    text: str


def write(folder: Path, pages: Iterable[Page]) -> None:
    """Write the files whose text has changed, so that Sphinx reads only these anew; remove those that are none of them."""
    wanted = set()
    for page in pages:
        path = folder / page.path
        wanted.add(path)
        if not path.exists() or path.read_text(encoding="utf-8") != page.text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, page.text)
    for path in folder.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()
