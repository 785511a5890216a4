"""Builds the ``run`` request of a case for one implementation, and reads the trajectory that comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossoptim.errors import RunnerError
from crossoptim.golden.case import Case
from crossoptim.golden.evaluations import Evaluations, read_evaluations
from crossoptim.golden.oracle import kept_after
from crossoptim.golden.row import flat, read_row
from crossoptim.golden.trajectory import Rows, Trajectory, initial_params
from crossoptim.spec.emit.objective import objective_text
from crossoptim.spec.model import Binding, Interval, Setting
from crossoptim.spec.trace import trace

PROTOCOL = 1
Mode = Literal["replay", "closed", "lockstep"]


def unsupported(binding: Binding | None, case: Case) -> str | None:
    """Why a binding cannot run a case, or None: a hyperparameter without foreign argument, a start outside the foreign bounds."""
    if binding is None:
        variants = [f"{s.name} = {case.base.values[s.name]}" for s in case.base.rule.switches if case.base.values[s.name] != s.default]
        return f"no class implements {case.rule}{' with ' if variants else ''}{' and '.join(variants)}"
    settings = [m.setting for members in case.timeline for m in members.values()]
    first = case.base.with_values(**case.initial_groups[0].hyper)
    return missing_argument(binding, settings) or _outside(binding, first)


def missing_argument(binding: Binding, settings: Sequence[Setting]) -> str | None:
    """Which hyperparameter a class has no argument for although one of the settings needs it, or None."""
    for option in settings[0].rule.hyper:
        said = binding.only.get(option.name, option.default)
        if binding.foreign(option.name) is None and any(s.values[option.name] != said for s in settings):
            return f"{binding.name} has no argument for {option.name}"
    return None


def _outside(binding: Binding, setting: Setting) -> str | None:
    for ours, interval in binding.bounds.items():
        if setting.values[ours] is not None and setting.values[ours] not in Interval(interval):
            return f"{binding.name}: {ours} = {setting.values[ours]} is outside {interval}"
    return None


def arguments(setting: Setting, binding: Binding | None) -> dict[str, Any]:
    """A setting in the foreign vocabulary, or in ours where there is no binding."""
    if binding is None:
        return dict(setting.values)

    def said(foreign: str, ours: str | tuple[str, ...]) -> Any:
        if not isinstance(ours, str):
            return [setting.values[key] for key in ours]
        spelled = binding.spellings.get(foreign)
        return spelled[setting.values[ours]] if spelled else setting.values[ours]

    return {foreign: said(foreign, ours) for foreign, ours in binding.args.items()}


def run_request(case: Case, golden: Trajectory, mode: Mode, implementation: str, binding: Binding | None = None) -> dict[str, Any]:
    """The request as the protocol describes it. Without a binding, names are the specification's own."""
    start = initial_params(case)
    request: dict[str, Any] = {
        "command": "run",
        "protocol": PROTOCOL,
        "implementation": implementation,
        "case": case.id,
        "mode": mode,
        "dtype": case.dtype,
        "steps": case.steps,
        "params": [{"name": key, "shape": list(value.shape), "data": flat(value)} for key, value in start.items()],
        "optimizer": {
            "name": binding.name if binding else case.rule,
            "groups": [
                {"params": list(group.params), "arguments": arguments(case.base.with_values(**group.hyper), binding)}
                for group in case.initial_groups
            ],
            "state": dict(binding.state) if binding else {var.name: var.name for var in case.base.rule.state},
            "kept": dict(binding.kept) if binding else {var.name: var.name for var in case.base.rule.kept},
            **({"shapes": shapes} if (shapes := case.base.rule.state_shapes) else {}),
            **({"closure": True} if case.base.rule.converse else {}),
        },
        "events": [_event(case, event, binding) for event in case.events],
    }
    if mode == "closed":
        request["objective"] = objective_text(case.problem)
    else:
        request["gradients"] = {key: [flat(row) for row in golden.injected(key)] for key in start}
    if mode == "lockstep":
        request["golden"] = {
            "params": {key: [flat(row) for row in rows] for key, rows in golden.params.items()},
            "state": {key: {var: [flat(r) for r in rows] for var, rows in vs.items()} for key, vs in golden.state.items()},
            "count": {key: counts(case, golden, key) for key in start},
            "kept": {key: kept_numbers(golden, key) for key in start},
        }
    return request


def specification(case: Case, golden: Trajectory) -> dict[str, Any]:
    """The ``settings`` and ``scalars`` that an evaluator of the specification needs besides."""
    settings = [
        {
            "from_step": spell.from_step,
            "group": spell.group,
            "params": list(spell.params),
            "values": dict(spell.setting.values),
            "equation": trace(spell.setting).as_json(),
        }
        for spell in case.spells
    ]
    return {"settings": settings, "scalars": golden.scalars}


def counts(case: Case, golden: Trajectory, key: str) -> list[int]:
    """A parameter's step count after each step."""
    advances = [row is not None and members[key].setting.counts for row, members in zip(golden.grads[key], case.timeline, strict=True)]
    return list(np.cumsum(advances).tolist())


def kept_numbers(golden: Trajectory, key: str) -> list[dict[str, float]]:
    """The numbers that a parameter keeps after each step."""
    rows: list[dict[str, float]] = []
    for scalars in golden.scalars[key]:
        rows.append(kept_after(scalars) if scalars else rows[-1] if rows else {})
    return rows


def _event(case: Case, event: Any, binding: Binding | None) -> dict[str, Any]:
    out: dict[str, Any] = {"kind": event.kind}
    if event.step:
        out["step"] = event.step
    if event.params:
        out["params"] = list(event.params)
    if event.kind == "set":
        out["group"] = event.group
        after = arguments(next(m.setting for m in case.timeline[event.step - 1].values() if m.group == event.group), binding)
        before = arguments(next(m.setting for m in case.timeline[event.step - 2].values() if m.group == event.group), binding)
        out["arguments"] = {key: value for key, value in after.items() if before[key] != value}
    if event.kind == "add_group":
        out["arguments"] = arguments(case.base.with_values(**event.hyper), binding)
    return out


def read_trajectory(answer: Mapping[str, Any], case: Case, where: str) -> Trajectory:
    """Check the answer's structure against the case.

    Raises:
        RunnerError: naming the tensor, the step, what came and what was expected.
    """
    body = answer.get("trajectory")
    if not isinstance(body, dict):
        raise RunnerError(f"{where}: the answer holds no trajectory")
    shapes = {p.name: p.shape for p in case.problem.params}

    def tensor(row: Any, shape: tuple[int, ...], label: str, step: int) -> NDArray[Any] | None:
        if row is None:
            return None
        try:
            return read_row(row, shape, case.dtype)
        except ValueError as error:
            raise RunnerError(f"{where}: step {step}, {label}: {error}") from None

    def rows(value: Any, shape: tuple[int, ...], label: str) -> Rows:
        if not isinstance(value, list) or len(value) != case.steps:
            got = f"{len(value)} rows" if isinstance(value, list) else type(value).__name__
            raise RunnerError(f"{where}: {label}: {got} (expected {case.steps} rows, one a step)")
        return [tensor(row, shape, label, step) for step, row in enumerate(value, 1)]

    def table(part: str) -> dict[str, Rows]:
        given = body.get(part)
        if not isinstance(given, dict) or set(given) != set(shapes):
            got = sorted(given) if isinstance(given, dict) else given
            raise RunnerError(f"{where}: {part}: {got!r} (expected the parameters {sorted(shapes)})")
        return {key: rows(given[key], shape, f"{part}/{key}") for key, shape in shapes.items()}

    params = table("params")
    for key, column in params.items():
        for step, row in enumerate(column, 1):
            if row is None:
                raise RunnerError(f"{where}: step {step}, params/{key}: nothing (expected {list(shapes[key])})")
    return Trajectory(
        params=params,
        state=_read_state(
            body.get("state"), case, where, lambda value, key, var: rows(value, case.state_shape(var, shapes[key]), f"state/{key}/{var}")
        ),
        grads=table("gradients"),
        grads_after=table("gradients_after"),
        loss=_read_loss(body.get("loss"), case, where),
        evaluations=_read_evaluations(body.get("evaluations"), case, where) if case.base.rule.converse else [],
    )


def _read_state(given: Any, case: Case, where: str, rows: Callable[[Any, str, str], Rows]) -> dict[str, dict[str, Rows]]:
    """State by parameter and variable; a variable may be left out, but not be called anything else."""
    params = [p.name for p in case.problem.params]
    variables = [var.name for var in case.base.rule.state]
    given = {} if given is None else given
    if not isinstance(given, dict) or not all(isinstance(columns, dict) for columns in given.values()):
        raise RunnerError(f"{where}: state: not a table of parameters and variables (expected parameter, then variable, then rows)")
    for key, columns in given.items():
        unknown = [var for var in columns if var not in variables]
        if key not in params or unknown:
            name, known = (f"{key}/{unknown[0]}", variables) if key in params else (key, params)
            raise RunnerError(f"{where}: state/{name}: no such name (expected one of {', '.join(known) or 'none'})")
    return {key: {var: rows(column, key, var) for var, column in given.get(key, {}).items()} for key in params}


def _read_evaluations(given: Any, case: Case, where: str) -> list[Evaluations]:
    try:
        return read_evaluations(given, case)
    except ValueError as error:
        raise RunnerError(f"{where}: {error}") from None


def _read_loss(given: Any, case: Case, where: str) -> list[float | None]:
    if given is None:
        return [None] * case.steps
    if not isinstance(given, list) or len(given) != case.steps:
        raise RunnerError(f"{where}: loss: not {case.steps} numbers (expected one a step, null where there is none)")
    out: list[float | None] = []
    for step, value in enumerate(given, 1):
        try:
            out.append(None if value is None else float(read_row(value, (), "float64")))
        except ValueError as error:
            raise RunnerError(f"{where}: step {step}, loss: {error}") from None
    return out
