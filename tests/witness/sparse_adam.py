"""SparseAdam as others described it."""

from __future__ import annotations

from typing import Any

import numpy as np

from witness.forms import Gradient, at, transcribes


@transcribes("sparse_adam", alpha="lr", epsilon_hat="eps", beta1="beta1", beta2="beta2")
def adam_where_there_is_a_gradient(
    theta: Any, gradient: Gradient, steps: int, *, alpha: Any, beta1: float, beta2: float, epsilon_hat: float
) -> list[Any]:
    """Kingma & Ba 2015, end of section 2, inside the mask that the documentation of torch.optim.SparseAdam describes in three points."""
    theta, path = theta.copy(), []
    m, v = 0.0 * theta, 0.0 * theta
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        mask = g != 0  # 1. a mask of the non-zero values
        m[mask] = beta1 * m[mask] + (1 - beta1) * g[mask]  # 2. over the running moments
        v[mask] = beta2 * v[mask] + (1 - beta2) * g[mask] ** 2
        alpha_t = at(alpha, t) * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        theta[mask] -= alpha_t * m[mask] / (np.sqrt(v[mask]) + epsilon_hat)  # 3. over the parameters
        path.append(theta.copy())
    return path
