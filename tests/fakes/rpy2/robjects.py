"""An R whose ``handle`` is noisy, tells what the process has loaded, and fails when asked to."""

import json
import os
import sys
from collections.abc import Callable

print("Loading required package: noise")


def r(code: str) -> Callable[[str], list[str]]:
    """Evaluate; the worker asks for one function only."""
    assert code == "crossoptim::handle"
    return _handle


def _handle(line: str) -> list[str]:
    os.write(1, b"noise from a C library\n")
    print("noise from R's console")
    if json.loads(line)["command"] == "fail":
        raise RuntimeError("R gave up")
    return [json.dumps({"outcome": "ok", "echo": json.loads(line), "torch": "torch" in sys.modules, "mode": os.environ["RPY2_CFFI_MODE"]})]
