"""NAdam as others wrote it."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from witness.forms import Gradient, at, transcribes


@transcribes("nadam", {"momentum_decay": 0.004}, lr="lr", beta_1="beta1", beta_2="beta2", epsilon="eps")
def keras_nadam(theta: Any, gradient: Gradient, steps: int, *, lr: Any, beta_1: float, beta_2: float, epsilon: float) -> list[Any]:
    """TensorFlow 2, documentation of tf.keras.optimizers.Nadam, after Dozat 2015, CS229 report 054, Algorithm 8."""
    m = v = 0.0 * theta
    mu = {t: beta_1 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in range(1, steps + 2)}
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        g_prime = g / (1 - prod(mu[i] for i in range(1, t + 1)))
        m = beta_1 * m + (1 - beta_1) * g
        m_prime = m / (1 - prod(mu[i] for i in range(1, t + 2)))
        v = beta_2 * v + (1 - beta_2) * g * g
        v_prime = v / (1 - beta_2**t)
        m_bar = (1 - mu[t]) * g_prime + mu[t + 1] * m_prime
        theta = theta - at(lr, t) * m_bar / (np.sqrt(v_prime) + epsilon)
        path.append(theta)
    return path


@transcribes("nadam", {"momentum_schedule": "constant"}, learning_rate="lr", b1="beta1", b2="beta2", eps="eps")
def optax_nadam(theta: Any, gradient: Gradient, steps: int, *, learning_rate: Any, b1: float, b2: float, eps: float) -> list[Any]:
    """The documentation of optax.nadam: "m-hat = beta_1 m_t / (1 - beta_1^(t+1)) + (1 - beta_1) g_t / (1 - beta_1^t)"."""
    w, m, v = theta, 0.0 * theta, 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(w, t)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
        v_hat = v / (1 - b2**t)
        w = w - at(learning_rate, t) * m_hat / (np.sqrt(v_hat) + eps)
        path.append(w)
    return path
