"""Runs on a test's own problem, as the specification and as witnesses compute them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from witness.forms import Form

from crossoptim.golden.case import Case, Event
from crossoptim.golden.cases.standard import all_options, allowed
from crossoptim.golden.reference import DTYPES
from crossoptim.golden.trajectory import golden
from crossoptim.runners.request import arguments
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.model import Binding, HalfPrecision, Problem, ProblemParam, Setting
from crossoptim.spec.problems import get_problem
from crossoptim.spec.rules import all_rules
from crossoptim.spec.trace import trace

Array = NDArray[Any]
STEPS = 30
CHANGE = 15  # the step before which the learning rate changes
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}


@dataclass(frozen=True)
class Trial(Case):
    """A case on a problem of the test's own."""

    table: Problem | None = None

    @property
    def problem(self) -> Problem:
        """The given problem, or the named one."""
        return self.table or super().problem


def trial(optimizer: str, hyper: Mapping[str, Any], problem: Problem, dtype: str = "float64", lr_after: float | None = None) -> Trial:
    """A run of 30 steps; ``lr_after`` takes over at step 15."""
    events = () if lr_after is None else (Event("set", step=CHANGE, hyper={"lr": lr_after}),)
    return Trial("trial", optimizer, dict(hyper), "", dtype, "", STEPS, events=events, table=problem)  # type: ignore[arg-type]


def table_of(rows: list[Array], start: Array) -> Problem:
    """A problem that injects these gradients, one array a step."""
    param = ProblemParam("x", start.shape, tuple(start.ravel().tolist()))
    return Problem("table", "a table", (param,), "this test", gradients=lambda step: {"x": tuple(rows[step - 1].ravel().tolist())})


def single(param: str) -> Problem:
    """One parameter of the table of injected gradients."""
    problem = get_problem("injected")
    assert problem.gradients is not None
    start = next(p for p in problem.params if p.name == param)
    rows = [np.asarray(problem.gradients(t)[param]).reshape(start.shape) for t in range(1, STEPS + 1)]
    return table_of(rows, np.asarray(start.start).reshape(start.shape))


def gradient_of(problem: Problem, dtype: str) -> Callable[[Array, int], Array]:
    """The gradient as a function of the point and the step, in double."""
    if problem.gradients is not None:
        table = problem.gradients
        return lambda theta, t: np.asarray(table(t)["x"], dtype=np.float64).reshape(theta.shape)
    gradient = problem.gradient
    assert gradient is not None
    data = SimpleNamespace(**{k: np.asarray(v, dtype=DTYPES[dtype]).astype(np.float64) for k, v in problem.data.items()})
    return lambda theta, t: gradient(None, SimpleNamespace(x=theta), data)["x"]


def ours(case: Case) -> Array:
    """The specification's path: one row a step."""
    return np.asarray(golden(case).params["x"], dtype=np.float64)


def witnessed(form: Form, case: Case) -> Array:
    """The path of a transcription, in double: one row a step."""
    values: dict[str, Any] = {**case.base.values, "lr": learning_rate(case)}
    notation = {theirs: values[name] for theirs, name in form.notation.items()}
    return np.asarray(form.function(_start(case), gradient_of(case.problem, case.dtype), case.steps, **notation))


def by_torch(binding: Binding, case: Case) -> Array:
    """The path of a torch.optim class, gradients set by hand, in double and with double as the default dtype."""
    param = torch.nn.Parameter(torch.tensor(_start(case)))
    gradient, rate, path = gradient_of(case.problem, case.dtype), learning_rate(case), []
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        optimizer = getattr(torch.optim, binding.name)([param], **arguments(case.base, binding))
        for t in range(1, case.steps + 1):
            optimizer.param_groups[0]["lr"] = rate(t)
            grad = torch.tensor(gradient(param.detach().numpy().copy(), t))
            param.grad = grad.to_sparse() if binding.gradients == "sparse" else grad
            optimizer.step()
            path.append(param.detach().numpy().copy())
    finally:
        torch.set_default_dtype(default)
    return np.asarray(path)


def torch_bindings() -> tuple[Binding, ...]:
    """What PyTorch implements of the rules that step once an evaluation, in the precision of the parameter."""
    pytorch = get_ecosystem("pytorch")
    coarse = {name for quirk in pytorch.quirks for name in quirk.bindings if any(isinstance(e, HalfPrecision) for e in quirk.effects)}
    return tuple(b for b in pytorch.bindings if b.rule != "lbfgs" and b.name not in coarse)


def learning_rate(case: Case) -> Callable[[int], float]:
    """The learning rate at a step."""
    return lambda t: case.timeline[t - 1]["x"].setting.values["lr"]


def _start(case: Case) -> Array:
    start = case.problem.params[0]
    return np.asarray(start.start, dtype=np.float64).reshape(start.shape)


def tolerance(path: Array, dtype: str) -> float:
    """Each step rounds some sixteen times at most, and an error lives on undiminished at most until the last step."""
    return float(16 * STEPS * UNIT[dtype] * np.max(np.abs(path)))


def settings_of_every_kind() -> list[Setting]:
    """Every option and every switch value, alone and with all others that go together, of every rule that steps once a gradient."""
    found: dict[str, Setting] = {}
    for rule in all_rules().values():
        if rule.kind == "closure":
            continue
        together = all_options(rule.name)
        changes: list[dict[str, Any]] = [{name: value} for name, value in rule.examples().items()]
        changes += [{s.name: value} for s in rule.switches for value in s.values]
        last = {s.name: s.values[-1] for s in rule.switches}
        for base in ({}, together, {**together, **last}):
            for change in ({}, *changes):
                hyper = {**base, **change}
                if allowed(rule.name, hyper):
                    setting = rule.resolve(hyper)
                    found.setdefault(trace(setting).id, setting)
    return list(found.values())
