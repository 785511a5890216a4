"""Whether a saved state fits an optimizer: every difference, before anything changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from crossoptim.errors import HyperError
from crossoptim.golden.json_text import compact
from crossoptim.optim.scalars import exact_scalars
from crossoptim.spec.model import Binding, Interval, Setting, shape_beside
from crossoptim.state.saved import DTYPES, HISTORY, LENGTH, MEMORY, Saved, SavedGroup, param_key, state_key

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Place:
    """A parameter group of the optimizer: shape and dtype of its parameters by name, and how its class calls what."""

    params: Mapping[str, tuple[tuple[int, ...], str]]
    binding: Binding


def differences(saved: Saved, places: Sequence[Place], parameters: bool) -> list[str]:
    """All that keeps a saved state from being loaded; empty where it fits.

    Args:
        saved: the file's.
        places: the optimizer's groups.
        parameters: whether the parameters are to be loaded too.
    """
    rules = dict.fromkeys(place.binding.rule for place in places)
    if list(rules) != [saved.rule.name]:
        return [f"the file is of {saved.rule.name}, the optimizer is {', '.join(rules)}"]
    there = {name: known for place in places for name, known in place.params.items()}
    found = [f"parameter {name!r} is not in the file" for name in there if name not in saved.parameters]
    found += [f"the file's parameter {name!r} is not in the optimizer" for name in saved.parameters if name not in there]
    if len(saved.groups) != len(places):
        found.append(f"the file has {_count(len(saved.groups))}, the optimizer {_count(len(places))}")
    elif not found:
        for number, (group, place) in enumerate(zip(saved.groups, places, strict=True)):
            if set(group.params) != set(place.params):
                found.append(f"group {number} of the file holds {_listed(group.params)}, of the optimizer {_listed(place.params)}")
            found += _options(group.setting, place.binding, number)
    for group in saved.groups:
        for name in group.params:
            if name in there:
                found += _parameter(saved, group, name, *there[name], parameters)
    known = {param_key(name) for name in saved.parameters} | {state_key(name, v) for name in saved.parameters for v in saved.state(name)}
    return [*found, *(f"{key} is no tensor of {saved.rule.name}" for key in saved.tensors if key not in known)]


def _options(setting: Setting, binding: Binding, number: int) -> Iterator[str]:
    """The values that the class has no way to be given."""
    for switch in setting.rule.switches:
        value, foreign = setting.values[switch.name], binding.foreign(switch.name)
        takes = [binding.switches.get(switch.name, switch.default)] if foreign is None else binding.spellings.get(foreign, switch.values)
        if value not in takes:
            yield f"group {number}: {switch.name} = {value}, {binding.name} has {' or '.join(takes)}"
    for option in setting.rule.hyper:
        value, interval = setting.values[option.name], binding.bounds.get(option.name)
        if binding.foreign(option.name) is None and value != option.default:
            yield f"group {number}: {option.name} = {compact(value)}, {binding.name} has no argument for it"
        elif interval and value is not None and value not in Interval(interval):
            yield f"group {number}: {option.name} = {compact(value)}, {binding.name} takes {interval}"


def _parameter(saved: Saved, group: SavedGroup, name: str, shape: tuple[int, ...], dtype: str, parameters: bool) -> Iterator[str]:
    """What is wrong about one parameter."""
    one = saved.parameters[name]
    if one.shape != shape:
        yield f"{name} has shape {list(one.shape)} in the file, {list(shape)} in the optimizer"
    if one.dtype != dtype:
        yield f"{name} is {one.dtype} in the file, {dtype} in the optimizer"
    if parameters:
        yield from _tensor(saved, param_key(name), one.shape, one.dtype)
    held = saved.state(name)
    stepped = bool(one.step or held)
    for var in held:
        yield from _tensor(saved, state_key(name, var), _shape(saved, name, var), one.dtype)
    if not stepped:
        return
    try:
        setting = group.setting.of(one.shape)
    except HyperError as error:
        yield str(error)
        return
    wanted = MEMORY if saved.rule.converse else [var.name for var in setting.state]
    yield from (f"{state_key(name, var)} is missing" for var in wanted if var not in held)
    kept = [LENGTH] if saved.rule.converse else [var.name for var in saved.rule.kept]
    missing = [f"the kept number {var} of {name} is missing" for var in kept if var not in one.kept]
    yield from missing
    if one.step is None and not missing and (saved.rule.converse or _counts(setting, one.kept)):
        yield f"the step count of {name} is missing"


def _shape(saved: Saved, name: str, var: str) -> tuple[int, ...]:
    """A state variable's shape; of a history, as many rows as there are differences."""
    shape = saved.parameters[name].shape
    if saved.rule.converse:
        first = saved.state(name).get(HISTORY[0])
        return (len(first) if first is not None and first.ndim else 0, *shape) if var in HISTORY else shape
    return shape_beside(shape, saved.rule.state_shapes.get(var, ""))


def _tensor(saved: Saved, key: str, shape: tuple[int, ...], dtype: str) -> Iterator[str]:
    if key not in saved.tensors:
        yield f"{key} is missing"
        return
    tensor = saved.tensors[key]
    if tuple(tensor.shape) != shape:
        yield f"{key} has shape {list(tensor.shape)} (expected {list(shape)})"
    if tensor.dtype != DTYPES[dtype]:
        yield f"{key} is {_NAMES.get(tensor.dtype, tensor.dtype)} (expected {dtype})"


def _counts(setting: Setting, kept: Mapping[str, float]) -> bool:
    """Whether it matters how many updates there were, beyond the first."""
    return exact_scalars(setting, 2, kept) != exact_scalars(setting, 10**6, kept)


def _count(groups: int) -> str:
    return f"{groups} group{'' if groups == 1 else 's'}"


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(names) or "nothing"
