"""optax under ``jax.jit``; parameters and state are donated, so that XLA may write in place. XLA takes all processors of the process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
import torch
from torch import Tensor

from crossoptim import optim
from crossoptim.optim.setting import read_setting
from crossoptim.runners.request import arguments
from crossoptim.spec.ecosystems import get_ecosystem

UNBOUND = {
    "Adan": optax.adan,
    "ADOPT": optax.contrib.adopt,
    "MADGRAD": optax.contrib.madgrad,
    "Rprop": optax.rprop,
    "ScheduleFreeAdamW": optax.contrib.schedule_free_adamw,
    "ScheduleFreeSGD": optax.contrib.schedule_free_sgd,
}
"""What optax has of our rules beyond the bindings of its ecosystem; taken with its own defaults."""


def transformation(optimizer: str) -> Any:
    """What optax has for the rule, with our defaults: in our variant where it has that, else in its own; None where it has none."""
    binding = optim.bindings()[optimizer]
    setting = read_setting(binding, {"lr": 1e-3, **binding.defaults})
    same_rule = [theirs for theirs in get_ecosystem("optax").bindings if theirs.rule == binding.rule]
    if not same_rule:
        return UNBOUND[optimizer](learning_rate=setting.values["lr"]) if optimizer in UNBOUND else None
    theirs = max(same_rule, key=lambda one: one.implements(setting))
    given = arguments(setting, theirs)
    left_out = [key for key, value in given.items() if not value and theirs.defaults.get(key, 0) is None]  # None there, not 0
    return getattr(optax, theirs.name)(**{key: value for key, value in given.items() if key not in left_out})


class Stepper:
    """The step of one transformation on arrays of its own; each call takes one, and waits for it."""

    def __init__(self, transformation: Any, tensors: list[Tensor]) -> None:
        self._wide = partial(jax.enable_x64, tensors[0].dtype == torch.float64)
        device = jax.devices(_platform(tensors))[0]

        def step(gradients: Any, params: Any, state: Any) -> Any:
            updates, state = transformation.update(gradients, state, params)
            return optax.apply_updates(params, updates), state

        self._step = jax.jit(step, donate_argnums=(1, 2))
        with self._wide():
            self.params = [jax.device_put(t.detach().cpu().numpy(), device, may_alias=False) for t in tensors]
            self._gradients = [jax.device_put(t.grad.cpu().numpy(), device) for t in tensors if t.grad is not None]
            self._state = jax.tree.map(jnp.copy, transformation.init(self.params))  # which may hold the parameters themselves

    def __call__(self) -> None:
        """One step."""
        with self._wide():
            self.params, self._state = jax.block_until_ready(self._step(self._gradients, self.params, self._state))


def stepper(optimizer: str, parameters: Callable[[], list[Tensor]]) -> Stepper | None:
    """The step under ``jax.jit``, or None where optax has not the rule, or JAX not the device."""
    made = transformation(optimizer)
    tensors = parameters()
    return None if made is None or _platform(tensors) not in ("cpu", jax.default_backend()) else Stepper(made, tensors)


def _platform(tensors: list[Tensor]) -> str:
    return "gpu" if tensors[0].is_cuda else "cpu"
