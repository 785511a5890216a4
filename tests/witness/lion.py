"""Lion as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_optimizer

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes


@transcribes("lion", lr="lr", beta1="beta1", beta2="beta2", weight_decay="weight_decay", maximize="maximize")
def pytorch_optimizer_lion(theta: Any, gradient: Gradient, steps: int, *, beta1: float, beta2: float, **options: Any) -> list[Any]:
    """pytorch_optimizer 4.1.0, Lion."""
    return path_of(pytorch_optimizer.Lion, theta, gradient, steps, betas=(beta1, beta2), foreach=False, **options)


@transcribes("lion", eta="lr", beta_1="beta1", beta_2="beta2", lambda_="weight_decay")
def lion_algorithm_2(theta: Any, gradient: Gradient, steps: int, *, eta: Any, beta_1: float, beta_2: float, lambda_: float) -> list[Any]:
    """Chen et al. 2023, arXiv:2302.06675, Algorithm 2."""
    m = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        c = beta_1 * m + (1 - beta_1) * g
        theta = theta - at(eta, t) * (np.sign(c) + lambda_ * theta)
        m = beta_2 * m + (1 - beta_2) * g
        path.append(theta)
    return path
