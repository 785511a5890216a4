"""What an L-BFGS on torch keeps between steps, in the names of its library, as the specification's :class:`Memory` and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crossoptim.optim.memory import KEYS, derived
from crossoptim.spec.conversation import Memory

Keys = Mapping[str, str]
"""Our name → the library's; ``differences`` and ``steps`` are the two columns of ``Memory.pairs``."""

TORCH: Keys = KEYS


def read_memory(held: Mapping[str, Any], keys: Keys) -> Memory:
    """The memory in NumPy arrays, from the state that the library keeps with the first parameter."""

    def number(name: str) -> Any:
        return held.get(keys[name])

    def vector(value: Tensor | None) -> Any:
        return None if value is None else value.detach().cpu().numpy().copy()

    pairs = zip(number("differences") or (), number("steps") or (), strict=True)
    return Memory(
        iterations=int(number("iterations") or 0),
        pairs=tuple((vector(y), vector(s)) for y, s in pairs),
        gradient=vector(number("gradient")),
        direction=vector(number("direction")),
        length=None if number("length") is None else float(number("length")),
    )


def write_memory(memory: Memory, keys: Keys) -> dict[str, Any]:
    """The state that a library keeps; for PyTorch with what it derives from the pairs."""
    if not memory.iterations:
        return {}
    pairs = [(torch.from_numpy(y.copy()), torch.from_numpy(s.copy())) for y, s in memory.pairs]
    held = {
        keys["iterations"]: memory.iterations,
        keys["gradient"]: torch.from_numpy(memory.gradient.copy()),
        keys["direction"]: torch.from_numpy(memory.direction.copy()),
        keys["length"]: float(memory.length),
        keys["differences"]: [y for y, _ in pairs],
        keys["steps"]: [s for _, s in pairs],
    }
    if keys is TORCH:
        held.update(derived(pairs))
    return held
