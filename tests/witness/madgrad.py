"""MADGRAD as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_optimizer

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes

_LIBRARY = {"lr_offset": "eps"}


@transcribes(
    "madgrad",
    _LIBRARY,
    {**_LIBRARY, "momentum": 0.0},
    {**_LIBRARY, "decay": "decoupled"},
    {**_LIBRARY, "decay": "decoupled", "momentum": 0.0},
    lr="lr",
    momentum="momentum",
    eps="eps",
    weight_decay="weight_decay",
    decay="decay",
    maximize="maximize",
)
def pytorch_optimizer_madgrad(theta: Any, gradient: Gradient, steps: int, *, decay: str, **options: Any) -> list[Any]:
    """pytorch_optimizer 4.1.0, MADGRAD, after facebookresearch/madgrad. A learning rate of zero stays zero there."""
    return path_of(pytorch_optimizer.MADGRAD, theta, gradient, steps, weight_decouple=decay == "decoupled", foreach=False, **options)


@transcribes("madgrad", gamma="lr", beta="momentum", epsilon="eps")
def madgrad_algorithm_1(x: Any, gradient: Gradient, steps: int, *, gamma: Any, beta: float, epsilon: float) -> list[Any]:
    """Defazio & Jelassi 2021, arXiv:2101.11075, Algorithm 1, with c = 1 - beta."""
    x_0, c = x, 1 - beta
    s = v = 0.0 * x
    path = []
    for k in range(steps):
        g = gradient(x, k + 1)
        lambda_k = at(gamma, k + 1) * np.sqrt(k + 1)
        s = s + lambda_k * g
        v = v + lambda_k * (g * g)
        z = x_0 - s / (np.cbrt(v) + epsilon)
        x = (1 - c) * x + c * z
        path.append(x)
    return path
