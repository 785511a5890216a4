"""``crossoptim serve``: the Python side of the protocol, so that R, or any program, drives Python's optimizers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from crossoptim import __version__
from crossoptim.errors import CrossoptimError, ProtocolError, RunnerError, UnavailableError
from crossoptim.golden.json_text import compact
from crossoptim.runners.base import Answer, error_answer, unsupported_answer
from crossoptim.runners.harness import Fields
from crossoptim.runners.judging import judge
from crossoptim.runners.registry import local_runner
from crossoptim.runners.request import PROTOCOL
from crossoptim.runners.session import Session
from crossoptim.runners.stdio import channel


@dataclass
class Server:
    """Answers the protocol's messages; holds the sessions that are open."""

    sessions: dict[int, Session] = field(default_factory=dict)
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
            "step": lambda message: self._session(message).step(message),
            "evaluated": lambda message: self._session(message).evaluated(message),
            "state": lambda message: self._session(message).state(),
            "load": lambda message: self._session(message).load(message),
            "set": lambda message: self._session(message).set(message),
            "add_group": lambda message: self._session(message).add_group(message),
            "close": self._close,
            "judge": judge,
        }
        command = message.get("command")
        if message.get("protocol", PROTOCOL) != PROTOCOL:
            spoken = f"crossoptim {__version__} speaks protocol {PROTOCOL}, the request protocol {message['protocol']!r}"
            return _refusal(ProtocolError(f"{spoken} (expected the same on both sides: update the older one)"))
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
        session = Session(message)
        self.opened += 1
        self.sessions[self.opened] = session
        return {"session": self.opened, "protocol": PROTOCOL, **session.opened()}

    def _session(self, message: Fields) -> Session:
        number = message["session"]
        try:
            return self.sessions[number]
        except (KeyError, TypeError):
            raise RunnerError(f"session {number!r} is not open (open: {', '.join(map(str, self.sessions)) or 'none'})") from None

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
