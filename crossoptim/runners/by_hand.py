"""The updates that tutorials write by hand, as a runner: each is the text's equation in torch's tensors, in its order of operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from sysconfig import get_platform
from typing import Any

import torch
from torch import Tensor

from crossoptim.errors import UnavailableError
from crossoptim.runners.base import Description
from crossoptim.runners.harness import Adapter, Start
from crossoptim.runners.torch_adapter import details, torch_adapter
from crossoptim.runners.torch_training import LocalTorchRunner
from crossoptim.spec.rules import resolve

Options = Mapping[str, float]


@dataclass
class Kept:
    """What an update keeps of a parameter: two tensors, from zero, and the number of the step."""

    v: Tensor
    u: Tensor
    t: int = 0


def _sgd(x: Tensor, g: Tensor, s: Kept, h: Options) -> Tensor:  # noqa: ARG001  # it keeps nothing
    return x - h["lr"] * g


def _momentum(x: Tensor, g: Tensor, s: Kept, h: Options) -> Tensor:
    s.v = h["momentum"] * s.v + h["lr"] * g
    return x - s.v


def _nesterov(x: Tensor, g: Tensor, s: Kept, h: Options) -> Tensor:
    s.v = h["momentum"] * s.v + g
    return x - h["lr"] * (g + h["momentum"] * s.v)


def _adagrad(x: Tensor, g: Tensor, s: Kept, h: Options) -> Tensor:
    s.v = s.v + g**2
    return x - h["lr"] / torch.sqrt(s.v + h["eps"]) * g


def _rmsprop(x: Tensor, g: Tensor, s: Kept, h: Options) -> Tensor:
    s.v = h["alpha"] * s.v + (1 - h["alpha"]) * g**2
    return x - h["lr"] / torch.sqrt(s.v + h["eps"]) * g


def _adadelta(x: Tensor, g: Tensor, s: Kept, h: Options) -> Tensor:
    s.v = h["rho"] * s.v + (1 - h["rho"]) * g**2
    step = torch.sqrt(s.u + h["eps"]) / torch.sqrt(s.v + h["eps"]) * g
    s.u = h["rho"] * s.u + (1 - h["rho"]) * step**2
    return x - step


def _adam(x: Tensor, g: Tensor, s: Kept, h: Options) -> Tensor:
    s.u = h["beta1"] * s.u + (1 - h["beta1"]) * g
    s.v = h["beta2"] * s.v + (1 - h["beta2"]) * g**2
    m, v = s.u / (1 - h["beta1"] ** s.t), s.v / (1 - h["beta2"] ** s.t)
    return x - h["lr"] * m / torch.sqrt(v + h["eps"])


@dataclass(frozen=True)
class Form:
    """A hand-written update: the rule and the switches whose equation it is, and the options that it reads; others have their defaults."""

    rule: str
    update: Callable[[Tensor, Tensor, Kept, Options], Tensor]
    reads: tuple[str, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, values: Mapping[str, Any]) -> bool:
        """Whether it is the update of these options."""
        expected = {**resolve(self.rule).values, **self.fixed}
        return all(values[key] == value for key, value in expected.items() if key not in self.reads)


_INSIDE = {"eps_placement": "inside"}
FORMS = (
    Form("sgd", _sgd, ("lr",)),
    Form("sgd", _momentum, ("lr", "momentum"), {"momentum_form": "lr_inside"}),
    Form("sgd", _nesterov, ("lr", "momentum"), {"nesterov": True}),
    Form("adagrad", _adagrad, ("lr", "eps"), _INSIDE),
    Form("rmsprop", _rmsprop, ("lr", "alpha", "eps"), _INSIDE),
    Form("adadelta", _adadelta, ("rho", "eps")),
    Form("adam", _adam, ("lr", "beta1", "beta2", "eps"), _INSIDE),
)
"""Momentum and the others from the texts; Nesterov's as the text has it from PyTorch."""


class _Optimizer(torch.optim.Optimizer):
    def __init__(self, rule: str, groups: list[dict[str, Any]], **options: Any) -> None:
        super().__init__(groups, options)
        found = [form for form in FORMS if form.rule == rule and form.fits(options)]
        if not found:
            raise UnavailableError(f"no text has this form of {rule} by hand")
        self._update = found[0].update

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no text has closures
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["kept"] = Kept(torch.zeros_like(p), torch.zeros_like(p))
                kept = state["kept"]
                kept.t += 1
                p.data = self._update(p, p.grad, kept, group)


class HandRunner(LocalTorchRunner):
    """The hand-written updates, spoken to in the specification's names."""

    def describe(self) -> Description:
        """Version of torch, whose tensors they update."""
        return Description(self.name, torch.__version__, get_platform(), details())

    def open(self, start: Start) -> Adapter:
        """The update of the rule ``start.optimizer``."""
        return torch_adapter(start, partial(_Optimizer, start.optimizer), number=lambda n: n)
