"""How tensors lie in memory: which of them a kernel can take together."""

from __future__ import annotations

from collections.abc import Sequence

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


def lies(grads: Sequence[Tensor]) -> object:
    """How gradients lie in memory, to be compared; None where one is not dense."""
    dtypes = [grad.dtype for grad in grads]
    conjugate = any(dtype.is_complex for dtype in {*dtypes}) and any(map(Tensor.is_conj, grads))
    try:
        return [*map(Tensor.stride, grads)], dtypes, conjugate, any(map(Tensor.is_neg, grads))
    except RuntimeError:  # a sparse one has no strides
        return None


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
