"""The one event loop that runs a ``run`` request over an optimizer in this process; what a step is, docs/protocol.md fixes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from crossoptim.errors import RunnerError, UnavailableError
from crossoptim.golden.evaluations import Evaluations
from crossoptim.golden.json_text import read_number
from crossoptim.golden.reference import DTYPES
from crossoptim.golden.row import flat, read_row
from crossoptim.runners.base import DEFAULT_TIMEOUT, Answer, Description, error_answer, unsupported_answer
from crossoptim.spec.conversation import Memory
from crossoptim.spec.model import shape_beside

Array = NDArray[Any]
Tensors = dict[str, Array]
States = dict[str, Tensors]
Numbers = Mapping[str, Mapping[str, float]]
"""Parameter, then kept number, then its value."""

_EVENT_ORDER = ("add_group", "set", "resume")


@dataclass(frozen=True)
class Start:
    """What an adapter starts from: the class to make, its names for state and kept numbers (ours → its), dtype, parameters, objective.

    ``shapes``: ``rows`` or ``columns`` for the state variables that have not the parameter's shape.
    """

    optimizer: str
    state: Mapping[str, str]
    dtype: str
    params: Tensors
    frozen: frozenset[str] = frozenset()
    objective: Mapping[str, Any] | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GroupOptions:
    """A parameter group: names of parameters, arguments in the library's vocabulary."""

    params: tuple[str, ...]
    arguments: Mapping[str, Any]


class Adapter(Protocol):
    """One optimizer over named parameters. Arrays go in and come out as copies, in the case's dtype."""

    def construct(self, groups: Sequence[GroupOptions]) -> None:
        """Make a new optimizer over the parameters as they are now."""

    def add_params(self, params: Tensors) -> None:
        """Take in parameters for a group that will be added."""

    def add_group(self, group: GroupOptions) -> None:
        """Add a group to the optimizer."""

    def set_options(self, group: int, arguments: Mapping[str, Any]) -> None:
        """Change options of the group with that 0-based number."""

    def zero_gradients(self) -> None:
        """Forget all gradients."""

    def add_gradients(self, gradients: Tensors) -> None:
        """Add to what is there, as a backward pass does."""

    def backward(self) -> float:
        """Evaluate the objective, add its gradients, return the loss."""

    def drop_gradients(self, names: Iterable[str]) -> None:
        """Make these parameters' gradients None."""

    def gradients(self) -> Mapping[str, Array | None]:
        """The gradient of each parameter."""

    def step(self) -> None:
        """One update."""

    def converse(self, evaluate: Callable[[], float]) -> float:
        """One step that asks for its evaluations: what it returns, the loss of the first one.

        ``evaluate`` sets the gradients at the parameters as they stand, and returns the loss.
        """

    def params(self) -> Tensors:
        """The parameters."""

    def state(self) -> States:
        """For each parameter, the state variables that exist."""

    def save(self) -> Any:
        """The state, as the library saves it."""

    def load(self, saved: Any) -> None:
        """Put a saved state back."""

    def kept(self) -> Numbers:
        """For each parameter, the numbers that are kept from step to step."""

    def memory(self) -> Memory | None:
        """What an optimizer that chooses where to evaluate keeps between steps, in flat arrays; None for any other."""

    def assign(self, params: Tensors, state: States, count: Mapping[str, int], kept: Numbers, memory: Memory | None = None) -> None:
        """Overwrite parameters, state, update counts, kept numbers and memory."""


class LocalRunner(ABC):
    """A runner inside this process: besides running cases, it opens optimizers to be driven step by step."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def describe(self) -> Description:
        """What answers."""

    @abstractmethod
    def open(self, start: Start) -> Adapter:
        """An adapter over ``start``; raises :class:`UnavailableError` with the reason where it cannot do what was asked."""

    def settled(self) -> AbstractContextManager[None]:
        """Threads and defaults as parity needs them; restored afterwards."""
        return nullcontext()

    def run(self, request: dict[str, Any], timeout: float = DEFAULT_TIMEOUT) -> Answer:
        """Run a case, a schedule or a training; see :func:`run`."""
        match request.get("command"):
            case "schedule":
                return _answered(self, lambda at: {"rates": self.schedule(Fields(request), at)})
            case "train":
                return _answered(self, lambda at: self.train(Fields(request), at))
            case _:
                return run(request, self)

    def schedule(self, request: Mapping[str, Any], at: list[str]) -> dict[str, Any]:
        """The rates of a schedule at every step; ``at[0]`` keeps what is being done. Raises :class:`UnavailableError` where it has none."""
        raise UnavailableError(f"{self.name} has no schedules")

    def train(self, request: Mapping[str, Any], at: list[str]) -> dict[str, Any]:
        """Train a network; what comes of it is in the answer's file. ``at`` and errors are those of :meth:`schedule`."""
        raise UnavailableError(f"{self.name} trains no network")

    def close(self) -> None:  # noqa: B027  # most have nothing to end
        """Nothing to end."""


def _answered(runner: LocalRunner, what: Callable[[list[str]], dict[str, Any]]) -> Answer:
    """The answer with these fields; whatever goes wrong becomes an answer that names the step."""
    at = ["request"]
    try:
        with runner.settled():
            return {"outcome": "ok", **what(at)}
    except UnavailableError as error:
        return unsupported_answer(str(error))
    except Exception as error:  # an implementation may raise anything; that is an answer
        return error_answer(error, at[0])


def run(request: Mapping[str, Any], runner: LocalRunner) -> Answer:
    """Run a case; whatever goes wrong becomes an answer that names the step and the event."""
    loop = _Loop(runner)
    try:
        with runner.settled():
            return {"outcome": "ok", "trajectory": loop.trajectory(request)}
    except UnavailableError as error:
        return unsupported_answer(str(error))
    except Exception as error:  # an implementation may raise anything; that is an answer
        return error_answer(error, loop.where)


class _Loop:
    def __init__(self, runner: LocalRunner) -> None:
        self.runner = runner
        self.where = "request"

    def trajectory(self, message: Mapping[str, Any]) -> dict[str, Any]:
        request = Fields({"events": [], **message})
        optimizer = Fields(request["optimizer"])
        start = read_start(request, optimizer)
        self.shapes = {name: value.shape for name, value in start.params.items()}
        self.kinds = start.shapes
        groups = [GroupOptions(tuple(g["params"]), read_arguments(g["arguments"])) for g in optimizer["groups"]]
        adapter = self.runner.open(start)
        self.where = "making the optimizer"
        adapter.construct(groups)
        out = _Recorder(start.params)
        for step in range(1, int(request["steps"]) + 1):
            if request["mode"] == "lockstep" and step > 1:
                self.where = f"step {step}, lockstep"
                self._follow_golden(adapter, request["golden"], step - 1, start.dtype)
            self._events(adapter, request, step, groups)
            members = {name for group in groups for name in group.params}
            without = (set(start.params) - members) | start.frozen | self._none(request, step)
            if optimizer.get("closure"):
                self.where = f"step {step}, step(closure)"
                returned, seen = self._converse(adapter, request, without)
                out.add(adapter, {name: rows[0] for name, rows in seen.grads.items()}, returned)
                out.evaluations.append(seen.as_json())
                continue
            loss = self._gradients(adapter, request, step, without, start.dtype)
            before = adapter.gradients()
            self.where = f"step {step}, step()"
            adapter.step()
            self.where = f"step {step}, reading the state"
            out.add(adapter, before, loss)
        return out.as_json()

    def _converse(self, adapter: Adapter, request: Mapping[str, Any], without: set[str]) -> tuple[float, Evaluations]:
        if request["mode"] != "closed":
            raise UnavailableError(f"an optimizer that chooses where to evaluate cannot {request['mode']} gradients (expected mode closed)")
        seen = Evaluations.of(list(self.shapes))

        def evaluate() -> float:
            adapter.zero_gradients()
            loss = adapter.backward()
            adapter.drop_gradients(without)
            seen.add(adapter.params(), loss, adapter.gradients())
            return loss

        returned = adapter.converse(evaluate)
        if not seen.loss:
            raise RunnerError("the optimizer did not evaluate its closure")
        return returned, seen

    def _events(self, adapter: Adapter, request: Mapping[str, Any], step: int, groups: list[GroupOptions]) -> None:
        events = [e for e in request["events"] if e.get("step") == step and e["kind"] in _EVENT_ORDER]
        for event in sorted(events, key=lambda e: _EVENT_ORDER.index(e["kind"])):
            self.where = f"step {step}, {event['kind']}"
            if event["kind"] == "add_group":
                groups.append(GroupOptions(tuple(event["params"]), read_arguments(event["arguments"])))
                adapter.add_group(groups[-1])
            elif event["kind"] == "set":
                adapter.set_options(event["group"], event["arguments"])
            else:
                # the groups as they were made: later changes must come back with the saved state
                saved = adapter.save()
                adapter.construct(groups)
                adapter.load(saved)

    def _gradients(self, adapter: Adapter, request: Mapping[str, Any], step: int, without: set[str], dtype: str) -> float | None:
        self.where = f"step {step}, gradients"
        loss = None
        if not any(e["kind"] == "accumulate" and e["step"] == step for e in request["events"]):
            adapter.zero_gradients()
        if request["mode"] == "closed":
            self.where = f"step {step}, backward"
            loss = adapter.backward()
        else:
            rows = {name: request["gradients"][name][step - 1] for name in self.shapes if name not in without}
            without = without | {name for name, row in rows.items() if row is None}
            adapter.add_gradients({n: start_row(r, self.shapes[n], dtype, f"gradients/{n}") for n, r in rows.items() if r is not None})
        adapter.drop_gradients(without)
        return loss

    def _none(self, request: Mapping[str, Any], step: int) -> set[str]:
        return {name for e in request["events"] if e["kind"] in ("none", "unused") and e["step"] == step for name in e["params"]}

    def _follow_golden(self, adapter: Adapter, golden: Mapping[str, Any], done: int, dtype: str) -> None:
        def at(rows: Sequence[Any], name: str, label: str, kind: str = "") -> Array | None:
            row = rows[done - 1]
            return None if row is None else start_row(row, shape_beside(self.shapes[name], kind), dtype, label)

        params = {name: at(golden["params"][name], name, f"golden/params/{name}") for name in self.shapes}
        state = {
            name: {
                var: at(rows, name, f"golden/state/{name}/{var}", self.kinds.get(var, ""))
                for var, rows in golden["state"].get(name, {}).items()
            }
            for name in self.shapes
        }
        adapter.assign(
            {name: value for name, value in params.items() if value is not None},
            {name: {var: value for var, value in values.items() if value is not None} for name, values in state.items()},
            {name: golden["count"][name][done - 1] for name in self.shapes},
            {name: rows[done - 1] for name, rows in golden.get("kept", {}).items()},
        )


class _Recorder:
    """Collects rows right after each step; a state variable's column begins when the library makes it."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self.steps = 0
        self.columns: dict[str, dict[str, list[Any]]] = {
            part: {name: [] for name in self.names} for part in ("params", "gradients", "gradients_after")
        }
        self.states: dict[str, dict[str, list[Any]]] = {name: {} for name in self.names}
        self.loss: list[float | None] = []
        self.evaluations: list[dict[str, Any]] = []

    def add(self, adapter: Adapter, before: Mapping[str, Array | None], loss: float | None) -> None:
        for part, values in (("params", adapter.params()), ("gradients", before), ("gradients_after", adapter.gradients())):
            for name in self.names:
                self.columns[part][name].append(flat(values[name]))
        for name, variables in adapter.state().items():
            for var in [*self.states[name], *(v for v in variables if v not in self.states[name])]:
                self.states[name].setdefault(var, [None] * self.steps).append(flat(variables.get(var)))
        self.loss.append(loss)
        self.steps += 1

    def as_json(self) -> dict[str, Any]:
        evaluations = {"evaluations": self.evaluations} if self.evaluations else {}
        return {**self.columns, "state": self.states, "loss": self.loss, **evaluations}


class Fields(dict[str, Any]):
    """A message whose missing fields are named in one line."""

    def __missing__(self, key: str) -> Any:
        raise RunnerError(f"the field {key!r} is missing")


def read_start(message: Mapping[str, Any], optimizer: Mapping[str, Any]) -> Start:
    """The start point of a ``run`` or ``open``; raises :class:`RunnerError` naming the parameter that is malformed."""
    dtype = message["dtype"]
    if dtype not in DTYPES:
        raise RunnerError(f"dtype {dtype!r} (expected one of {', '.join(DTYPES)})")
    params = {p["name"]: start_row(p["data"], tuple(p["shape"]), dtype, f"params/{p['name']}") for p in map(Fields, message["params"])}
    frozen = frozenset(name for e in message.get("events", ()) if e["kind"] == "frozen" for name in e["params"])
    return Start(
        optimizer["name"],
        optimizer["state"],
        dtype,
        params,
        frozen,
        message.get("objective"),
        optimizer.get("kept", {}),
        optimizer.get("shapes", {}),
    )


def read_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the protocol, in which a number that is not finite is a string."""

    def said(value: Any) -> Any:
        if isinstance(value, list):
            return [said(part) for part in value]
        return read_number(value) if value in ("NaN", "Inf", "-Inf") else value

    return {key: said(value) for key, value in arguments.items()}


def start_row(values: Any, shape: tuple[int, ...], dtype: str, label: str) -> Array:
    """A flat row of the protocol as an array; raises :class:`RunnerError` that names the tensor."""
    try:
        return read_row(values, shape, dtype)
    except ValueError as error:
        raise RunnerError(f"{label}: {error}") from None
