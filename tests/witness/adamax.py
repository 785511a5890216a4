"""Adamax as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np

from witness.forms import Gradient, at, transcribes


@transcribes("adamax", {"eps": 0.0}, {"eps": 0.0, "eps_placement": "in_denominator"}, alpha="lr", beta1="beta1", beta2="beta2")
def adamax_algorithm_2(theta: Any, gradient: Gradient, steps: int, *, alpha: Any, beta1: float, beta2: float) -> list[Any]:
    """Kingma & Ba 2015, arXiv:1412.6980v9, Algorithm 2."""
    m = u = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g))
        theta = theta - (at(alpha, t) / (1 - beta1**t)) * m / u
        path.append(theta)
    return path


@transcribes("adamax", {"eps_placement": "in_denominator"}, learning_rate="lr", beta_1="beta1", beta_2="beta2", epsilon="eps")
def keras_adamax(
    theta: Any, gradient: Gradient, steps: int, *, learning_rate: Any, beta_1: float, beta_2: float, epsilon: float
) -> list[Any]:
    """Keras 3, documentation of keras.optimizers.Adamax: "the update rule for parameter w with gradient g"."""
    w, m, v = theta, 0.0 * theta, 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(w, t)
        m = beta_1 * m + (1 - beta_1) * g
        v = np.maximum(beta_2 * v, abs(g))
        current_lr = at(learning_rate, t) / (1 - beta_1**t)
        w = w - current_lr * m / (v + epsilon)
        path.append(w)
    return path
