"""AdaBelief as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_optimizer

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes


@transcribes(
    "adabelief",
    {},
    {"decay": "fixed"},
    {"decay": "coupled"},
    {"until_rectified": "nothing", "rectify": True},
    lr="lr",
    beta1="beta1",
    beta2="beta2",
    eps="eps",
    weight_decay="weight_decay",
    ams_bound="amsgrad",
    rectify="rectify",
    until_rectified="until_rectified",
    decay="decay",
    maximize="maximize",
)
def pytorch_optimizer_adabelief(
    theta: Any, gradient: Gradient, steps: int, *, beta1: float, beta2: float, decay: str, until_rectified: str, **options: Any
) -> list[Any]:
    """pytorch_optimizer 4.1.0, AdaBelief. With amsgrad and rectify it divides by the maximum; adabelief_pytorch 0.2.0 leaves it unused."""
    settings = {
        "betas": (beta1, beta2),
        "weight_decouple": decay != "coupled",
        "fixed_decay": decay == "fixed",
        "degenerated_to_sgd": until_rectified == "momentum",
        "foreach": False,
    }
    return path_of(pytorch_optimizer.AdaBelief, theta, gradient, steps, **settings, **options)


def _algorithm_2(
    theta: Any, gradient: Gradient, steps: int, *, alpha: Any, beta_1: float, beta_2: float, epsilon: float, corrected: Any
) -> list[Any]:
    m = s = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        m = beta_1 * m + (1 - beta_1) * g
        s = beta_2 * s + (1 - beta_2) * (g - m) ** 2
        m_hat = m / (1 - beta_1**t)
        theta = theta - at(alpha, t) * m_hat / (np.sqrt(corrected(s, 1 - beta_2**t)) + epsilon)
        path.append(theta)
    return path


@transcribes("adabelief", {"eps_in_moment": "absent"}, alpha="lr", beta_1="beta1", beta_2="beta2", epsilon="eps")
def adabelief_version_1(theta: Any, gradient: Gradient, steps: int, **notation: Any) -> list[Any]:
    """Zhuang et al. 2020, arXiv:2010.07468v1, Algorithm 2: s_hat = s / (1 - beta_2^t)."""
    return _algorithm_2(theta, gradient, steps, **notation, corrected=lambda s, bias: s / bias)


@transcribes("adabelief", {"eps_in_moment": "passing"}, alpha="lr", beta_1="beta1", beta_2="beta2", epsilon="eps")
def adabelief_version_2(theta: Any, gradient: Gradient, steps: int, **notation: Any) -> list[Any]:
    """Zhuang et al. 2020, arXiv:2010.07468v2, Algorithm 2: s_hat = (s + epsilon) / (1 - beta_2^t)."""
    return _algorithm_2(theta, gradient, steps, **notation, corrected=lambda s, bias: (s + notation["epsilon"]) / bias)
