"""What the classes are called with: R torch's arguments as Python can spell them. torch is not needed to know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from inspect import BoundArguments, Parameter, Signature
from keyword import iskeyword
from typing import Any, Literal, get_args

from crossoptim.errors import ArgumentError, HyperError
from crossoptim.optim.signature import left_open
from crossoptim.spec.model import Binding
from crossoptim.spec.rules import get_rule
from crossoptim.spec.schedules import get_schedule

Quirks = Literal["fixed", "0.17"]
QUIRKS: tuple[Quirks, ...] = get_args(Quirks)
OPTIMIZER, LAST, VERBOSE, CHOICE = "optimizer", "last_epoch", "verbose", "quirks"


def spelled(foreign: str) -> str:
    """An argument of R as Python can spell it: ``lambda_``."""
    return f"{foreign}_" if iskeyword(foreign) else foreign


def closed(binding: Binding) -> Binding:
    """A binding that leaves no switch open: what R torch does not choose is as the specification has it."""
    switches = {switch.name: switch.default for switch in left_open(get_rule(binding.rule), binding)}
    return replace(binding, switches={**switches, **binding.switches})


def in_python(binding: Binding) -> Binding:
    """A binding with its arguments as Python can spell them."""
    return replace(
        closed(binding),
        args={spelled(foreign): ours for foreign, ours in binding.args.items()},
        defaults={spelled(foreign): value for foreign, value in binding.defaults.items()},
    )


def scheduler_signature(binding: Binding) -> Signature:
    """A scheduler's constructor."""
    defaults = {**binding.defaults, **({} if get_schedule(binding.rule).metric else {LAST: -1}), VERBOSE: False}
    names = [OPTIMIZER, *binding.args, *(name for name in defaults if name not in binding.args)]
    kind = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [Parameter(name, kind, default=defaults.get(name, Parameter.empty)) for name in names]
    return Signature([*parameters, Parameter(CHOICE, Parameter.KEYWORD_ONLY, default=None)])


def scheduler_documentation(binding: Binding) -> str:
    """A scheduler's docstring."""
    schedule = get_schedule(binding.rule)
    docs = {option.name: option.doc for option in schedule.options}
    lines = [f"{schedule.title}.", "", "Args:", f"    {OPTIMIZER}: any optimizer of torch."]
    return "\n".join([*lines, *(f"    {name}: {docs[str(ours)]}." for name, ours in binding.args.items())])


def arguments(
    name: str, taken: Signature, bind: Callable[..., BoundArguments], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """What a constructor is given, and its defaults.

    Args:
        name: what is constructed.
        taken: its signature.
        bind: of the signature: ``bind``, or ``bind_partial`` where what is missing is missed later.
        args: given by position.
        kwargs: given by name.

    Raises:
        ArgumentError: for an argument that it does not have, or that is missing.
    """
    known = taken.parameters
    unknown = next((key for key in kwargs if key not in known), None)
    if unknown:
        raise ArgumentError(f"{name} has no argument {unknown} (expected {', '.join(known)})")
    try:
        bound = bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(f"{name}: {error} (expected {', '.join(known)})") from None
    bound.apply_defaults()
    return dict(bound.arguments)


def check_quirks(name: str, quirks: object) -> None:
    """Raise :class:`HyperError` for a choice of quirks that there is not."""
    if quirks not in QUIRKS:
        raise HyperError(f"{name}: {CHOICE} = {quirks!r} is not known (expected one of {', '.join(QUIRKS)})")
