"""R as a child process, by two transports over the same R functions: ``Rscript``, and R embedded by rpy2 in a worker process."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from crossoptim import __version__
from crossoptim.errors import UnavailableError
from crossoptim.golden.fixture import beside
from crossoptim.runners.child import Child

Transport = Literal["rscript", "rpy2"]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)

_PROBE = """
has <- function(package) nzchar(system.file(package = package))
cat(format(getRversion()), has("jsonlite"), if (has("crossoptim")) format(utils::packageVersion("crossoptim")) else "missing")
"""
_FIRST_NEEDING_R_4_5 = (3, 6, 6)
_PROBE_TIMEOUT = 60


@dataclass(frozen=True)
class Installation:
    """The R that a child runs in."""

    rscript: str
    version: tuple[int, ...]
    environment: Mapping[str, str]


def r_child(transport: Transport, environ: Mapping[str, str] = os.environ) -> Child:
    """The child process that serves every R implementation; not started yet.

    Raises:
        UnavailableError: one line that names what is missing and how to install it.
    """
    if transport == "rpy2":
        _require_rpy2()
    found = installation(environ)
    if transport == "rscript":
        return Child("R (Rscript)", [found.rscript, "--vanilla", "-e", "crossoptim::serve()"], found.environment)
    _require_rpy2_for(found)
    return Child("R (rpy2)", [sys.executable, "-m", "crossoptim.runners.rpy2_worker"], worker_environment(found.environment))


def installation(environ: Mapping[str, str] = os.environ) -> Installation:
    """Find R and the R packages that the harness needs; raises :class:`UnavailableError`."""
    rscript = _find_rscript(environ)
    environment = {**environ, **_libraries(environ)}
    try:
        probe = subprocess.run(
            [rscript, "--vanilla", "-e", _PROBE], env=environment, capture_output=True, text=True, timeout=_PROBE_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"R: {rscript} does not run ({error})") from None
    words = probe.stdout.split()
    if probe.returncode or len(words) != 3:
        last = (probe.stderr.strip().splitlines() or ["no message"])[-1]
        raise UnavailableError(f"R: {rscript} does not run (exit code {probe.returncode}: {last})")
    number, jsonlite, package = words
    if jsonlite != "TRUE":
        raise UnavailableError('R: the package jsonlite is not installed (in R: install.packages("jsonlite"))')
    if package != __version__:
        state = "not installed" if package == "missing" else f"{package}, and this is {__version__}"
        raise UnavailableError(f"R: the package crossoptim is {state} ({install_command()})")
    return Installation(rscript, _numbers(number), environment)


def install_command() -> str:
    """How the R package of this version is installed: it came with this one."""
    return f"R CMD INSTALL {shlex.quote(str(beside('r')))}"


def _find_rscript(environ: Mapping[str, str]) -> str:
    found = shutil.which("Rscript", path=environ.get("PATH"))
    if not found and environ.get("R_HOME"):
        found = shutil.which("Rscript", path=str(Path(environ["R_HOME"]) / "bin"))
    if not found:
        raise UnavailableError("R is not installed: no Rscript on PATH or in R_HOME (apt install r-base, or see cran.r-project.org)")
    return found


def _libraries(environ: Mapping[str, str]) -> dict[str, str]:
    """``R_LIBS`` with the library that ``make setup`` fills in front."""
    own = Path(sys.prefix) / "lib" / "R" / "library"
    first = environ.get("CROSSOPTIM_R_LIBS") or (str(own) if own.is_dir() else "")
    path = os.pathsep.join(part for part in (first, environ.get("R_LIBS", "")) if part)
    return {"R_LIBS": path} if path else {}


def _require_rpy2() -> None:
    if find_spec("rpy2") is None:
        raise UnavailableError("rpy2 is not installed (pip install 'crossoptim[r]')")


def _require_rpy2_for(found: Installation) -> None:
    for distribution in ("rpy2-rinterface", "rpy2"):
        try:
            installed = version(distribution)
        except PackageNotFoundError:
            continue
        if _numbers(installed) >= _FIRST_NEEDING_R_4_5 and found.version < (4, 5):
            here = ".".join(map(str, found.version))
            raise UnavailableError(f"{distribution} {installed} needs R 4.5 or newer, this is R {here} (pip install 'rpy2==3.5.17')")
        return


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a process that embeds R needs; ``python_optimizer()`` in that R starts this Python unless another is named."""
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(part for part in (root, environment.get("PYTHONPATH", "")) if part)
    return {"CROSSOPTIM_PYTHON": sys.executable, **environment, "RPY2_CFFI_MODE": "ABI", "PYTHONPATH": path}


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdigit())
