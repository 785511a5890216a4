"""What a class says when it refuses something: our sentence, and in parentheses that of its PyTorch namesake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from crossoptim.errors import ArgumentError, HyperError, UnsupportedError
from crossoptim.spec.ecosystems.pytorch_input import REFUSALS
from crossoptim.spec.model import Binding, Hyper, Interval, Real, Setting, Switch
from crossoptim.spec.refusals import words
from crossoptim.spec.rules import get_rule


def with_torchs(binding: Binding, sentence: str, *keys: str, value: Any = "", argument: str | None = None) -> str:
    """The sentence, and what PyTorch says of the case, if it says something: the first of the keys that its table of refusals has."""
    theirs = words(REFUSALS, binding, keys, value, argument) if binding.constructor else ""
    if not theirs:
        return sentence
    return f"{sentence} ({theirs})" if str(value) in theirs else f"{sentence} ({theirs}: {value})"


def refused(binding: Binding, values: Mapping[str, Any], error: HyperError) -> HyperError:
    """The error of a class whose options, in the specification's words ``values``, a rule refused with ``error``."""
    rule = get_rule(binding.rule)
    sentence = str(error)
    if binding.constructor:
        sentence = binding.name + sentence.removeprefix(rule.name)
    option = next((o for o in rule.options() if o.name in values and _refuses(o, rule.name, values[o.name])), None)
    if option is None:
        return HyperError(with_torchs(binding, sentence, "constraint"))
    value, argument = values[option.name], binding.foreign(option.name)
    if not isinstance(option, Real) or argument is None:
        return HyperError(sentence)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ArgumentError(sentence)
    if value in Interval(binding.bounds.get(option.name, option.interval)):
        return HyperError(sentence)  # which PyTorch takes
    parts = binding.args[argument]
    if not isinstance(parts, str) and len({words(REFUSALS, binding, (part, "*"), "", argument) for part in parts}) == 1:
        value = ", ".join(str(values[part]) for part in parts)  # PyTorch has one sentence for all of them
    return HyperError(with_torchs(binding, sentence, option.name, "*", value=value, argument=argument))


def _refuses(option: Hyper | Switch, rule: str, value: Any) -> bool:
    try:
        option.validate(rule, value)
    except HyperError:
        return True
    return False


def check_machine(binding: Binding, options: Mapping[str, Any]) -> None:
    """Refuse what PyTorch refuses of the arguments that choose how a step is computed, and what our classes cannot do.

    Raises:
        UnsupportedError: for two that exclude each other, or ``capturable``.
    """
    on = {name for name in ("foreach", "fused", "differentiable", "capturable") if options.get(name)}
    for first, second in (("differentiable", "fused"), ("foreach", "fused")):
        if {first, second} <= on:
            sentence = f"{binding.name}: {first} and {second} are both True (expected one of them)"
            raise UnsupportedError(with_torchs(binding, sentence, f"{first} and {second}"))
    if "capturable" in on:
        raise UnsupportedError(
            f"{binding.name}: capturable = True is not supported (expected False: a CUDA graph repeats one step's numbers)"
        )


_SPARSE = ("sgd", "adagrad", "sparse_adam")
"""The rules whose optimizers take sparse gradients in PyTorch."""


def check_gradient(binding: Binding, setting: Setting, p: Tensor, grad: Tensor) -> None:
    """Refuse a gradient that the rule cannot take.

    Raises:
        UnsupportedError: for a sparse one, or one of another layout than torch.strided, or a complex one where the rule reduces.
    """
    name = binding.name
    if setting.rule.kind == "reducing" and p.is_complex():
        _unsupported(binding, f"{name}: a parameter is complex (expected a real one)", "complex parameter")
    if grad.layout is torch.strided:
        return
    if not grad.is_sparse:
        raise UnsupportedError(f"{name}: a gradient has layout {grad.layout} (expected torch.strided or torch.sparse_coo)")
    if setting.rule.name not in _SPARSE:
        _unsupported(binding, f"{name}: a gradient is sparse (expected a dense one)", "sparse gradient")
    if setting.values.get("weight_decay"):
        sentence = f"{name}: a gradient is sparse (expected a dense one, or weight_decay = 0)"
        _unsupported(binding, sentence, "decayed sparse gradient")


def _unsupported(binding: Binding, sentence: str, key: str) -> None:
    raise UnsupportedError(with_torchs(binding, sentence, key, argument=binding.name))


def check_tensors(binding: Binding, options: Mapping[str, Any]) -> None:
    """Refuse hyperparameters that are tensors where PyTorch does.

    Raises:
        HyperError: for a tensor beside a number in one argument, or with ``foreach``, in the classes whose namesakes refuse that.
    """
    for argument, ours in binding.args.items():
        given = options[argument]
        parts: Sequence[Any] = [given] if isinstance(ours, str) or not isinstance(given, tuple | list) else given
        tensors = [isinstance(part, Tensor) for part in parts]
        if any(tensors) and options.get("foreach"):
            label = argument if isinstance(ours, str) else f"{argument}[{tensors.index(True)}]"
            _refuse(binding, f"{label} is a tensor, and foreach = True (expected a number)", "foreach tensor", label)
        if any(tensors) and not all(tensors):
            _refuse(binding, f"{argument} are numbers and tensors (expected either)", "mixed tensors", argument)


def _refuse(binding: Binding, sentence: str, key: str, argument: str) -> None:
    """Raise, if PyTorch's table has the case."""
    whole = with_torchs(binding, sentence, key, argument=argument)
    if whole != sentence:
        raise HyperError(f"{binding.name}: {whole}")
