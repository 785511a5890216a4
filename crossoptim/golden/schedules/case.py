"""A schedule case: one run of a schedule on an optimizer's parameter groups. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from crossoptim.errors import HyperError
from crossoptim.spec.schedule import BASE, ScheduleSetting, ScheduleSite
from crossoptim.spec.schedules import get_schedule

FOLDER = "schedules"
"""What the ids of all schedule cases begin with."""
OPTIMIZERS = {"sgd": {"momentum": 0.9}, "adam": {"beta1": 0.9, "beta2": 0.999}}
"""The optimizers that a schedule is hung on, with the options that a schedule may move."""
START_MOMENTUM = 0.9


@dataclass(frozen=True)
class ScheduleEvent:
    """Something that happens before a step of the scheduler.

    ``set``: the learning rate of ``group`` becomes ``lr``, from outside. ``resume``: the state dicts of optimizer and
    scheduler are saved, both are made anew, and the state dicts are loaded. ``rebuild``: only the optimizer's state dict is saved, and the
    new scheduler is told with ``last_epoch`` where it is; its construction makes no step.
    """

    kind: Literal["set", "resume", "rebuild"]
    step: int
    group: int = 0
    lr: float = 0.0


@dataclass(frozen=True)
class ScheduleCase:
    """One run: ``groups`` holds for each parameter group its base rate, and what differs from ``hyper``.

    ``metrics`` are what a plateau schedule is given, ``positions`` the places to which the scheduler is told to go instead of one step
    further: whole or fractional epochs, one a step.
    """

    id: str
    schedule: str
    hyper: Mapping[str, Any]
    groups: tuple[Mapping[str, Any], ...]
    steps: int
    comment: str
    optimizer_name: Literal["sgd", "adam"] = "sgd"
    events: tuple[ScheduleEvent, ...] = ()
    metrics: tuple[float, ...] = ()
    positions: tuple[float, ...] = ()
    flags: tuple[str, ...] = ()

    optimizer = FOLDER
    dtype: Literal["float64"] = "float64"

    @property
    def topic(self) -> str:
        """The row of the report: the schedule."""
        return self.schedule

    @cached_property
    def settings(self) -> tuple[ScheduleSetting, ...]:
        """Each group's setting.

        Raises:
            HyperError: for bad options, options that cannot differ between groups, events out of range, or metrics that do not fit.
        """
        schedule = get_schedule(self.schedule)
        own = {o.name for o in (BASE, *schedule.options) if o.name == BASE.name or getattr(o, "per_group", False)}
        for group in self.groups:
            if shared := [key for key in group if key not in own and key in {o.name for o in schedule.options}]:
                raise HyperError(f"{self.id}: {shared[0]} is one for all groups (expected one of {', '.join(sorted(own))} in a group)")
        for event in self.events:
            if not 1 <= event.step <= self.steps or not 0 <= event.group < len(self.groups):
                raise HyperError(f"{self.id}: {event.kind} at step {event.step}, group {event.group}: there is none such")
        if len(self.metrics) != (self.steps if schedule.metric else 0):
            raise HyperError(f"{self.id}: {len(self.metrics)} metrics (expected {self.steps if schedule.metric else 'none'})")
        if self.positions and (len(self.positions) != self.steps or schedule.start):
            raise HyperError(f"{self.id}: {len(self.positions)} positions (expected {'none' if schedule.start else self.steps})")
        return tuple(schedule.resolve({**self.hyper, **group}) for group in self.groups)

    @property
    def site(self) -> ScheduleSite:
        """What a quirk's condition looks at."""
        return ScheduleSite(
            self.settings, frozenset(e.kind for e in self.events), self.metrics, self.positions, self.steps, self.optimizer_name
        )
