"""RAdam as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np

from witness.forms import Gradient, at, transcribes


@transcribes("radam", {"rectify_above": "four", "eps": 0.0}, alpha="lr", beta1="beta1", beta2="beta2")
def radam_algorithm_2(theta: Any, gradient: Gradient, steps: int, *, alpha: Any, beta1: float, beta2: float) -> list[Any]:
    """Liu et al. 2020, arXiv:1908.03265v4, Algorithm 2."""
    m = v = 0.0 * theta
    rho_inf = 2 / (1 - beta2) - 1
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        v = beta2 * v + (1 - beta2) * g**2
        m = beta1 * m + (1 - beta1) * g
        m_hat = m / (1 - beta1**t)
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho > 4:
            l = np.sqrt((1 - beta2**t) / v)  # noqa: E741  # the paper's name
            r = np.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            theta = theta - at(alpha, t) * r * m_hat * l
        else:
            theta = theta - at(alpha, t) * m_hat
        path.append(theta)
    return path
