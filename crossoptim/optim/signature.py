"""The constructor of a class: what it takes, in which order, and what that means. torch is not needed to know it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from inspect import Parameter, Signature
from textwrap import wrap
from typing import Any

from crossoptim.spec.model import Binding, Rule, Switch
from crossoptim.spec.rules import get_rule

PARAMS = "params"
_WIDTH = 120
_CHOOSES_NOTHING = "kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors"
_BESIDE = {
    "foreach": _CHOOSES_NOTHING,
    "fused": _CHOOSES_NOTHING,
    "capturable": "only False: a CUDA graph would repeat the numbers of one step; torch.compile is the way there",
    "differentiable": "whether autograd sees through the step, which then runs in torch's own operations",
}
"""Arguments of torch.optim's classes that choose how a step is computed."""


def drop_in(binding: Binding) -> Binding:
    """A foreign class's binding for our class of its name, which can also be told to be the library's other class of the rule."""
    constructor = binding.constructor
    if constructor is None or not constructor.args:
        return binding
    switches = {switch.name: switch for switch in get_rule(binding.rule).switches}
    defaults = {name: constructor.spellings[name][switches[ours].default] for name, ours in constructor.args.items()}
    return replace(
        binding,
        args={**binding.args, **constructor.args},
        defaults={**binding.defaults, **defaults},
        spellings={**binding.spellings, **constructor.spellings},
    )


def left_open(rule: Rule, binding: Binding) -> list[Switch]:
    """The switches that a binding neither fixes nor has an argument for."""
    return [s for s in rule.switches if s.name not in {*binding.switches, *binding.args.values()}]


def signature(binding: Binding) -> Signature:
    """A binding's arguments and defaults, in its class's order; switches that it leaves open follow as keyword arguments."""
    constructor, positional, by_name = binding.constructor, Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
    if constructor:
        names = [name for name in constructor.order if name != "*"]
        given_by_name = {*constructor.order[constructor.order.index("*") :]} if "*" in constructor.order else set()
    else:
        names, given_by_name = list(binding.args), {*binding.keyword_only}
    defaults = {**binding.defaults, **(constructor.beside if constructor else {})}
    parameters = [Parameter(PARAMS, positional)]
    for name in names:
        kind = by_name if name in given_by_name else positional
        parameters.append(Parameter(name, kind, default=defaults.get(name, Parameter.empty)))
    parameters += [Parameter(s.name, by_name, default=s.default) for s in left_open(get_rule(binding.rule), binding)]
    return Signature(sorted(parameters, key=lambda p: p.kind))


def documentation(binding: Binding) -> str:
    """The docstring of a class."""
    lines = _documentation(get_rule(binding.rule), binding)
    return "\n".join(part for line in lines for part in (wrap(line, _WIDTH, subsequent_indent="        ") or [""]))


def _documentation(rule: Rule, binding: Binding) -> Iterator[str]:
    meaning: dict[str, Any] = {option.name: option.doc for option in rule.options()}
    preset = next((preset for preset in rule.presets if binding.switches and preset.switches == binding.switches), None)
    yield from (f"{preset.title if preset else rule.title}.", "", "Args:", f"    {PARAMS}: parameters, or dicts of parameter groups.")
    for name, parameter in signature(binding).parameters.items():
        if name in binding.args:
            ours = binding.args[name]
            said = "; ".join(meaning[key] for key in ([ours] if isinstance(ours, str) else ours))
        elif name in meaning:
            said = f"{meaning[name]}; one of {', '.join(next(s for s in rule.switches if s.name == name).values)}"
        else:
            said = _BESIDE.get(name, "")
        if said:
            default = "" if parameter.default is Parameter.empty else f" (default: {parameter.default})"
            yield f"    {name}: {said}{default}."
    if any(var.gradient_point for var in rule.state):
        yield from ("", "Where the gradient is not taken at the parameter, give ``step`` a closure, or run forward and backward inside")
        yield "``at_gradient_point()``."
    yield from ("", "Sources:", *(f"    {source}" for source in rule.sources))
