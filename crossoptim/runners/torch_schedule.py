"""PyTorch's schedulers behind the protocol's ``schedule``."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch

from crossoptim.errors import UnavailableError
from crossoptim.golden.json_text import read_number
from crossoptim.spec.expr import evaluate, parse

Make = Callable[..., Any]


def torchs_optimizer(name: str, groups: list[dict[str, Any]], **options: Any) -> torch.optim.Optimizer:
    """A class of ``torch.optim``."""
    made: torch.optim.Optimizer = getattr(torch.optim, name)(groups, **options)
    return made


def torchs_scheduler(name: str, optimizer: torch.optim.Optimizer, **arguments: Any) -> Any:
    """A class of ``torch.optim.lr_scheduler``."""
    found = getattr(torch.optim.lr_scheduler, name, None)
    if found is None:
        raise UnavailableError(f"torch.optim.lr_scheduler {torch.__version__} has no class {name!r}")
    first = () if name == "ChainedScheduler" else (optimizer,)
    return found(*first, **arguments)


def run(
    request: Mapping[str, Any], at: list[str], optimizer: Make = torchs_optimizer, scheduler: Make = torchs_scheduler
) -> dict[str, Any]:
    """The rates before the first step and after each.

    Args:
        request: the protocol's ``schedule``.
        at: ``at[0]`` says what is being done, for the message of an error.
        optimizer: makes the optimizer of a name, from groups and options.
        scheduler: makes the scheduler of a name, on an optimizer.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _run(_Subject(request, optimizer, scheduler), request, at)


def _run(subject: _Subject, request: Mapping[str, Any], at: list[str]) -> dict[str, Any]:
    at[0] = "constructing"
    subject.build()
    table = [subject.read()]
    for step in range(1, int(request["steps"]) + 1):
        for event in request["events"]:
            if event["step"] == step:
                at[0] = f"step {step}, {event['kind']}"
                subject.happen(event)
        at[0] = f"step {step}"
        subject.step([read_number(request[key][step - 1]) for key in ("metrics", "positions") if key in request])
        table.append(subject.read())
    momentum = [[row[1] for row in rows] for rows in table]
    out: dict[str, Any] = {"lr": [[row[0] for row in rows] for rows in table]}
    return out if momentum[0][0] is None else {**out, "momentum": momentum}


class _Subject:
    """An optimizer over one parameter a group, and a scheduler on it."""

    def __init__(self, request: Mapping[str, Any], optimizer: Make, scheduler: Make) -> None:
        self.request, self._make_optimizer, self._make_scheduler = request, optimizer, scheduler
        self.optimizer: torch.optim.Optimizer
        self.scheduler: Any

    def build(self, saved: Mapping[str, Any] | None = None, last_epoch: int = -1) -> None:
        """Make both; ``saved`` is an optimizer's state dict that is loaded before the scheduler is made."""
        given = self.request["optimizer"]
        options = {key: tuple(value) if isinstance(value, list) else value for key, value in given["arguments"].items()}
        groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in self.request["lrs"]]
        self.optimizer = self._make_optimizer(given["name"], groups, **options)
        if saved is not None:
            self.optimizer.load_state_dict(saved)  # type: ignore[arg-type]
        self.scheduler = self._scheduler(self.request["schedule"], {} if last_epoch == -1 else {"last_epoch": last_epoch})

    def _scheduler(self, schedule: Mapping[str, Any], more: Mapping[str, Any]) -> Any:
        arguments = {key: self._argument(value) for key, value in schedule["arguments"].items()}
        return self._make_scheduler(schedule["name"], self.optimizer, **arguments, **more)

    def _argument(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._argument(v) for v in value]
        if isinstance(value, dict) and "formula" in value:
            return function(value["formula"])
        if isinstance(value, dict):
            return [self._scheduler(child, {}) for child in value["schedules"]]
        return value

    def happen(self, event: Mapping[str, Any]) -> None:
        """An event before a step."""
        if event["kind"] == "set":
            self.optimizer.param_groups[event["group"]]["lr"] = event["lr"]
            return
        saved = copy.deepcopy((self.optimizer.state_dict(), self.scheduler.state_dict()))
        if event["kind"] == "rebuild":
            self.build(saved[0], event["step"] - 2)
        else:
            self.build()
            self.optimizer.load_state_dict(saved[0])
            self.scheduler.load_state_dict(saved[1])

    def step(self, given: list[float]) -> None:
        """One step of the optimizer, which has no gradients, then of the scheduler, with the metric or the epoch that it is given."""
        self.optimizer.step()
        self.scheduler.step(*given)

    def read(self) -> list[tuple[float, float | None]]:
        """Rate and momentum, or beta1, of each group."""
        return [
            (float(g["lr"]), float(g["momentum"]) if "momentum" in g else float(g["betas"][0]) if "betas" in g else None)
            for g in self.optimizer.param_groups
        ]


def function(source: str) -> Callable[[float], float]:
    """A formula in ``t`` as a Python function on plain floats."""
    graph = parse(source)
    return lambda t: float(evaluate(graph, {"t": t, "pi": math.pi}, _Floats))


class _Floats:
    """The namespace of formulas on Python's floats."""

    sqrt, exp, log, cos, floor = math.sqrt, math.exp, math.log, math.cos, math.floor
    maximum = max

    @staticmethod
    def where(condition: bool, a: float, b: float) -> float:
        return a if condition else b
