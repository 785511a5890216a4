"""ADOPT as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_optimizer

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes


@transcribes(
    "adopt",
    {},
    {"clipping": "off"},
    {"decay": "decoupled_from_start"},
    lr="lr",
    beta1="beta1",
    beta2="beta2",
    eps="eps",
    weight_decay="weight_decay",
    clipping="clipping",
    decay="decay",
    maximize="maximize",
)
def pytorch_optimizer_adopt(
    theta: Any, gradient: Gradient, steps: int, *, beta1: float, beta2: float, clipping: str, decay: str, **options: Any
) -> list[Any]:
    """pytorch_optimizer 4.1.0, ADOPT.

    It calls ``clip_lambda`` with the number of gradients so far; the authors' code, and the paper, with one less: the steps.
    """
    clip = (lambda gradients: (gradients - 1) ** 0.25) if clipping == "growing" else None
    settings = {"betas": (beta1, beta2), "clip_lambda": clip, "weight_decouple": decay != "coupled", "foreach": False}
    return path_of(pytorch_optimizer.ADOPT, theta, gradient, steps, **settings, **options)


@transcribes("adopt", {"clipping": "off"}, alpha="lr", beta_1="beta1", beta_2="beta2", epsilon="eps")
def adopt_algorithm(theta: Any, gradient: Gradient, steps: int, *, alpha: Any, beta_1: float, beta_2: float, epsilon: float) -> list[Any]:
    """Taniguchi et al. 2024, arXiv:2411.02853v1, the ADOPT algorithm, which does not clip."""
    g = gradient(theta, 1)
    v, m = g**2, 0.0 * theta  # v_0 = g_0^2
    path = [theta]
    for t in range(1, steps):
        g = gradient(theta, t + 1)
        m = beta_1 * m + (1 - beta_1) * g / np.maximum(np.sqrt(v), epsilon)
        theta = theta - at(alpha, t + 1) * m
        v = beta_2 * v + (1 - beta_2) * g**2
        path.append(theta)
    return path


@transcribes(
    "adopt", {"decay": "decoupled"}, lr="lr", beta1="beta1", beta2="beta2", eps="eps", weight_decay="weight_decay", maximize="maximize"
)
def adopt_of_the_authors(
    theta: Any,
    gradient: Gradient,
    steps: int,
    *,
    lr: Any,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> list[Any]:
    """iShohei220/adopt, src/adopt/adopt.py, _single_tensor_adopt with decouple = True, line by line."""
    param, exp_avg, exp_avg_sq = theta, 0.0 * theta, 0.0 * theta
    path = []
    for step in range(steps):
        grad = gradient(param, step + 1) if not maximize else -gradient(param, step + 1)
        if step == 0:
            exp_avg_sq = exp_avg_sq + grad * grad
        else:
            rate = at(lr, step + 1)
            param = param + -rate * weight_decay * param
            denom = np.maximum(np.sqrt(exp_avg_sq), eps)
            normed_grad = grad / denom
            clip = step**0.25
            normed_grad = np.clip(normed_grad, -clip, clip)
            exp_avg = exp_avg + (1 - beta1) * (normed_grad - exp_avg)
            param = param + -rate * exp_avg
            exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        path.append(param)
    return path
