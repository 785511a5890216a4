"""Adagrad as others wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np

from witness.forms import Gradient, at, transcribes


@transcribes("adagrad", {"eps_placement": "inside"}, lr="lr", eps="eps")
def sgd_adagrad(theta: Any, gradient: Gradient, steps: int, *, lr: Any, eps: float) -> list[Any]:
    """Adagrad as written by hand in tutorials (a summary of optimizers after CS231n): lr / sqrt(sqr + eps) times the gradient."""
    sqr = 0.0 * theta
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        sqr = sqr + g**2
        div = at(lr, t) / np.sqrt(sqr + eps) * g
        theta = theta - div
        path.append(theta)
    return path


@transcribes("adagrad", {}, lr="lr", epsilon="eps")
def adagrad_of_the_r_torch_book(theta: Any, gradient: Gradient, steps: int, *, lr: Any, epsilon: float) -> list[Any]:
    """Keydana 2023, "Deep Learning and Scientific Computing with R torch", eqs. 8.3-8.4."""
    x, squares, path = theta, [], []
    for k in range(1, steps + 1):
        g = gradient(x, k)
        squares.append(g**2)
        s = sum(squares)  # eq. 8.3: from the first iteration on
        x = x - at(lr, k) / (epsilon + np.sqrt(s)) * g  # eq. 8.4
        path.append(x)
    return path
