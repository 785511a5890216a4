"""crossoptim's torch optimizers as runners, under the specification's names: with kernels, and in torch's own operations alone."""

from __future__ import annotations

from contextlib import AbstractContextManager
from sysconfig import get_platform

from crossoptim import __version__
from crossoptim.optim.classes import optimizer_class, specification_binding
from crossoptim.runners.base import Description
from crossoptim.runners.harness import Adapter, LocalRunner, Start
from crossoptim.runners.torch_adapter import details, one_thread_float32, torch_adapter

KERNELS = {"crossoptim": True, "crossoptim-eager": False}


class OwnRunner(LocalRunner):
    """The optimizers that crossoptim makes from its rules."""

    def describe(self) -> Description:
        """Version of crossoptim; torch's in the details."""
        return Description(self.name, __version__, get_platform(), details())

    def open(self, start: Start) -> Adapter:
        """An optimizer of the rule or preset ``start.optimizer``."""
        made = optimizer_class(specification_binding(start.optimizer))
        made.kernels = KERNELS[self.name]
        return torch_adapter(start, made, number=lambda n: n, converses=made.rule.converse is not None)

    def settled(self) -> AbstractContextManager[None]:
        """One thread, default dtype float32."""
        return one_thread_float32()


make = OwnRunner
