"""AdaBound as others wrote it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytorch_optimizer

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes


class _AdaBound(pytorch_optimizer.AdaBound):
    """pytorch_optimizer 4.1.0 adds 1e-15 under the root of the second moment; here it adds nothing."""

    apply_ams_bound = staticmethod(partial(pytorch_optimizer.AdaBound.apply_ams_bound, exp_avg_sq_eps=0.0))


@transcribes(
    "adabound",
    {},
    {"decay": "decoupled"},
    {"decay": "fixed"},
    lr="lr",
    beta1="beta1",
    beta2="beta2",
    final_lr="final_lr",
    gamma="gamma",
    eps="eps",
    weight_decay="weight_decay",
    ams_bound="amsbound",
    decay="decay",
    maximize="maximize",
)
def pytorch_optimizer_adabound(
    theta: Any, gradient: Gradient, steps: int, *, beta1: float, beta2: float, decay: str, **options: Any
) -> list[Any]:
    """pytorch_optimizer 4.1.0, AdaBound."""
    settings = {"betas": (beta1, beta2), "weight_decouple": decay != "coupled", "fixed_decay": decay == "fixed", "foreach": False}
    return path_of(_AdaBound, theta, gradient, steps, **settings, **options)


@transcribes(
    "adabound",
    {"bias_correction": "off", "step_decay": "root", "eps": 0.0},
    alpha="lr",
    beta_1="beta1",
    beta_2="beta2",
    alpha_star="final_lr",
    gamma="gamma",
)
def adabound_algorithm_2(
    x: Any, gradient: Gradient, steps: int, *, alpha: Any, beta_1: float, beta_2: float, alpha_star: float, gamma: float
) -> list[Any]:
    """Luo et al. 2019, arXiv:1902.09843, Algorithm 2, with the bounds of section 5 written with gamma for 1 - beta_2.

    The bounds follow the learning rate, as in the authors' code; the paper does not schedule it.
    """
    m = v = 0.0 * x
    path = []
    for t in range(1, steps + 1):
        g = gradient(x, t)
        star = alpha_star * at(alpha, t) / at(alpha, 1)
        eta_l = star - star / (gamma * t + 1)
        eta_u = star + star / (gamma * t)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        eta_hat = np.clip(at(alpha, t) / np.sqrt(v), eta_l, eta_u)
        eta = eta_hat / np.sqrt(t)
        x = x - eta * m
        path.append(x)
    return path
