"""The JSON Schemas of the fixtures and of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crossoptim.golden.fixture import root
from crossoptim.golden.json_text import read
from crossoptim_docs import markup
from crossoptim_docs.markup import code, escape, section, table
from crossoptim_docs.writing import Page


def pages() -> Iterator[Page]:
    """One page of all, and each as it is."""
    yield Page("schemas.md", _page(sorted((root() / "schema").glob("*.json"))))


def _page(paths: list[Path]) -> str:
    parts = []
    for path in paths:
        schema = read(path)
        parts.append(
            section(
                escape(schema["title"]),
                escape(schema.get("description", "")),
                _properties(schema),
                f"[{path.name}](../../fixtures/schema/{path.name}), whole.",
            )
        )
    return markup.joined(
        "# JSON Schemas",
        "The files in `fixtures/` and the messages of the protocol, as JSON Schema 2020-12: [the format of fixtures](../fixtures.md), "
        "[the protocol](../protocol.md).",
        *parts,
    )


def _properties(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        [code(name), _type(told), "yes" if name in required else "", escape(told.get("description", ""))]
        for name, told in schema.get("properties", {}).items()
        if isinstance(told, dict)
    ]
    return table(["member", "type", "required", "meaning"], rows) if rows else ""


def _type(told: dict[str, Any]) -> str:
    if "const" in told:
        return code(str(told["const"]))
    if "$ref" in told:
        return escape(str(told["$ref"]).rsplit("/", 1)[-1])
    kind = told.get("type", "one of" if "enum" in told else "")
    words = ", ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    return escape(f"{words} {', '.join(map(str, told['enum']))}" if "enum" in told else words)
