"""What the classes are called with: R torch's arguments as Python can spell them. torch is not needed to know it."""

from __future__ import annotations

from dataclasses import replace
from inspect import Parameter, Signature
from keyword import iskeyword
from typing import Literal, get_args

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
