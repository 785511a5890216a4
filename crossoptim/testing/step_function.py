"""An optimizer that is a function on arrays: for NumPy, JAX, or whatever else can take them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from sysconfig import get_platform
from typing import Any

import numpy as np

from crossoptim import __version__
from crossoptim.errors import RunnerError
from crossoptim.runners.base import Description
from crossoptim.runners.harness import Adapter, Array, GroupOptions, LocalRunner, Start, States
from crossoptim.runners.reference import ReferenceOptimizer
from crossoptim.runners.request import arguments
from crossoptim.spec.model import Binding
from crossoptim.spec.rules import resolve


@dataclass(frozen=True)
class StepFunction:
    """One step of one parameter as a pure function.

    Args:
        step: ``step(param, grad, state, **hyper) -> (param, state)``. Arrays come in the case's dtype and go out in it; what the state is,
            is the function's own affair.
        start: ``start(param, **hyper) -> state`` before the parameter's first step; without it the state is None then.
        read: ``read(state) -> {name: array}``, the state variables to be judged; without it, a state that is a mapping is read as it is,
            and any other is judged by what it does to the parameter.
        name: what it is called in messages; by default as the function.
        takes: the function whose signature tells the hyperparameters, where that of ``step`` does not: each argument that is named counts.
    """

    step: Callable[..., tuple[Any, Any]]
    start: Callable[..., Any] | None = None
    read: Callable[[Any], Mapping[str, Any]] | None = None
    name: str = ""
    takes: Callable[..., Any] | None = None

    @property
    def __name__(self) -> str:
        return self.name or str(getattr(self.step, "__name__", "step function"))


class StepFunctionRunner(LocalRunner):
    """Runs cases over a step function; in a closed loop the gradients are exact, at its own point."""

    def __init__(self, name: str, function: StepFunction, binding: Binding) -> None:
        super().__init__(name)
        self._function, self._binding = function, binding

    def describe(self) -> Description:
        """Version of crossoptim."""
        return Description(self.name, __version__, get_platform(), {"numpy": np.__version__})

    def open(self, start: Start) -> Adapter:
        """The function over these parameters."""
        return _Stepped(start, self._function, self._binding)


class _Stepped(ReferenceOptimizer):
    """The reference's parameters, gradients and groups; steps and states are the function's."""

    def __init__(self, start: Start, function: StepFunction, binding: Binding) -> None:
        super().__init__(start)
        self._function, self._binding = function, binding
        self._states: dict[str, Any] = {}

    def construct(self, groups: Sequence[GroupOptions]) -> None:
        super().construct(groups)
        self._states = {}

    def step(self) -> None:
        for params, values in self._groups:
            hyper = arguments(resolve(self.start.optimizer, values), self._binding)
            hyper = {key: tuple(value) if isinstance(value, list) else value for key, value in hyper.items()}
            for name in params:
                gradient, param = self._gradients[name], self._params[name]
                if gradient is None:
                    continue
                if name not in self._states:
                    self._states[name] = self._function.start(param.copy(), **hyper) if self._function.start else None
                new, self._states[name] = self._function.step(param.copy(), gradient.copy(), self._states[name], **hyper)
                self._params[name] = self._array(new, param.shape, f"params/{name}")

    def _array(self, value: Any, shape: tuple[int, ...], label: str) -> Array:
        """What the function returned, which must have the dtype and shape that it was given."""
        found = np.asarray(value)
        if found.dtype != self.start.dtype or found.shape != shape:
            got = f"{found.dtype} of shape {list(found.shape)}"
            raise RunnerError(f"{self._function.__name__} returned {label} as {got} (expected {self.start.dtype} of shape {list(shape)})")
        return found.copy()

    def state(self) -> States:
        out: States = {}
        for name, held in self._states.items():
            shown = self._function.read(held) if self._function.read else held if isinstance(held, Mapping) else {}
            out[name] = {
                var: self._array(shown[key], self._shape(var, name), f"state/{name}/{key}")
                for var, key in self._binding.state.items()
                if shown.get(key) is not None
            }
        return {name: out.get(name, {}) for name in self._params}

    def _shape(self, variable: str, name: str) -> tuple[int, ...]:
        shape = self._params[name].shape
        return next((v.shape_for(shape) for v in resolve(self.start.optimizer).rule.state if v.name == variable), shape)

    def _point(self, name: str) -> Array:
        found = self.state()[name]
        for params, values in self._groups:
            point = resolve(self.start.optimizer, values).gradient_point if name in params else None
            if point in found:
                return found[point]
        return self._params[name]

    def save(self) -> Any:
        return copy.deepcopy((self._groups, self._states))

    def load(self, saved: Any) -> None:
        self._groups, self._states = copy.deepcopy(saved)
