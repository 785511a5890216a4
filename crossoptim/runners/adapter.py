"""An adapter of :mod:`crossoptim.adapters` as a child process."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from crossoptim import adapters
from crossoptim.errors import UnavailableError
from crossoptim.runners.child import Child


def adapter_child(label: str, file: str) -> Child:
    """The child process; not started yet.

    Raises:
        UnavailableError: when what runs the file is not installed.
    """
    path = Path(adapters.__file__).with_name(file)
    if path.suffix == ".py":
        return Child(label, [sys.executable, "-m", adapters.__name__, path.stem])
    node = shutil.which("node")
    if node is None:
        raise UnavailableError(f"{label}: no node on PATH (see nodejs.org)")
    return Child(label, [node, str(path)])
