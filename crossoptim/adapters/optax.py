"""optax, on JAX: ``python -m crossoptim.adapters optax``. float64 runs have JAX's 64-bit mode on, float32 runs have it off, as users do."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from sysconfig import get_platform
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from crossoptim.adapters.jax_arrays import JaxAdapter
from crossoptim.errors import UnavailableError
from crossoptim.runners.base import Answer, Description
from crossoptim.runners.harness import Adapter, LocalRunner, Start, States


class OptaxRunner(LocalRunner):
    """The functions of ``optax`` that make an optimizer."""

    def describe(self) -> Description:
        """Version of optax; JAX's in the details."""
        return Description(self.name, optax.__version__, get_platform(), {"jax": jax.__version__, "device": jax.default_backend()})

    def open(self, start: Start) -> Adapter:
        """``optax.<start.optimizer>``."""
        if not hasattr(optax, start.optimizer):
            raise UnavailableError(f"optax {optax.__version__} has no {start.optimizer}")
        return _Optimizer(start)

    def run(self, request: dict[str, Any], timeout: float = 0) -> Answer:
        """A run in the precision of its dtype."""
        with jax.enable_x64(request["dtype"] == "float64"):
            return super().run(request)


class _Optimizer(JaxAdapter):
    title = "optax"

    def make(self) -> None:
        self._transformation = self._transform()
        self._state = self._transformation.init(self._tree())

    def _transform(self) -> Any:
        function = getattr(optax, self.start.optimizer)
        without = "momentum" in self.arguments and signature(function).parameters["momentum"].default is None  # None there, not 0
        return function(**{key: value for key, value in self.arguments.items() if not (key == "momentum" and value == 0 and without)})

    def _tree(self) -> dict[str, Any]:
        return {name: jnp.asarray(value) for name, value in self._params.items() if name not in self.start.frozen}

    def set_options(self, group: int, arguments: Mapping[str, Any]) -> None:
        """A transformation is a pure function: one with other options goes on with the state, where that has the same parts."""
        self.arguments |= arguments
        self._transformation = self._transform()
        if jax.tree.structure(self._transformation.init(self._tree())) != jax.tree.structure(self._state):
            raise UnavailableError(f"optax.{self.start.optimizer} keeps other state with {', '.join(arguments)}")

    def step(self) -> None:
        params = self._tree()
        if missing := [name for name in params if self._gradients[name] is None]:
            raise UnavailableError(f"optax takes a gradient for each parameter at each step (here none for {missing[0]})")
        gradients = {name: jnp.asarray(self._gradients[name]) for name in params}
        updates, self._state = self._transformation.update(gradients, self._state, params)
        self._params |= {name: np.asarray(value) for name, value in optax.apply_updates(params, updates).items()}

    def state(self) -> States:
        out: States = {name: {} for name in self._params}
        for part in jax.tree.leaves(self._state, is_leaf=lambda node: hasattr(node, "_fields")):
            for var, key in self.state_names().items():
                for name, value in getattr(part, key, {}).items() if hasattr(part, "_fields") else ():
                    out[name][var] = np.asarray(value)
        return out

    def save(self) -> Any:
        return dict(self.arguments), jax.tree.map(np.asarray, self._state)  # options are no part of optax's state

    def load(self, saved: Any) -> None:
        self.arguments, held = saved
        self._transformation, self._state = self._transform(), jax.tree.map(jnp.asarray, held)


def make() -> LocalRunner:
    """The runner."""
    return OptaxRunner("optax")
