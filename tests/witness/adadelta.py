"""Adadelta as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np

from witness.forms import Gradient, transcribes


@transcribes("adadelta", rho="rho", epsilon="eps")
def adadelta_algorithm_1(x: Any, gradient: Gradient, steps: int, *, rho: float, epsilon: float) -> list[Any]:
    """Zeiler 2012, arXiv:1212.5701, Algorithm 1."""
    mean_g2 = mean_dx2 = 0.0 * x
    path = []
    for t in range(1, steps + 1):
        g = gradient(x, t)
        mean_g2 = rho * mean_g2 + (1 - rho) * g**2  # line 4
        dx = -np.sqrt(mean_dx2 + epsilon) / np.sqrt(mean_g2 + epsilon) * g  # line 5, RMS[x] = sqrt(E[x^2] + epsilon)
        mean_dx2 = rho * mean_dx2 + (1 - rho) * dx**2  # line 6
        x = x + dx  # line 7
        path.append(x)
    return path
