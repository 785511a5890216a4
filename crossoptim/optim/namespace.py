"""The specification's array namespace on torch tensors: any device, differentiable."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Tensors:
    """What rules and objectives may call, beside ``+ - * / **`` and comparison."""

    sqrt = staticmethod(torch.sqrt)
    power = staticmethod(torch.pow)
    exp = staticmethod(torch.exp)
    log = staticmethod(torch.log)
    tanh = staticmethod(torch.tanh)
    cos = staticmethod(torch.cos)
    matmul = staticmethod(torch.matmul)

    @staticmethod
    def maximum(a: Tensor, b: Tensor | float) -> Tensor:
        """The larger one, elementwise; NaN if either is."""
        return torch.maximum(a, torch.as_tensor(b, dtype=a.dtype, device=a.device))

    @staticmethod
    def where(condition: Tensor | bool, a: Tensor | float, b: Tensor | float) -> Any:
        """Select, elementwise, or as a whole where the condition is one about scalars; at least one branch is a tensor."""
        if isinstance(condition, bool):
            return a if condition else b
        return torch.where(condition, a, b)

    @staticmethod
    def sum(x: Tensor) -> Tensor:
        """The sum of all elements, 0-d."""
        return torch.sum(x)

    @staticmethod
    def sum_rows(x: Tensor) -> Tensor:
        """The sum of each row, as a column."""
        return torch.sum(x, dim=-1, keepdim=True)

    @staticmethod
    def sum_columns(x: Tensor) -> Tensor:
        """The sum of each column, as a vector."""
        return torch.sum(x, dim=0)

    @staticmethod
    def transpose(x: Tensor) -> Tensor:
        """Transpose of a matrix, or of each matrix of the last two axes."""
        return x.mT

    @staticmethod
    def size(x: Tensor) -> Tensor:
        """How many elements there are, 0-d."""
        return x.new_full((), x.numel())

    @staticmethod
    def columns(x: Tensor) -> Tensor:
        """How long a row is, 0-d."""
        return x.new_full((), x.shape[-1])

    @staticmethod
    def epsilon(x: Tensor) -> Tensor:
        """The machine epsilon of the dtype, 0-d."""
        return x.new_full((), torch.finfo(x.dtype).eps)
