"""Every equation that a rule has: each way through its branches that an admissible setting can take."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import product
from types import MappingProxyType
from typing import Any

from crossoptim.errors import HyperError
from crossoptim.spec.model import Flag, Hyper, Real, Rule, Setting, Switch, Whole
from crossoptim.spec.trace import Equation, trace

Values = dict[str, Any]


def every_equation(rule: Rule, whole: Mapping[str, Collection[int]] = MappingProxyType({})) -> dict[str, Equation]:
    """A rule's equations by id. The conditions in their ``when`` exclude one another, and together hold for every admissible setting.

    Args:
        rule: the rule.
        whole: the values, besides the default, of whole numbers on which the graph depends; of other values there is no equation here.
    """
    reals = [o for o in rule.hyper if isinstance(o, Real) and not isinstance(o, Whole) and o.default is not None]
    others = {o.name: _choices(o, whole) for o in rule.options() if o not in reals}
    names = [fact.name for fact in rule.facts]
    facts = [dict(zip(names, values, strict=True)) for values in product((False, True), repeat=len(names))]
    found: dict[str, Equation] = {}
    for chosen in product(*others.values()):
        for fact in facts:
            for equation in _leaves(rule, dict(zip(others, chosen, strict=True)), fact, reals, {}):
                found[equation.id] = equation
    return found


def _choices(option: Hyper | Switch, whole: Mapping[str, Collection[int]]) -> tuple[Any, ...]:
    match option:
        case Switch(values=values):
            return values
        case Flag():
            return (False, True)
        case Whole(name=name, default=default) if default is not None:
            return tuple(dict.fromkeys((int(default), *sorted(whole.get(name, ())))))
    return (None, _some(option))


def _some(option: Hyper | Switch) -> float:
    """A number other than zero."""
    assert isinstance(option, Real)
    return option.example or option.default or 1


def _leaves(rule: Rule, values: Values, facts: dict[str, bool], reals: list[Real], zero: dict[str, bool]) -> Iterator[Equation]:
    """The equations of all settings with these values in which of the ``reals`` those in ``zero`` are zero, or are not."""
    setting = _admissible(rule, values, reals, zero)
    if setting is None:
        return
    equation = trace(replace(setting, facts=facts))
    yield equation
    taken = dict(zero)
    for name, value in equation.when.items():
        if value in ("zero", "nonzero") and name not in zero and name not in values:
            yield from _leaves(rule, values, facts, reals, {**taken, name: value == "nonzero"})
            taken[name] = value == "zero"


def _admissible(rule: Rule, values: Values, reals: list[Real], zero: dict[str, bool]) -> Setting | None:
    """A setting that the rule takes, or None where there is none."""
    numbers = [(0.0 if zero[o.name] else _some(o),) if o.name in zero else (_some(o), 0.0) for o in reals]
    for chosen in product(*numbers):
        try:
            return rule.resolve({**values, **dict(zip((o.name for o in reals), chosen, strict=True))})
        except HyperError:
            continue
    return None
