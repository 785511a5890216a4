"""What the adapters of libraries on JAX share: parameters by name, their gradients, and objectives differentiated by JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from crossoptim.errors import UnavailableError
from crossoptim.runners.harness import GroupOptions, Numbers, Start, Tensors
from crossoptim.runners.held import HeldArrays
from crossoptim.spec.conversation import Memory
from crossoptim.spec.expr import evaluate, parse


class Functions:
    """What objectives may call, beside ``+ - * / **`` and comparison."""

    exp = staticmethod(jnp.exp)
    log = staticmethod(jnp.log)
    tanh = staticmethod(jnp.tanh)
    cos = staticmethod(jnp.cos)
    sqrt = staticmethod(jnp.sqrt)
    sum = staticmethod(jnp.sum)
    where = staticmethod(jnp.where)
    matmul = staticmethod(jnp.matmul)
    transpose = staticmethod(jnp.transpose)

    @staticmethod
    def sum_rows(x: Any) -> Any:
        """The sum of each row, as a column."""
        return jnp.sum(x, axis=-1, keepdims=True)

    @staticmethod
    def sum_columns(x: Any) -> Any:
        """The sum of each column, as a vector."""
        return jnp.sum(x, axis=0)


class JaxAdapter(HeldArrays):
    """One optimizer over named parameters, without the optimizer: a library adds ``make``, ``step``, ``state``, ``save`` and ``load``."""

    title = "JAX"

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.arguments: dict[str, Any] = {}
        self._loss = self._objective()

    def _objective(self) -> Callable[[Mapping[str, Any]], Any]:
        objective = self.start.objective or {"statements": [], "data": {}}
        statements = [(label, parse(text)) for label, text in objective["statements"]]
        data = {key: np.asarray(v["data"], self.start.dtype).reshape(v["shape"]) for key, v in objective["data"].items()}

        def loss(params: Mapping[str, Any]) -> Any:
            env = {**data, **params}
            for label, expression in statements:
                env[label] = evaluate(expression, env, Functions)
            return jnp.reshape(env["loss"], ())

        return loss

    def make(self) -> None:
        """A new optimizer from ``self.arguments`` over the parameters as they are now."""
        raise NotImplementedError

    def construct(self, groups: Sequence[GroupOptions]) -> None:
        if len(groups) != 1 or set(groups[0].params) != set(self._params):
            raise UnavailableError(f"{self.title} has no parameter groups")
        self.arguments = dict(groups[0].arguments)
        self.make()

    def add_params(self, params: Tensors) -> None:
        raise UnavailableError(f"{self.title} has no parameter groups")

    def add_group(self, group: GroupOptions) -> None:
        raise UnavailableError(f"{self.title} has no parameter groups")

    def backward(self) -> float:
        loss, gradients = jax.value_and_grad(self._loss)({name: jnp.asarray(value) for name, value in self._params.items()})
        self.add_gradients({name: np.asarray(value) for name, value in gradients.items()})
        return float(loss)

    def converse(self, evaluate: Callable[[], float]) -> float:
        loss = evaluate()
        self.step()
        return loss

    def step(self) -> None:
        """One update."""
        raise NotImplementedError

    def state_names(self) -> dict[str, str]:
        """The variables to show; a velocity that no momentum carries on is none."""
        return {var: key for var, key in self.start.state.items() if var != "velocity" or self.arguments.get("momentum")}

    def kept(self) -> Numbers:
        return {}

    def memory(self) -> Memory | None:
        return None

    def assign(self, *_: Any, **__: Any) -> None:
        raise UnavailableError(f"the adapter of {self.title} has no mode lockstep")
