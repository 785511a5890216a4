"""Keras 3 on its JAX backend: ``python -m crossoptim.adapters keras``. ``floatx`` is the dtype of the run."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from sysconfig import get_platform
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np

from crossoptim.adapters.jax_arrays import JaxAdapter
from crossoptim.errors import UnavailableError
from crossoptim.runners.base import Answer, Description
from crossoptim.runners.harness import Adapter, LocalRunner, Start, States

_COUNTING = ("Adam", "AdamW", "Adamax", "Nadam")


class KerasRunner(LocalRunner):
    """The classes of ``keras.optimizers``."""

    def describe(self) -> Description:
        """Version of Keras; JAX's in the details."""
        return Description(self.name, keras.__version__, get_platform(), {"backend": "jax", "jax": jax.__version__})

    def open(self, start: Start) -> Adapter:
        """``keras.optimizers.<start.optimizer>``."""
        if not hasattr(keras.optimizers, start.optimizer):
            raise UnavailableError(f"keras.optimizers {keras.__version__} has no class {start.optimizer!r}")
        return _Optimizer(start)

    def run(self, request: dict[str, Any], timeout: float = 0) -> Answer:
        """A run in the precision of its dtype."""
        keras.config.set_floatx(request["dtype"])
        with jax.enable_x64(request["dtype"] == "float64"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # gradients that do not exist are part of a case
            return super().run(request)


class _Optimizer(JaxAdapter):
    title = "Keras"

    def make(self) -> None:
        given = {key: value for key, value in self.arguments.items() if not (key == "weight_decay" and value == 0)}  # None there, not 0
        self._optimizer = getattr(keras.optimizers, self.start.optimizer)(**given)
        self._variables = {
            name: keras.Variable(value, dtype=self.start.dtype, name=name)
            for name, value in self._params.items()
            if name not in self.start.frozen
        }
        self._optimizer.build(list(self._variables.values()))

    def set_options(self, group: int, arguments: Mapping[str, Any]) -> None:
        if set(arguments) != {"learning_rate"}:
            raise UnavailableError(f"of a Keras optimizer only learning_rate can be set (not {', '.join(arguments)})")
        self._optimizer.learning_rate = arguments["learning_rate"]

    def step(self) -> None:
        gradients = [self._gradients[name] for name in self._variables]
        if self.start.optimizer in _COUNTING and any(gradient is None for gradient in gradients):
            raise UnavailableError(f"{self.start.optimizer} counts the steps of all parameters together (here one has no gradient)")
        self._optimizer.apply([None if g is None else keras.ops.convert_to_tensor(g) for g in gradients])
        self._params |= {name: np.array(variable) for name, variable in self._variables.items()}

    def state(self) -> States:
        out: States = {name: {} for name in self._params}
        for var, key in self.state_names().items():
            for name, held in zip(self._variables, getattr(self._optimizer, key, ()), strict=False):
                out[name][var] = np.array(held)
        return out

    def save(self) -> Any:
        store: dict[str, Any] = {}
        self._optimizer.save_own_variables(store)
        return store

    def load(self, saved: Any) -> None:
        self._optimizer.load_own_variables(saved)


def make() -> LocalRunner:
    """The runner."""
    return KerasRunner("keras")
