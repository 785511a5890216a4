"""What an L-BFGS keeps, flat vectors over all parameters, cut into the parts of each parameter, and put together again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from crossoptim.errors import StateError
from crossoptim.runners.torch_memory import read_memory, write_memory
from crossoptim.spec.conversation import Memory
from crossoptim.state.saved import HISTORY, LENGTH, Saved
from crossoptim.state.torch_group import TorchGroup, dtype_name

History = tuple[int, dict[str, float], dict[str, dict[str, Tensor]]]
"""How many iterations there were, the kept numbers, and the tensors by parameter and variable."""


def read_history(optimizer: Optimizer, group: TorchGroup) -> History:
    """The memory cut into parts; raises :class:`StateError` for half precision, which NumPy's arrays do not all have."""
    kinds = {dtype_name(p, name) for name, p in group.params.items()}
    if not kinds <= {"float32", "float64"}:
        raise StateError(f"{group.binding.name}: parameters are {', '.join(sorted(kinds))} (expected float32 or float64)")
    memory = read_memory(optimizer.state.get(next(iter(group.params.values())), {}))
    if not memory.iterations:
        return 0, {}, {name: {} for name in group.params}
    parts: dict[str, dict[str, Tensor]] = {}
    begin = 0
    for name, p in group.params.items():
        cut, shape = slice(begin, begin := begin + p.numel()), tuple(p.shape)
        single = {"gradient": memory.gradient, "direction": memory.direction}
        parts[name] = {var: torch.from_numpy(value[cut].copy()).reshape(shape) for var, value in single.items()}
        for column, var in enumerate(HISTORY):
            rows = np.array([pair[column][cut] for pair in memory.pairs], dtype=memory.gradient.dtype)
            parts[name][var] = torch.from_numpy(rows).reshape(len(memory.pairs), *shape)
    return memory.iterations, {LENGTH: memory.length}, parts


def history_entry(saved: Saved, group: TorchGroup) -> dict[str, Any]:
    """The memory as the library keeps it with its first parameter, the parts in the order of the group."""
    states = [saved.state(name) for name in group.params]
    sizes = [p.numel() for p in group.params.values()]
    one = saved.parameters[next(iter(group.params))]
    if not one.step:
        return {}
    gradient, direction = (np.concatenate([held[var].numpy().ravel() for held in states]) for var in ("gradient", "direction"))
    columns = [
        np.concatenate([held[var].numpy().reshape(len(held[var]), size) for held, size in zip(states, sizes, strict=True)], axis=1)
        for var in HISTORY
    ]
    memory = Memory(one.step, tuple(zip(*columns, strict=True)), gradient, direction, one.kept[LENGTH])
    return write_memory(memory)
