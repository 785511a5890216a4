"""Any command as a runner: a program in any language that speaks the protocol on its standard input and output."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from crossoptim.errors import RunnerError, UnavailableError
from crossoptim.runners.base import DEFAULT_TIMEOUT, Answer, Description
from crossoptim.runners.child import Child
from crossoptim.runners.request import PROTOCOL

_REQUIRED = {"ok": (), "unsupported": ("reason",), "error": ("class", "message")}


class CommandRunner:
    """One implementation of a child process; several runners may share the child."""

    def __init__(self, name: str, child: Child) -> None:
        self.name = name
        self.child = child

    @classmethod
    def of(cls, command: str, name: str | None = None) -> CommandRunner:
        """From a command line as a shell splits it; ``name`` is the implementation to ask for, by default the program's.

        Raises:
            RunnerError: when the command line is empty or a quote in it is open.
        """
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise RunnerError(f"command {command!r}: {error}") from None
        if not words:
            raise RunnerError("command is empty (expected a program that speaks the protocol, as in --command './my-runner')")
        name = name or Path(words[0]).stem
        return cls(name, Child(name, words))

    def describe(self) -> Description:
        """Ask the child who it is."""
        answer = self._ask({"command": "describe", "implementation": self.name}, DEFAULT_TIMEOUT)
        if answer["outcome"] == "unsupported":
            raise UnavailableError(str(answer["reason"]))
        if answer["outcome"] == "error":
            raise RunnerError(f"{self.name}: describe: {answer['class']}: {answer['message']}")
        if answer.get("protocol") != PROTOCOL:
            raise RunnerError(f"{self.name}: describe: speaks protocol {answer.get('protocol')!r} (expected {PROTOCOL})")
        missing = [key for key in ("version", "platform") if not isinstance(answer.get(key), str)]
        if missing:
            raise RunnerError(f"{self.name}: describe: no {missing[0]} in the answer (expected a string)")
        return Description(self.name, answer["version"], answer["platform"], answer.get("details") or {})

    def run(self, request: dict[str, Any], timeout: float = DEFAULT_TIMEOUT) -> Answer:
        """Run a case in the child."""
        return self._ask({**request, "implementation": self.name}, timeout)

    def close(self) -> None:
        """End the child; it starts again for whoever asks next."""
        self.child.close()

    def _ask(self, message: dict[str, Any], timeout: float) -> Answer:
        answer = self.child.ask(message, timeout)
        outcome = answer.get("outcome")
        if outcome not in _REQUIRED:
            raise RunnerError(f"{self.name}: {message['command']}: outcome {outcome!r} (expected one of {', '.join(_REQUIRED)})")
        missing = [key for key in _REQUIRED[outcome] if not isinstance(answer.get(key), str)]
        if missing:
            raise RunnerError(f"{self.name}: {message['command']}: no {missing[0]!r} beside outcome {outcome!r} (expected a string)")
        return answer
