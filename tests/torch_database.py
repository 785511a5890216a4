"""PyTorch's own database of optimizer inputs and error inputs, and the problem on which its ``TestOptimRenewed`` tries them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock, patch

import torch
from torch import Tensor
from torch.nn import Parameter

import crossoptim


def _database() -> ModuleType:
    """``common_optimizers``, without the machinery of PyTorch's tests that decorates it: three seconds, and a package more."""
    parts = ("common_device_type", "common_methods_invocations", "common_utils")
    stand_ins = {f"torch.testing._internal.{part}": MagicMock(_TestParametrizer=object) for part in parts}
    spec = spec_from_file_location("common_optimizers", Path(torch.__file__).parent / "testing/_internal/common_optimizers.py")
    assert spec and spec.loader
    made = module_from_spec(spec)
    with patch.dict(sys.modules, stand_ins):
        spec.loader.exec_module(made)
    return made


DATABASE = _database()
INFOS: dict[str, Any] = {info.name: info for info in DATABASE.optim_db}


def ours(info: Any) -> Any:
    """Our class of that name."""
    return getattr(crossoptim, info.name)


PLAIN = ("foreach", "fused", "differentiable")


def inputs(info: Any, skip: tuple[str, ...] = PLAIN, dtype: torch.dtype = torch.float32) -> Iterator[dict[str, Any]]:
    """Every set of arguments of the database, each with every implementation of PyTorch's on a processor that is not skipped."""
    for one in DATABASE._get_optim_inputs_including_global_cliquey_kwargs("cpu", dtype, info, skip=skip):
        yield {**one.kwargs, **({"max_iter": 4} if info.step_requires_closure else {})}


class Task:
    """``|weight @ x + bias|²``, summed.

    Args:
        info: says whether gradients are sparse and the step needs a closure.
        dtype: of the parameters, which are matrices: Muon takes no others.
        contiguous: whether they are whole in memory.
    """

    def __init__(self, info: Any, dtype: torch.dtype = torch.float32, contiguous: bool = True) -> None:
        draw = torch.Generator().manual_seed(11)
        self.info = info
        shapes = ((4, 3), (1, 4))
        values = [torch.randn((*shape, 2), generator=draw, dtype=torch.float64).to(dtype)[..., 0] for shape in shapes]
        self.params = [Parameter(value.contiguous() if contiguous else value) for value in values]
        self.x = torch.randn(3, generator=draw, dtype=torch.float64).to(dtype)

    def named(self) -> list[tuple[str, Tensor]]:
        """The parameters with names."""
        return list(zip(("weight", "bias"), self.params, strict=True))

    def loss(self) -> Tensor:
        """The loss, with new gradients."""
        for p in self.params:
            p.grad = None
        weight, bias = self.params
        loss = (weight.mv(self.x) + bias).abs().pow(2).sum()
        loss.backward()
        if self.info.only_supports_sparse_grads:
            for p in self.params:
                p.grad = p.grad.to_sparse() if p.grad is not None else None
        return loss

    def step(self, optimizer: torch.optim.Optimizer) -> Tensor:
        """One step; the loss before it."""
        if self.info.step_requires_closure:
            return optimizer.step(self.loss)
        loss = self.loss()
        optimizer.step()
        return loss

    def values(self) -> list[Tensor]:
        """Where the parameters are."""
        return [p.detach().clone() for p in self.params]


def trajectory(task: Task, optimizer: torch.optim.Optimizer, steps: int, after: Callable[[], Any] = lambda: None) -> list[list[Tensor]]:
    """The parameters after each step."""
    path = []
    for _ in range(steps):
        task.step(optimizer)
        after()
        path.append(task.values())
    return path


def uphill(options: Mapping[str, Any]) -> bool:
    """Whether the loss is to grow."""
    return bool(options.get("maximize"))
