"""The state of ``torch.optim``'s optimizers and of crossoptim's own, saved to a file and loaded from one."""

from __future__ import annotations

from os import PathLike
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from crossoptim import __version__
from crossoptim.errors import StateMismatchError
from crossoptim.optim.base import RuleOptimizer
from crossoptim.spec.rules import get_rule
from crossoptim.state.fit import differences
from crossoptim.state.saved import Saved, SavedGroup, SavedParameter, param_key, read_state, state_key, write_state
from crossoptim.state.torch_group import Names, dtype_name, torch_groups
from crossoptim.state.torch_history import history_entry, read_history


def save_optimizer_state(optimizer: Optimizer, file: str | PathLike[str], names: Names | None = None, *, parameters: bool = True) -> None:
    """Save an optimizer's state so that it can be loaded here or in R, by this library or another that has the rule.

    The file is a safetensors file (``docs/state.md``): parameters and state in their shapes and dtypes, and in its metadata the groups with
    all hyperparameters and switches, step counts and kept numbers, under the specification's names. It is written whole or not at all.

    Args:
        optimizer: of ``torch.optim`` or of ``crossoptim.optim``.
        file: where to.
        names: names of the parameters: ``model.named_parameters()``, or a mapping; further tensors in it do not matter. Without, the names
            that the optimizer was made with (``torch.optim`` takes ``named_parameters()``), else their numbers over all groups: "0", "1", …
        parameters: whether the parameters' values are saved too.

    Raises:
        StateError: for another class, a parameter without a name, or one whose dtype is not a real floating-point one.
        HyperError: for a hyperparameter that the rule does not take.
    """
    write_state(file, snapshot(optimizer, names, parameters=parameters))


def load_optimizer_state(optimizer: Optimizer, file: str | PathLike[str], names: Names | None = None, *, parameters: bool = True) -> None:
    """Go on from a saved state: parameters, state, step counts, and the groups' hyperparameters, which replace the optimizer's own.

    Options that are none of the rule's (``foreach``, ``fused``, …) stay the optimizer's. Nothing changes where the file does not fit.

    Args:
        optimizer: as in :func:`save_optimizer_state`: of the same rule, over the same parameters in the same groups.
        file: what :func:`save_optimizer_state` wrote, in Python or in R.
        names: as in :func:`save_optimizer_state`.
        parameters: whether the parameters are loaded too; where not, they are expected to be what they were when the file was saved.

    Raises:
        StateMismatchError: where the file does not fit; its ``differences`` lists all that differs.
        StateError: where the file is missing or damaged, or as in :func:`save_optimizer_state`.
    """
    groups, saved = torch_groups(optimizer, names), read_state(file)
    found = differences(saved, [group.place for group in groups], parameters)
    if found:
        raise StateMismatchError(f"{file}: does not fit {type(optimizer).__name__}", found)
    state: dict[int, dict[str, Any]] = {}
    described = optimizer.state_dict()["param_groups"]
    for group, options, held in zip(groups, described, saved.groups, strict=True):
        options.update(group.options(options, held.setting))
        if saved.rule.converse:
            state[options["params"][0]] = history_entry(saved, group)
            continue
        for index, (name, p) in zip(options["params"], group.params.items(), strict=True):
            entry = group.entry(saved, name) or (group.start(held.setting, p) if optimizer.state.get(p) else {})
            if entry:
                state[index] = entry
    optimizer.load_state_dict({"state": state, "param_groups": described})
    if parameters:
        with torch.no_grad():
            for name, p in (pair for group in groups for pair in group.params.items()):
                p.copy_(saved.tensors[param_key(name)])


def snapshot(optimizer: Optimizer, names: Names | None = None, *, parameters: bool = True) -> Saved:
    """What :func:`save_optimizer_state` saves."""
    groups = torch_groups(optimizer, names)
    rule = get_rule(groups[0].binding.rule)
    tensors: dict[str, Tensor] = {}
    known: dict[str, SavedParameter] = {}
    for group in groups:
        iterations, length, parts = read_history(optimizer, group) if rule.converse else (0, {}, {})
        for name, p in group.params.items():
            held = optimizer.state.get(p, {})
            step, kept = (iterations, length) if rule.converse else group.numbers(held)
            found = parts[name] if rule.converse else group.found(held)
            known[name] = SavedParameter(tuple(p.shape), dtype_name(p, name), step, kept)
            tensors |= {param_key(name): _copy(p)} if parameters else {}
            tensors |= {state_key(name, var): _copy(value) for var, value in found.items()}
    own = isinstance(optimizer, RuleOptimizer)
    library = {"name": "crossoptim" if own else "torch", "version": __version__ if own else str(torch.__version__)}
    saved = tuple(SavedGroup(tuple(group.params), group.setting) for group in groups)
    return Saved(rule, saved, known, tensors, {**library, "class": type(optimizer).__name__})


def _copy(value: Tensor) -> Tensor:
    """On the CPU, contiguous, sharing memory with nothing."""
    return value.detach().to("cpu", copy=True).contiguous()
