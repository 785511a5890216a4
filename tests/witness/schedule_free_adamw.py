"""Schedule-Free AdamW as its authors wrote it: in their library, and in their paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import schedulefree
import torch

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes
from witness.schedule_free_sgd import average

_NOTATION = {key: key for key in ("lr", "beta1", "beta2", "eps", "weight_decay", "warmup_steps", "r", "weight_lr_power")}


@transcribes("schedule_free_adamw", {}, {"decay_at": "base_iterate"}, decay_at="decay_at", **_NOTATION)
def schedulefree_reference(
    theta: Any, gradient: Gradient, steps: int, *, beta1: float, beta2: float, decay_at: str, **options: Any
) -> list[Any]:
    """schedulefree 1.4.1, AdamWScheduleFreeReference."""
    settings = {"betas": (beta1, beta2), "decay_at_z": decay_at == "base_iterate"}
    return path_of(_training(schedulefree.AdamWScheduleFreeReference), theta, gradient, steps, judged=average, **settings, **options)


@transcribes("schedule_free_adamw", {"bias_correction": "learning_rate"}, **_NOTATION)
def schedulefree_paper(theta: Any, gradient: Gradient, steps: int, *, beta1: float, beta2: float, **options: Any) -> list[Any]:
    """schedulefree 1.4.1, AdamWScheduleFreePaper: the parameter holds the gradient point, from which the average follows."""

    def unmixed(optimizer: torch.optim.Optimizer, param: torch.Tensor) -> torch.Tensor:
        return param.lerp(optimizer.state[param]["z"], 1 - 1 / beta1)

    make = _training(schedulefree.AdamWScheduleFreePaper)
    return path_of(make, theta, gradient, steps, judged=unmixed, betas=(beta1, beta2), foreach=False, **options)


@transcribes(
    "schedule_free_adamw",
    {"bias_correction": "learning_rate", "weight_rate": "current"},
    gamma="lr",
    beta_1="beta1",
    beta_2="beta2",
    epsilon="eps",
    lambda_="weight_decay",
    t_warmup="warmup_steps",
)
def schedule_free_algorithm_1(
    x: Any,
    gradient: Gradient,
    steps: int,
    *,
    gamma: Any,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    lambda_: float,
    t_warmup: float,
) -> list[Any]:
    """Defazio et al. 2024, arXiv:2405.15682, Algorithm 1."""
    z, v, total = x, 0.0 * x, 0.0
    path = []
    for t in range(1, steps + 1):
        y = (1 - beta_1) * z + beta_1 * x
        g = gradient(y, t)
        v = beta_2 * v + (1 - beta_2) * g**2
        gamma_t = at(gamma, t) * np.sqrt(1 - beta_2**t) * (min(1, t / t_warmup) if t_warmup else 1)
        z = z - gamma_t * g / (np.sqrt(v) + epsilon) - gamma_t * lambda_ * y
        total += gamma_t**2
        c = gamma_t**2 / total
        x = (1 - c) * x + c * z
        path.append(x)
    return path


def _training(cls: type[torch.optim.Optimizer]) -> Any:
    """The class, made ready for training."""

    def make(params: list[torch.Tensor], **settings: Any) -> torch.optim.Optimizer:
        optimizer = cls(params, **settings)
        optimizer.train()
        return optimizer

    return make
