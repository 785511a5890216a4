"""Compiles C to shared libraries, kept in a folder of the user's: what was compiled once is loaded from then on."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from platformdirs import user_cache_path

from crossoptim.errors import UnavailableError

_ALWAYS = ("-O3", "-std=c11", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math")
_WHERE_KNOWN = (("-march=native", "-fopenmp"), ("-fopenmp",), ("-march=native",), ())
"""What not every compiler has, from the fastest to what all of them take. None of it lets a result differ by a bit."""


def load(source: str) -> ctypes.CDLL:
    """A C file as a loaded library.

    It is compiled the first time, by ``$CC`` or ``cc``, and kept in ``$CROSSOPTIM_CACHE`` or the system's folder for caches, under a name
    that says from what text, by which compiler and for which processor it was made.

    Raises:
        UnavailableError: where there is no C compiler, or it fails.
    """
    path = folder() / f"{_key(source)}.so"
    if not path.exists():
        _compile(source, path)
    return ctypes.CDLL(str(path))


def folder() -> Path:
    """Where compiled kernels are kept."""
    chosen = os.environ.get("CROSSOPTIM_CACHE")
    return Path(chosen) if chosen else user_cache_path("crossoptim") / "kernels"


@cache
def compiler() -> tuple[str, str]:
    """The C compiler's path, and what it says of its version.

    Raises:
        UnavailableError: where there is none.
    """
    wanted = os.environ.get("CC", "cc")
    found = shutil.which(wanted)
    if found is None:
        raise UnavailableError(f"kernels: there is no C compiler {wanted!r} (expected one on PATH, or its name in CC)")
    return found, subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout


@cache
def _header() -> str:
    return (Path(__file__).parent / "prelude.h").read_text()


def _key(source: str) -> str:
    parts = (source, _header(), *compiler(), " ".join(_ALWAYS), _processor())
    return sha256("\0".join(parts).encode()).hexdigest()[:32]


@cache
def _processor() -> str:
    """What the machine's processor is and can do, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    told = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return "\n".join([platform.system(), platform.machine(), platform.processor(), *told])


def _compile(source: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as work:
        made = Path(work) / "kernel.so"
        for more in _WHERE_KNOWN:
            command = [compiler()[0], *_ALWAYS, *more, "-x", "c", "-", "-o", str(made), "-lm", "-I", str(Path(__file__).parent)]
            done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                made.replace(path)
                return
    said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip())
    raise UnavailableError(f"kernels: {compiler()[0]} fails on a kernel: {said}")
