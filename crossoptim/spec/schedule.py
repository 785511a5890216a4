"""The vocabulary of learning-rate schedules: options, a schedule, a setting of one, and a library's departure from one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from crossoptim.errors import CrossoptimError, HyperError
from crossoptim.spec.expr import Expr, Symbols, evaluate, name, names, number, parse
from crossoptim.spec.model import Effect, Flag, Interval, Quirk, QuirkSite
from crossoptim.spec.trace import statements

Numbers = Any
"""A namespace with the numbers that it works on: ``Symbols``, the oracle's, or numbers that carry bounds."""
Lift = Callable[[float], Any]
Values = dict[str, Any]
LR, MOMENTUM = "lr", "momentum"
OUTPUTS = (LR, MOMENTUM)
"""What a schedule sets; ``momentum`` is beta1 where the optimizer is Adam."""


@dataclass(frozen=True)
class Condition:
    """A condition across a schedule's options, some of which are lists and schedules, with the sentence that an error gives."""

    text: str
    holds: Callable[[Any], bool]


class _Required:
    """A default that is none."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclass(frozen=True)
class Number:
    """A real option. ``per_group``: each parameter group may have its own."""

    name: str
    interval: str
    default: Any = REQUIRED
    doc: str = ""
    per_group: bool = False

    def validate(self, where: str, value: object) -> float:
        """Return ``value`` as a float or raise :class:`HyperError`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise HyperError(f"{where}: {self.name} = {value!r} is not a number (expected a number in {self.interval})")
        if math.isnan(value) or value not in Interval(self.interval):
            raise HyperError(f"{where}: {self.name} = {value} is outside {self.interval}")
        return float(value)


@dataclass(frozen=True)
class Whole:
    """A whole-number option. ``structural``: it decides which equation it is, and so stays a plain number in it."""

    name: str
    interval: str
    default: Any = REQUIRED
    doc: str = ""
    structural: bool = False
    per_group: bool = False

    def validate(self, where: str, value: object) -> int | None:
        """Return ``value`` or raise :class:`HyperError`; None where that is the default."""
        if value is None and self.default is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
            raise HyperError(f"{where}: {self.name} = {value!r} is not a whole number (expected one in {self.interval})")
        if value not in Interval(self.interval):
            raise HyperError(f"{where}: {self.name} = {value} is outside {self.interval}")
        return int(value)


@dataclass(frozen=True)
class Choice:
    """One of a few words; the first is the default."""

    name: str
    values: tuple[str, ...]
    doc: str = ""
    per_group: bool = False

    @property
    def default(self) -> str:
        """The first value."""
        return self.values[0]

    def validate(self, where: str, value: object) -> str:
        """Return ``value`` or raise :class:`HyperError`."""
        if value not in self.values:
            raise HyperError(f"{where}: {self.name} = {value!r} is not a variant (expected one of {', '.join(self.values)})")
        return str(value)


@dataclass(frozen=True)
class Steps:
    """A list of steps in rising order, each at least 1."""

    name: str
    doc: str = ""
    default: Any = REQUIRED
    per_group: bool = False

    def validate(self, where: str, value: object) -> tuple[int, ...]:
        """Return ``value`` as a tuple or raise :class:`HyperError`."""
        whole = isinstance(value, list | tuple) and all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in value)
        if not whole or not isinstance(value, list | tuple):
            raise HyperError(f"{where}: {self.name} = {value!r} is not a list of steps (expected whole numbers from 1 on)")
        if list(value) != sorted(value):
            raise HyperError(f"{where}: {self.name} = {list(value)} is not in rising order")
        return tuple(value)


@dataclass(frozen=True)
class Formula:
    """Expression text in ``t``, as Python and R parse it: ``0.95 ** t``. Text, so that it crosses languages."""

    name: str
    doc: str = ""
    default: Any = REQUIRED
    per_group: bool = True

    def validate(self, where: str, value: object) -> str | None:
        """Return ``value`` or raise :class:`HyperError`; None where that is the default."""
        if value is None and self.default is None:
            return None
        if not isinstance(value, str):
            raise HyperError(f"{where}: {self.name} = {value!r} is not expression text (expected a formula in t, as '0.95 ** t')")
        try:
            unknown = [label for label in names(parse(value)) if label not in ("t", "pi")]
        except CrossoptimError as error:
            raise HyperError(f"{where}: {self.name}: {error}") from None
        if unknown:
            raise HyperError(f"{where}: {self.name} = {value!r} reads {unknown[0]!r} (expected t and pi only)")
        return value


@dataclass(frozen=True)
class Children:
    """Other schedules, each ``{"name", "arguments"}``, that this one is made of."""

    name: str
    doc: str = ""
    default: Any = REQUIRED
    per_group: bool = False

    def validate(self, where: str, value: object) -> tuple[ScheduleSetting, ...]:
        """Resolve each child; raises :class:`HyperError`."""
        from crossoptim.spec.schedules import get_schedule

        if not isinstance(value, list | tuple) or not value:
            raise HyperError(f"{where}: {self.name} = {value!r} is not a list of schedules (expected at least one)")
        if all(isinstance(child, ScheduleSetting) for child in value):
            return tuple(value)
        out = []
        for child in value:
            schedule = get_schedule(child["name"])
            if not schedule.nests:
                why = "it keeps a state of its own" if schedule.start else "it sets the rate without looking at a base rate"
                raise HyperError(f"{where}: {schedule.name} cannot be one of {self.name} ({why})")
            out.append(schedule.resolve({BASE.name: 1.0, **child["arguments"]}))
        return tuple(out)


Option = Number | Whole | Choice | Flag | Steps | Formula | Children
BASE = Number("base_lr", "[0, inf)", doc="the group's learning rate before the schedule", per_group=True)


@dataclass(frozen=True, eq=False)
class Schedule:
    """One schedule: metadata and its equation.

    ``equation(xp, h, t)`` returns the learning rate after t = 0, 1, 2, … calls of the scheduler's step, or a dict with ``lr`` and
    ``momentum``. With ``start(h)``, it is a recursion: ``equation(xp, h, t, s)`` for t = 1, 2, … returns the new state, ``lr`` among it,
    from the old one in ``s``; with ``metric``, ``s.metric`` is the number that is watched. ``nests``: it multiplies or bends a base
    rate, so that it can be part of a composite.
    """

    name: str
    title: str
    sources: tuple[str, ...]
    options: tuple[Option, ...]
    witness: str
    equation: Callable[..., Any]
    start: Callable[[Any], Values] | None = None
    metric: bool = False
    nests: bool = True
    constraints: tuple[Condition, ...] = ()
    doc: str = ""

    def resolve(self, values: Mapping[str, object]) -> ScheduleSetting:
        """Fill in defaults and validate.

        Raises:
            HyperError: for an unknown or missing name, a value outside its interval, or a broken constraint.
        """
        known = {option.name: option for option in (BASE, *self.options)}
        for key in values:
            if key not in known:
                raise HyperError(f"{self.name}: {key!r} is not an option (expected one of {', '.join(known)})")
        resolved = {}
        for key, option in known.items():
            value = values.get(key, option.default)
            if isinstance(value, _Required):
                raise HyperError(f"{self.name}: {key} is missing (it has no default)")
            resolved[key] = option.validate(self.name, value)
        for constraint in self.constraints:
            if not constraint.holds(SimpleNamespace(**resolved)):
                raise HyperError(f"{self.name}: {constraint.text}")
        return ScheduleSetting(self, resolved)


@dataclass(frozen=True, eq=False)
class ScheduleSetting:
    """A schedule with a value for every option."""

    schedule: Schedule
    values: Mapping[str, Any]

    def h(self, xp: Numbers, lift: Lift, **replaced: Any) -> SimpleNamespace:
        """The options as an equation reads them: numbers lifted, formulas and children as functions, the rest as it is."""
        out: Values = {}
        for option in (BASE, *self.schedule.options):
            value = self.values[option.name]
            if value is None:
                out[option.name] = None
            elif isinstance(option, Number) or (isinstance(option, Whole) and not option.structural):
                out[option.name] = _symbol(option.name, value) if xp is _SYMBOLS else lift(value)
            elif isinstance(option, Formula):
                out[option.name] = _function(value, xp, lift)
            elif isinstance(option, Children):
                out[option.name] = [_child(child, xp, lift) for child in value]
            else:
                out[option.name] = value
        return SimpleNamespace(**{**out, **replaced})

    def begin(self, xp: Numbers, lift: Lift) -> Values:
        """What holds before the first step: the outputs at t = 0, or the state that a recursion starts from."""
        h = self.h(xp, lift)
        if self.schedule.start is None:
            return self.at(xp, lift, 0)
        return {key: lift(value) if isinstance(value, int | float) else value for key, value in self.schedule.start(h).items()}

    def at(self, xp: Numbers, lift: Lift, t: float, state: Values | None = None) -> Values:
        """The outputs after ``t`` steps; of a recursion, from the state after ``t - 1`` (with the metric in it)."""
        old = () if state is None else (SimpleNamespace(**state),)
        return as_outputs(self.schedule.equation(xp, self.h(xp, lift), lift(t), *old))

    def text(self) -> list[list[str]]:
        """The equation as assignments that Python and R parse; children and formulas written out."""
        h = self.h(_SYMBOLS, number)
        if self.schedule.start is None:
            return [list(pair) for pair in statements(as_outputs(self.schedule.equation(_SYMBOLS, h, name("t"))), "")]
        old = {key: name(key) for key in (*self.schedule.start(h), "metric")}
        return [list(pair) for pair in statements(self.schedule.equation(_SYMBOLS, h, name("t"), SimpleNamespace(**old)), "_new")]

    def as_json(self) -> Values:
        """The values as plain data."""
        return {key: _plain(value) for key, value in self.values.items()}


_SYMBOLS = Symbols()


def as_outputs(value: Any) -> Values:
    """A bare learning rate as a table of outputs."""
    return value if isinstance(value, dict) else {LR: value}


def _symbol(label: str, value: float) -> Expr:
    return Expr("name", label=label, truth=bool(value))


def _function(source: str, xp: Numbers, lift: Lift) -> Callable[[Any], Any]:
    return lambda t: evaluate(parse(source), {"t": t, "pi": xp.pi}, xp, literal=lift)


def _child(setting: ScheduleSetting, xp: Numbers, lift: Lift) -> Callable[[Any, Any], Any]:
    """A child as a function of the base rate that it is given, and of its own step; its options are numbers in the text."""

    def rate(base: Any, t: Any) -> Any:
        h = setting.h(xp, lift, base_lr=base)
        if xp is _SYMBOLS:
            numeric = {o.name for o in setting.schedule.options if isinstance(o, Number | Whole) and setting.values[o.name] is not None}
            for key in numeric:
                setattr(h, key, setting.values[key])
        return as_outputs(setting.schedule.equation(xp, h, t))[LR]

    return rate


def _plain(value: Any) -> Any:
    if isinstance(value, ScheduleSetting):
        arguments = {key: inner for key, inner in value.as_json().items() if key != BASE.name}
        return {"name": value.schedule.name, "arguments": arguments}
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _never(_: QuirkSite) -> bool:
    return False


@dataclass(frozen=True)
class ScheduleSite:
    """What a schedule quirk's condition may look at: the settings of all groups, the events' kinds, metrics, positions, steps."""

    settings: tuple[ScheduleSetting, ...]
    events: frozenset[str]
    metrics: Sequence[float]
    positions: Sequence[float]
    steps: int
    optimizer: str

    @property
    def values(self) -> SimpleNamespace:
        """The first group's values."""
        return SimpleNamespace(**self.settings[0].values)


@dataclass(frozen=True)
class Recursion:
    """What a library computes: ``next(run, t, before)`` gives the outputs after ``t`` steps (or at position ``t``) from those before."""

    next: Callable[[ScheduleRun, Any, Values], Values]


@dataclass(frozen=True)
class ScheduleRun:
    """One group's run as a recursion sees it: a namespace of numbers, the setting, and at which steps a scheduler was rebuilt."""

    xp: Numbers
    lift: Lift
    setting: ScheduleSetting
    rebuilt: frozenset[int] = frozenset()

    @property
    def h(self) -> SimpleNamespace:
        """The options as numbers."""
        return self.setting.h(self.xp, self.lift)

    def exact(self, t: float) -> Values:
        """The specification's outputs after ``t`` steps."""
        return self.setting.at(self.xp, self.lift, t)


@dataclass(frozen=True)
class ScheduleQuirk(Quirk):
    """A library's departure from a schedule: the numbers that it computes instead (``departs``), or an error (an effect ``Raises``)."""

    applies: Callable[[ScheduleSite], bool] = field(default=lambda _: True, kw_only=True)
    departs: Recursion | None = field(default=None, kw_only=True)
    when: Callable[[QuirkSite], bool] = field(default=_never, kw_only=True)
    effects: tuple[Effect, ...] = field(default=(), kw_only=True)
