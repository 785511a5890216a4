"""A runner that answers as the reference does, unless the case's id names one of its vices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from crossoptim.runners.serve import Server


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def crash() -> None:
    """Leave with a message on standard error."""
    print("Error: all is lost", file=sys.stderr, flush=True)
    os._exit(3)


def hang() -> None:
    """Start a grandchild, tell its process id on standard error, never answer."""
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(f"thinking with {sleeper.pid}", file=sys.stderr, flush=True)
    time.sleep(600)


def close_output() -> None:
    """Close standard output and live on."""
    os.close(1)
    time.sleep(600)


def break_off() -> None:
    """Leave in the middle of a line."""
    sys.stdout.write('{"outcome": "ok"')
    sys.stdout.flush()
    os._exit(0)


def go_on() -> None:
    """Begin a second line."""
    sys.stdout.write('{"outcome": "ok"}\n{"out')
    sys.stdout.flush()


def talk_later() -> None:
    """Answer, and then say more."""
    say('{"outcome": "ok"}')
    time.sleep(0.2)
    say("and another thing")


VICES: dict[str, Callable[[], None]] = {
    "crash": crash,
    "hang": hang,
    "close output": close_output,
    "killed": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "rubbish": lambda: say("Hello, I am a banner"),
    "array": lambda: say("[1, 2]"),
    "NaN": lambda: say('{"outcome": "ok", "loss": NaN}'),
    "deep": lambda: say("[" * 100_000),
    "half a line": break_off,
    "two lines": lambda: say('{"outcome": "ok"}\n{"outcome": "ok"}'),
    "a line and a half": go_on,
    "no outcome": lambda: say("{}"),
    "other outcome": lambda: say('{"outcome": "maybe"}'),
    "no reason": lambda: say('{"outcome": "unsupported"}'),
    "talks later": talk_later,
    "other protocol": lambda: say('{"outcome": "ok", "protocol": 2}'),
    "no version": lambda: say('{"outcome": "ok", "protocol": 1}'),
}

if __name__ == "__main__":
    if sys.argv[1:] == ["deaf"]:
        time.sleep(600)
    server = Server()
    for line in sys.stdin:
        message = json.loads(line)
        vice = VICES.get(message.get("case", message.get("implementation", "")))
        if vice:
            vice()
        else:
            answer = server.line(line)
            if server.stopped:
                break
            say(answer or "")
