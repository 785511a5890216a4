"""What an optimizer keeps for a parameter, under the keys of its class: for a class of ``torch.optim`` the keys that PyTorch has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from crossoptim.golden.oracle import initial_kept
from crossoptim.spec.model import Binding, Setting

STEP = "step"
Held = dict[str, Any]


@dataclass(eq=False)
class Age:
    """What parameters of one history share: how many updates they have had, and the numbers that the rule kept from the last one."""

    t: int
    kept: Mapping[str, float]

    @property
    def key(self) -> tuple[float, ...]:
        """Equal for equal histories."""
        return (self.t, *self.kept.values())


@dataclass(eq=False)
class Member:
    """A parameter that steps: what its optimizer keeps for it, the state tensors in that by the specification's names, and its age."""

    p: Tensor
    held: Held
    state: Mapping[str, Tensor]
    age: Age


def key_of(binding: Binding, variable: str) -> str:
    """What a class calls a state variable or a kept number; those that it does not know have the specification's name."""
    return binding.state.get(variable) or binding.kept.get(variable) or variable


def tensors(binding: Binding, setting: Setting, held: Held) -> dict[str, Tensor]:
    """The state variables that a parameter has, by the specification's names."""
    found = {var.name: held.get(key_of(binding, var.name)) for var in setting.state}
    return {name: value for name, value in found.items() if value is not None}  # PyTorch once kept None for what there was not


def age_of(binding: Binding, setting: Setting, held: Held) -> Age:
    """A parameter's age; where its class does not count, the equation asks only whether there was an update."""
    if binding.counts:
        t = int(held.get(STEP, 0))
    else:
        t = int(bool(tensors(binding, setting, held)))
    keys = {number.name: key_of(binding, number.name) for number in setting.rule.kept}
    if any(held.get(key) is None for key in keys.values()):
        return Age(t, initial_kept(setting))
    return Age(t, {name: float(held[key]) for name, key in keys.items()})


def new_count(binding: Binding, t: int) -> Tensor | int:
    """A step count as ``torch.optim`` keeps it: a 0-d tensor on the processor, of float32 unless the default dtype is float64."""
    if binding.gradients == "sparse":
        return t
    return torch.tensor(float(t), dtype=torch.float64 if torch.get_default_dtype() == torch.float64 else torch.float32)
