"""A schedule as a library may have it: from its text, on any kind of number, with one thing done otherwise.

A port evaluates the schedule's text, or goes on from the rate that it finds: where the text gives ``P(t)``, ``x(t)`` is
``c + (x(t-1) - c) (P(t) - c) / (P(t-1) - c)``, with ``c`` the rate towards which the schedule bends (``eta_min``, else 0), or
``x(t-1) + P(t) - P(t-1)`` where ``P(t-1)`` is ``c``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.rates import Bounds
from crossoptim.spec.expr import Expr, evaluate, parsed
from crossoptim.spec.schedule import BASE, LR, OUTPUTS, Children, ScheduleSetting, Values

FLOATS = SimpleNamespace(
    sqrt=math.sqrt, exp=math.exp, log=math.log, cos=math.cos, floor=math.floor, maximum=max, where=lambda c, a, b: a if c else b, pi=math.pi
)
_NOTHING = 1e-12  # a share of a rate that is none


@dataclass(frozen=True)
class Numbers:
    """A kind of number: its namespace, the way in, the way out."""

    xp: Any
    lift: Callable[[float], Any]
    value: Callable[[Any], float]


PLAIN = Numbers(FLOATS, lambda value: value, float)
BOUNDED = Numbers(Bounds, Bounds.number, lambda number: float(number.value))


@dataclass(frozen=True)
class Count:
    """How the step count differs from the number of the scheduler's steps.

    ``after`` names the event from which on it does; ``restarts``: it begins anew there; ``groups``: each group advances the one count.
    """

    offset: int = 0
    after: str = ""
    restarts: bool = False
    groups: bool = False

    def at(self, case: ScheduleCase, group: int, t: int) -> float:
        """The count at step ``t``."""
        place = case.positions[t - 1] if case.positions and t else t
        if self.groups:
            return (t - 1) * len(case.groups) + group + 1 if t else 0
        if not self.after:
            return place + self.offset
        steps = [event.step for event in case.events if event.kind == self.after and event.step <= t]
        if not steps:
            return place
        return place + self.offset - (steps[-1] - 1 if self.restarts else 0)


@dataclass(frozen=True)
class Port:
    """One thing that a library may do otherwise.

    ``options`` are other values, in all groups; ``shared`` takes an option of every group from this one. ``edit``: a statement of the text,
    and what stands in its place. ``found``: it goes on from the rate that it finds; ``overwrites``: those of a chain's parts that do not.
    ``again``: the step before a rebuild is made once more. ``base``: after this event the base rate is the rate that is found.
    ``forgets``: after the event, a variable of the recursion begins anew.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    shared: tuple[str, int] | None = None
    edit: tuple[str, str] | None = None
    count: Count = field(default_factory=Count)
    found: bool = False
    overwrites: tuple[int, ...] = ()
    again: bool = False
    base: str = ""
    forgets: tuple[str, str] | None = None

    def case(self, case: ScheduleCase) -> ScheduleCase:
        """The case with the options as the library takes them.

        Raises:
            HyperError: where they make no sense.
        """
        if self.shared:
            option, source = self.shared
            value = case.settings[source].values[option]
            return replace(case, groups=tuple({**group, option: value} for group in case.groups))
        if not self.options:
            return case
        groups = tuple({key: value for key, value in group.items() if key not in self.options} for group in case.groups)
        return replace(case, hyper={**case.hyper, **self.options}, groups=groups)

    def lines(self, setting: ScheduleSetting) -> list[tuple[str, str]]:
        """The text with its edit."""
        was, now = self.edit or ("", "")
        return [(key, now if body == was else body) for key, body in setting.text()]

    def column(self, case: ScheduleCase, group: int, numbers: Numbers) -> list[Values]:
        """One group's outputs, a row a step from t = 0 on.

        Raises:
            ArithmeticError: where a number cannot be made.
            HyperError: where the options make no sense.
        """
        return _Run(self, self.case(case), group, numbers).column()


class _Run:
    def __init__(self, port: Port, case: ScheduleCase, group: int, numbers: Numbers) -> None:
        self.port, self.case, self.group, self.numbers = port, case, group, numbers
        self.setting = case.settings[group]
        self.text = [(key, parsed(body)) for key, body in port.lines(self.setting)]
        self.env = _lifted(self.setting, numbers)
        self.towards = self.setting.values.get("eta_min") or 0.0
        self.children = [_Child(child, self.setting, numbers) for child in self.setting.values.get("schedules", ())] if port.found else []

    def column(self) -> list[Values]:
        start, lift = self.setting.schedule.start, self.numbers.lift
        count = self.port.count
        if start is None:
            state = self.at(count.at(self.case, self.group, 0), {})
            if self.children:
                state = {LR: self.through(0, 0, self.env[BASE.name])}
        else:
            state = {key: lift(value) for key, value in start(SimpleNamespace(**self.setting.values)).items()}
        out = [state]
        for t in range(1, self.case.steps + 1):
            state = self.events(t, state)
            if self.port.again and t > 1 and any(e.kind == "rebuild" and e.step == t for e in self.case.events):
                state = self.next(t - 1, state)
            state = self.next(t, state)
            out.append(state)
        return [{key: row[key] for key in OUTPUTS if key in row} for row in out]

    def events(self, t: int, state: Values) -> Values:
        """What happens before a step."""
        port = self.port
        for event in self.case.events:
            if event.step != t or (event.kind == "set" and event.group != self.group):
                continue
            if event.kind == "set":
                state = {**state, LR: self.numbers.lift(event.lr)}
            if port.forgets and port.forgets[0] == event.kind:
                assert self.setting.schedule.start is not None
                begins = self.setting.schedule.start(SimpleNamespace(**self.setting.values))
                state = {**state, port.forgets[1]: self.numbers.lift(begins[port.forgets[1]])}
            if port.base == event.kind:
                self.env = {**self.env, BASE.name: state[LR]}
        return state

    def next(self, t: int, state: Values) -> Values:
        """The outputs after step ``t``."""
        place, before = (self.port.count.at(self.case, self.group, step) for step in (t, t - 1))
        if self.setting.schedule.start is not None:
            given = {"metric": self.numbers.lift(self.case.metrics[t - 1])} if self.case.metrics else {}
            made = self.at(place, {**state, **given})
            return {key: made[f"{key}_new"] for key in state}
        if self.children:
            return {LR: self.through(place, before, state[LR])}
        now = self.at(place, {})
        if not (self.port.found or self.port.again):
            return now
        return {**now, LR: self.bend(now[LR], self.at(before, {})[LR], state[LR], self.towards)}

    def at(self, place: float, state: Values) -> Values:
        """The text's outputs at a count."""
        return _evaluated(self.text, {**self.env, **state, "t": self.numbers.lift(place)}, self.numbers)

    def through(self, place: float, before: float, rate: Any) -> Any:
        """A chain's parts one after the other: each goes on from what it finds, or overwrites it."""
        for number, child in enumerate(self.children):
            now = child.at(place)
            if number in self.port.overwrites:
                rate = now
            elif place == 0:
                rate = child.at(place, rate)
            else:
                rate = self.bend(now, child.at(before), rate, child.towards)
        return rate

    def bend(self, now: Any, before: Any, found: Any, towards: float) -> Any:
        """The rate that is found, bent as the text bends."""
        value = self.numbers.value
        a, b = value(now), value(before)
        if a == b:
            return found
        if abs(b - towards) <= _NOTHING * max(abs(a), abs(b)):
            return found + (now - before)
        c = self.numbers.lift(towards)
        return c + (found - c) * ((now - c) / (before - c)) if towards else found * (now / before)


class _Child:
    """A part of a chain, from the chain's base rate or another."""

    def __init__(self, setting: ScheduleSetting, parent: ScheduleSetting, numbers: Numbers) -> None:
        own = ScheduleSetting(setting.schedule, {**setting.values, BASE.name: parent.values[BASE.name]})
        self.numbers = numbers
        self.text = [(key, parsed(body)) for key, body in own.text()]
        self.env = _lifted(own, numbers)
        self.towards = own.values.get("eta_min") or 0.0

    def at(self, place: float, base: Any = None) -> Any:
        env = self.env if base is None else {**self.env, BASE.name: base}
        return _evaluated(self.text, {**env, "t": self.numbers.lift(place)}, self.numbers)[LR]


def _lifted(setting: ScheduleSetting, numbers: Numbers) -> Values:
    numeric = {key: value for key, value in setting.values.items() if isinstance(value, int | float) and not isinstance(value, bool)}
    return {**{key: numbers.lift(value) for key, value in numeric.items()}, "pi": numbers.xp.pi}


def _evaluated(text: list[tuple[str, Expr]], env: Values, numbers: Numbers) -> Values:
    env = dict(env)
    for key, graph in text:
        env[key] = evaluate(graph, env, numbers.xp, literal=numbers.lift)
    return env



def is_composite(setting: ScheduleSetting) -> bool:
    """Whether a schedule is made of others."""
    return any(isinstance(option, Children) for option in setting.schedule.options)
