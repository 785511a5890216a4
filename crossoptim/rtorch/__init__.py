"""R torch's optimizers and schedulers for people who port R scripts: ``optim_adam(params, lr = …)``, ``lr_step(optimizer, …)``.

Names, arguments, their order and their defaults are R torch's; an argument that Python has as a keyword gets an underscore (``lambda_``).
``quirks="fixed"`` computes what the specification says, ``quirks="0.17"`` what R torch 0.17 does. torch is loaded on first use.
"""

from __future__ import annotations

from typing import Any

from crossoptim.errors import UnavailableError
from crossoptim.spec.ecosystems.r_torch import r_torch
from crossoptim.spec.ecosystems.r_torch_ignite import r_torch_ignite

OPTIMIZERS = {binding.name: (ecosystem, binding) for ecosystem in (r_torch, r_torch_ignite) for binding in ecosystem.bindings}
"""The optimizers by name: of which part of R torch they are, and what they call the specification's options and state."""
SCHEDULERS = {binding.name: binding for binding in r_torch.schedules}
"""The schedulers by name."""
__all__ = ["optim_required", *OPTIMIZERS, *SCHEDULERS]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from crossoptim.rtorch.optimizers import optim_required, r_class
        from crossoptim.rtorch.schedulers import r_scheduler
    except ModuleNotFoundError as error:
        raise UnavailableError(f"crossoptim.rtorch.{name}: {error.name} is not installed (pip install {error.name})") from None
    made: Any
    if name == "optim_required":
        made = optim_required
    elif name in OPTIMIZERS:
        made = r_class(*OPTIMIZERS[name])
    else:
        made = r_scheduler(r_torch, SCHEDULERS[name])
    made.__module__ = __name__
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
