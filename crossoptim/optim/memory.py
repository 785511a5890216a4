"""What L-BFGS keeps between steps, as PyTorch's LBFGS keeps it: with the first parameter, flat vectors over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from crossoptim.spec.conversation import Memory

Pairs = Sequence[tuple[Tensor, Tensor]]

KEYS: Mapping[str, str] = {
    "iterations": "n_iter", "gradient": "prev_flat_grad", "direction": "d", "length": "t", "differences": "old_dirs", "steps": "old_stps",
}  # fmt: skip
"""The specification's names; ``differences`` and ``steps`` are the two columns of ``Memory.pairs``."""
EVALUATIONS = "func_evals"


def read(held: Mapping[str, Any]) -> Memory:
    """The memory in a parameter's state; that of a first step where there is none."""
    pairs = zip(held.get(KEYS["differences"]) or (), held.get(KEYS["steps"]) or (), strict=True)
    single = {name: held.get(KEYS[name]) for name in ("gradient", "direction", "length")}
    return Memory(iterations=int(held.get(KEYS["iterations"], 0)), pairs=tuple(pairs), **single)


def written(memory: Memory) -> dict[str, Any]:
    """The memory as entries of a parameter's state."""
    single = {KEYS[name]: getattr(memory, name) for name in ("iterations", "gradient", "direction", "length")}
    columns = {KEYS["differences"]: [y for y, _ in memory.pairs], KEYS["steps"]: [s for _, s in memory.pairs]}
    return {**single, **columns, **derived(memory.pairs)}


def derived(pairs: Pairs) -> dict[str, Any]:
    """What PyTorch keeps beside the pairs although it follows from them."""
    curvatures = [y.dot(s) for y, s in pairs]
    last = pairs[-1][0] if pairs else None
    return {"ro": [1.0 / ys for ys in curvatures], "H_diag": 1 if last is None else curvatures[-1] / last.dot(last)}
