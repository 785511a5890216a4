"""PyTorch's own optimizers as runners: the single-tensor, foreach and fused implementations of each class."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from sysconfig import get_platform

import torch

from crossoptim.errors import UnavailableError
from crossoptim.runners.base import Description
from crossoptim.runners.harness import Adapter, LocalRunner, Start
from crossoptim.runners.torch_adapter import details, one_thread_float32, torch_adapter

PATHS = {
    "torch-single": {"foreach": False, "fused": False},
    "torch-foreach": {"foreach": True},
    "torch-fused": {"fused": True},
}


class TorchRunner(LocalRunner):
    """One of the implementations that ``torch.optim`` chooses between."""

    def describe(self) -> Description:
        """Version of torch."""
        return Description(self.name, torch.__version__, get_platform(), details())

    def open(self, start: Start) -> Adapter:
        """An optimizer of the class ``torch.optim.<start.optimizer>``."""
        found = getattr(torch.optim, start.optimizer, None)
        if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)):
            raise UnavailableError(f"torch.optim {torch.__version__} has no class {start.optimizer!r}")
        # torch keeps such numbers as float32 tensors
        make: Callable[..., torch.optim.Optimizer] = found
        return torch_adapter(start, partial(make, **PATHS[self.name]), number=lambda n: torch.tensor(float(n), dtype=torch.float32))

    def settled(self) -> AbstractContextManager[None]:
        """One thread, default dtype float32."""
        return one_thread_float32()


make = TorchRunner
