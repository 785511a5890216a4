"""One specification of optimizers, and everything that follows from it. Importing this loads neither torch nor rpy2 nor NumPy."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
_STATE = ("load_optimizer_state", "save_optimizer_state")


def __getattr__(name: str) -> Any:
    from importlib import import_module
    from importlib.util import find_spec

    if not name.startswith("_"):
        if name in _STATE:
            return getattr(import_module(f"{__name__}.state"), name)
        if find_spec(f"{__name__}.{name}"):
            return import_module(f"{__name__}.{name}")
        optim = import_module(f"{__name__}.optim")
        if name in optim.__all__:
            globals()[name] = getattr(optim, name)
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    from crossoptim import optim

    return sorted([*globals(), *optim.__all__, *_STATE])
