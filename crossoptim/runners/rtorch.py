"""crossoptim.rtorch behind the harness: R torch's classes in Python, with their quirks fixed or as they were released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from sysconfig import get_platform
from typing import Any

from torch.optim import Optimizer

from crossoptim import __version__, rtorch
from crossoptim.errors import UnavailableError
from crossoptim.optim.base import RuleOptimizer
from crossoptim.runners import torch_schedule
from crossoptim.runners.base import DEFAULT_TIMEOUT, Answer, Description
from crossoptim.runners.harness import Adapter, Start
from crossoptim.runners.torch_adapter import details, torch_adapter
from crossoptim.runners.torch_training import LocalTorchRunner

QUIRKS = {"rtorch": "fixed", "rtorch-ignite": "fixed", "rtorch-0.17": "0.17", "rtorch-ignite-0.17": "0.17"}


class RTorchRunner(LocalTorchRunner):
    """The classes of :mod:`crossoptim.rtorch`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._events: Sequence[Mapping[str, Any]] = ()

    def describe(self) -> Description:
        """Version of crossoptim; torch's in the details."""
        return Description(self.name, __version__, get_platform(), details())

    def run(self, request: dict[str, Any], timeout: float = DEFAULT_TIMEOUT) -> Answer:
        """Run a case."""
        self._events = request.get("events", ())
        return super().run(request, timeout)

    def open(self, start: Start) -> Adapter:
        """An optimizer of the class ``crossoptim.rtorch.<start.optimizer>``."""
        made = getattr(rtorch, start.optimizer, None)
        if made is None or not issubclass(made, RuleOptimizer):
            raise UnavailableError(f"crossoptim.rtorch has no class {start.optimizer!r}")
        unused = {event["step"]: event["params"] for event in self._events if event["kind"] == "unused"}
        return torch_adapter(start, partial(made, quirks=QUIRKS[self.name]), float, converses=made.rule.converse is not None, unused=unused)

    def schedule(self, request: Mapping[str, Any], at: list[str]) -> dict[str, Any]:
        """A scheduler of :mod:`crossoptim.rtorch`."""
        quirks = QUIRKS[self.name]
        return torch_schedule.run(request, at, partial(_optimizer, quirks), partial(_scheduler, quirks))


def _optimizer(quirks: str, name: str, groups: list[dict[str, Any]], **options: Any) -> Optimizer:
    made: Optimizer = getattr(rtorch, name)(groups, quirks=quirks, **{"lr": groups[0]["lr"], **options})
    return made


def _scheduler(quirks: str, name: str, optimizer: Optimizer, **arguments: Any) -> Any:
    return getattr(rtorch, name)(optimizer, quirks=quirks, **arguments)


make = RTorchRunner
