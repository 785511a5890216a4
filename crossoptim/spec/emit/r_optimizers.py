"""Our optimizers for R torch as R code: the table of what they call things, and for each rule and preset a documented function."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from crossoptim.spec.model import Binding, Flag, Hyper, Rule, Switch
from crossoptim.spec.r_functions import r_functions
from crossoptim.spec.rules import all_presets, get_rule

WIDTH = 120
_TABLE = "# Of each function: its optimizer, and what it calls the specification's options, state variables and kept numbers."
_PARAMS = (
    "A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by name, the options in which"
    " a group differs."
)
_AT_POINT = (
    "Where the gradient is not taken at the parameter, give `$step()` a closure, or run forward and backward inside"
    " `$at_gradient_point()`: see [crossoptim_optimizers]."
)
_CHOOSES_POINTS = (
    "It chooses itself where to evaluate: `$step()` needs a closure that zeroes the gradients, computes the loss, calls `$backward()` and"
    " returns the loss; it is called as often as the optimizer wants, with the parameters set to where it wants them. `$step()` returns the"
    " first of these losses. All parameters form one vector: one group, of one dtype and device. A step that fails leaves the parameters"
    " where they were."
)


def r_optimizers() -> str:
    """The whole of ``optimizers-generated.R``."""
    bindings = dict(sorted(r_functions().items()))
    head = "# Made by `crossoptim generate` from the specification: not to be edited by hand."
    names = ",\n".join(f"  {binding.name} = {_names(name, binding)}" for name, binding in bindings.items())
    table = f"{_TABLE}\noptimizer_bindings <- list(\n{names}\n)"
    return "\n\n".join([head, table, *(_function(name, binding) for name, binding in bindings.items())]) + "\n"


def _function(name: str, binding: Binding) -> str:
    documentation = "\n".join(f"#' {line}".rstrip() for line in _documentation(name, get_rule(binding.rule), binding))
    formals = ["params", *(f"{key} = {_value(binding.defaults[key])}" if key in binding.defaults else key for key in binding.args)]
    signature = _call(f"{binding.name} <- function", formals) + " {"
    body = f'  new_optimizer("{binding.name}", environment())\n}}\nattr({binding.name}, "binding") <- optimizer_bindings${binding.name}'
    return f"{documentation}\n{signature}\n{body}"


def _documentation(name: str, rule: Rule, binding: Binding) -> Iterator[str]:
    preset = all_presets()[name][1] if name in all_presets() else None
    yield f"{preset.title if preset else rule.title} for R torch"
    yield ""
    yield from _prose(f"The specification's equation of {rule.title} on R torch's tensors: see [crossoptim_optimizers].")
    if any(var.gradient_point for var in rule.state):
        yield from _prose(_AT_POINT)
    if rule.converse:
        yield from _prose(_CHOOSES_POINTS)
    yield ""
    yield from _prose(f"@param params {_PARAMS}")
    meaning = {option.name: option for option in rule.options()}
    for argument, ours in binding.args.items():
        said = "; ".join(_meaning(meaning[key], binding.spellings.get(argument)) for key in ([ours] if isinstance(ours, str) else ours))
        yield from _prose(f"@param {argument} {said[0].upper()}{said[1:]}.")
    kept = [(binding.state[var.name], var.doc) for var in rule.state] + [(binding.kept[number.name], number.doc) for number in rule.kept]
    if kept:
        yield "@section State:"
        yield "Beside `step`, the number of a parameter's updates:"
        for key, doc in kept:
            yield from _prose(f"* `{key}`: {doc}.")
    yield "@section Sources:"
    for source in dict.fromkeys((*(preset.sources if preset else ()), *rule.sources)):
        yield from _prose(f"* {source}")
    yield "@return A `torch_optimizer`."
    yield '@examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()'
    needed = [f"{argument} = 0.1" for argument in binding.args if argument not in binding.defaults]
    yield f"w <- torch::torch_tensor({'diag(2)' if rule.takes else 'c(1, -2)'}, requires_grad = TRUE)"
    yield f"optimizer <- {binding.name}({', '.join(['list(w)', *needed])})"
    yield "optimizer$step(function() {"
    yield "  optimizer$zero_grad()"
    yield "  loss <- (w - 3)$square()$sum()"
    yield "  loss$backward()"
    yield "  loss"
    yield "})"
    yield "w"
    yield "@export"


def _meaning(option: Hyper | Switch, spelled: Mapping[str, Any] | None) -> str:
    if isinstance(option, Switch):
        values = [
            f"`{_value(spelled[value] if spelled else value)}` ({option.sources.get(value, 'unverified')})" for value in option.values
        ]
        return f"{option.doc}: {', or '.join(values)}"
    if isinstance(option, Flag):
        return f"{option.doc}: `TRUE` or `FALSE`"
    return f"{option.doc}; in `{option.interval}`{', or `NA`' if option.default is None else ''}"


def _prose(text: str) -> list[str]:
    """A paragraph, list item or tag of roxygen, in lines."""
    return wrap(re.sub("%", r"\\%", text), WIDTH - 3, subsequent_indent="  " if text[0] in "@*" else "", break_on_hyphens=False)


def _call(function: str, arguments: Sequence[str], indent: int = 0) -> str:
    """A call that begins in column ``indent``, with as many arguments on a line as fit."""
    inner = " " * (indent + len(function) + 1)
    lines = [f"{function}("]
    for number, argument in enumerate(arguments, 1):
        part = argument + ("," if number < len(arguments) else ")")
        width = len(lines[-1]) + (indent if len(lines) == 1 else 0)
        if number > 1 and width + len(part) + 3 > WIDTH:  # two more than the space between: what may follow the call
            lines.append(inner + part)
        else:
            lines[-1] += f" {part}" if number > 1 else part
    return "\n".join(lines)


def _names(name: str, binding: Binding) -> str:
    fields = {
        "name": binding.name,
        "optimizer": name,
        "rule": binding.rule,
        "args": binding.args,
        "switches": binding.switches,
        "spellings": binding.spellings,
        "state": binding.state,
        "kept": binding.kept,
        "gradients": binding.gradients,
    }
    return "list(\n" + ",\n".join(f"    {key} = {_field(value, len(key) + 7)}" for key, value in fields.items()) + "\n  )"


def _field(value: Any, indent: int) -> str:
    if not isinstance(value, Mapping):
        return _value(value)
    return _call("list", [f"{key} = {_value(item)}" for key, item in value.items()] or [""], indent)


def _value(value: Any) -> str:
    """A value as R writes it."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case str():
            return f'"{value}"'
        case int() | float():
            return _number(float(value))
        case Mapping():
            return f"list({', '.join(f'{key} = {_value(item)}' for key, item in value.items())})"
    return f"c({', '.join('NA' if item is None else _value(item) for item in value)})"


def _number(value: float) -> str:
    """The shortest decimal that reads back as the number: 0.001, 50, 1e-8, 1e6."""
    mantissa, _, exponent = repr(value).removesuffix(".0").partition("e")
    zeros = len(mantissa) - len(mantissa.rstrip("0")) if "." not in mantissa else 0
    if zeros > 4:
        mantissa, exponent = mantissa[:-zeros], str(int(exponent or 0) + zeros)
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa
