"""Who takes part: our optimizer, torch's forms of it, and a plain loop that reads and writes as much memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from crossoptim import optim
from crossoptim.kernels.kernel import kernel
from crossoptim.optim.base import RuleOptimizer
from crossoptim.optim.batch import DTYPES
from crossoptim.spec.expr import name
from crossoptim.spec.rules import get_rule
from crossoptim.spec.trace import GRAD, PARAM, Equation

OURS, MEMORY = "crossoptim", "memory"
FORMS = {"torch single": {"foreach": False, "fused": False}, "torch foreach": {"foreach": True}, "torch fused": {"fused": True}}
"""The forms of a class of ``torch.optim``, as arguments; a class without ``foreach`` has the first one only."""


@dataclass(frozen=True)
class Contender:
    """Somebody who takes a step of all parameters."""

    name: str
    step: Callable[[], Any]


def optimizers() -> list[str]:
    """The names of our classes that have kernels and take dense gradients."""
    known = optim.bindings().values()
    return [b.name for b in known if get_rule(b.rule).kind == "elementwise" and b.gradients == "dense"]


def contenders(optimizer: str, shapes: Sequence[tuple[int, ...]], dtype: torch.dtype) -> Iterator[Contender]:
    """Everybody who has the optimizer, each on parameters of its own.

    Args:
        optimizer: the name of a class of :mod:`crossoptim.optim`.
        shapes: of the parameters.
        dtype: of the parameters, on the processor's memory.
    """
    ours: type[RuleOptimizer] = getattr(optim, optimizer)
    given: dict[str, Any] = {} if "lr" not in _needed(ours) else {"lr": 1e-3}
    made = ours(_parameters(shapes, dtype), **given)
    yield Contender(OURS, made.step)
    theirs = getattr(torch.optim, optimizer, None)
    known = signature(theirs).parameters if theirs else {}
    for label, choice in FORMS.items():
        if theirs and all(key in known for key, wanted in choice.items() if wanted):
            chosen = {key: wanted for key, wanted in choice.items() if key in known}
            yield Contender(label, theirs(_parameters(shapes, dtype), **given, **chosen).step)
    made.step()
    tensors = 2 + sum(isinstance(value, Tensor) for value in made.state[made.param_groups[0]["params"][0]].values())
    yield Contender(MEMORY, _memory(tensors, shapes, dtype))


def _needed(ours: type[RuleOptimizer]) -> list[str]:
    return [key for key, parameter in ours.__signature__.parameters.items() if parameter.default is parameter.empty]


def _parameters(shapes: Sequence[tuple[int, ...]], dtype: torch.dtype) -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    params = [torch.randn(shape, generator=draw, dtype=dtype).requires_grad_() for shape in shapes]
    for p in params:
        p.grad = torch.randn(p.shape, generator=draw, dtype=dtype)
    return params


def _memory(tensors: int, shapes: Sequence[tuple[int, ...]], dtype: torch.dtype) -> Callable[[], Any]:
    """A loop over so many tensors a parameter that reads all of them and writes all but the gradient, with one addition each."""
    keys = (PARAM, *(f"s{i}" for i in range(tensors - 2)))
    sums = list(accumulate((name(key) for key in keys[1:]), lambda a, b: a + b, initial=name(PARAM) + name(GRAD)))
    loop = kernel(Equation("memory", "memory", {}, dict(zip(keys, sums, strict=True)), (), {}), DTYPES[dtype])
    held = [torch.zeros(shape, dtype=dtype) for shape in shapes for _ in range(tensors)]
    sizes, addresses = [t.numel() for t in held[::tensors]], [t.data_ptr() for t in held]

    def step() -> list[Tensor]:
        loop(sizes, addresses, [{}], torch.get_num_threads())
        return held  # which stays as long as its addresses are used

    return step
