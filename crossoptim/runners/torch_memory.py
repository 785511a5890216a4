"""What an L-BFGS on torch keeps between steps as the specification's :class:`Memory` in NumPy arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crossoptim.optim.memory import read, written
from crossoptim.spec.conversation import Memory


def read_memory(held: Mapping[str, Any]) -> Memory:
    """The memory, from the state that is kept with the first parameter."""

    def vector(value: Tensor | None) -> Any:
        return None if value is None else value.detach().cpu().numpy().copy()

    found = read(held)
    return Memory(
        iterations=found.iterations,
        pairs=tuple((vector(y), vector(s)) for y, s in found.pairs),
        gradient=vector(found.gradient),
        direction=vector(found.direction),
        length=None if found.length is None else float(found.length),
    )


def write_memory(memory: Memory) -> dict[str, Any]:
    """The state that is kept with the first parameter; empty where there was no iteration."""
    if not memory.iterations:
        return {}

    def vector(value: Any) -> Tensor:
        return torch.from_numpy(value.copy())

    pairs = tuple((vector(y), vector(s)) for y, s in memory.pairs)
    return written(Memory(memory.iterations, pairs, vector(memory.gradient), vector(memory.direction), float(memory.length)))
