"""One parameter's step as R torch's released classes take it: the equation with their quirks applied, on torch tensors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from crossoptim.errors import CrossoptimError
from crossoptim.golden.oracle import step_scalars
from crossoptim.optim.closure import TensorWords
from crossoptim.optim.held import STEP, Held, age_of, key_of, tensors
from crossoptim.optim.namespace import Tensors
from crossoptim.spec.edit import apply, float32_scalars
from crossoptim.spec.expr import Expr, evaluate, names, parsed
from crossoptim.spec.model import Binding, Effect, Quirk, QuirkSite, Raises, Setting, StartsAs
from crossoptim.spec.trace import GRAD, NEW, PARAM, Equation, trace
from crossoptim.spec.trace import STEP as AGE

Pairs = tuple[tuple[str, float], ...]


class ReleasedError(RuntimeError):
    """What R torch raises here, in its own words."""


def bearing(quirks: Iterable[Quirk], site: QuirkSite) -> list[Quirk]:
    """The quirks that hold at a place.

    Raises:
        ReleasedError: where one of them is an error.
    """
    found = [quirk for quirk in quirks if quirk.when(site)]
    for quirk in found:
        for effect in quirk.effects:
            if isinstance(effect, Raises):
                raise ReleasedError(f"{quirk.bindings[0]}: {effect.message}: {quirk.title} (see {quirk.id})")
    return found


class Words(TensorWords):
    """The conversation's namespace, in which some numbers are float32 ones.

    Args:
        float32: their names.
    """

    def __init__(self, float32: Collection[str]) -> None:
        self._float32 = float32

    def named(self, name: str, value: Any) -> Any:
        """Rounded to float32 where it is one of those."""
        if name not in self._float32:
            return value
        return value.float().to(value.dtype) if isinstance(value, Tensor) else float(torch.tensor(value, dtype=torch.float32))


def step(
    binding: Binding,
    setting: Setting,
    quirks: Sequence[Quirk],
    first: Mapping[str, float],
    p: Tensor,
    grad: Tensor,
    index: int,
    held: Held,
) -> None:
    """One step in place.

    Args:
        binding: the class: under which keys ``held`` has what.
        setting: of the parameter's group.
        quirks: those that hold here.
        first: the real hyperparameters that the constructor was given.
        p: the parameter.
        grad: its gradient, which some quirks change.
        index: the parameter's number in its group, from 1.
        held: the parameter's state.
    """
    effects = tuple(effect for quirk in quirks for effect in quirk.effects)
    equation = apply(trace(setting), effects)
    age = age_of(binding, setting, held)
    t = age.t + setting.counts
    scalars = _scalars(equation, effects, tuple(setting.reals.items()), t, tuple(age.kept.items()))
    begin(binding, setting, quirks, first, p, grad, held)
    before = {**tensors(binding, setting, held), PARAM: p, GRAD: grad}
    env: dict[str, Any] = {**setting.reals, **scalars, **age.kept, **before, "index": float(index)}
    memo: dict[int, Any] = {}
    after = {name: evaluate(root, env, Tensors, memo) for name, root in equation.outputs.items()}
    for name, value in after.items():
        before[name].copy_(value)
    if setting.counts:
        held.update({STEP: t} if binding.counts else {}, **{key_of(binding, name): scalars[name + NEW] for name in age.kept})


def begin(
    binding: Binding, setting: Setting, quirks: Sequence[Quirk], first: Mapping[str, float], p: Tensor, grad: Tensor, held: Held
) -> None:
    """Make the state that is not there yet; arguments as those of :func:`step`."""
    starts = {effect.variable: effect for quirk in quirks for effect in quirk.effects if isinstance(effect, StartsAs)}
    for var in setting.state:
        if key_of(binding, var.name) not in held:
            start = starts.get(var.name)
            held[key_of(binding, var.name)] = _start(start.init if start else var.init, first if start else setting.reals, p, grad)
    if setting.counts and binding.counts:
        held.setdefault(STEP, 0)


def _start(init: str, reals: Mapping[str, float], p: Tensor, grad: Tensor) -> Tensor:
    value = evaluate(parsed(init), {**reals, PARAM: p, GRAD: grad}, Tensors)
    return value.clone() if isinstance(value, Tensor) else torch.full_like(p, value)


@lru_cache(maxsize=1024)  # the parameters of one age share them
def _scalars(equation: Equation, effects: tuple[Effect, ...], reals: Pairs, t: int, kept: Pairs) -> Mapping[str, float]:
    """The numbers of a step, exact and rounded once to double; those that R torch makes in float32 made so."""
    made = {name: float(value) for name, value in step_scalars(equation, dict(reals), t, dict(kept)).items()}
    low = {name: how for name, how in float32_scalars(effects).items() if name in made}
    env = dict((*reals, *kept, (AGE, t)))
    return {**made, **{name: _in_float32(equation.scalars[name], how, env) for name, how in low.items()}}


def _in_float32(root: Expr, operations: str, env: Mapping[str, float]) -> float:
    """A scalar as tensors of one float32 number make it, in the operations that R torch itself calls."""
    if operations != "all":
        raise CrossoptimError(f"rtorch: float32 in {operations!r} operations is not known (expected all)")
    numbers = {name: torch.tensor(env[name], dtype=torch.float32) for name in names(root)}
    return float(evaluate(root, numbers, Tensors))
