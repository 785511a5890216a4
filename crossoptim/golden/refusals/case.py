"""A refusal case: every probe of one optimizer. Pure data, all of it from the specification."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

from crossoptim.golden.schedules.case import FOLDER as SCHEDULES
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.cases import all_schedule_cases
from crossoptim.spec.model import Setting
from crossoptim.spec.refusals import Probe, given, probes, schedule_probes
from crossoptim.spec.rules import all_presets, all_rules, resolve
from crossoptim.spec.schedules import all_schedules, get_schedule

FOLDER = "refusals"
"""What the ids of all refusal cases begin with."""


@dataclass(frozen=True)
class RefusalCase:
    """The probes of a rule or preset."""

    topic: str
    """The row of the report: the optimizer."""

    optimizer = FOLDER
    dtype: Literal["float32"] = "float32"

    @property
    def id(self) -> str:
        """``refusals/adam``."""
        return f"{FOLDER}/{self.topic}"

    @property
    def comment(self) -> str:
        """How much is tried."""
        refused = sum(bool(probe.refusal) for probe in self.probes)
        return f"invalid input: {refused} ways to make it that must be refused, {len(self.probes) - refused} that must not"

    @property
    def base(self) -> Setting:
        """The optimizer with its defaults."""
        return resolve(self.topic)

    @property
    def given(self) -> dict[str, Any]:
        """What every probe sets besides."""
        return given(self.base.rule)

    @cached_property
    def probes(self) -> tuple[Probe, ...]:
        """What is tried."""
        return probes(self.topic)


@dataclass(frozen=True)
class ScheduleRefusalCase(RefusalCase):
    """The probes of a schedule; its topic is ``schedules/step``."""

    @cached_property
    def example(self) -> ScheduleCase:
        """The valid case that a probe changes: the schedule's first."""
        return next(case for case in all_schedule_cases().values() if f"{SCHEDULES}/{case.schedule}" == self.topic)

    @property
    def given(self) -> dict[str, Any]:
        """What the example sets."""
        return dict(self.example.hyper)

    @cached_property
    def probes(self) -> tuple[Probe, ...]:
        """What is tried."""
        values = {**self.given, **self.example.groups[0]}
        return tuple(schedule_probes(get_schedule(self.example.schedule), values))


@cache
def all_refusal_cases() -> dict[str, RefusalCase]:
    """A case for every rule, preset and schedule, by id."""
    cases = [*map(RefusalCase, [*all_rules(), *all_presets()]), *(ScheduleRefusalCase(f"{SCHEDULES}/{name}") for name in all_schedules())]
    return {case.id: case for case in cases}
