"""``torch.optim`` optimizers made from the rules: each class has the name, arguments and defaults of its PyTorch namesake.

``from crossoptim.optim import AdamW``. The classes are those that the ``pytorch`` ecosystem binds; torch is loaded on first use.
"""

from __future__ import annotations

from typing import Any

from crossoptim.errors import UnavailableError
from crossoptim.spec.ecosystems.pytorch import pytorch

_BINDINGS = {binding.name: binding for binding in pytorch.bindings}
__all__ = list(_BINDINGS)


def __getattr__(name: str) -> Any:
    if name not in _BINDINGS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise UnavailableError(f"crossoptim.optim.{name}: {error.name} is not installed (pip install {error.name})") from None
    from crossoptim.optim.base import optimizer_class

    made = optimizer_class(_BINDINGS[name])
    made.__module__ = __name__
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
