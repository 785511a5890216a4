"""The fixtures as one compressed file, which the R package carries: a line a file, its name, a tab, its JSON."""

from __future__ import annotations

import lzma
from pathlib import Path

from crossoptim.golden.json_text import write_whole

BUNDLE = Path("r") / "inst" / "extdata" / "fixtures.jsonl.xz"
"""Where it lies in a checkout, beside the folder of the fixtures."""


def bundle_text(version: Path) -> str:
    """What the bundle of a folder such as ``fixtures/v1`` holds: ``spec.json``, then the golden files by name; names without ``.json``."""
    files = [version / "spec.json", *sorted((version / "golden").rglob("*.json"))]
    names = (path.relative_to(version).with_suffix("").as_posix() for path in files)
    return "".join(f"{name}\t{_one_line(path.read_text(encoding='utf-8'))}\n" for name, path in zip(names, files, strict=True))


def read_bundle(path: Path) -> str:
    """The text of a bundle."""
    return lzma.decompress(path.read_bytes()).decode()


def refresh_bundle(version: Path, path: Path) -> bool:
    """Write the bundle unless it holds the same already: compressed bytes depend on the compressor. Returns whether it was written."""
    text = bundle_text(version)
    if path.exists() and read_bundle(path) == text:
        return False
    write_whole(path, lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    return True


def _one_line(text: str) -> str:
    """The same JSON without its layout: a string holds no line break."""
    return " ".join(line.strip(" ") for line in text.strip("\n").split("\n"))
