"""What an optimizer under test calls things: its arguments, its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

from crossoptim.errors import CrossoptimError
from crossoptim.spec.ecosystems.pytorch import pytorch
from crossoptim.spec.model import Binding, Setting
from crossoptim.spec.rules import resolve
from crossoptim.testing.step_function import StepFunction

Names = Mapping[str, str | tuple[str, ...] | None]
Spellings = Mapping[str, Mapping[str, Any]]


def binding_for(
    name: str,
    optimizer: str,
    tested: Callable[..., Any] | StepFunction,
    *,
    names: Names,
    spellings: Spellings,
    state: Mapping[str, str],
    variant: Mapping[str, Any],
) -> Binding:
    """The binding of an optimizer under test.

    Arguments that are not named are found in the signature: under PyTorch's names of the rule, or under the specification's.

    Args:
        name: what it is called in messages.
        optimizer: the rule or preset that it is to follow.
        tested: the optimizer.
        names: its argument → our hyperparameter or switch, or several for a vector; None for one that is not to be set.
        spellings: its argument → our value → what it calls it.
        state: our state variable → its key.
        variant: values of switches that it implements throughout.

    Raises:
        HyperError: for a switch or value that the rule does not have.
        CrossoptimError: for a name that the rule or the function does not have.
    """
    setting = resolve(optimizer, dict(variant))
    torch_style = not isinstance(tested, StepFunction)
    parameters = _signature(tested)
    known = _named(parameters)
    usual = next((b for b in pytorch.bindings if b.rule == setting.rule.name), None)
    _check(name, setting, parameters, names, state)
    own = {option.name: option.name for option in setting.rule.hyper}
    torch_names = dict(usual.args) if usual else {}
    betas = tuple(key for key in own if key in ("beta1", "beta2", "beta3"))
    vectors: dict[str, str | tuple[str, ...]] = {"betas": betas} if len(betas) > 1 else {}
    args: dict[str, str | tuple[str, ...]] = {foreign: ours for foreign, ours in names.items() if ours is not None}
    for foreign, ours in [*torch_names.items(), *vectors.items(), *own.items()] if torch_style else own.items():
        covered = {part for said in args.values() for part in _parts(said)}
        if foreign not in names and (known is None or foreign in known) and not covered & set(_parts(ours)):
            args[foreign] = ours
    return Binding(
        name,
        rule=setting.rule.name,
        args=args,
        defaults={},
        state={**(usual.state if usual and torch_style else {var.name: var.name for var in setting.rule.state}), **state},
        switches={switch.name: setting.values[switch.name] for switch in setting.rule.switches},
        spellings={**(usual.spellings if usual else {}), **spellings},
        gradients=usual.gradients if usual else "dense",
    )


def _parts(ours: str | Iterable[str]) -> list[str]:
    return [ours] if isinstance(ours, str) else list(ours)


def _signature(tested: Callable[..., Any] | StepFunction) -> list[Parameter]:
    """The parameters that may be hyperparameters."""
    if isinstance(tested, StepFunction):
        return list(signature(tested.takes).parameters.values()) if tested.takes else list(signature(tested.step).parameters.values())[3:]
    return list(signature(tested).parameters.values())[1:]


def _named(parameters: Sequence[Parameter]) -> set[str] | None:
    """The arguments that a signature names; None where it names none and takes any."""
    named = {p.name for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)}
    return None if not named and _takes_any(parameters) else named


def _takes_any(parameters: Sequence[Parameter]) -> bool:
    return any(p.kind is Parameter.VAR_KEYWORD for p in parameters)


def _check(name: str, setting: Setting, parameters: Sequence[Parameter], names: Names, state: Mapping[str, str]) -> None:
    options = [option.name for option in setting.rule.options()]
    known = _named(parameters)
    for foreign, ours in names.items():
        unknown = [part for part in _parts(ours or ()) if part not in options]
        if unknown:
            raise CrossoptimError(f"names: {setting.rule.name} has no option {unknown[0]!r} (expected one of {', '.join(options)})")
        if known is not None and foreign not in known and not _takes_any(parameters):
            raise CrossoptimError(f"names: {name} has no argument {foreign!r} (expected one of {', '.join(sorted(known))})")
    variables = [var.name for var in setting.rule.state]
    for var in state:
        if var not in variables:
            raise CrossoptimError(f"state: {setting.rule.name} has no variable {var!r} (expected one of {', '.join(variables) or 'none'})")
