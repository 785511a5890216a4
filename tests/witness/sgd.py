"""Gradient descent as others wrote it."""

from __future__ import annotations

from typing import Any

from witness.forms import Gradient, at, transcribes


@transcribes("sgd", {"momentum_form": "lr_inside"}, mu="momentum", epsilon="lr")
def sutskever_momentum(theta: Any, gradient: Gradient, steps: int, *, mu: float, epsilon: Any) -> list[Any]:
    """Sutskever, Martens, Dahl & Hinton 2013, "On the importance of initialization and momentum in deep learning", eqs. 1-2."""
    v = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        v = mu * v - at(epsilon, t) * gradient(theta, t)  # eq. 1
        theta = theta + v  # eq. 2
        path.append(theta)
    return path


@transcribes("sgd", {"nesterov": True, "nesterov_form": "lookahead", "momentum_form": "lr_inside"}, mu="momentum", epsilon="lr")
def sutskever_nesterov(theta: Any, gradient: Gradient, steps: int, *, mu: float, epsilon: Any) -> list[Any]:
    """Sutskever et al. 2013, eqs. 3-4: Nesterov's accelerated gradient, its gradient taken at theta + mu v."""
    v = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        v = mu * v - at(epsilon, t) * gradient(theta + mu * v, t)  # eq. 3
        theta = theta + v  # eq. 4
        path.append(theta)
    return path


@transcribes("sgd", {"first_step": "dampened"}, momentum="momentum", dampening="dampening", lr="lr")
def dampened_momentum(theta: Any, gradient: Gradient, steps: int, *, momentum: float, dampening: float, lr: Any) -> list[Any]:
    """The recurrence that torch.optim.SGD's documentation gives for steps after the first, started from a zero buffer instead."""
    buf = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        buf = momentum * buf + (1 - dampening) * gradient(theta, t)
        theta = theta - at(lr, t) * buf
        path.append(theta)
    return path
