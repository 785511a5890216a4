"""A case: one run of an optimizer on one problem, with its settings and events. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from crossoptim.errors import CrossoptimError
from crossoptim.spec.model import Problem, Setting
from crossoptim.spec.problems import get_problem
from crossoptim.spec.rules import resolve


@dataclass(frozen=True)
class Group:
    """Parameters that share hyperparameters; ``hyper`` overrides the case's."""

    params: tuple[str, ...]
    hyper: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """Something that happens around a step.

    ``set``: before the step, ``hyper`` changes in group ``group``. ``add_group``: before the step, ``params`` join with ``hyper``.
    ``none``: the gradient of ``params`` is None at the step. ``frozen``: the parameters never have a gradient.
    ``unused``: ``params`` take no part in the loss at the step, so their gradient is what ``zero_grad()`` left: None.
    ``accumulate``: the gradient is not zeroed before the step's backward pass, so it adds to what the last step left.
    ``resume``: before the step, the state is saved, a new optimizer is made and the state is loaded.
    """

    kind: Literal["set", "add_group", "none", "frozen", "unused", "accumulate", "resume"]
    step: int = 0
    group: int = 0
    params: tuple[str, ...] = ()
    hyper: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One run. ``optimizer`` names a rule or preset; ``hyper`` holds hyperparameters and switch settings."""

    id: str
    optimizer: str
    hyper: Mapping[str, Any]
    problem_name: str
    dtype: Literal["float32", "float64"]
    comment: str
    topic: str = ""
    steps: int = 30
    groups: tuple[Group, ...] = ()
    events: tuple[Event, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def problem(self) -> Problem:
        """The objective or table of gradients."""
        return get_problem(self.problem_name)

    @cached_property
    def base(self) -> Setting:
        """The case's setting, before groups and events change it."""
        return resolve(self.optimizer, dict(self.hyper))

    @property
    def rule(self) -> str:
        """The name of the rule."""
        return self.base.rule.name

    def state_shape(self, variable: str, parameter: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a state variable beside a parameter of that shape; a name that the rule does not have counts as the parameter."""
        return next((var.shape_for(parameter) for var in self.base.rule.state if var.name == variable), parameter)

    @property
    def configuration(self) -> str:
        """The id without problem and dtype: cases that share it do not count twice."""
        return self.id.rsplit("-", 2)[0]

    @cached_property
    def initial_groups(self) -> tuple[Group, ...]:
        """The groups that exist from the start: all parameters in one, unless the case says otherwise."""
        if self.groups:
            return self.groups
        later = {p for e in self.events if e.kind == "add_group" for p in e.params}
        return (Group(tuple(p.name for p in self.problem.params if p.name not in later)),)

    def happens(self, kind: str, step: int) -> list[Event]:
        """The events of a kind at a step."""
        return [e for e in self.events if e.kind == kind and e.step == step]

    def without_gradient(self, step: int) -> set[str]:
        """Parameters whose gradient is None at the step."""
        return {p for e in self.events if e.kind == "frozen" or (e.kind in ("none", "unused") and e.step == step) for p in e.params}

    @cached_property
    def spells(self) -> tuple[Spell, ...]:
        """Each setting that a group takes, with the step from which it holds; parameters whose shapes make a difference by themselves."""
        out: list[Spell] = []
        last: dict[tuple[int, str], Mapping[str, Any]] = {}
        for step, members in enumerate(self.timeline, 1):
            kinds: dict[tuple[int, str], list[str]] = {}
            for name, m in members.items():
                kinds.setdefault((m.group, str(m.setting.facts)), []).append(name)
            for kind, params in kinds.items():
                setting = members[params[0]].setting
                if last.get(kind) != setting.values:
                    last[kind] = setting.values
                    out.append(Spell(step, kind[0], tuple(params), setting))
        return tuple(out)

    @cached_property
    def timeline(self) -> tuple[dict[str, Membership], ...]:
        """For each step 1..steps: every parameter that the optimizer knows, with its setting and place."""
        groups = [(group.params, self.base.with_values(**group.hyper)) for group in self.initial_groups]
        shapes = {param.name: param.shape for param in self.problem.params}
        out = []
        for step in range(1, self.steps + 1):
            for event in self.happens("add_group", step):
                groups.append((event.params, self.base.with_values(**event.hyper)))
            for event in self.happens("set", step):
                if not 0 <= event.group < len(groups):
                    raise CrossoptimError(f"{self.id}: step {step}: group {event.group} does not exist (expected 0 to {len(groups) - 1})")
                params, setting = groups[event.group]
                groups[event.group] = (params, setting.with_values(**event.hyper))
            out.append(
                {
                    name: Membership(setting.of(shapes[name]) if name in shapes else setting, number, index)
                    for number, (params, setting) in enumerate(groups)
                    for index, name in enumerate(params, 1)
                }
            )
        return tuple(out)


@dataclass(frozen=True)
class Spell:
    """A stretch of steps in which a group's setting holds."""

    from_step: int
    group: int
    params: tuple[str, ...]
    setting: Setting


@dataclass(frozen=True)
class Membership:
    """A parameter's place at a step: its setting, the 0-based number of its group, its 1-based index within the group."""

    setting: Setting
    group: int
    index: int
