"""RMSprop as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np

from witness.forms import Gradient, at, transcribes


@transcribes("rmsprop", {"eps_placement": "inside"}, lr="lr", alpha="alpha", eps="eps")
def rmsprop_by_hand(theta: Any, gradient: Gradient, steps: int, *, lr: Any, alpha: float, eps: float) -> list[Any]:
    """RMSprop as written by hand in tutorials (a summary of optimizers after CS231n): lr / sqrt(sqr + eps) times the gradient."""
    sqr = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        sqr = alpha * sqr + (1 - alpha) * g**2
        div = at(lr, t) / np.sqrt(sqr + eps) * g
        theta = theta - div
        path.append(theta)
    return path


@transcribes("rmsprop", {}, lr="lr", gamma="alpha", epsilon="eps")
def rmsprop_of_the_r_torch_book(theta: Any, gradient: Gradient, steps: int, *, lr: Any, gamma: float, epsilon: float) -> list[Any]:
    """Keydana 2023, "Deep Learning and Scientific Computing with R torch", eqs. 8.5-8.6."""
    x, s = theta, 0.0 * theta
    path = []
    for k in range(1, steps + 1):
        g = gradient(x, k)
        s = gamma * s + (1 - gamma) * g**2  # eq. 8.5
        x = x - at(lr, k) / (epsilon + np.sqrt(s)) * g  # eq. 8.6
        path.append(x)
    return path


@transcribes(
    "rmsprop",
    {"centered": True, "eps_placement": "inside", "momentum_form": "lr_inside"},
    aleph="alpha",
    beth="momentum",
    gimel="lr",
    daleth="eps",
)
def graves(w: Any, gradient: Gradient, steps: int, *, aleph: float, beth: float, gimel: Any, daleth: float) -> list[Any]:
    """Graves 2013, "Generating sequences with recurrent neural networks", arXiv:1308.0850v5, eqs. 38-41."""
    n = g = delta = 0.0 * w
    path = []
    for t in range(1, steps + 1):
        e = gradient(w, t)
        n = aleph * n + (1 - aleph) * e**2  # eq. 38
        g = aleph * g + (1 - aleph) * e  # eq. 39
        delta = beth * delta - at(gimel, t) * e / np.sqrt(n - g**2 + daleth)  # eq. 40
        w = w + delta  # eq. 41
        path.append(w)
    return path
