"""Other people's optimizers beside ours: each library is one file here, and takes part where it is installed and has the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from torch import Tensor

LIBRARIES = {"optax": "optax", "heavyball": "heavyball", "pytorch-optimizer": "pytorch_optimizer"}
"""What ``pip install`` calls them, and what ``import`` does: the name of the file, too."""


def peers(optimizer: str, parameters: Callable[[], list[Tensor]]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each library that has the optimizer, and its step of all parameters.

    Args:
        optimizer: the name of a class of :mod:`crossoptim.optim`.
        parameters: makes leaves with gradients.
    """
    for title, module in LIBRARIES.items():
        if find_spec(module):
            step = import_module(f"{__name__}.{module}").stepper(optimizer, parameters)
            if step is not None:
                yield title, step
