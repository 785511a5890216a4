"""PyTorch's own optimizers as runners: the single-tensor, foreach and fused implementations of each class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from sysconfig import get_platform
from typing import Any

import torch

from crossoptim.errors import UnavailableError
from crossoptim.runners import torch_schedule
from crossoptim.runners.base import Description
from crossoptim.runners.harness import Adapter, Start
from crossoptim.runners.torch_adapter import details, torch_adapter
from crossoptim.runners.torch_training import LocalTorchRunner
from crossoptim.spec.ecosystems.pytorch import pytorch
from crossoptim.spec.rules import get_rule

PATHS = {
    "torch-single": {"foreach": False, "fused": False},
    "torch-foreach": {"foreach": True},
    "torch-fused": {"fused": True},
}
_SPARSE = [binding.name for binding in pytorch.bindings if binding.gradients == "sparse"]
_CLOSURE = [binding.name for binding in pytorch.bindings if get_rule(binding.rule).converse]


class TorchRunner(LocalTorchRunner):
    """One of the implementations that ``torch.optim`` chooses between."""

    def describe(self) -> Description:
        """Version of torch."""
        return Description(self.name, torch.__version__, get_platform(), details())

    def open(self, start: Start) -> Adapter:
        """An optimizer of the class ``torch.optim.<start.optimizer>``; one without ``foreach`` or ``fused`` has the single path only."""
        found = getattr(torch.optim, start.optimizer, None)
        if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)):
            raise UnavailableError(f"torch.optim {torch.__version__} has no class {start.optimizer!r}")
        known = signature(found).parameters
        missing = [key for key, wanted in PATHS[self.name].items() if wanted and key not in known]
        if missing:
            raise UnavailableError(f"torch.optim.{start.optimizer} has no {missing[0]} form")
        choice: dict[str, Any] = {key: wanted for key, wanted in PATHS[self.name].items() if key in known}
        make: Callable[..., torch.optim.Optimizer] = found
        sparse = start.optimizer in _SPARSE
        # torch keeps such numbers as float32 tensors, SparseAdam as they are
        number: Callable[[float], Any] = (lambda n: n) if sparse else partial(torch.tensor, dtype=torch.float32)
        return torch_adapter(start, partial(make, **choice), number, sparse, start.optimizer in _CLOSURE)

    def schedule(self, request: Mapping[str, Any], at: list[str]) -> dict[str, Any]:
        """A class of ``torch.optim.lr_scheduler``."""
        return torch_schedule.run(request, at)


make = TorchRunner
