"""A torch optimizer under test: a class, or a function that makes one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from sysconfig import get_platform

import torch

from crossoptim.runners.base import Description
from crossoptim.runners.harness import Adapter, LocalRunner, Start
from crossoptim.runners.torch_adapter import details, one_thread_float32, torch_adapter
from crossoptim.spec.model import Binding
from crossoptim.spec.rules import get_rule


class TorchClassRunner(LocalRunner):
    """Runs cases over ``make(params, **options)``."""

    def __init__(self, name: str, make: Callable[..., torch.optim.Optimizer], binding: Binding) -> None:
        super().__init__(name)
        self._make, self._binding = make, binding

    def describe(self) -> Description:
        """Version of torch."""
        return Description(self.name, torch.__version__, get_platform(), details())

    def open(self, start: Start) -> Adapter:
        """A new optimizer over these parameters."""
        converses = get_rule(self._binding.rule).converse is not None
        return torch_adapter(start, self._make, lambda n: n, self._binding.gradients == "sparse", converses)

    def settled(self) -> AbstractContextManager[None]:
        """One thread, default dtype float32."""
        return one_thread_float32()
