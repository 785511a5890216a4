"""``crossoptim serve``: the Python side of the protocol, so that R, or any program, drives Python's optimizers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from crossoptim.errors import CrossoptimError, RunnerError, UnavailableError, UnknownNameError
from crossoptim.golden.json_text import compact
from crossoptim.golden.row import flat
from crossoptim.runners.base import Answer, error_answer, unsupported_answer
from crossoptim.runners.harness import Adapter, Array, Fields, GroupOptions, LocalRunner, Tensors, read_start, start_row
from crossoptim.runners.registry import get_implementation, local_runner
from crossoptim.runners.request import PROTOCOL, arguments
from crossoptim.runners.stdio import channel
from crossoptim.spec.model import shape_beside
from crossoptim.spec.rules import resolve


@dataclass
class _Session:
    """An optimizer that a client drives; ``counts`` says whether an update advances the step count of its parameters."""

    runner: LocalRunner
    adapter: Adapter
    shapes: Mapping[str, tuple[int, ...]]
    dtype: str
    counts: bool
    count: dict[str, int]
    steps: int = 0
    kinds: Mapping[str, str] = field(default_factory=dict)

    def tensor(self, name: str, row: Any, label: str, var: str = "") -> Array:
        """A row as an array of the shape of the parameter, or of its state variable."""
        if name not in self.shapes:
            raise UnknownNameError("parameter", name, list(self.shapes))
        return start_row(row, shape_beside(self.shapes[name], self.kinds.get(var, "")), self.dtype, label)

    def tensors(self, rows: Mapping[str, Any], label: str) -> Tensors:
        """The rows that are present, by parameter."""
        return {name: self.tensor(name, row, f"{label}/{name}") for name, row in rows.items() if row is not None}

    def snapshot(self) -> Answer:
        """Parameters and state as rows."""
        state = {name: {var: flat(value) for var, value in held.items()} for name, held in self.adapter.state().items()}
        return {"params": {name: flat(value) for name, value in self.adapter.params().items()}, "state": state}


@dataclass
class Server:
    """Answers the protocol's messages; holds the sessions that are open."""

    sessions: dict[int, _Session] = field(default_factory=dict)
    opened: int = 0
    stopped: bool = False

    def line(self, text: str) -> str | None:
        """The answer to one line, or None when there is none to give (``stop``)."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            return compact(_refusal(RunnerError(f"request: not JSON ({error})")))
        if not isinstance(message, dict):
            return compact(_refusal(RunnerError(f"request: {type(message).__name__} (expected a JSON object)")))
        answer = self.answer(message)
        return None if answer is None else compact(answer)

    def answer(self, message: Mapping[str, Any]) -> Answer | None:
        """The answer to one message; whatever goes wrong becomes an answer."""
        commands: dict[str, Callable[[Fields], Answer]] = {
            "describe": self._describe,
            "run": self._run,
            "schedule": self._run,
            "open": self._open,
            "step": self._step,
            "state": self._state,
            "load": self._load,
            "close": self._close,
        }
        command = message.get("command")
        if command == "stop":
            self.stopped = True
            return None
        if not isinstance(command, str) or command not in commands:
            return _refusal(RunnerError(f"command {command!r} is unknown (expected one of {', '.join([*commands, 'stop'])})"))
        try:
            return {"outcome": "ok", **commands[command](Fields(message))}
        except UnavailableError as error:
            return unsupported_answer(str(error))
        except CrossoptimError as error:
            return _refusal(error, command)
        except Exception as error:  # a server answers whatever happens
            return error_answer(error, command)

    def _describe(self, message: Fields) -> Answer:
        return local_runner(message["implementation"]).describe().answer(PROTOCOL)

    def _run(self, message: Fields) -> Answer:
        return local_runner(message["implementation"]).run(message)

    def _open(self, message: Fields) -> Answer:
        implementation = get_implementation(message["implementation"])
        runner = local_runner(implementation.name)
        given = message["arguments"]
        setting = resolve(message["optimizer"], dict(given))
        if setting.rule.converse:
            raise UnavailableError(
                f"{setting.rule.name} chooses where to evaluate: gradients cannot drive it (expected run, in closed loop)"
            )
        binding = implementation.binding(setting)
        if implementation.ecosystem and binding is None:
            raise UnavailableError(f"{implementation.name}: no class implements {setting.rule.name} with these switches")
        optimizer = {
            "name": binding.name if binding else setting.rule.name,
            "state": binding.state if binding else {var.name: var.name for var in setting.rule.state},
            "kept": binding.kept if binding else {var.name: var.name for var in setting.rule.kept},
            "shapes": setting.rule.state_shapes,
        }
        start = read_start(message, optimizer)
        with runner.settled():
            adapter = runner.open(start)
            adapter.construct([GroupOptions(tuple(start.params), arguments(setting, binding))])
        self.opened += 1
        shapes = {name: value.shape for name, value in start.params.items()}
        count = dict.fromkeys(start.params, 0)
        self.sessions[self.opened] = _Session(runner, adapter, shapes, start.dtype, setting.counts, count, kinds=start.shapes)
        return {"session": self.opened}

    def _session(self, message: Fields) -> _Session:
        number = message["session"]
        try:
            return self.sessions[number]
        except (KeyError, TypeError):
            raise RunnerError(f"session {number!r} is not open (open: {', '.join(map(str, self.sessions)) or 'none'})") from None

    def _step(self, message: Fields) -> Answer:
        session = self._session(message)
        gradients = session.tensors(message["gradients"], "gradients")
        with session.runner.settled():
            session.adapter.zero_gradients()
            session.adapter.add_gradients(gradients)
            session.adapter.step()
        session.steps += 1
        for name in gradients:
            session.count[name] += session.counts
        return {"step": session.steps, **session.snapshot()}

    def _state(self, message: Fields) -> Answer:
        session = self._session(message)
        return {"count": dict(session.count), "kept": session.adapter.kept(), **session.snapshot()}

    def _load(self, message: Fields) -> Answer:
        session = self._session(message)
        params = session.tensors(message["params"], "params")
        state = {
            name: {var: session.tensor(name, row, f"state/{name}/{var}", var) for var, row in rows.items() if row is not None}
            for name, rows in message["state"].items()
        }
        count = {name: int(message["count"][name]) for name in session.shapes}
        with session.runner.settled():
            session.adapter.assign(params, state, count, message.get("kept", {}))
        session.count = count
        session.steps = max(count.values(), default=0)
        return {}

    def _close(self, message: Fields) -> Answer:
        self._session(message)
        del self.sessions[message["session"]]
        return {}


def _refusal(error: CrossoptimError, where: str = "") -> Answer:
    """An error that says it all: no traceback."""
    answer = error_answer(error, where)
    del answer["traceback"]
    return answer


def serve(requests: TextIO | None = None, answers: TextIO | None = None) -> None:
    """Answer line by line until ``stop`` or the end of input.

    Without streams, serve on standard input and output, which then carry the protocol alone.
    """
    if requests is None or answers is None:
        requests, answers = channel()
    server = Server()
    for line in requests:
        if not line.strip():
            continue
        answer = server.line(line)
        if server.stopped:
            return
        print(answer, file=answers, flush=True)
