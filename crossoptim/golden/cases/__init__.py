"""The cases. Every optimizer has the standard ones; a file of its own says what it needs besides, or instead.

A case's id is ``optimizer/label-problem-f32|f64``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from crossoptim.golden.case import Case, Event, Group
from crossoptim.golden.flags import known_flags
from crossoptim.spec.discover import discover
from crossoptim.spec.model import lookup
from crossoptim.spec.rules import all_rules, resolve

_DTYPES = {"f32": "float32", "f64": "float64"}
_EVENT_FLAGS = {
    "add_group": "GroupAdded",
    "none": "NoGradient",
    "frozen": "NoGradient",
    "unused": "UnusedParameter",
    "accumulate": "GradientAccumulation",
    "resume": "Resume",
}


class Cases:
    """Collects the cases of one optimizer; ``topic`` names the row of the report that the following cases belong to, and their flags.

    Args:
        optimizer: a rule or preset.
        lr: the learning rate of all cases that do not say another; the rule's example by default.
        steps: how many steps a case has unless it says otherwise.
        dtypes: in which dtypes, likewise.
        problems: by what problem another one is replaced, for an optimizer that does not take all parameters.
    """

    def __init__(
        self,
        optimizer: str,
        lr: float | None = None,
        steps: int = 30,
        dtypes: str = "f32 f64",
        problems: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.problems = problems
        self.optimizer, self.steps, self.dtypes, self._topic = optimizer, steps, dtypes, ""
        self._flags: tuple[str, ...] = ()
        self.base = resolve(optimizer)
        self.lr = float(self.base.rule.examples()["lr"]) if lr is None else lr
        self.collected: list[Case] = []

    def at(self, step: int) -> int:
        """A step of a run of thirty, in a run of this length: 2 is the first at which something can be changed."""
        return step if self.steps == 30 else max(2, round(step * self.steps / 30))

    def topic(self, name: str, *flags: str) -> None:
        """Start a new row of the report, whose cases have these flags besides their own and those of their events."""
        self._topic, self._flags = name, flags

    def add(
        self,
        label: str,
        comment: str,
        *,
        problem: str = "ravine",
        dtypes: str = "",
        steps: int = 0,
        events: tuple[Event, ...] = (),
        groups: tuple[Group, ...] = (),
        flags: tuple[str, ...] = (),
        **hyper: Any,
    ) -> None:
        """Add the case in each dtype.

        Raises:
            UnknownNameError: for a flag that :mod:`crossoptim.golden.flags` does not have.
        """
        problem = self.problems.get(problem, problem)
        flags = known_flags((*self._flags, *flags, *_event_flags(events, groups)))
        for short in (dtypes or self.dtypes).split():
            self.collected.append(
                Case(
                    id=f"{self.optimizer}/{label}-{problem}-{short}",
                    optimizer=self.optimizer,
                    hyper={"lr": self.lr, **hyper},
                    problem_name=problem,
                    dtype=_DTYPES[short],  # type: ignore[arg-type]
                    comment=comment,
                    topic=self._topic,
                    steps=steps or self.steps,
                    groups=groups,
                    events=events,
                    flags=flags,
                )
            )


def _event_flags(events: tuple[Event, ...], groups: tuple[Group, ...]) -> Iterator[str]:
    """The flags that follow from what happens in a case."""
    if groups:
        yield "GroupOptions"
    for event in events:
        if event.kind == "set":
            yield from ("LearningRateChanged" if name == "lr" else "OptionSetMidRun" for name in event.hyper)
        else:
            yield _EVENT_FLAGS[event.kind]


@cache
def all_cases() -> dict[str, Case]:
    """Every case by id: those of the files of this folder, and the standard ones of every optimizer that has no file."""
    from crossoptim.golden.cases.standard import standard_cases

    written = list(discover(__name__, __path__, Cases))
    own = {cases.optimizer for cases in written}
    made = [standard_cases(r.name) for r in all_rules().values() if r.kind != "closure" and r.name not in own]
    return {case.id: case for cases in (*written, *made) for case in cases.collected}


def get_case(case_id: str) -> Case:
    """The case of that id; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("case", all_cases(), case_id)
