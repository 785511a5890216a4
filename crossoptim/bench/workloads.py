"""What is stepped: the parameter shapes of a few models and of two extremes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

Shape = tuple[int, ...]


def _resnet50() -> Iterator[Shape]:
    """He, Zhang, Ren & Sun 2015, arXiv:1512.03385, table 1: bottleneck blocks of 1x1, 3x3, 1x1; 25.6 M parameters."""

    def convolution(into: int, out: int, size: int) -> Iterator[Shape]:
        yield (out, into, size, size)
        yield from [(out,), (out,)]  # its batch normalisation

    yield from convolution(3, 64, 7)
    into = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            yield from convolution(into, width, 1)
            yield from convolution(width, width, 3)
            yield from convolution(width, 4 * width, 1)
            if block == 0:
                yield from convolution(into, 4 * width, 1)
            into = 4 * width
    yield from [(1000, into), (1000,)]


def _gpt2() -> Iterator[Shape]:
    """Radford et al. 2019, table 2, the smallest: 12 layers of width 768, 50257 tokens, 1024 positions; 124.4 M parameters."""
    width = 768
    yield from [(50257, width), (1024, width)]
    for _ in range(12):
        yield from [(width,), (width,), (width, 3 * width), (3 * width,), (width, width), (width,)]
        yield from [(width,), (width,), (width, 4 * width), (4 * width,), (4 * width, width), (width,)]
    yield from [(width,), (width,)]


WORKLOADS: dict[str, tuple[Shape, ...]] = {
    "1x10M": ((10_000_000,),),
    "100x1000": ((1000,),) * 100,
    "resnet50": tuple(_resnet50()),
    "gpt2": tuple(_gpt2()),
}


def parameters(shapes: Sequence[Shape], dtype: torch.dtype, device: str = "cpu") -> list[Tensor]:
    """Leaves of these shapes with gradients: random numbers, the same ones each time."""
    draw = torch.Generator().manual_seed(0)
    params = [torch.randn(shape, generator=draw, dtype=dtype).to(device).requires_grad_() for shape in shapes]
    for p in params:
        p.grad = torch.randn(p.shape, generator=draw, dtype=dtype).to(device)
    return params
