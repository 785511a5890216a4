"""Invalid input: what must be refused when an optimizer is made, and what beside it must not. All of it follows from the rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args

from crossoptim.errors import HyperError
from crossoptim.spec.model import Binding, Effect, Flag, Interval, Quirk, QuirkSite, Raises, Real, Rule, Switch, Whole
from crossoptim.spec.rules import get_rule, resolve
from crossoptim.spec.schedule import REQUIRED, Choice, Number, Schedule
from crossoptim.spec.schedule import Whole as ScheduleWhole

Kind = Literal[
    "default", "boundary", "outside", "infinite", "not a number", "text", "boolean", "fraction",
    "not a flag", "variant", "missing", "constraint", "unknown", "empty", "twice", "group",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
ADMISSIBLE: tuple[Kind, ...] = ("default", "boundary")
"""Kinds of input that must be accepted."""
TEXT = "text"
UNKNOWN = "no_such_option"
PARAMS = ("x", "y")
Groups = tuple[tuple[tuple[str, ...], Mapping[str, Any]], ...]
"""For each parameter group its parameters, and what it sets of its own."""
ONE_GROUP: Groups = ((PARAMS, {}),)


@dataclass(frozen=True)
class Probe:
    """One attempt to make an optimizer over two parameters.

    ``option`` is what it is about, ``value`` what that is set to; ``values`` all that is set, the rest has its default. ``refusal`` is the
    specification's sentence, empty where the input is admissible.
    """

    id: str
    kind: Kind
    option: str
    value: Any
    values: Mapping[str, Any]
    refusal: str = ""
    groups: Groups = ONE_GROUP


def _never(_: QuirkSite) -> bool:
    return False


def _always(_: Probe, __: Binding) -> bool:
    return True


@dataclass(frozen=True)
class InputQuirk(Quirk):
    """A library treats some input otherwise than the specification: it raises, where there is an effect, else it accepts.

    It is about these ``kinds`` of input, where ``applies``, which sees the probe and the class. Of several quirks the first counts.
    """

    kinds: tuple[Kind, ...] = field(default=KINDS, kw_only=True)
    applies: Callable[[Probe, Binding], bool] = field(default=_always, kw_only=True)
    when: Callable[[QuirkSite], bool] = field(default=_never, kw_only=True)
    effects: tuple[Effect, ...] = field(default=(), kw_only=True)

    def covers(self, probe: Probe, binding: Binding) -> bool:
        """Whether the class departs here."""
        return probe.kind in self.kinds and self.applies(probe, binding)

    @property
    def message(self) -> str:
        """A part of the error's message; empty where the input is accepted."""
        return next((effect.message for effect in self.effects if isinstance(effect, Raises)), "")


def own_interval(probe: Probe, binding: Binding) -> str | None:
    """The interval that the class lets the probe's number lie in; None where the probe is not about a number."""
    ours = {option.name: option.interval for option in get_rule(binding.rule).hyper if isinstance(option, Real)}
    return binding.bounds.get(probe.option, ours.get(probe.option))


def unchecked(probe: Probe, binding: Binding) -> bool:
    """Whether it is about a number for which the class has no bounds at all, so that nothing looks at it."""
    return own_interval(probe, binding) == "(-inf, inf)" and (probe.kind != "constraint" or probe.option in binding.bounds)


def within_bounds(probe: Probe, binding: Binding) -> bool:
    """Whether the class's own bounds, which differ from the specification's, take a number that the specification refuses."""
    return probe.option in binding.bounds and probe.kind == "outside" and probe.value in Interval(binding.bounds[probe.option])


def beyond_bounds(probe: Probe, binding: Binding) -> bool:
    """Whether the class's own bounds, which differ from the specification's, refuse a number that the specification takes."""
    return probe.option in binding.bounds and probe.kind == "boundary" and probe.value not in Interval(binding.bounds[probe.option])


def one_for_true(probe: Probe, binding: Binding) -> bool:
    """Whether a boolean is taken for the number 1, which the class's bounds take."""
    interval = own_interval(probe, binding)
    return probe.kind == "boolean" and interval is not None and 1.0 in Interval(interval)


@cache
def probes(optimizer: str) -> tuple[Probe, ...]:
    """Every probe of a rule or preset."""
    setting = resolve(optimizer)
    return tuple(_probes(setting.rule, {s.name: setting.values[s.name] for s in setting.rule.switches}))


def given(rule: Rule) -> dict[str, Any]:
    """What every probe sets that is not about it, but for the one that sets nothing: some libraries ask for a learning rate."""
    return {"lr": value} if (value := rule.examples().get("lr")) is not None else {}


def _probes(rule: Rule, switches: Mapping[str, Any]) -> Iterator[Probe]:
    lr = given(rule)

    def probe(kind: Kind, option: str, value: Any, more: Mapping[str, Any] | None = None) -> Probe:
        set_here = {**(more or {}), option: value}
        label = ",".join(f"{name}={value_text(v)}" for name, v in ({option: value} if kind != "constraint" else set_here).items())
        values = {**lr, **set_here}
        return Probe(label, kind, option, value, values, "" if kind in ADMISSIBLE else refusal(rule, {**switches, **values}))

    yield Probe("defaults", "default", "", None, {})
    for option in rule.options():
        for kind, value in to_try(option):
            more = companions(rule, option.name)
            if kind != "boundary" or not refusal(rule, {**more, option.name: value}):
                yield probe(kind, option.name, value, more)
    for start, option_name, value in _breaking(rule):
        yield probe("constraint", option_name, value, start)
    yield probe("unknown", UNKNOWN, 1.0)
    if rule.kind != "closure":
        x, y = PARAMS
        twice: Groups = (((x,), {}), ((x, y), {}))
        split: Groups = (((x,), {}), ((y,), {"lr": -1.0}))
        yield Probe("no-parameters", "empty", "", None, lr, misplaced(rule.name, []), ())
        yield Probe("parameter-twice", "twice", "", None, lr, misplaced(rule.name, [params for params, _ in twice]), twice)
        yield Probe("second-group:lr=-1", "group", "lr", -1.0, lr, refusal(rule, split[1][1]), split)


def schedule_probes(schedule: Schedule, example: Mapping[str, Any]) -> Iterator[Probe]:
    """Every probe of a schedule: one option set or left out, beside those of a valid example."""
    optional = {option.name: option.default for option in schedule.options if option.default is not REQUIRED}
    for option in schedule.options:
        for kind, value in to_try(option):
            said = refusal(schedule, {**example, option.name: value})
            if bool(said) != (kind in ADMISSIBLE):
                yield Probe(f"{option.name}={value_text(value)}", kind, option.name, value, {option.name: value}, said)
        if option.name not in optional:
            rest = {name: value for name, value in example.items() if name != option.name}
            yield Probe(f"without-{option.name}", "missing", option.name, None, {}, refusal(schedule, rest))
    yield Probe(f"{UNKNOWN}=1", "unknown", UNKNOWN, 1.0, {UNKNOWN: 1.0}, refusal(schedule, {**example, UNKNOWN: 1.0}))


def refusal(rule: Rule | Schedule, values: Mapping[str, Any]) -> str:
    """The specification's sentence about these values; empty if they are admissible."""
    try:
        rule.resolve(values)
    except HyperError as error:
        return str(error)
    return ""


def said(table: Mapping[str, Mapping[str, str]], binding: Binding, probe: Probe) -> str:
    """What a class says, by the probe's id, kind or option."""
    return words(table, binding, (probe.id, probe.kind, probe.option, "*"), probe.value, binding.foreign(probe.option))


def words(
    table: Mapping[str, Mapping[str, str]], binding: Binding, keys: Sequence[str], value: Any = "", argument: str | None = None
) -> str:
    """What a class says, by the first of the keys that is known; what holds for all its library's classes stands under the empty name."""
    for key in keys:
        for name in (binding.name, ""):
            if key in table.get(name, {}):
                return table[name][key].format(argument=argument, value=value)
    return ""


def misplaced(optimizer: str, groups: Sequence[Sequence[str]]) -> str:
    """The specification's sentence about parameter groups; empty if every parameter has its place."""
    names = [name for group in groups for name in group]
    if not names:
        return f"{optimizer}: there is no parameter (expected one at least)"
    twice = next((name for name in names if names.count(name) > 1), None)
    return f"{optimizer}: parameter {twice!r} is in two places (expected one group for each)" if twice else ""


def value_text(value: Any) -> str:
    """A value in a probe's id."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def to_try(option: Any) -> Iterator[tuple[Kind, Any]]:
    """What is tried of one option, of an optimizer or of a schedule."""
    if isinstance(option, Flag):
        yield "not a flag", 2.0
        yield "not a flag", TEXT
    elif isinstance(option, Switch | Choice):
        yield "variant", TEXT
    elif isinstance(option, Real | Number | ScheduleWhole):
        yield from _numbers_to_try(option.interval, isinstance(option, Whole | ScheduleWhole))


def _numbers_to_try(interval: str, whole: bool) -> Iterator[tuple[Kind, Any]]:
    low, high = (float(end) for end in interval[1:-1].split(","))
    for end, beyond in ((low, low - 1), (high, high + 1)):
        if math.isinf(end):
            yield "infinite", end
            continue
        yield ("boundary" if end in Interval(interval) else "outside"), int(end) if whole else end
        yield "outside", int(beyond) if whole else beyond
    yield "not a number", math.nan
    yield "text", TEXT
    yield "boolean", True
    if whole:
        yield "fraction", 2.5


def companions(rule: Rule, name: str) -> dict[str, Any]:
    """What must be set beside an option's example so that no constraint is broken; the fewest examples of other options that do."""
    examples = rule.examples()
    if name not in examples or not refusal(rule, {name: examples[name]}):
        return {}
    for other, value in examples.items():
        if other != name and not refusal(rule, {name: examples[name], other: value}):
            return {other: value}
    raise HyperError(f"{rule.name}: no example of another option makes {name} = {examples[name]} admissible")


def _breaking(rule: Rule) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Ways to break a constraint by one further value, from the defaults and from what an example and its companions set."""
    if not rule.constraints:
        return
    examples = rule.examples()
    numbers = sorted({v for o in rule.hyper if isinstance(o, Real) for v in [o.example, *Interval(o.interval).ends()] if v is not None})
    starts: list[dict[str, Any]] = [{}, *({name: value, **companions(rule, name)} for name, value in examples.items())]
    seen: set[frozenset[str]] = set()
    for start in starts:
        for option in rule.hyper:
            kind = frozenset({*start, option.name})
            pool = [not option.default] if isinstance(option, Flag) else [v for v in numbers if v in Interval(option.interval)]
            broken = (v for v in pool if refusal(rule, {**start, option.name: v}) and (not start or not refusal(rule, {option.name: v})))
            value = next(broken, None)
            if option.name not in start and value is not None and kind not in seen:
                seen.add(kind)
                yield start, option.name, value
