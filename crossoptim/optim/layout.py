"""How tensors lie in memory: which of them a kernel can take together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

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


def order(tensors: Sequence[Tensor]) -> object:
    """In which order of memory the elements of each lie, to be compared."""
    return all(map(Tensor.is_contiguous, tensors)) or [*map(Tensor.stride, tensors)]


def content(tensors: Sequence[Tensor]) -> object:
    """What is stored in each and how often, to be compared."""
    return [t.dtype for t in tensors], [*map(Tensor.numel, tensors)]


def as_stored(tensors: Sequence[Tensor], real: bool) -> bool:
    """Whether memory holds the values themselves, of which none are to be negated or conjugated yet."""
    return not any(map(Tensor.is_neg, tensors)) and (real or not any(map(Tensor.is_conj, tensors)))


def overlap(tensors: Sequence[Tensor]) -> bool:
    """Whether some memory belongs to two of them."""
    spans = sorted((t.data_ptr(), t.data_ptr() + t.numel() * t.element_size()) for t in tensors if t.numel())
    return any(end > begin for (_, end), (begin, _) in pairwise(spans))


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
