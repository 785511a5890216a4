"""``python -m crossoptim.adapters NAME``: the protocol around an adapter in Python, from standard input to standard output."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

from crossoptim.golden.json_text import compact
from crossoptim.runners.base import Answer, unsupported_answer
from crossoptim.runners.harness import LocalRunner
from crossoptim.runners.request import PROTOCOL
from crossoptim.runners.stdio import channel


def main(name: str) -> None:
    """Answer until ``stop`` or the end of input."""
    requests, answers = channel()  # before the library is loaded: it may print
    runner, missing = _made(name)
    for line in requests:
        request = json.loads(line)
        if request["command"] == "stop":
            return
        print(compact(_answer(runner, request) if runner else unsupported_answer(missing)), file=answers, flush=True)


def _made(name: str) -> tuple[LocalRunner | None, str]:
    """The runner, or what is missing for it."""
    try:
        return import_module(f"crossoptim.adapters.{name}").make(), ""
    except ModuleNotFoundError as error:
        return None, f"{name}: {error.name} is not installed (pip install 'crossoptim[adapters]')"


def _answer(runner: LocalRunner, request: dict[str, Any]) -> Answer:
    if request["command"] == "describe":
        return runner.describe().answer(PROTOCOL)
    return runner.run(request) if request["command"] == "run" else unsupported_answer(f"{runner.name} has no {request['command']}")


if __name__ == "__main__":
    main(sys.argv[1])
