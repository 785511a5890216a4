"""QHAdam as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_optimizer
import torch

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes


@transcribes(
    "qhadam",
    {},
    {"decay": "decoupled"},
    lr="lr",
    beta1="beta1",
    beta2="beta2",
    nu1="nu1",
    nu2="nu2",
    eps="eps",
    weight_decay="weight_decay",
    decay="decay",
    maximize="maximize",
)
def pytorch_optimizer_qhadam(
    theta: Any, gradient: Gradient, steps: int, *, beta1: float, beta2: float, nu1: float, nu2: float, decay: str, **options: Any
) -> list[Any]:
    """pytorch_optimizer 4.1.0, QHAdam. It keeps the weights of its averages in float32; here they start in double."""

    def make(params: list[torch.Tensor], **settings: Any) -> torch.optim.Optimizer:
        optimizer = pytorch_optimizer.QHAdam(params, **settings)
        for p in params:
            weights = {f"beta{i}_weight": torch.zeros(1, dtype=torch.float64) for i in (1, 2)}
            optimizer.state[p] = {**weights, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
        return optimizer

    settings = {"betas": (beta1, beta2), "nus": (nu1, nu2), "weight_decouple": decay == "decoupled", "foreach": False}
    return path_of(make, theta, gradient, steps, **settings, **options)


@transcribes("qhadam", alpha="lr", beta_1="beta1", beta_2="beta2", nu_1="nu1", nu_2="nu2", epsilon="eps")
def qhadam_update_rule(
    theta: Any, gradient: Gradient, steps: int, *, alpha: Any, beta_1: float, beta_2: float, nu_1: float, nu_2: float, epsilon: float
) -> list[Any]:
    """Ma & Yarats 2019, arXiv:1810.06801, the QHAdam update rule."""
    g = s = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        nabla = gradient(theta, t)
        g = beta_1 * g + (1 - beta_1) * nabla
        s = beta_2 * s + (1 - beta_2) * nabla**2
        g_prime = g / (1 - beta_1**t)
        s_prime = s / (1 - beta_2**t)
        numerator = (1 - nu_1) * nabla + nu_1 * g_prime
        theta = theta - at(alpha, t) * numerator / (np.sqrt((1 - nu_2) * nabla**2 + nu_2 * s_prime) + epsilon)
        path.append(theta)
    return path
