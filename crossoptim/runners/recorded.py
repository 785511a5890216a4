"""Recorded trajectories: what a live library answered, kept so that every machine without it can judge it.

One folder an implementation and version; ``about.json`` is its answer to ``describe``, each further file one case. A row that equals the
golden row to the last bit is written ``"="``, one that lies near it as distances, ``"0 -1 3"``: so many representable numbers up or down.
The files stay small, and a reader sees where and how far the library departs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crossoptim.errors import FixtureError, RunnerError
from crossoptim.golden.case import Case
from crossoptim.golden.export import every_case
from crossoptim.golden.fixture import VERSION, read_checked, validate
from crossoptim.golden.json_text import compact, pretty, read, write_whole
from crossoptim.golden.row import flat, read_row
from crossoptim.golden.trajectory import Array, Rows, Trajectory
from crossoptim.runners.request import read_trajectory

SCHEMA = "crossoptim/recorded/1"
ABOUT_SCHEMA = "crossoptim/about/1"
SAME = "="
_DESCRIBED = ("implementation", "version", "platform", "details")


def folders(fixtures: Path, implementation: str) -> list[Path]:
    """The recordings of an implementation, oldest version first."""
    found = [folder for folder, name in _recorded(fixtures).items() if name == implementation]
    return sorted(found, key=lambda p: [int(part) if part.isdigit() else -1 for part in p.name.replace("-", ".").split(".")])


def folder_for(fixtures: Path, about: Mapping[str, Any]) -> Path:
    """Where a recording of this implementation and version belongs."""
    return fixtures / VERSION / "recorded" / f"{about['implementation']}-{about['version']}"


def recorded_implementations(fixtures: Path) -> list[str]:
    """The implementations that have recordings."""
    return sorted(set(_recorded(fixtures).values()))


def _recorded(fixtures: Path) -> dict[Path, str]:
    return {p.parent: read_about(p.parent)["implementation"] for p in (fixtures / VERSION / "recorded").glob("*/about.json")}


def read_about(folder: Path) -> dict[str, Any]:
    """Who was recorded, and on what; raises :class:`FixtureError` when ``about.json`` does not follow its schema."""
    path = folder / "about.json"
    about: dict[str, Any] = read(path)
    validate(about, "about", path)
    return about


def write_about(folder: Path, about: Mapping[str, Any]) -> None:
    """Write who was recorded, and on what."""
    write_whole(folder / "about.json", pretty({"schema": ABOUT_SCHEMA, **{key: about[key] for key in _DESCRIBED if key in about}}) + "\n")


def remove_orphans(folder: Path) -> None:
    """Remove the recordings of cases that are no longer there."""
    known = {folder / f"{case_id}.json" for case_id in every_case()} | {folder / "about.json"}
    for path in folder.rglob("*.json"):
        if path not in known:
            path.unlink()


def record_text(case: Case, golden: Trajectory, answers: Mapping[str, Mapping[str, Any]]) -> str:
    """A recording of one case as text; ``answers`` holds the protocol's answer for each mode."""
    golden_tables = _golden_tables(golden)
    data = {
        "schema": SCHEMA,
        "case": case.id,
        "golden": golden.digest(),
        "runs": {mode: _compress(answer, golden_tables) for mode, answer in answers.items()},
    }
    return pretty(data) + "\n"


def load(folder: Path, case: Case, golden: Trajectory, expected_sha256: str | None = None) -> dict[str, dict[str, Any]]:
    """The recorded answers of a case by mode, as the protocol gives them; empty where the case was not recorded.

    A file whose hash the caller does not know is checked against its schema, and row by row against the case.

    Raises:
        FixtureError: when the file is unreadable, of another schema, has another hash, or was recorded against another golden trajectory.
    """
    path = folder / f"{case.id}.json"
    if not path.exists():
        return {}
    data = read_checked(path, SCHEMA, "recorded", expected_sha256, "record again: crossoptim record")
    if data.get("golden") != golden.digest():
        raise FixtureError(f"{path}: recorded against another golden trajectory (record again: crossoptim record)")
    tables = _golden_tables(golden)
    try:
        answers = {mode: _expand(run, tables, path) for mode, run in data["runs"].items()}
        if expected_sha256 is None:
            for mode, answer in answers.items():
                if answer["outcome"] == "ok":
                    read_trajectory(answer, case, mode)
    except RunnerError as error:
        raise FixtureError(f"{path}: {error}") from None
    except OverflowError as error:
        raise FixtureError(f"{path}: not a recording: {error} (record again: crossoptim record)") from None
    return answers


def _golden_tables(golden: Trajectory) -> dict[tuple[str, ...], Rows]:
    tables: dict[tuple[str, ...], Rows] = {}
    for key in golden.params:
        tables["params", key] = golden.params[key]
        tables["gradients", key] = golden.grads[key]
        tables |= {("state", key, var): rows for var, rows in golden.state.get(key, {}).items()}
        for step, seen in enumerate(golden.evaluations, 1):
            tables["evaluations", str(step), "params", key] = list(seen.params[key])
            tables["evaluations", str(step), "gradients", key] = seen.grads[key]
    return tables


def _leaves(body: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any], str]]:
    """Every column of rows with its place: (path, holder, key)."""
    for part in ("params", "gradients"):
        for key in body[part]:
            yield (part, key), body[part], key
    for key, columns in body.get("state", {}).items():
        for var in columns:
            yield ("state", key, var), columns, var
    for step, seen in enumerate(body.get("evaluations", ()), 1):
        for part in ("params", "gradients"):
            for key in seen[part]:
                yield ("evaluations", str(step), part, key), seen[part], key


def _compress(answer: Mapping[str, Any], tables: Mapping[tuple[str, ...], Rows]) -> dict[str, Any]:
    if answer["outcome"] != "ok":
        return {key: answer[key] for key in ("outcome", "reason", "class", "message") if key in answer}
    body = json.loads(compact(answer["trajectory"]))
    if body.get("gradients_after") == body["gradients"]:
        del body["gradients_after"]
    for place, holder, key in _leaves(body):
        reference = tables.get(place, [])
        holder[key] = [shorter(row, reference[step] if step < len(reference) else None) for step, row in enumerate(holder[key])]
    return {"outcome": "ok", "trajectory": body}


def _expand(run: dict[str, Any], tables: Mapping[tuple[str, ...], Rows], path: Path) -> dict[str, Any]:
    if run["outcome"] != "ok":
        return run
    body = run["trajectory"]
    for place, holder, key in _leaves(body):
        reference = tables.get(place, [])
        for step, row in enumerate(holder[key]):
            if isinstance(row, str):
                near = reference[step] if step < len(reference) else None
                if near is None or (row != SAME and len(row.split()) != near.size):
                    raise FixtureError(f"{path}: {'/'.join(place)}, step {step + 1}: {row!r} does not fit the golden row")
                holder[key][step] = flat(moved(near, row))
    body.setdefault("gradients_after", body["gradients"])
    return run


def shorter(row: Any, near: Array | None) -> Any:
    """A row as its distance from the golden one, where that is shorter than its digits."""
    if row is None or near is None or not near.size:
        return row
    got = np.ravel(read_row(row, near.shape, str(near.dtype)))
    without_order = bool(np.isnan(got).any() or np.isnan(near).any())
    away = [int(a) - int(b) for a, b in zip(_ordinals(got), _ordinals(np.ravel(near)), strict=True)]
    if not any(away):
        return SAME
    distances = " ".join(map(str, away))
    return distances if not without_order and len(distances) < len(compact(row)) else row


def moved(near: Array, distances: str) -> Array:
    """The row that lies so many representable numbers from the golden one."""
    if distances == SAME:
        return near
    ordinals = [int(b) + int(away) for b, away in zip(_ordinals(np.ravel(near)), distances.split(), strict=True)]
    kind = np.int32 if near.dtype == np.float32 else np.int64
    lowest = int(np.iinfo(kind).min)
    return np.array([o if o >= 0 else lowest - 1 - o for o in ordinals], dtype=kind).view(near.dtype).reshape(near.shape)


def _ordinals(values: Array) -> Array:
    """Floats as consecutive integers: the next number up is one more; -0 lies just below 0. Every NaN is the same."""
    kind = np.int32 if values.dtype == np.float32 else np.int64
    bits: Array = np.ascontiguousarray(np.where(np.isnan(values), values.dtype.type(np.nan), values)).view(kind)
    return np.where(bits >= 0, bits, ~(bits & np.iinfo(kind).max))
