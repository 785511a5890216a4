"""Type stubs of the optimizers: what editors and type checkers know of classes that are made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from inspect import Parameter
from textwrap import indent
from typing import Any

from crossoptim.optim import bindings
from crossoptim.optim.signature import PARAMS, documentation, signature
from crossoptim.spec.model import Binding, Flag, Hyper, Switch, Whole
from crossoptim.spec.rules import get_rule

HEAD = "# Made by `crossoptim generate` from the specification: not to be edited by hand.\n# ruff: noqa"
_IMPORTS = """\
from typing import Literal

from torch import Tensor
from torch.optim.optimizer import ParamsT

from crossoptim.optim.base import RuleOptimizer
from crossoptim.spec.model import Binding"""


def optimizers() -> str:
    """The stub of :mod:`crossoptim.optim`."""
    classes = [_class(binding) for binding in bindings().values()]
    parts = [f"{HEAD}\n{_IMPORTS}", exported([*bindings()]), "def bindings() -> dict[str, Binding]: ...", *classes]
    return "\n\n".join(parts) + "\n"


def package(functions: Mapping[str, str]) -> str:
    """The stub of the package, which has the optimizers under their names, and functions: public name → ``module:name``."""
    taken = "\n".join(f"    {name}," for name in bindings())
    imports = [
        "from crossoptim import optim",
        f"from crossoptim.optim import (\n{taken}\n)",
        *(_import(name, place) for name, place in functions.items()),
    ]
    names = exported([*bindings(), *functions, "optim"])
    return "\n\n".join([f"{HEAD}\n" + "\n".join(imports), names, "__version__: str\n_FUNCTIONS: dict[str, str]"]) + "\n"


def _import(name: str, place: str) -> str:
    module, _, function = place.partition(":")
    return f"from crossoptim.{module} import {function}{'' if function == name else f' as {name}'}"


def exported(names: list[str]) -> str:
    """``__all__``."""
    lines = "\n".join(f'    "{name}",' for name in names)
    return f"__all__ = [\n{lines}\n]"


def _class(binding: Binding) -> str:
    return class_text(binding.name, "RuleOptimizer", documentation(binding), arguments(binding))


def class_text(name: str, base: str, doc: str, lines: Iterable[str]) -> str:
    """A class with its docstring and what its constructor takes."""
    taken = "".join(f"    {line},\n" for line in ("self", *lines))
    return f"class {name}({base}):\n" + indent(f'"""{doc}\n"""\n\ndef __init__(\n{taken}) -> None: ...', "    ")


def arguments(binding: Binding) -> Iterator[str]:
    """What a class takes, with types and defaults."""
    by_name = False
    for parameter in signature(binding).parameters.values():
        if parameter.kind is Parameter.KEYWORD_ONLY and not by_name:
            by_name = True
            yield "*"
        default = "" if parameter.default is Parameter.empty else f" = {value_text(parameter.default)}"
        yield f"{parameter.name}: {_type(binding, parameter.name)}{default}"


def _type(binding: Binding, argument: str) -> str:
    """An argument's type: a number, several, a flag or a choice."""
    options = {option.name: option for option in get_rule(binding.rule).options()}
    if argument == PARAMS:
        return "ParamsT"
    if binding.constructor and argument in binding.constructor.beside:
        return "bool" if isinstance(binding.constructor.beside[argument], bool) else "bool | None"
    if argument in binding.spellings:
        same = binding.constructor.synonyms.get(argument, {}) if binding.constructor else {}
        return choice([*binding.spellings[argument].values(), *same])
    ours = binding.args.get(argument, argument)
    if isinstance(ours, str):
        return _option(options[ours])
    return f"tuple[{', '.join(_option(options[part]) for part in ours)}]"


def _option(option: Hyper | Switch) -> str:
    if isinstance(option, Switch):
        return choice(option.values)
    if isinstance(option, Flag):
        return "bool"
    kind = "int" if isinstance(option, Whole) else "float | Tensor" if option.name == "lr" else "float"
    return kind if option.default is not None else f"{kind} | None"


def choice(values: Any) -> str:
    """The type of one of a few values."""
    if all(isinstance(value, bool) for value in values):
        return "bool"
    literal = f"Literal[{', '.join(value_text(value) for value in values if value is not None)}]"
    return f"{literal} | None" if None in values else literal


def value_text(value: Any) -> str:
    """A default."""
    return f'"{value}"' if isinstance(value, str) else repr(value)
