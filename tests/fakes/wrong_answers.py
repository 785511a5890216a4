"""A runner that answers as the reference does, except where its arguments, ``case=vice``, tell it to go wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from misbehaving import VICES

from crossoptim.runners.serve import Server

Answer = dict[str, Any]


def changed(part: str, row: object) -> Callable[[Answer], Answer]:
    """An answer with another row at step 4 of one part of the trajectory, in every tensor."""

    def change(answer: Answer) -> Answer:
        for rows in answer["trajectory"][part].values():
            rows[3] = row
        return answer

    return change


def shorter(answer: Answer) -> Answer:
    """An answer that lacks the last step."""
    for rows in answer["trajectory"]["params"].values():
        rows.pop()
    return answer


WRONG: dict[str, Callable[[Answer], Answer]] = {
    "wrong shape": changed("params", [1.0]),
    "NaN where finite": changed("params", ["NaN", "NaN"]),
    "words": changed("params", ["one", "two"]),
    "nothing": changed("params", None),
    "no gradient": changed("gradients", None),
    "a step short": shorter,
    "no trajectory": lambda answer: {"outcome": "ok"},
    "error": lambda answer: {"outcome": "error", "class": "ValueError", "message": "step 3: no such argument", "traceback": ""},
    "traced error": lambda answer: {"outcome": "error", "class": "E", "message": "no", "traceback": "in line 7"},
    "unsupported": lambda answer: {"outcome": "unsupported", "reason": "no argument for momentum"},
}

if __name__ == "__main__":
    chosen = dict(argument.rsplit("=", 1) for argument in sys.argv[1:])
    server = Server()
    for line in sys.stdin:
        message = json.loads(line)
        vice = chosen.get(message.get("case", message["command"]), "")
        if vice in VICES:
            VICES[vice]()
            continue
        answer = json.loads(server.line(json.dumps({**message, "implementation": "reference"})) or "null")
        if server.stopped:
            break
        print(json.dumps(WRONG[vice](answer) if vice else answer), flush=True)
