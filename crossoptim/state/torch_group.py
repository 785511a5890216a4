"""The parameter groups of a torch optimizer in the specification's names: what is saved of them, and what is loaded into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from crossoptim.errors import StateError
from crossoptim.optim.base import RuleOptimizer
from crossoptim.optim.held import STEP, key_of, new_count
from crossoptim.optim.setting import read_setting
from crossoptim.runners.request import arguments
from crossoptim.spec.ecosystems.pytorch import pytorch
from crossoptim.spec.expr import evaluate, parse
from crossoptim.spec.expr import names as names_in
from crossoptim.spec.model import Binding, Setting
from crossoptim.state.fit import Place
from crossoptim.state.saved import DTYPES, Saved

Names = Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]

_TORCH = {binding.name: binding for binding in pytorch.bindings}
_DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class TorchGroup:
    """A parameter group: its parameters by name, its setting, and how its class calls what.

    ``state`` and ``kept`` map the specification's names to the keys of the library's state; ``own``: whether it is one of ours.
    """

    params: Mapping[str, Tensor]
    setting: Setting
    binding: Binding
    state: Mapping[str, str]
    kept: Mapping[str, str]
    own: bool

    @property
    def place(self) -> Place:
        """What a saved group must fit."""
        return Place({name: (tuple(p.shape), dtype_name(p, name)) for name, p in self.params.items()}, self.binding)

    def found(self, held: Mapping[str, Any]) -> dict[str, Tensor]:
        """The state variables in a parameter's state."""
        return {var: held[key] for var, key in self.state.items() if held.get(key) is not None}

    def numbers(self, held: Mapping[str, Any]) -> tuple[int | None, dict[str, float]]:
        """A parameter's step count, None where the library does not count, and its kept numbers."""
        kept = {var: float(held[key]) for var, key in self.kept.items() if key in held}
        if "step" in held:
            return int(held["step"]), kept
        return (None if self.found(held) else 0), kept

    def entry(self, saved: Saved, name: str) -> dict[str, Any]:
        """A parameter's saved state as the library keeps it; empty where it has had no update."""
        one, held = saved.parameters[name], saved.state(name)
        if not (one.step or held):
            return {}
        tensors = {self.state[var]: value.clone() for var, value in held.items() if var in self.state}
        kept = {self.kept[var]: self._number(value) for var, value in one.kept.items()}
        # a library that does not count says only that there was an update
        return {**self._count(1 if one.step is None else one.step), **tensors, **kept}

    def start(self, setting: Setting, p: Tensor) -> dict[str, Any]:
        """The state before the first update, for a class that makes it early.

        Empty where it depends on more than hyperparameters, or the class would take it for one after an update.
        """
        variables, count = setting.of(tuple(p.shape)).state, self._count(0)
        starts = {var: parse(var.init) for var in variables}
        if not count or setting.rule.kept or any(set(names_in(root)) - set(setting.reals) for root in starts.values()):
            return {}
        shapes = {var: var.shape_for(tuple(p.shape)) for var in variables}
        full = {self.state[var.name]: p.new_full(shapes[var], evaluate(root, setting.reals, None)) for var, root in starts.items()}
        return {**count, **full}

    def options(self, now: Mapping[str, Any], setting: Setting) -> Iterator[tuple[str, Any]]:
        """A setting as options of the class."""
        unset = self.binding.constructor.unset if self.binding.constructor else {}
        for key, value in arguments(setting, self.binding).items():
            if isinstance(now[key], Tensor):
                yield key, now[key].new_tensor(value)
            elif value is None and key in unset:
                yield key, unset[key](setting.values)
            else:
                yield key, tuple(value) if isinstance(value, list) else value

    def _number(self, value: float) -> Any:
        """A number as the library keeps it; a float64 tensor is what ``load_state_dict`` casts without loss."""
        return value if self.own else torch.tensor(value, dtype=torch.float64)

    def _count(self, step: int) -> dict[str, Any]:
        """A step count as the library keeps it; empty where it keeps none."""
        return {STEP: new_count(self.binding, step)} if self.binding.counts else {}


def torch_groups(optimizer: Optimizer, names: Names | None) -> list[TorchGroup]:
    """The groups of an optimizer of ``torch.optim`` or of ours.

    Raises:
        StateError: for another class, or names that are missing or not unique.
        HyperError: for a hyperparameter that the rule does not take.
    """
    out = []
    for named, group in zip(_named(optimizer, names), optimizer.param_groups, strict=True):
        options = {key: _plain(value) for key, value in group.items()}
        binding = _binding(optimizer, group)
        if isinstance(optimizer, RuleOptimizer):
            setting, rule = optimizer.setting(options), optimizer.rule
            state = {var.name: key_of(binding, var.name) for var in rule.state}
            kept = {var.name: key_of(binding, var.name) for var in rule.kept}
            out.append(TorchGroup(named, setting, binding, state, kept, own=True))
        else:
            out.append(TorchGroup(named, read_setting(binding, options), binding, binding.state, binding.kept, own=False))
    return out


def dtype_name(p: Tensor, name: str) -> str:
    """The dtype as the file calls it; raises :class:`StateError` where it has no name there."""
    if p.dtype not in _DTYPE_NAMES:
        raise StateError(f"parameter {name!r} is {p.dtype} (expected {', '.join(DTYPES)})")
    return _DTYPE_NAMES[p.dtype]


def _plain(option: Any) -> Any:
    """An option without tensors of one number."""
    if isinstance(option, tuple):
        return tuple(map(_plain, option))
    return option.item() if isinstance(option, Tensor) and option.numel() == 1 else option


def _binding(optimizer: Optimizer, group: Mapping[str, Any]) -> Binding:
    """How the optimizer's class calls what."""
    if isinstance(optimizer, RuleOptimizer):
        binding = optimizer.binding
        open_switches = {s.name: s.name for s in optimizer.rule.switches if s.name in group and s.name not in binding.args}
        return replace(binding, args={**binding.args, **open_switches})
    for kind in type(optimizer).__mro__:
        if kind.__name__ in _TORCH and getattr(torch.optim, kind.__name__, None) is kind:
            decoupled = kind.__name__ == "Adam" and group.get("decoupled_weight_decay")
            return _TORCH["AdamW" if decoupled else kind.__name__]
    found = f"{type(optimizer).__module__}.{type(optimizer).__name__}"
    raise StateError(f"{found} is not known (expected an optimizer of crossoptim.optim, or of torch.optim: {', '.join(_TORCH)})")


def _named(optimizer: Optimizer, names: Names | None) -> list[dict[str, Tensor]]:
    """The parameters of each group by name."""
    groups = optimizer.param_groups
    if names is not None:
        given = {id(tensor): name for name, tensor in reversed(list(names.items() if isinstance(names, Mapping) else names))}
        missing = [list(p.shape) for group in groups for p in group["params"] if id(p) not in given]
        if missing:
            raise StateError(f"names: a parameter of shape {missing[0]} has none (expected one for each parameter of the optimizer)")
        labels = [[given[id(p)] for p in group["params"]] for group in groups]
    elif all("param_names" in group for group in groups):
        labels = [list(group["param_names"]) for group in groups]
    else:
        numbers = iter(range(sum(len(group["params"]) for group in groups)))
        labels = [[str(next(numbers)) for _ in group["params"]] for group in groups]
    flat = [label for column in labels for label in column]
    double = sorted({label for label in flat if flat.count(label) > 1})
    if double:
        raise StateError(f"names: {', '.join(double)} is the name of two parameters (expected each once)")
    return [dict(zip(column, group["params"], strict=True)) for column, group in zip(labels, groups, strict=True)]
