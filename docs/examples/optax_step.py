"""optax behind crossoptim.testing: ten lines make a StepFunction of a gradient transformation."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from crossoptim.testing import StepFunction

jax.config.update("jax_enable_x64", True)  # float64 cases need it; float32 arrays stay float32
Read = Callable[[Any], Mapping[str, Any]]


def optax_step(make: Callable[..., optax.GradientTransformation], read: Read | None = None) -> StepFunction:
    """``make(**hyper)`` as a step function; ``read(state)`` gives the state variables to be judged."""

    def start(param: np.ndarray, **hyper: Any) -> Any:
        return make(**hyper).init(jnp.asarray(param))

    def step(param: np.ndarray, grad: np.ndarray, state: Any, **hyper: Any) -> tuple[np.ndarray, Any]:
        updates, state = make(**hyper).update(jnp.asarray(grad), state, jnp.asarray(param))
        return np.asarray(optax.apply_updates(jnp.asarray(param), updates)), state

    return StepFunction(step, start, read, name=f"optax.{make.__name__}", takes=make)
