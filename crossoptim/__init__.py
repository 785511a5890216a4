"""One specification of optimizers, and everything that follows from it. Importing this loads neither torch nor rpy2 nor NumPy."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
_FUNCTIONS = {
    "fixtures_root": "golden.fixture:root",
    "load_optimizer_state": "state:load_optimizer_state",
    "save_optimizer_state": "state:save_optimizer_state",
}
"""Public name → module below this package, and the name there."""


def __getattr__(name: str) -> Any:
    from importlib import import_module
    from importlib.util import find_spec

    if not name.startswith("_"):
        if name in _FUNCTIONS:
            module, _, function = _FUNCTIONS[name].partition(":")
            return getattr(import_module(f"{__name__}.{module}"), function)
        if find_spec(f"{__name__}.{name}"):
            return import_module(f"{__name__}.{name}")
        optim = import_module(f"{__name__}.optim")
        if name in optim.__all__:
            globals()[name] = getattr(optim, name)
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    from crossoptim import optim

    return sorted([*globals(), *optim.__all__, *_FUNCTIONS])
