"""Whether an implementation can run something, and whether its answer is one."""

from __future__ import annotations

from dataclasses import replace

from crossoptim.errors import RunnerError, UnavailableError
from crossoptim.runners.base import Answer
from crossoptim.runners.registry import Implementation
from crossoptim.studies.model import Run


def fitted(run: Run, implementation: Implementation) -> Run:
    """The run in a form that the implementation has: its own, else the one that is alike.

    Raises:
        UnavailableError: where it has neither.
    """
    if run.alike and implementation.unsupported(run):
        run = replace(run, hyper={**run.hyper, **run.alike})
    if reason := implementation.unsupported(run):
        raise UnavailableError(f"{implementation.name}: {run.id}: {reason}")
    return run


def checked(answer: Answer, where: str) -> Answer:
    """An answer whose outcome is ``ok``.

    Raises:
        UnavailableError: where the implementation lacks what was asked.
        RunnerError: where it failed.
    """
    if answer["outcome"] == "unsupported":
        raise UnavailableError(f"{where}: {answer['reason']}")
    if answer["outcome"] == "error":
        raise RunnerError(f"{where}: {answer['class']}: {answer['message']}")
    return answer
