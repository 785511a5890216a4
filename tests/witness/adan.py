"""Adan as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_optimizer

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes


@transcribes(
    "adan",
    {},
    {"decay": "decoupled"},
    lr="lr",
    beta1="beta1",
    beta2="beta2",
    beta3="beta3",
    eps="eps",
    weight_decay="weight_decay",
    decay="decay",
    maximize="maximize",
)
def pytorch_optimizer_adan(
    theta: Any, gradient: Gradient, steps: int, *, beta1: float, beta2: float, beta3: float, decay: str, **options: Any
) -> list[Any]:
    """pytorch_optimizer 4.1.0, Adan.

    It negates the parameter's last gradient before the sign of ``maximize`` is applied to the first one, so that the first difference is
    twice the gradient; here ``maximize`` is a change of the gradient's sign.
    """
    descending = _negated(gradient) if options.pop("maximize") else gradient
    settings = {"betas": (beta1, beta2, beta3), "weight_decouple": decay == "decoupled", "foreach": False}
    return path_of(pytorch_optimizer.Adan, theta, descending, steps, **settings, **options)


def _negated(gradient: Gradient) -> Gradient:
    return lambda theta, t: -gradient(theta, t)


@transcribes(
    "adan",
    {"moments_start": "first_gradient"},
    eta="lr",
    beta_1="beta1",
    beta_2="beta2",
    beta_3="beta3",
    epsilon="eps",
    lambda_="weight_decay",
)
def adan_algorithm_1(
    theta: Any,
    gradient: Gradient,
    steps: int,
    *,
    eta: Any,
    beta_1: float,
    beta_2: float,
    beta_3: float,
    epsilon: float,
    lambda_: float,
) -> list[Any]:
    """Xie et al. 2022, arXiv:2208.06677, Algorithm 1 without restarts; the paper's betas are one less these."""
    b1, b2, b3 = 1 - beta_1, 1 - beta_2, 1 - beta_3
    m = v = n = g_before = 0.0 * theta
    path = []
    for k in range(steps):
        g = gradient(theta, k + 1)
        if k == 0:
            m, n = g, g**2  # m_0 = g_0, n_0 = g_0^2
        else:
            m = (1 - b1) * m + b1 * g
            v = g - g_before if k == 1 else (1 - b2) * v + b2 * (g - g_before)  # v_1 = g_1 - g_0
            n = (1 - b3) * n + b3 * (g + (1 - b2) * (g - g_before)) ** 2
        eta_k = at(eta, k + 1) / (np.sqrt(n) + epsilon)
        theta = (theta - eta_k * (m + (1 - b2) * v)) / (1 + lambda_ * at(eta, k + 1))
        g_before = g
        path.append(theta)
    return path
