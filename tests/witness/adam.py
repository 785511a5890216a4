"""Adam and its relatives as others wrote them."""

from __future__ import annotations

from typing import Any

import numpy as np

from witness.forms import Gradient, at, transcribes


@transcribes("adam", {}, alpha="lr", epsilon="eps", beta1="beta1", beta2="beta2")
def adam_algorithm_1(theta: Any, gradient: Gradient, steps: int, *, alpha: Any, beta1: float, beta2: float, epsilon: float) -> list[Any]:
    """Kingma & Ba 2015, arXiv:1412.6980v9, Algorithm 1."""
    m = v = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta = theta - at(alpha, t) * m_hat / (np.sqrt(v_hat) + epsilon)
        path.append(theta)
    return path


@transcribes("adam", {"eps_order": "before"}, alpha="lr", epsilon_hat="eps", beta1="beta1", beta2="beta2")
def adam_epsilon_hat(
    theta: Any, gradient: Gradient, steps: int, *, alpha: Any, beta1: float, beta2: float, epsilon_hat: float
) -> list[Any]:
    """Kingma & Ba 2015, end of section 2: the last three lines of Algorithm 1 in a more efficient order, with epsilon hat."""
    m = v = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        alpha_t = at(alpha, t) * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        theta = theta - alpha_t * m / (np.sqrt(v) + epsilon_hat)
        path.append(theta)
    return path


@transcribes("adam", {"eps_placement": "inside"}, lr="lr", eps="eps", beta1="beta1", beta2="beta2")
def adam_eps_inside(theta: Any, gradient: Gradient, steps: int, *, lr: Any, beta1: float, beta2: float, eps: float) -> list[Any]:
    """Adam as written by hand in tutorials (a summary of optimizers after CS231n): sqrt(s_hat + eps) in the denominator."""
    v = s = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        v = beta1 * v + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        v_hat, s_hat = v / (1 - beta1**t), s / (1 - beta2**t)
        theta = theta - at(lr, t) * v_hat / np.sqrt(s_hat + eps)
        path.append(theta)
    return path


@transcribes("adam", {"eps_placement": "inside", "eps_order": "before"}, alpha="lr", epsilon="eps", beta1="beta1", beta2="beta2")
def adam_eps_inside_before_correction(
    theta: Any, gradient: Gradient, steps: int, *, alpha: Any, beta1: float, beta2: float, epsilon: float
) -> list[Any]:
    """The order of Kingma & Ba's section 2 with the tutorials' epsilon: under the root, of the uncorrected second moment.

    No publication is known to us: both halves are transcribed from their own sources, and this is their combination.
    """
    m = v = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        alpha_t = at(alpha, t) * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        theta = theta - alpha_t * m / np.sqrt(v + epsilon)
        path.append(theta)
    return path


@transcribes(
    "adam",
    {"bias_correction": "off"},
    {"bias_correction": "off", "eps_order": "before"},
    lr="lr",
    gamma_v="beta1",
    gamma_s="beta2",
    epsilon="eps",
)
def adam_without_bias_correction(
    theta: Any, gradient: Gradient, steps: int, *, lr: Any, gamma_v: float, gamma_s: float, epsilon: float
) -> list[Any]:
    """Keydana 2023, "Deep Learning and Scientific Computing with R torch", eqs. 8.7-8.9."""
    x, v, s = theta, 0.0 * theta, 0.0 * theta
    path = []
    for k in range(1, steps + 1):
        g = gradient(x, k)
        v = gamma_v * v + (1 - gamma_v) * g  # eq. 8.7
        s = gamma_s * s + (1 - gamma_s) * g**2  # eq. 8.8
        x = x - at(lr, k) * v / (epsilon + np.sqrt(s))  # eq. 8.9
        path.append(x)
    return path


@transcribes(
    "adam",
    {"bias_correction": "off", "eps_placement": "inside"},
    {"bias_correction": "off", "eps_placement": "inside", "eps_order": "before"},
    lr="lr",
    gamma_v="beta1",
    gamma_s="beta2",
    epsilon="eps",
)
def adam_eps_inside_without_bias_correction(
    theta: Any, gradient: Gradient, steps: int, *, lr: Any, gamma_v: float, gamma_s: float, epsilon: float
) -> list[Any]:
    """Eqs. 8.7-8.9 of the same book, with the tutorials' epsilon under the root: a combination, as above."""
    x, v, s = theta, 0.0 * theta, 0.0 * theta
    path = []
    for k in range(1, steps + 1):
        g = gradient(x, k)
        v = gamma_v * v + (1 - gamma_v) * g
        s = gamma_s * s + (1 - gamma_s) * g**2
        x = x - at(lr, k) * v / np.sqrt(s + epsilon)
        path.append(x)
    return path


@transcribes("adamw", {}, alpha="lr", epsilon="eps", decay="weight_decay", beta1="beta1", beta2="beta2")
@transcribes("adam", {"decay": "decoupled"}, alpha="lr", epsilon="eps", decay="weight_decay", beta1="beta1", beta2="beta2")
def adamw_algorithm_2(
    theta: Any, gradient: Gradient, steps: int, *, alpha: Any, beta1: float, beta2: float, epsilon: float, decay: float
) -> list[Any]:
    """Loshchilov & Hutter 2019, arXiv:1711.05101v3, Algorithm 2, line 12, with eta_t = 1 and lambda = alpha * decay.

    PyTorch's ``weight_decay`` is multiplied by the learning rate; the paper's lambda is not: hence lambda = alpha * decay.
    """
    m = v = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta = theta - 1.0 * (at(alpha, t) * m_hat / (np.sqrt(v_hat) + epsilon) + at(alpha, t) * decay * theta)
        path.append(theta)
    return path


@transcribes("adam", {"amsgrad": True}, alpha="lr", epsilon="eps", beta1="beta1", beta2="beta2")
def amsgrad(theta: Any, gradient: Gradient, steps: int, *, alpha: Any, beta1: float, beta2: float, epsilon: float) -> list[Any]:
    """Reddi, Kale & Kumar 2018, Algorithm 2, with PyTorch's bias correction of Adam applied after the maximum.

    The paper corrects nothing and has no epsilon: the maximum is taken over the uncorrected v, and only then divided by 1 - beta2^t.
    """
    m = v = v_hat = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        v_hat = np.maximum(v_hat, v)
        theta = theta - at(alpha, t) * (m / (1 - beta1**t)) / (np.sqrt(v_hat / (1 - beta2**t)) + epsilon)
        path.append(theta)
    return path
