"""LAMB as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_optimizer

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes

_NOTATION = {
    "eta": "lr",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "epsilon": "eps",
    "lambda_": "weight_decay",
    "gamma_u": "norm_max",
}


@transcribes("lamb", **_NOTATION)
def lamb_algorithm_2(theta: Any, gradient: Gradient, steps: int, **notation: Any) -> list[Any]:
    """You et al. 2020, arXiv:1904.00962v5, Algorithm 2, for one layer."""
    return _lamb(theta, gradient, steps, corrected=True, **notation)


@transcribes("lamb", {"bias_correction": "off"}, **_NOTATION)
def lamb_without_bias_correction(theta: Any, gradient: Gradient, steps: int, **notation: Any) -> list[Any]:
    """You et al. 2019, arXiv:1904.00962v3, Algorithm 2: the ratio r = m / (sqrt(v) + epsilon) of the moments as they are."""
    return _lamb(theta, gradient, steps, corrected=False, **notation)


def _lamb(
    theta: Any,
    gradient: Gradient,
    steps: int,
    *,
    corrected: bool,
    eta: Any,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    lambda_: float,
    gamma_u: float,
) -> list[Any]:
    x = theta
    m = v = 0.0 * theta
    path = []

    def phi(z: float) -> float:
        return min(z, gamma_u or np.inf)

    for t in range(1, steps + 1):
        g = gradient(x, t)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        r = m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon) if corrected else m / (np.sqrt(v) + epsilon)
        step = r + lambda_ * x
        x = x - at(eta, t) * phi(np.linalg.norm(x)) / np.linalg.norm(step) * step
        path.append(x)
    return path


@transcribes(
    "lamb",
    {"bias_correction": "off", "eps": 0.0, "norm_max": 10.0},
    lr="lr",
    beta1="beta1",
    beta2="beta2",
    weight_decay="weight_decay",
    maximize="maximize",
)
def pytorch_optimizer_lamb(theta: Any, gradient: Gradient, steps: int, *, beta1: float, beta2: float, **options: Any) -> list[Any]:
    """pytorch_optimizer 4.1.0, Lamb, with eps = 0, which it adds to the norm of the update as well; ``adam_debias`` corrects nothing."""
    fixed = {"betas": (beta1, beta2), "eps": 0.0, "weight_decouple": False, "adam_debias": True, "foreach": False}
    return path_of(pytorch_optimizer.Lamb, theta, gradient, steps, **fixed, **options)
