"""The layout of R torch's state dicts: parameters counted from 1, step counts as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from crossoptim.optim.held import STEP


def to_r(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """A state dict of ``torch.optim`` in R torch's layout."""
    groups = [{"params": [number + 1 for number in group["params"]], **_options(group)} for group in state_dict["param_groups"]]
    state = {number + 1: _counted(held) for number, held in state_dict["state"].items()}
    return {**state_dict, "param_groups": groups, "state": state}


def from_r(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """A state dict of R torch's layout in that of ``torch.optim``; tensors without elements stand for what there is not, as in ignite."""
    groups = [{"params": [number - 1 for number in group["params"]], **_options(group)} for group in state_dict["param_groups"]]
    state = {int(number) - 1: _counted(_there(held)) for number, held in state_dict["state"].items()}
    return {**state_dict, "param_groups": groups, "state": state}


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != "params"}


def _counted(held: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter's state with its step count as a number."""
    return {key: float(value) if key == STEP else value for key, value in held.items()}


def _there(held: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in held.items() if not isinstance(value, Tensor) or value.numel()}
