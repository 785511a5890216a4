"""What a state file holds, in the specification's names; reading and writing it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from crossoptim.errors import CrossoptimError, StateError
from crossoptim.golden.fixture import validate
from crossoptim.golden.json_text import compact, read_number, write_whole
from crossoptim.spec.model import Rule, Setting
from crossoptim.spec.rules import get_rule

KEY = "crossoptim"
FORMAT = "crossoptim/state/1"
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}
LENGTH = "length"
"""The number that a closure rule keeps besides its tensors: the length of the last iteration's step."""
HISTORY = ("differences", "steps")
"""What a closure rule keeps for each of its pairs, oldest first: tensors with one more axis, in front."""
MEMORY = ("gradient", "direction", *HISTORY)


@dataclass(frozen=True)
class SavedGroup:
    """A parameter group: the names of its parameters, and a value for every hyperparameter and switch."""

    params: tuple[str, ...]
    setting: Setting


@dataclass(frozen=True)
class SavedParameter:
    """A parameter: its shape and dtype, how many updates it has had (None where the library does not count), its kept numbers."""

    shape: tuple[int, ...]
    dtype: str
    step: int | None
    kept: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Saved:
    """An optimizer's state. ``tensors`` are named as in the file, and lie on the CPU; ``saved_by`` says what saved it."""

    rule: Rule
    groups: tuple[SavedGroup, ...]
    parameters: Mapping[str, SavedParameter]
    tensors: Mapping[str, Tensor]
    saved_by: Mapping[str, str] = field(default_factory=dict)

    def state(self, name: str) -> dict[str, Tensor]:
        """A parameter's state variables that are there."""
        variables = MEMORY if self.rule.converse else tuple(var.name for var in self.rule.state)
        return {var: self.tensors[key] for var in variables if (key := state_key(name, var)) in self.tensors}

    def metadata(self) -> dict[str, Any]:
        """What the file says beside its tensors."""
        return {
            "format": FORMAT,
            "library": dict(self.saved_by),
            "rule": self.rule.name,
            "groups": [{"params": list(group.params), "values": dict(group.setting.values)} for group in self.groups],
            "parameters": {
                name: {"shape": list(one.shape), "dtype": one.dtype, "step": one.step, "kept": dict(one.kept)}
                for name, one in self.parameters.items()
            },
        }


def param_key(name: str) -> str:
    """The tensor of a parameter."""
    return f"params/{name}"


def state_key(name: str, variable: str) -> str:
    """The tensor of a state variable."""
    return f"state/{name}/{variable}"


def write_state(file: str | PathLike[str], saved: Saved) -> None:
    """Write the file whole or not at all."""
    write_whole(Path(file), save(dict(saved.tensors), {KEY: compact(saved.metadata())}))


def read_state(file: str | PathLike[str]) -> Saved:
    """Read a file.

    Raises:
        StateError: where there is no such file, or it is not a safetensors file with the state of an optimizer.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118  # not a mapping
    except (OSError, SafetensorError) as error:
        raise StateError(f"{file}: not a safetensors file that can be read ({error})") from None
    if KEY not in metadata:
        raise StateError(f"{file}: no metadata {KEY!r} (expected a file of save_optimizer_state)")
    try:
        data = json.loads(metadata[KEY])
    except ValueError as error:
        raise StateError(f"{file}: metadata {KEY!r} is not JSON ({error})") from None
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise StateError(f"{file}: format {found!r} (expected {FORMAT!r})")
    try:
        validate(data, "state", file if isinstance(file, str) else str(file))
        rule = get_rule(data["rule"])
        groups = tuple(SavedGroup(tuple(group["params"]), rule.resolve(_complete(rule, group["values"]))) for group in data["groups"])
    except CrossoptimError as error:
        raise StateError(str(error) if str(error).startswith(str(file)) else f"{file}: {error}") from None
    parameters = {
        name: SavedParameter(
            tuple(one["shape"]), one["dtype"], one["step"], {key: read_number(value) for key, value in one["kept"].items()}
        )
        for name, one in data["parameters"].items()
    }
    members = [name for group in groups for name in group.params]
    if sorted(members) != sorted(parameters):
        raise StateError(f"{file}: the groups' parameters are {members} (expected each of {list(parameters)} once)")
    return Saved(rule, groups, parameters, tensors, data["library"])


def _complete(rule: Rule, values: Mapping[str, Any]) -> Mapping[str, Any]:
    missing = [option.name for option in rule.options() if option.name not in values]
    if missing:
        raise StateError(f"{rule.name}: the groups do not say {', '.join(missing)} (expected every hyperparameter and switch)")
    return values
