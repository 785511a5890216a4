"""Muon as others wrote it."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from witness.classes import path_of
from witness.forms import Gradient, at, transcribes

_SHARED = {"lr": "lr", "weight_decay": "weight_decay", "momentum": "momentum", "nesterov": "nesterov", "eps": "eps", "ns_steps": "ns_steps"}
_COEFFICIENTS = {"a": "ns_a", "b": "ns_b", "c": "ns_c"}


@transcribes(
    "muon", {"adjust_lr_fn": "original"}, {"adjust_lr_fn": "match_rms_adamw"}, adjust_lr_fn="adjust_lr_fn", **_SHARED, **_COEFFICIENTS
)
def torch_without_bfloat16(theta: Any, gradient: Gradient, steps: int, *, a: float, b: float, c: float, **options: Any) -> list[Any]:
    """torch.optim.Muon with the cast to bfloat16 left out: PyTorch's own operations in the dtype of the parameter."""
    with patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
        return path_of(torch.optim.Muon, theta, gradient, steps, ns_coefficients=(a, b, c), **options)


@transcribes("muon", {"momentum_form": "sum"}, **_SHARED, **_COEFFICIENTS)
def muon_of_the_post(
    theta: Any,
    gradient: Gradient,
    steps: int,
    *,
    lr: Any,
    weight_decay: float,
    momentum: float,
    nesterov: bool,
    eps: float,
    ns_steps: int,
    **coefficients: float,
) -> list[Any]:
    """Jordan et al. 2024, kellerjordan.github.io/posts/muon: the algorithm and newtonschulz5.

    With its Nesterov momentum, its scale by shape (muon.py of the repository), and the decoupled decay of Liu et al. 2025.
    """
    buffer = 0.0 * theta
    rows, columns = theta.shape
    path = []
    for t in range(1, steps + 1):
        g = gradient(theta, t)
        buffer = momentum * buffer + g
        o = _newtonschulz5(g + momentum * buffer if nesterov else buffer, ns_steps, eps, **coefficients)
        theta = theta - at(lr, t) * (max(1, rows / columns) ** 0.5 * o + weight_decay * theta)
        path.append(theta)
    return path


def _newtonschulz5(g: Any, steps: int, eps: float, a: float, b: float, c: float) -> Any:
    """The post's function in NumPy; it divides by norm + eps, PyTorch's by the larger one of them, as here."""
    x = g / max(np.linalg.norm(g), eps)
    if g.shape[0] > g.shape[1]:
        x = x.T
    for _ in range(steps):
        gram = x @ x.T
        gram = b * gram + c * gram @ gram
        x = a * x + gram @ x
    if g.shape[0] > g.shape[1]:
        x = x.T
    return x
