"""What every runner is: a name, a description, and ``run``."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

Answer = dict[str, Any]
"""The protocol's: ``outcome`` is ``ok``, ``unsupported`` (with ``reason``) or ``error`` (with ``class``, ``message``, ``traceback``)."""

DEFAULT_TIMEOUT = 120.0
"""Seconds for one request, a child's start included."""


@dataclass(frozen=True)
class Description:
    """Which implementation answers: its version, platform, and what else decides its numbers."""

    implementation: str
    version: str
    platform: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, protocol: int) -> Answer:
        """As the protocol's answer to ``describe``."""
        return {"outcome": "ok", "protocol": protocol, **asdict(self)}


class Runner(Protocol):
    """One implementation, wherever it lives."""

    @property
    def name(self) -> str:
        """The implementation's name."""
        ...

    def describe(self) -> Description:
        """What answers.

        Raises:
            UnavailableError: when something is missing; the message says what to install.
            RunnerError: when the runner breaks the protocol.
        """
        ...

    def run(self, request: dict[str, Any], timeout: float = DEFAULT_TIMEOUT) -> Answer:
        """Run a case.

        Args:
            request: the protocol's ``run``.
            timeout: seconds; a runner inside this process cannot be stopped and ignores it.

        Raises:
            UnavailableError: as :meth:`describe`.
            RunnerError: when the runner crashed, hung or answered rubbish. It can be asked again: it starts anew.
        """
        ...

    def close(self) -> None:
        """End what was started. A runner that is asked again starts again."""
        ...


def unsupported_answer(reason: str) -> Answer:
    """The implementation lacks what was asked."""
    return {"outcome": "unsupported", "reason": reason}


def error_answer(error: BaseException, where: str = "") -> Answer:
    """The implementation raised ``error``; ``where`` names the step and what happened at it."""
    message = f"{where}: {error}" if where else str(error)
    return {"outcome": "error", "class": type(error).__name__, "message": message, "traceback": "".join(traceback.format_exception(error))}
