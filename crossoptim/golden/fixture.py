"""Fixture files: a case and its golden trajectory as JSON, written whole and checked on the way in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from crossoptim.errors import CrossoptimError, FixtureError
from crossoptim.golden.case import Case, Event, Group
from crossoptim.golden.evaluations import read_decisions, read_evaluations
from crossoptim.golden.json_text import pretty, read, read_number
from crossoptim.golden.row import read_row
from crossoptim.golden.trajectory import Rows, Trajectory, equations, initial_params
from crossoptim.spec.trace import trace

SCHEMA = "crossoptim/golden/1"
VERSION = "v1"
"""The folder below ``fixtures`` that holds everything of this version of the formats."""


def root() -> Path:
    """The fixtures that came with the package: ``crossoptim/fixtures`` in a wheel, ``fixtures`` beside the package in a checkout."""
    return beside("fixtures")


def beside(folder: str) -> Path:
    """A folder of the checkout that a wheel carries within the package."""
    package = Path(__file__).resolve().parents[1]
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder


def checkout() -> Path:
    """The root of the checkout that this installation is; raises :class:`CrossoptimError` where it came from a wheel."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / "fixtures").is_dir():
        raise CrossoptimError(f"{folder}: is no checkout of crossoptim (say where to write: --output DIR)")
    return folder


def golden_path(case_id: str) -> str:
    """Where a case's fixture lies below the fixtures' version folder."""
    return f"golden/{case_id}.json"


def to_text(case: Case, trajectory: Trajectory) -> str:
    """The fixture file of a case."""
    return pretty(as_json(case, trajectory)) + "\n"


def as_json(case: Case, trajectory: Trajectory) -> dict[str, Any]:
    """The fixture of a case as plain data."""
    return {
        "schema": SCHEMA,
        "id": case.id,
        "comment": case.comment,
        "topic": case.topic,
        "flags": list(case.flags),
        "optimizer": case.optimizer,
        "rule": case.rule,
        "hyper": dict(case.hyper),
        "problem": case.problem_name,
        "dtype": case.dtype,
        "steps": case.steps,
        "groups": [{"params": list(g.params), "hyper": dict(g.hyper)} for g in case.groups],
        "events": [_compact_event(event) for event in case.events],
        "equations": {key: equation.sha256 for key, equation in equations(case).items()},
        "settings": _settings(case),
        "initial": {key: _tensor([value], case.dtype, value.shape) for key, value in initial_params(case).items()},
        "trajectory": {
            "loss": None if all(v is None for v in trajectory.loss) else list(trajectory.loss),
            "scalars": _scalars(trajectory),
            **{part: _table(getattr(trajectory, part), case) for part in ("fresh", "grads", "params") if getattr(trajectory, part)},
            "state": {key: _table(columns, case, key) for key, columns in trajectory.state.items() if columns},
            **({"evaluations": [seen.as_json() for seen in trajectory.evaluations]} if trajectory.evaluations else {}),
            **({"decisions": [made.as_json() for made in trajectory.decisions]} if trajectory.decisions else {}),
        },
    }  # fmt: skip


def _compact_event(event: Event) -> dict[str, Any]:
    out = {key: value for key, value in asdict(event).items() if value not in (0, (), {}) or (key == "group" and event.kind == "set")}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in out.items()}


def _settings(case: Case) -> list[dict[str, Any]]:
    """Every value that every group has, with the step from which it holds: all that a port needs to set up its optimizer."""
    return [
        {
            "from_step": spell.from_step,
            "group": spell.group,
            "params": list(spell.params),
            "equation": trace(spell.setting).id,
            "values": dict(spell.setting.values),
        }
        for spell in case.spells
    ]


def _scalars(trajectory: Trajectory) -> list[dict[str, Any]]:
    """Scalars of each parameter, parameters with equal series together; one entry a step, null where the parameter does not step."""
    series: dict[str, dict[str, Any]] = {}
    for key, rows in trajectory.scalars.items():
        names = list(dict.fromkeys(name for row in rows if row for name in row))
        columns = {name: [None if row is None else row.get(name) for row in rows] for name in names}
        if columns:
            series.setdefault(repr(columns), {"params": [], **columns})["params"].append(key)
    return list(series.values())


def _tensor(rows: Rows, dtype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    data = [None if row is None else [float(v) for v in np.ravel(row)] for row in rows]
    return {"shape": list(shape), "dtype": dtype, "data": data}


def _table(columns: Mapping[str, Rows], case: Case, param: str | None = None) -> dict[str, Any]:
    shapes = {p.name: p.shape for p in case.problem.params}
    return {key: _tensor(rows, case.dtype, case.state_shape(key, shapes[param]) if param else shapes[key]) for key, rows in columns.items()}


@cache
def schema(name: str, fixtures: Path | None = None) -> Any:
    """A JSON Schema from ``fixtures/schema``."""
    return read((fixtures or root()) / "schema" / f"{name}.json")


@cache
def _validator(name: str) -> Any:
    """Of a schema. A row of floats, as most of every file is, is taken at once where any number is allowed."""
    document = schema(name)
    every = jsonschema.Draft202012Validator.VALIDATORS["items"]

    def items(validator: Any, allowed: Any, row: Any, parent: Any) -> Iterator[Any]:
        if not (isinstance(row, list) and all(type(v) is float for v in row) and _any_number(allowed, document)):
            yield from every(validator, allowed, row, parent)

    made = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"items": items})  # type: ignore[no-untyped-call]
    return made(document)


def _any_number(allowed: Any, document: Any) -> bool:
    """Whether a schema of ``document`` surely lets every number pass: it asks nothing but for a type and what strings look like."""
    if not isinstance(allowed, dict):
        return False
    if allowed.keys() == {"$ref"}:
        allowed = document["$defs"].get(allowed["$ref"].removeprefix("#/$defs/"), {})
    kinds = allowed.get("type", ())
    return "number" in ([kinds] if isinstance(kinds, str) else kinds) and allowed.keys() <= {"type", "pattern", "description"}


def validate(data: Any, name: str, where: Path | str) -> None:
    """Check data against a schema; raises :class:`FixtureError` that names the file and the place."""
    error = jsonschema.exceptions.best_match(_validator(name).iter_errors(data))
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "top level"
        raise FixtureError(f"{where}: {place}: {error.message[:200]}")


def read_checked(path: Path, schema_id: str, kind: str, expected_sha256: str | None, mend: str) -> dict[str, Any]:
    """Read a file of the fixtures: of the expected schema version, and with the manifest's hash, or valid where the hash is not known.

    Args:
        path: the file.
        schema_id: what its ``schema`` says.
        kind: the JSON Schema's name.
        expected_sha256: the manifest's hash; a file that has it was validated when it was written.
        mend: what makes the file anew, for messages.

    Raises:
        FixtureError: naming the file and what is wrong with it.
    """
    data = read(path)
    if not isinstance(data, dict) or data.get("schema") != schema_id:
        got = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise FixtureError(f"{path}: schema {got!r} (expected {schema_id!r})")
    if expected_sha256 is None:
        validate(data, kind, path)
    elif file_sha256(path) != expected_sha256:
        raise FixtureError(f"{path}: its sha256 is not the manifest's (changed by hand? {mend})")
    return data


def load(path: Path, expected_sha256: str | None = None) -> tuple[Case, Trajectory]:
    """Read a golden fixture and check everything that it claims.

    Raises:
        FixtureError: truncated, another schema version, a hash that is not the manifest's, an equation that is not the specification's,
            a wrong shape or dtype; the message names the file, the tensor, the step.
    """
    data = read_checked(path, SCHEMA, "golden", expected_sha256, "regenerate with: crossoptim export")
    case = _case(data, path)
    known = {key: equation.sha256 for key, equation in equations(case).items()}
    if data["equations"] != known:
        stale = next((key for key in data["equations"] if data["equations"][key] != known.get(key)), next(iter(known)))
        raise FixtureError(f"{path}: equation {stale} has another hash than the specification's (regenerate with: crossoptim export)")
    return case, _trajectory(data, case, path)


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    return sha256(path.read_bytes()).hexdigest()


def _case(data: dict[str, Any], path: Path) -> Case:
    try:
        case = Case(
            id=data["id"],
            optimizer=data["optimizer"],
            hyper=data["hyper"],
            problem_name=data["problem"],
            dtype=data["dtype"],
            comment=data["comment"],
            topic=data["topic"],
            steps=data["steps"],
            groups=tuple(Group(tuple(g["params"]), g["hyper"]) for g in data["groups"]),
            events=tuple(Event(**{**e, "params": tuple(e.get("params", ()))}) for e in data["events"]),
            flags=tuple(data["flags"]),
        )
        _ = case.timeline, case.problem
    except (CrossoptimError, KeyError, IndexError, TypeError) as error:
        raise FixtureError(f"{path}: {error}") from None
    for name in (name for params in (*(g.params for g in case.groups), *(e.params for e in case.events)) for name in params):
        _shape(case, name, f"{path}: groups and events")
    return case


def _shape(case: Case, name: str, where: str) -> tuple[int, ...]:
    shapes = {p.name: p.shape for p in case.problem.params}
    if name not in shapes:
        raise FixtureError(f"{where}: problem {case.problem_name} has no parameter {name!r}")
    return shapes[name]


def _trajectory(data: dict[str, Any], case: Case, path: Path) -> Trajectory:
    params = [p.name for p in case.problem.params]
    body = data["trajectory"]
    for part in ("params", "grads"):
        if missing := [key for key in params if key not in body[part]]:
            raise FixtureError(f"{path}: {part}: {missing[0]!r} is missing (expected {', '.join(params)})")
    if body["loss"] is not None and len(body["loss"]) != case.steps:
        raise FixtureError(f"{path}: loss: {len(body['loss'])} numbers (expected {case.steps}, one a step)")

    def column(tensor: dict[str, Any], key: str, label: str, steps: int = case.steps, var: str = "") -> Rows:
        shape = case.state_shape(var, _shape(case, key, f"{path}: {label}"))
        if tuple(tensor["shape"]) != shape:
            raise FixtureError(f"{path}: {label}: shape {tensor['shape']} (expected {list(shape)})")
        if tensor["dtype"] != case.dtype:
            raise FixtureError(f"{path}: {label}: dtype {tensor['dtype']} (expected {case.dtype})")
        if len(tensor["data"]) != steps:
            raise FixtureError(f"{path}: {label}: {len(tensor['data'])} rows (expected {steps}, one a step)")
        return [_row(row, shape, case.dtype, f"{path}: {label}, step {step}") for step, row in enumerate(tensor["data"], 1)]

    for key, tensor in data["initial"].items():
        column(tensor, key, f"initial/{key}", 1)
    scalars: dict[str, list[dict[str, float] | None]] = {key: [None] * case.steps for key in params}
    for block in body["scalars"]:
        names = [name for name in block if name != "params"]
        if short := [name for name in names if len(block[name]) != case.steps]:
            raise FixtureError(f"{path}: scalars/{short[0]}: {len(block[short[0]])} numbers (expected {case.steps}, one a step)")
        for key in block["params"]:
            _shape(case, key, f"{path}: scalars")
        for step in range(case.steps):
            row = {name: block[name][step] for name in names if block[name][step] is not None}
            for key in block["params"]:
                scalars[key][step] = row if any(block[name][step] is not None for name in names) else None
    out = Trajectory(
        params={key: column(t, key, f"params/{key}") for key, t in body["params"].items()},
        state={
            key: {var: column(t, key, f"state/{key}/{var}", var=var) for var, t in table.items()} for key, table in body["state"].items()
        },
        grads={key: column(t, key, f"grads/{key}") for key, t in body["grads"].items()},
        fresh={key: column(t, key, f"fresh/{key}") for key, t in body.get("fresh", {}).items()},
        loss=[None if v is None else read_number(v) for v in body["loss"] or [None] * case.steps],
        scalars=scalars,
    )
    if case.base.rule.converse:
        try:
            out.evaluations, out.decisions = read_evaluations(body.get("evaluations"), case), read_decisions(body.get("decisions", ()))
        except ValueError as error:
            raise FixtureError(f"{path}: {error}") from None
        return out
    for key in params:
        out.state.setdefault(key, {})
        for step, grad in enumerate(out.grads[key]):
            if grad is not None and out.scalars[key][step] is None:
                out.scalars[key][step] = {}
    return out


def _row(row: Any, shape: tuple[int, ...], dtype: str, where: str) -> Any:
    if row is None:
        return None
    try:
        return read_row(row, shape, dtype)
    except ValueError as error:
        raise FixtureError(f"{where}: {error}") from None
