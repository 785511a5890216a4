"""What the conditions of quirks look at in a case, and on which cases a quirk bears."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import Literal

import numpy as np

from crossoptim.golden.case import Case, Membership
from crossoptim.golden.evaluations import Evaluations
from crossoptim.golden.trajectory import conversation, golden
from crossoptim.spec.conversation import UNGUARDED
from crossoptim.spec.ecosystems import all_ecosystems
from crossoptim.spec.model import Ecosystem, Quirk, QuirkSite, Setting


class Sites:
    """The sites of one case.

    Args:
        case: the case.
        evaluations: of its golden trajectory, or of a run, where the optimizer chooses where to evaluate.
    """

    def __init__(self, case: Case, evaluations: Sequence[Evaluations] = ()) -> None:
        self.case, self._evaluations = case, evaluations

    def at(self, member: Membership, loaded: bool = False) -> QuirkSite:
        """What a condition sees for a parameter with this place; ``loaded`` as in :class:`QuirkSite`."""
        shapes = {param.name: param.shape for param in self.case.problem.params}
        kinds = {event.kind for event in self.case.events}
        return QuirkSite(
            h=member.setting.h,
            shapes=tuple(shapes[name] for name in self.first_steps),
            late_start=member.group in self._late_groups,
            dtype=self.case.dtype,
            group=member.group,
            added=member.group >= len(self.case.initial_groups),
            updates=max(map(len, self._steps.values()), default=0),
            loaded=loaded,
            resumes="resume" in kinds,
            unused="unused" in kinds,
            edge=self._edge,
            first=self.first.h,
            new_state=frozenset(var.name for var in member.setting.state) - self._began_with[member.group],
        )

    def every(self) -> list[QuirkSite]:
        """The sites of all parameters at all their steps, each once."""
        places = {
            (member.group, self.loaded(name, step), repr(member.setting.values), repr(member.setting.facts)): (member, name, step)
            for name, steps in self._steps.items()
            for step in steps
            for member in (self.case.timeline[step - 1][name],)
        }
        return [self.at(member, self.loaded(name, step)) for member, name, step in places.values()]

    def loaded(self, name: str, step: int) -> bool:
        """Whether a parameter's state was by then loaded from a saved one."""
        return any(at <= step for at in self.loads(name))

    def loads(self, name: str) -> list[int]:
        """The steps before which a parameter's state is loaded."""
        return [event.step for event in self.case.events if event.kind == "resume" and self.first_steps[name] < event.step]

    @cached_property
    def first(self) -> Setting:
        """The setting of the first group: what the constructor is given."""
        return self.case.spells[0].setting

    @cached_property
    def first_steps(self) -> dict[str, int]:
        """The step of each parameter's first gradient; parameters that never have one are left out."""
        return {name: steps[0] for name, steps in self._steps.items() if steps}

    @cached_property
    def _steps(self) -> dict[str, list[int]]:
        """The steps at which each parameter has a gradient."""
        without = [self.case.without_gradient(step) for step in range(1, self.case.steps + 1)]
        known = [members.keys() - none for members, none in zip(self.case.timeline, without, strict=True)]
        return {param.name: [step for step, names in enumerate(known, 1) if param.name in names] for param in self.case.problem.params}

    @cached_property
    def _edge(self) -> Literal["", "passable", "no lower end"]:
        """How an unguarded conversation fares beyond the edge of the objective's domain, where a closure rule comes to it."""
        if all(np.isfinite(step.loss).all() for step in self._evaluations):
            return ""
        stops = {made.stop for made in conversation(self.case, UNGUARDED).decisions}
        return "no lower end" if "no lower end" in stops else "passable"

    @cached_property
    def _began_with(self) -> dict[int, frozenset[str]]:
        """For each group, the state variables of its first setting."""
        return {s.group: frozenset(var.name for var in s.setting.state) for s in reversed(self.case.spells)}

    @cached_property
    def _late_groups(self) -> frozenset[int]:
        """The groups in which some parameter's first gradient comes after another's."""
        starts: dict[int, set[int]] = {}
        for members in self.case.timeline:
            for name, member in members.items():
                if name in self.first_steps:
                    starts.setdefault(member.group, set()).add(self.first_steps[name])
        return frozenset(group for group, steps in starts.items() if len(steps) > 1)


def cases_of_quirks(cases: Collection[Case]) -> dict[str, list[str]]:
    """For each quirk, by id, the ids of the cases on which it bears: its class runs their variant, and its condition holds somewhere."""
    found: dict[str, list[str]] = {quirk.id: [] for ecosystem in all_ecosystems().values() for quirk in ecosystem.quirks}
    for case in cases:
        quirks = [quirk for ecosystem in all_ecosystems().values() for quirk in _concerned(ecosystem, case.base)]
        for quirk in _bearing(quirks, case) if quirks else ():
            found[quirk.id].append(case.id)
    return {key: sorted(ids) for key, ids in found.items()}


def _concerned(ecosystem: Ecosystem, setting: Setting) -> list[Quirk]:
    binding = ecosystem.binding(setting)
    return [quirk for quirk in ecosystem.quirks if binding and binding.name in quirk.bindings]


def _bearing(quirks: Iterable[Quirk], case: Case) -> list[Quirk]:
    sites = Sites(case, golden(case).evaluations if case.base.rule.converse else ()).every()
    return [quirk for quirk in quirks if any(quirk.when(site) for site in sites)]
