"""Runs another library's torch optimizer with gradients set by hand, in double."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from witness.forms import Gradient, at


def path_of(
    make: Callable[..., torch.optim.Optimizer],
    theta: Any,
    gradient: Gradient,
    steps: int,
    *,
    lr: Any,
    judged: Callable[[torch.optim.Optimizer, torch.Tensor], torch.Tensor] = lambda _, param: param,
    **options: Any,
) -> list[Any]:
    """The path of ``make([parameter], lr=..., **options)``.

    The gradient is taken at what the parameter holds; ``judged(optimizer, parameter)`` is the point that a step is said to lead to.
    """
    param = torch.nn.Parameter(torch.tensor(theta))
    optimizer = make([param], lr=at(lr, 1), **options)
    path = []
    for t in range(1, steps + 1):
        optimizer.param_groups[0]["lr"] = at(lr, t)
        param.grad = torch.tensor(gradient(param.detach().numpy().copy(), t))
        optimizer.step()
        path.append(judged(optimizer, param).detach().numpy().copy())
    return path
