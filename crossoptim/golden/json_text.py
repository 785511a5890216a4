"""JSON as the fixtures write it: 17 significant digits, ``-0.0`` with its point, non-finite numbers as strings, a row a line."""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

from crossoptim.errors import FixtureError

_NON_FINITE = {"NaN": math.nan, "Inf": math.inf, "-Inf": -math.inf}


def number_text(value: float) -> str:
    """A float as JSON, so that every language reads the same bits."""
    if math.isfinite(value):
        out = f"{value:.17g}"
        return out if "." in out or "e" in out else out + ".0"
    return '"NaN"' if math.isnan(value) else '"Inf"' if value > 0 else '"-Inf"'


def read_number(value: object) -> float:
    """A JSON number or one of the strings "NaN", "Inf", "-Inf"; raises ValueError otherwise."""
    if isinstance(value, str) and value in _NON_FINITE:
        return _NON_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("an integer beyond every float") from None


def compact(value: Any, known: dict[int, str] | None = None) -> str:
    """On one line. ``known`` maps ``id(part)`` to the line of a list or object that has one, and is added to."""
    if isinstance(value, float):
        return number_text(value)
    if not isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    known = {} if known is None else known
    if (line := known.get(id(value))) is None:
        if isinstance(value, dict):
            line = "{" + ", ".join(f"{json.dumps(str(k))}: {compact(v, known)}" for k, v in value.items()) + "}"
        elif all(isinstance(v, float) for v in value):  # rows of numbers are most of every file
            line = "[" + ",".join(map(number_text, value)) + "]"
        else:
            line = "[" + ", ".join(compact(v, known) for v in value) + "]"
        known[id(value)] = line
    return line


def pretty(value: Any, indent: int = 0, known: dict[int, str] | None = None) -> str:
    """Indented; anything that fits 140 columns, and each row of a table, on one line. ``known`` is as in :func:`compact`."""
    known = {} if known is None else known
    line = compact(value, known)
    if len(line) + indent <= 140 or not isinstance(value, dict | list | tuple) or not value:
        return line
    pad, end = " " * (indent + 1), "\n" + " " * indent
    if isinstance(value, dict):
        body = (f"{pad}{json.dumps(str(k))}: {pretty(v, indent + 1, known)}" for k, v in value.items())
        return "{\n" + ",\n".join(body) + end + "}"
    if any(isinstance(v, dict) for v in value):
        return "[\n" + ",\n".join(pad + pretty(v, indent + 1, known) for v in value) + end + "]"
    if any(isinstance(v, list | tuple) for v in value):
        return "[\n" + ",\n".join(pad + compact(v, known) for v in value) + end + "]"
    return line


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all: into a temporary neighbour, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: Path) -> Any:
    """Parse a JSON file.

    Raises:
        FixtureError: when the file is missing or is not JSON (a truncated file says at which line).
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FixtureError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise FixtureError(f"{path}: not JSON at line {error.lineno} ({error.msg}; is it truncated?)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FixtureError(f"{path}: unreadable ({error})") from None
