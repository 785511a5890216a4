"""Standard input and output for the protocol alone."""

from __future__ import annotations

import os
from typing import TextIO


def channel() -> tuple[TextIO, TextIO]:
    """Take both streams over: requests in, answers out. Whatever a library prints from now on goes to standard error."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers
