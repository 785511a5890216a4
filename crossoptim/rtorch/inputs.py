"""What the released classes of R torch say of their options, which is less than the specification asks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from crossoptim.spec.expr import names, parsed
from crossoptim.spec.model import Binding, Ecosystem, Flag, Interval, Real, Rule, Switch
from crossoptim.spec.model import Whole as WholeReal
from crossoptim.spec.refusals import ADMISSIBLE, InputQuirk, Kind, Probe, refusal, said, value_text
from crossoptim.spec.schedule import Choice, Number, Schedule, Whole


def refused(ecosystem: Ecosystem, binding: Binding, options: Rule | Schedule, values: Mapping[str, Any]) -> str:
    """What the released class says of these values; empty where it takes them, though the specification may not.

    Args:
        ecosystem: the class's library.
        binding: the class.
        options: the rule or schedule, whose names ``values`` have.
        values: a value for every option.
    """
    quirks = [quirk for quirk in ecosystem.quirks if isinstance(quirk, InputQuirk) and binding.name in quirk.bindings]
    for probe in _probes(options, values):
        quirk = next((quirk for quirk in quirks if (quirk.message or probe.kind not in ADMISSIBLE) and quirk.covers(probe, binding)), None)
        if quirk and quirk.message:
            return quirk.message
        if quirk is None and probe.kind not in ADMISSIBLE:
            return said(ecosystem.refusals, binding, probe) or probe.refusal
    return ""


def without_default(ecosystem: Ecosystem, binding: Binding) -> str:
    """What the released class says where an argument is missing that its constructor wants; empty where none is."""
    return next((quirk.message for quirk in _of_kind(ecosystem, binding, "default")), "")


def checks_groups(ecosystem: Ecosystem, binding: Binding) -> bool:
    """Whether the options of each parameter group are looked at, or only those that the constructor is given."""
    return not _of_kind(ecosystem, binding, "group")


def shares_parameters(ecosystem: Ecosystem, binding: Binding) -> bool:
    """Whether a parameter may be in two groups."""
    return bool(_of_kind(ecosystem, binding, "twice"))


def _of_kind(ecosystem: Ecosystem, binding: Binding, kind: Kind) -> list[InputQuirk]:
    return [q for q in ecosystem.quirks if isinstance(q, InputQuirk) and q.kinds == (kind,) and binding.name in q.bindings]


def _probes(options: Rule | Schedule, values: Mapping[str, Any]) -> Iterator[Probe]:
    """The values that are worth a look: those that the specification refuses, and the ends of intervals."""
    known = {option.name: option for option in (options.options() if isinstance(options, Rule) else options.options)}
    for name, option in known.items():
        value = values[name]
        kind = _kind(option, value)
        if kind:
            sentence = "" if kind in ADMISSIBLE else refusal(options, {name: value})
            yield Probe(f"{name}={value_text(value)}", kind, name, value, values, sentence)
    flags = {name for name, option in known.items() if isinstance(option, Flag)}
    numeric = {key: bool(value) if key in flags else value for key, value in values.items() if isinstance(value, int | float)}
    for constraint in options.constraints if isinstance(options, Rule) else ():
        read = names(parsed(constraint.holds))
        if all(key in numeric for key in read) and not constraint.met(numeric):
            yield Probe(",".join(f"{key}={value_text(numeric[key])}" for key in read), "constraint", read[0], values[read[0]], values,
                        f"{options.name}: {constraint.text}")  # fmt: skip


def _kind(option: Any, value: Any) -> Kind | None:
    """As what kind of input a value counts; None where there is nothing about it."""
    if isinstance(option, Flag):
        return None if isinstance(value, bool) else "not a flag"
    if isinstance(option, Switch | Choice):
        return None if value in option.values else "variant"
    if not isinstance(option, Real | Number | Whole) or (value is None and option.default is None):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "boolean" if isinstance(value, bool) else "text"
    if math.isnan(value):
        return "not a number"
    interval = Interval(option.interval)
    if value in interval:
        if isinstance(option, Whole | WholeReal) and value != int(value):
            return "fraction"
        return "boundary" if value in interval.ends() else None
    return "infinite" if math.isinf(value) else "outside"
