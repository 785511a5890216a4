"""How tensors lie in memory: which of them a kernel can take together."""

from __future__ import annotations

import torch
from torch import Tensor


def plain(p: Tensor) -> bool:
    """Whether a parameter is memory of the processor, and nothing that only looks like it."""
    return p.is_cpu and p.layout is torch.strided and type(p).__torch_dispatch__ is Tensor.__torch_dispatch__


def dense(p: Tensor) -> bool:
    """Whether it lies in memory without gaps, in whatever order of axes."""
    if p.is_contiguous():
        return True
    expected = 1
    for stride, size in sorted(zip(p.stride(), p.shape, strict=True)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def lies(grad: Tensor) -> object:
    """How a gradient lies in memory, to be compared."""
    if grad.layout is not torch.strided:
        return grad.layout
    return grad.stride(), grad.dtype, grad.is_neg(), grad.is_conj()


def alike(t: Tensor, p: Tensor) -> bool:
    """Whether a tensor lies in memory as a dense parameter does."""
    return (
        t.dtype is p.dtype
        and t.layout is torch.strided  # a sparse tensor has no strides
        and t.shape == p.shape
        and (t.stride() == p.stride() or (t.is_contiguous() and p.is_contiguous()))
        and t.is_cpu
        and not t.is_neg()
        and not t.is_conj()
    )
