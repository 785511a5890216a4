"""The specification's NumPy reference as a runner. It never loads torch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from sysconfig import get_platform
from typing import Any

import mpmath
import numpy as np

from crossoptim import __version__
from crossoptim.errors import HyperError, UnavailableError
from crossoptim.golden import oracle, reference
from crossoptim.golden.case import Membership
from crossoptim.golden.closure import ReferenceStepper
from crossoptim.golden.trajectory import initial_state, step_env
from crossoptim.runners import reference_schedule
from crossoptim.runners.base import Description
from crossoptim.runners.harness import Adapter, Array, GroupOptions, LocalRunner, Numbers, Start, States, Tensors
from crossoptim.runners.held import HeldArrays
from crossoptim.spec.conversation import Memory
from crossoptim.spec.emit.objective import objective_text
from crossoptim.spec.model import Problem
from crossoptim.spec.problems import all_problems
from crossoptim.spec.refusals import misplaced
from crossoptim.spec.rules import resolve
from crossoptim.spec.trace import trace


class ReferenceRunner(LocalRunner):
    """Replay and lockstep by the reference; closed loop with exact gradients, rounded once, at its own point."""

    def describe(self) -> Description:
        """Version of crossoptim, and of what it computes with."""
        return Description(self.name, __version__, get_platform(), {"numpy": np.__version__, "mpmath": mpmath.__version__})

    def open(self, start: Start) -> Adapter:
        """An optimizer under the specification's names."""
        return ReferenceOptimizer(start)

    def schedule(self, request: Mapping[str, Any], at: list[str]) -> dict[str, Any]:
        """A schedule under the specification's names."""
        return reference_schedule.run(request, at)


make = ReferenceRunner


class ReferenceOptimizer(HeldArrays):
    """The rule over arrays: parameters, gradients and groups under the specification's names, steps by the reference."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self._groups: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        self._state: States = {}
        self._count: dict[str, int] = {}
        self._kept: dict[str, dict[str, float]] = {}
        self._stepper: ReferenceStepper | None = None

    def construct(self, groups: Sequence[GroupOptions]) -> None:
        self._groups = []
        self._state = {name: {} for name in self._params}
        self._count = dict.fromkeys(self._params, 0)
        self._kept = {}
        self._stepper = None
        if not groups:
            self._require_places([])
        for group in groups:
            self.add_group(group)

    def _require_places(self, groups: Sequence[Sequence[str]]) -> None:
        if sentence := misplaced(self.start.optimizer, groups):
            raise HyperError(sentence)

    def add_params(self, params: Tensors) -> None:
        self._params.update({name: value.copy() for name, value in params.items()})
        self._gradients.update(dict.fromkeys(params))
        self._state.update({name: {} for name in params})
        self._count.update(dict.fromkeys(params, 0))

    def add_group(self, group: GroupOptions) -> None:
        self._require_places([*(params for params, _ in self._groups), group.params])
        self._groups.append((group.params, dict(resolve(self.start.optimizer, dict(group.arguments)).values)))

    def set_options(self, group: int, arguments: Mapping[str, Any]) -> None:
        if not 0 <= group < len(self._groups):
            raise HyperError(f"{self.start.optimizer}: group {group} does not exist (expected 0 to {len(self._groups) - 1})")
        values = self._groups[group][1]
        values.update(resolve(self.start.optimizer, {**values, **arguments}).values)

    def backward(self) -> float:
        points = {name: self._point(name) for name in self._params}
        self.add_gradients(oracle.gradient(self._problem, points, self.start.dtype))
        return oracle.loss(self._problem, points, self.start.dtype)

    @cached_property
    def _problem(self) -> Problem:
        """Exact gradients are known for the specification's own objectives only."""
        for problem in all_problems().values():
            if problem.value is not None and objective_text(problem) == self.start.objective:
                return problem
        raise UnavailableError("the reference knows exact gradients of the specification's problems only (crossoptim list)")

    def _point(self, name: str) -> Array:
        for params, values in self._groups:
            point = resolve(self.start.optimizer, values).gradient_point if name in params else None
            if point in self._state[name]:
                return self._state[name][point]
        return self._params[name]

    def step(self) -> None:
        for number, (params, values) in enumerate(self._groups):
            base = resolve(self.start.optimizer, values)
            for index, name in enumerate(params, 1):
                gradient, param = self._gradients[name], self._params[name]
                setting = base.of(param.shape)
                equation = trace(setting)
                if gradient is None:
                    continue
                self._count[name] += setting.counts
                state = self._state[name]
                for var in setting.state:
                    if var.name not in state:
                        state[var.name] = initial_state(var, setting.reals, param, gradient)
                current = {var.name: state[var.name] for var in setting.state}
                if not self._kept.get(name):
                    self._kept[name] = oracle.initial_kept(setting)
                scalars = oracle.rounded_scalars(setting, self._count[name], self._kept[name])
                self._kept[name] = oracle.kept_after(scalars)
                env = step_env(Membership(setting, number, index), scalars, param, gradient, current)
                outputs = reference.step(equation, env, self.start.dtype)
                self._params[name] = outputs.pop("p")
                state.update(outputs)

    def converse(self, evaluate: Callable[[], float]) -> float:
        names, values = self._groups[0]
        setting = resolve(self.start.optimizer, values)
        if not setting.rule.converse:
            return self._converse_once(evaluate)
        if self._stepper is None:
            self._stepper = ReferenceStepper({name: self._params[name].shape for name in names}, self.start.dtype)
        losses: list[float] = []

        def answer(point: Tensors) -> tuple[float, Mapping[str, Array | None]]:
            self._params.update(point)
            losses.append(evaluate())
            return losses[-1], self.gradients()

        end, _ = self._stepper.step(setting, self._params, answer)
        self._params.update(end)
        return losses[0]

    def _converse_once(self, evaluate: Callable[[], float]) -> float:
        params = dict(self._params)
        self._params.update({name: self._point(name) for name in params})
        try:
            loss = evaluate()
        finally:
            self._params.update(params)
        self.step()
        return loss

    def state(self) -> States:
        return {
            name: {var: self._state[name][key] for var, key in self.start.state.items() if key in self._state[name]}
            for name in self._params
        }

    def kept(self) -> Numbers:
        return {name: dict(numbers) for name, numbers in self._kept.items()}

    def save(self) -> Any:
        return copy.deepcopy((self._groups, self._state, self._count, self._kept, self._stepper))

    def load(self, saved: Any) -> None:
        self._groups, self._state, self._count, self._kept, self._stepper = copy.deepcopy(saved)

    def memory(self) -> Memory | None:
        if not resolve(self.start.optimizer).rule.converse:
            return None
        return Memory() if self._stepper is None else self._stepper.memory

    def assign(self, params: Tensors, state: States, count: Mapping[str, int], kept: Numbers, memory: Memory | None = None) -> None:
        self._params.update(params)
        self._kept.update({name: dict(numbers) for name, numbers in kept.items()})
        for name, number in count.items():
            self._count[name] = number
            self._state[name] = {self.start.state[var]: value for var, value in state.get(name, {}).items()}
        if memory is not None:
            self._stepper = ReferenceStepper({name: self._params[name].shape for name in self._groups[0][0]}, self.start.dtype)
            length = None if memory.length is None else reference.DTYPES[self.start.dtype](memory.length)
            self._stepper.memory = replace(memory, length=length)
