"""Any command as a runner: a program in any language that speaks the protocol on its standard input and output."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crossoptim.errors import RunnerError, UnavailableError
from crossoptim.runners.base import DEFAULT_TIMEOUT, Answer, Description
from crossoptim.runners.child import Child
from crossoptim.runners.request import PROTOCOL

_REQUIRED = {"ok": (), "unsupported": ("reason",), "error": ("class", "message")}
_NAMED = re.compile(r"([A-Za-z][\w.-]*)=(.*)", re.DOTALL)
_INTERPRETER = re.compile(r"(python|pypy|rscript|node|deno|bun|ruby|perl|julia|bash|sh)[\d.]*", re.IGNORECASE)


class CommandRunner:
    """One implementation of a child process; several runners may share the child.

    Args:
        name: the implementation to ask for.
        child: the process.
        named: False where the name is a guess, which the program's own answer to ``describe`` corrects.
    """

    def __init__(self, name: str, child: Child, named: bool = True) -> None:
        self.name = name
        self.child = child
        self.named = named

    @classmethod
    def of(cls, command: str) -> CommandRunner:
        """From ``NAME=COMMAND`` or a command line as a shell splits it, which is then called as its program calls itself.

        Raises:
            RunnerError: when the command line is empty or a quote in it is open.
        """
        given = _NAMED.fullmatch(command)
        name, line = given.groups() if given else ("", command)
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise RunnerError(f"command {command!r}: {error}") from None
        if not words:
            raise RunnerError("command is empty (expected a program that speaks the protocol, as in --command './my-runner')")
        label = name or _program(words)
        return cls(label, Child(label, words), bool(name))

    def describe(self, timeout: float = DEFAULT_TIMEOUT) -> Description:
        """Ask the child who it is."""
        answer = self._ask({"command": "describe", "implementation": self.name}, timeout)
        if answer["outcome"] == "unsupported":
            raise UnavailableError(str(answer["reason"]))
        if answer["outcome"] == "error":
            raise RunnerError(f"{self.name}: describe: {answer['class']}: {answer['message']}")
        if answer.get("protocol") != PROTOCOL:
            raise RunnerError(f"{self.name}: describe: speaks protocol {answer.get('protocol')!r} (expected {PROTOCOL})")
        missing = [key for key in ("version", "platform") if not isinstance(answer.get(key), str)]
        if missing:
            raise RunnerError(f"{self.name}: describe: no {missing[0]} in the answer (expected a string)")
        own = answer.get("implementation")
        name = own if not self.named and isinstance(own, str) and own else self.name
        return Description(name, answer["version"], answer["platform"], answer.get("details") or {})

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
            raise RunnerError(f"{self.name}: {message['command']}: answered outcome {outcome!r} (expected one of {', '.join(_REQUIRED)})")
        missing = [key for key in _REQUIRED[outcome] if not isinstance(answer.get(key), str)]
        if missing:
            raise RunnerError(
                f"{self.name}: {message['command']}: answered no {missing[0]!r} beside outcome {outcome!r} (expected a string)"
            )  # fmt: skip
        return answer


def _program(words: Sequence[str]) -> str:
    """What a command line runs: its program, or the script or module that an interpreter is given."""
    program = Path(words[0]).stem
    if not _INTERPRETER.fullmatch(Path(words[0]).name.removesuffix(".exe")):
        return program
    script = next((word for word in words[1:] if not word.startswith("-")), "")
    return Path(script).stem if re.fullmatch(r"[\w./\\:-]+", script) else program
