"""Yogi as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_optimizer

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes

_LIBRARY = {"bias_correction": "on", "first_moment_start": "accumulator"}


@transcribes(
    "yogi",
    _LIBRARY,
    {**_LIBRARY, "decay": "coupled"},
    lr="lr",
    beta1="beta1",
    beta2="beta2",
    eps="eps",
    initial_accumulator="initial_accumulator",
    weight_decay="weight_decay",
    decay="decay",
    maximize="maximize",
)
def pytorch_optimizer_yogi(
    theta: Any, gradient: Gradient, steps: int, *, beta1: float, beta2: float, decay: str, **options: Any
) -> list[Any]:
    """pytorch_optimizer 4.1.0, Yogi."""
    settings = {"betas": (beta1, beta2), "weight_decouple": decay == "decoupled", "foreach": False}
    return path_of(pytorch_optimizer.Yogi, theta, gradient, steps, **settings, **options)


@transcribes("yogi", eta="lr", beta_1="beta1", beta_2="beta2", epsilon="eps", v_0="initial_accumulator")
def yogi_algorithm_2(
    x: Any, gradient: Gradient, steps: int, *, eta: Any, beta_1: float, beta_2: float, epsilon: float, v_0: float
) -> list[Any]:
    """Zaheer et al. 2018, Algorithm 2; its experiments start v at 1e-6."""
    m, v = 0.0 * x, v_0 + 0.0 * x
    path = []
    for t in range(1, steps + 1):
        g = gradient(x, t)
        m = beta_1 * m + (1 - beta_1) * g
        v = v - (1 - beta_2) * np.sign(v - g**2) * g**2
        x = x - at(eta, t) * m / (np.sqrt(v) + epsilon)
        path.append(x)
    return path
