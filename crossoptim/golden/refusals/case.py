"""A refusal case: every probe of one optimizer. Pure data, all of it from the specification."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from crossoptim.spec.model import Setting
from crossoptim.spec.refusals import Probe, probes
from crossoptim.spec.rules import all_presets, all_rules, resolve

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
    def base(self) -> Setting:
        """The optimizer with its defaults."""
        return resolve(self.topic)

    @property
    def probes(self) -> tuple[Probe, ...]:
        """What is tried."""
        return probes(self.topic)


@cache
def all_refusal_cases() -> dict[str, RefusalCase]:
    """A case for every rule and preset, by id."""
    return {case.id: case for case in map(RefusalCase, [*all_rules(), *all_presets()])}
