"""Schedule-Free SGD as its authors wrote it: in their library, and in their paper."""

from __future__ import annotations

from typing import Any

import schedulefree
import torch

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes


def average(optimizer: torch.optim.Optimizer, param: torch.Tensor) -> torch.Tensor:
    """The average, which the reference classes keep beside the parameter."""
    return optimizer.state[param]["x"]


@transcribes(
    "schedule_free_sgd",
    lr="lr",
    momentum="momentum",
    weight_decay="weight_decay",
    warmup_steps="warmup_steps",
    r="r",
    weight_lr_power="weight_lr_power",
)
def schedulefree_reference(theta: Any, gradient: Gradient, steps: int, **options: Any) -> list[Any]:
    """schedulefree 1.4.1, SGDScheduleFreeReference."""
    return path_of(schedulefree.SGDScheduleFreeReference, theta, gradient, steps, judged=average, **options)


@transcribes("schedule_free_sgd", {"average_start": "start_point", "weight_lr_power": 0.0}, gamma="lr", beta="momentum")
def schedule_free_equations(x: Any, gradient: Gradient, steps: int, *, gamma: Any, beta: float) -> list[Any]:
    """Defazio et al. 2024, arXiv:2405.15682, section 1, with c = 1 / (t + 1)."""
    z = x
    path = []
    for t in range(1, steps + 1):
        y = (1 - beta) * z + beta * x
        z = z - at(gamma, t) * gradient(y, t)
        c = 1 / (t + 1)
        x = (1 - c) * x + c * z
        path.append(x)
    return path


@transcribes("schedule_free_sgd", {"weight_rate": "current"}, gamma="lr", beta="momentum", t_warmup="warmup_steps")
def schedule_free_weighted(x: Any, gradient: Gradient, steps: int, *, gamma: Any, beta: float, t_warmup: float) -> list[Any]:
    """The same with the warm-up and the weights of Algorithm 1."""
    z, total = x, 0.0
    path = []
    for t in range(1, steps + 1):
        y = (1 - beta) * z + beta * x
        gamma_t = at(gamma, t) * (min(1, t / t_warmup) if t_warmup else 1)
        z = z - gamma_t * gradient(y, t)
        total += gamma_t**2
        c = gamma_t**2 / total
        x = (1 - c) * x + c * z
        path.append(x)
    return path
