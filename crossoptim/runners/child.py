"""A child process that speaks JSON lines: asked, timed, killed when it hangs or talks rubbish, started anew when asked again."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, NoReturn

from crossoptim.errors import RunnerError
from crossoptim.golden.json_text import compact

_LONGEST_LINE = 1 << 28
_STDERR_TAIL = 4096
_PATIENCE = 2.0  # seconds for a child to end when it is asked to


class Child:
    """Starts ``command`` when it is first asked. Safe to use from several threads: one request at a time.

    Args:
        label: what error messages call it.
        command: program and arguments.
        env: its whole environment; None for this process's.
    """

    def __init__(self, label: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self.label = label
        self.command = list(command)
        self.env = env
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._reaper: weakref.finalize[Any, Any] | None = None

    def ask(self, message: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """Send one message and return the one answer.

        Raises:
            RunnerError: when the child cannot start, crashes, is silent for ``timeout`` seconds, or answers anything but one JSON object.
                The message ends with the last line of its standard error; the note attached to the error holds more of it.
        """
        with self._lock:
            try:
                return self._ask(message, timeout)
            except BaseException:
                self._kill()
                raise

    def close(self) -> None:
        """Ask it to stop, wait a moment, kill what is left."""
        with self._lock:
            process = self._process
            if process is not None and process.stdin is not None:
                stdin = process.stdin

                def farewell() -> None:
                    with suppress(OSError, ValueError):
                        stdin.write(b'{"command": "stop"}\n')
                        stdin.close()

                threading.Thread(target=farewell, daemon=True).start()  # a child that no longer reads must not hold us
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_PATIENCE)
            self._kill()

    def _ask(self, message: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        process = self._running()
        task = " ".join(str(message[key]) for key in ("command", "implementation", "case") if key in message)
        received: list[bytes] = []
        exchange = threading.Thread(target=_exchange, args=(process, (compact(message) + "\n").encode(), received), daemon=True)
        exchange.start()
        exchange.join(timeout)
        if exchange.is_alive():
            self._fail(f"{task}: no answer within {timeout:g} s, killed")
        line = received[0]
        if b"\n" not in line:
            if len(line) >= _LONGEST_LINE:
                self._fail(f"{task}: answered a line of more than {_LONGEST_LINE >> 20} MiB")
            self._fail(f"{task}: ended without an answer ({_ending(process)})" + (f" after {_quote(line)}" if line else ""))
        first, _, rest = line.partition(b"\n")
        if rest:
            self._fail(f"{task}: answered more than one line: {_quote(rest)} follows the answer")
        try:
            answer = json.loads(first, parse_constant=_refuse)
        except _ConstantError as constant:
            self._fail(f'{task}: answered {constant}, which is not JSON (write the strings "NaN", "Inf", "-Inf")')
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            self._fail(f"{task}: answered {_quote(first)} (expected one JSON object)")
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None:
            if self._process.poll() is not None:
                self._kill()
            elif stray := _waiting(self._process):
                self._fail(f"spoke unasked: {_quote(stray)}")
        if self._process is None:
            self._start()
        assert self._process is not None
        return self._process

    def _start(self) -> None:
        self._stderr = tempfile.TemporaryFile(mode="a+b")  # noqa: SIM115  # appending: reading must not move where the child writes
        try:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, env=self.env, start_new_session=True
            )
        except OSError as error:
            raise RunnerError(f"{self.label}: {self.command[0]!r} does not start ({error.strerror})") from None
        self._reaper = weakref.finalize(self, _end, self._process)

    def _kill(self) -> None:
        if self._reaper is not None:
            self._reaper()
        if self._stderr is not None:
            self._stderr.close()
        self._process = self._stderr = self._reaper = None

    def _fail(self, what: str) -> NoReturn:
        tail = self._tail()
        lines = [line.strip() for line in tail.splitlines() if line.strip()]
        error = RunnerError(f"{self.label}: {what}" + (f"; stderr: {lines[-1]}" if lines else "; stderr is empty"))
        if lines:
            error.add_note("stderr of the runner:\n" + tail)
        raise error

    def _tail(self) -> str:
        if self._stderr is None:
            return ""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _STDERR_TAIL))
        return self._stderr.read().decode("utf-8", "replace")


def _exchange(process: subprocess.Popen[bytes], line: bytes, received: list[bytes]) -> None:
    assert process.stdin is not None and process.stdout is not None
    with suppress(OSError, ValueError):  # it ended: reading will tell
        process.stdin.write(line)
        process.stdin.flush()
    answer = bytearray()
    with suppress(OSError, ValueError):
        while len(answer) < _LONGEST_LINE and (part := os.read(process.stdout.fileno(), 1 << 16)):
            answer += part
            if b"\n" in part:
                break
    received.append(bytes(answer))


def _waiting(process: subprocess.Popen[bytes]) -> bytes:
    """What the child has written since its last answer."""
    if sys.platform == "win32" or process.stdout is None:
        return b""
    ready, _, _ = select.select([process.stdout], [], [], 0)
    return os.read(process.stdout.fileno(), 1 << 16) if ready else b""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the child with everything it started, and reap it."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()


def _ending(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        return "closed its output, still running"
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _quote(line: bytes) -> str:
    shown = line.decode("utf-8", "replace").strip()
    return repr(shown if len(shown) <= 80 else shown[:77] + "...")


class _ConstantError(Exception):
    """NaN or an infinity, bare, as Python's json writes them."""


def _refuse(constant: str) -> NoReturn:
    raise _ConstantError(constant)
