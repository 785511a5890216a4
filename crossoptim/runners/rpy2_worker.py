"""The worker process that embeds R through rpy2: request lines in, answers of R's ``crossoptim::handle`` out.

It never loads Python's torch, because R's torch brings a libtorch of its own and one process must not hold two.
"""

from __future__ import annotations

import json
import traceback

from crossoptim.runners.stdio import channel


def main() -> None:
    """Serve until ``stop`` or the end of input."""
    requests, answers = channel()  # before R starts: its console prints to standard output
    from rpy2 import robjects

    handle = robjects.r("crossoptim::handle")
    for line in requests:
        try:
            if json.loads(line).get("command") == "stop":
                return
            answer = str(handle(line.rstrip("\n"))[0])
        except Exception as error:  # a worker answers whatever happens
            failure = {"outcome": "error", "class": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}
            answer = json.dumps(failure)
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
