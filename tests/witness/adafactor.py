"""Adafactor as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_optimizer

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes


@transcribes(
    "adafactor",
    {"eps1_placement": "added", "eps1": 0.5},
    {"eps1_placement": "added", "eps1": 1e-30},
    epsilon_1="eps1",
    epsilon_2="eps2",
    d="d",
    rho="lr",
    decay="beta2_decay",
)
def adafactor_algorithms_4_and_5(
    theta: Any, gradient: Gradient, steps: int, *, epsilon_1: float, epsilon_2: float, d: float, rho: Any, decay: float
) -> list[Any]:
    """Shazeer & Stern 2018, arXiv:1804.04235, Algorithms 4 (matrices) and 5 (vectors).

    Algorithm 6 proposes rho_t = min(10^-2, 1 / sqrt(t)) and beta2_t = 1 - t^-0.8; both numbers are arguments here.
    """
    x = theta
    r = c = v = 0.0
    path = []
    for t in range(1, steps + 1):
        rho_t, beta2_t = min(at(rho, t), 1 / np.sqrt(t)), 1 - t**decay
        alpha_t = max(epsilon_2, _rms(x)) * rho_t
        g = gradient(x, t)
        if x.ndim == 2:
            n, m = x.shape
            r = beta2_t * r + (1 - beta2_t) * (g**2 + epsilon_1 * np.ones((n, m))) @ np.ones(m)
            c = beta2_t * c + (1 - beta2_t) * np.ones(n) @ (g**2 + epsilon_1 * np.ones((n, m)))
            v = np.outer(r, c) / (np.ones(n) @ r)
        else:
            v = beta2_t * v + (1 - beta2_t) * (g**2 + epsilon_1)
        u = g / np.sqrt(v)
        u_hat = u / max(1, _rms(u) / d)
        x = x - alpha_t * u_hat
        path.append(x)
    return path


def _rms(x: Any) -> Any:
    return np.sqrt(np.mean(x**2))


@transcribes(
    "adafactor",
    {"eps1_placement": "added", "step": "absolute", "eps1": 0.5},
    {"eps1_placement": "added", "step": "absolute", "eps1": 1e-30},
    lr="lr",
    decay_rate="beta2_decay",
    clip_threshold="d",
    weight_decay="weight_decay",
    maximize="maximize",
    eps1="eps1",
)
def pytorch_optimizer_adafactor(theta: Any, gradient: Gradient, steps: int, **options: Any) -> list[Any]:
    """pytorch_optimizer 4.1.0, AdaFactor without momentum and without relative steps: Shazeer & Stern 2018, Algorithm 2, with clipping."""
    fixed = {"betas": (None, 0.999), "scale_parameter": False, "relative_step": False, "foreach": False}
    return path_of(pytorch_optimizer.AdaFactor, theta, gradient, steps, **fixed, **options)
