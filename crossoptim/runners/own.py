"""crossoptim's torch optimizers as runners, under the specification's names: with kernels, and in torch's own operations alone."""

from __future__ import annotations

from sysconfig import get_platform

from crossoptim import __version__
from crossoptim.optim.classes import optimizer_class, specification_binding
from crossoptim.runners.base import Description
from crossoptim.runners.harness import Adapter, Start
from crossoptim.runners.torch_adapter import details, torch_adapter
from crossoptim.runners.torch_training import LocalTorchRunner

KERNELS = {"crossoptim": True, "crossoptim-eager": False}


class OwnRunner(LocalTorchRunner):
    """The optimizers that crossoptim makes from its rules."""

    def describe(self) -> Description:
        """Version of crossoptim; torch's in the details."""
        return Description(self.name, __version__, get_platform(), details())

    def open(self, start: Start) -> Adapter:
        """An optimizer of the rule or preset ``start.optimizer``."""
        made = optimizer_class(specification_binding(start.optimizer))
        made.kernels = KERNELS[self.name]
        return torch_adapter(start, made, number=lambda n: n, converses=made.rule.converse is not None)


make = OwnRunner
