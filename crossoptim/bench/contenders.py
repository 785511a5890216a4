"""Who takes part: our optimizer, torch's forms of it, other libraries', and a plain loop that reads and writes as much memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from crossoptim import optim
from crossoptim.bench.peers import peers
from crossoptim.kernels.kernel import kernel
from crossoptim.optim.base import RuleOptimizer
from crossoptim.optim.work import DTYPES
from crossoptim.spec.expr import name
from crossoptim.spec.rules import get_rule
from crossoptim.spec.trace import GRAD, PARAM, Equation

OURS, MEMORY = "crossoptim", "memory"
FORMS = {"torch single": {"foreach": False, "fused": False}, "torch foreach": {"foreach": True}, "torch fused": {"fused": True}}
"""The forms of a class of ``torch.optim``, as arguments; a class without ``foreach`` has the first one only."""
Parameters = Callable[[], list[Tensor]]


@dataclass(frozen=True)
class Contender:
    """Somebody who takes a step of all parameters."""

    name: str
    step: Callable[[], Any]


def optimizers() -> list[str]:
    """The names of our classes that have kernels and take dense gradients."""
    known = optim.bindings().values()
    return [b.name for b in known if get_rule(b.rule).kind == "elementwise" and b.gradients == "dense"]


def ours(optimizer: str, params: list[Tensor]) -> RuleOptimizer:
    """Our class of that name on these parameters, with its defaults."""
    made: RuleOptimizer = getattr(optim, optimizer)(params, **_given(optimizer))
    return made


def rivals(optimizer: str, parameters: Parameters, others: bool = True) -> Iterator[Contender]:
    """Everybody else who has the optimizer, each on parameters of its own, made when it is its turn.

    Args:
        optimizer: the name of a class of :mod:`crossoptim.optim`.
        parameters: makes leaves with gradients, the same each time.
        others: whether libraries beside torch take part.
    """
    theirs = getattr(torch.optim, optimizer, None)
    known = signature(theirs).parameters if theirs else {}
    for label, choice in FORMS.items():
        if theirs and all(key in known for key, wanted in choice.items() if wanted):
            chosen = {key: wanted for key, wanted in choice.items() if key in known}
            yield Contender(label, theirs(parameters(), **_given(optimizer), **chosen).step)
    for label, step in peers(optimizer, parameters) if others else ():
        yield Contender(label, step)
    yield Contender(MEMORY, _memory(optimizer, parameters()))


def _given(optimizer: str) -> dict[str, Any]:
    """The learning rate, where there is no default."""
    return {"lr": 1e-3} if getattr(optim, optimizer).__signature__.parameters["lr"].default is Parameter.empty else {}


def _memory(optimizer: str, params: list[Tensor]) -> Callable[[], Any]:
    """A loop that reads a parameter, its gradient and its state and writes all but the gradient, with one addition each.

    On other devices than the processor, a copy of as many bytes.
    """
    made = ours(optimizer, params)
    tensors = 2 + len(made.setting(made.param_groups[0]).state)
    dtype, device, sizes = params[0].dtype, params[0].device, [p.numel() for p in params]
    if device.type != "cpu":
        here, there = torch.zeros(2, sum(sizes) * (2 * tensors - 1) // 2, dtype=dtype, device=device)
        return lambda: there.copy_(here)
    keys = (PARAM, *(f"s{i}" for i in range(tensors - 2)))
    sums = list(accumulate((name(key) for key in keys[1:]), lambda a, b: a + b, initial=name(PARAM) + name(GRAD)))
    loop = kernel(Equation("memory", "memory", {}, dict(zip(keys, sums, strict=True)), (), {}), DTYPES[dtype])
    held = [torch.zeros(size, dtype=dtype) for size in sizes for _ in range(tensors)]
    addresses = [t.data_ptr() for t in held]

    def step() -> Sequence[Tensor]:
        loop(sizes, addresses, [{}], torch.get_num_threads())
        return held  # which stays as long as its addresses are used

    return step
