"""LARS as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_optimizer

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes


@transcribes("lars", gamma="lr", m="momentum", beta="weight_decay", eta="trust_coefficient")
def lars_algorithm_1(theta: Any, gradient: Gradient, steps: int, *, gamma: Any, m: float, beta: float, eta: float) -> list[Any]:
    """You, Gitman & Ginsburg 2017, arXiv:1708.03888, Algorithm 1, for one layer and a given global learning rate."""
    w = theta
    v = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(w, t)
        rate = eta * np.linalg.norm(w) / (np.linalg.norm(g) + beta * np.linalg.norm(w))
        v = m * v + at(gamma, t) * rate * (g + beta * w)
        w = w - v
        path.append(w)
    return path


@transcribes(
    "lars",
    {"momentum_form": "gradient_sum"},
    lr="lr",
    momentum="momentum",
    weight_decay="weight_decay",
    trust_coefficient="trust_coefficient",
    maximize="maximize",
)
def pytorch_optimizer_lars(theta: Any, gradient: Gradient, steps: int, **options: Any) -> list[Any]:
    """pytorch_optimizer 4.1.0, LARS, which does not scale vectors: they come as matrices of one row."""
    row = np.atleast_2d(theta)
    path = path_of(
        pytorch_optimizer.LARS, row, lambda w, t: np.atleast_2d(gradient(w.reshape(theta.shape), t)), steps, foreach=False, **options
    )
    return [w.reshape(theta.shape) for w in path]
