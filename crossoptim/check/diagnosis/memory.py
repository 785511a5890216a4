"""What may be wrong about what an implementation keeps between steps: state and step counts that begin anew, or that parameters share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from crossoptim.golden.case import Case, Membership
from crossoptim.spec.expr import names
from crossoptim.spec.trace import STEP, trace

EACH = "each step"
WHEN = {
    EACH: "at each step",
    "set": "when an option changes",
    "add_group": "when a group joins",
    "none": "after a step without a gradient",
    "unused": "after a loss without the parameter",
    "accumulate": "where gradients were not zeroed",
    "resume": "when the state is loaded",
}
"""When something may begin anew: at each step, or at an event."""


@dataclass(frozen=True)
class Memory:
    """What is kept otherwise.

    ``when``: at which event ``forgets`` begin anew, and, where ``restarts``, the step count. ``counts``: whose updates the step count
    counts: the parameter's own, those of all parameters in its ``group`` or of the ``optimizer``, or the optimizer's ``steps``.
    ``shares``: variables that the parameters of a group have in common.
    """

    when: str = ""
    forgets: tuple[str, ...] = ()
    restarts: bool = False
    counts: Literal["own", "group", "optimizer", "steps"] = "own"
    shares: tuple[str, ...] = ()

    def begins_anew(self, case: Case, member: Membership, name: str, since: int, step: int) -> bool:
        """Whether what a parameter kept at its update in step ``since`` is lost at its update in ``step``."""
        if self.when == EACH:
            return True
        for event in case.events:
            touched = event.group == member.group if event.kind == "set" else not event.params or name in event.params
            if event.kind == self.when and since < event.step <= step and (touched or event.kind == "add_group"):
                return True
        return False


def memories(case: Case) -> Iterator[tuple[str, Memory]]:
    """Each way to keep things otherwise that could show in a case, with the sentence that completes "it matches if …"."""
    setting = case.base
    equation = trace(setting)
    variables = tuple(var.name for var in setting.state)
    counted = any(STEP in names(root) for root in equation.scalars.values())
    several = max(len(members) for members in case.timeline) > 1
    kinds = dict.fromkeys(event.kind for event in case.events if event.kind in WHEN)
    if counted and several:
        if any(len({m.group for m in members.values()}) < len(members) for members in case.timeline):
            yield "the parameters of a group share one step count, which each of them advances", Memory(counts="group")
        yield "all parameters share one step count, which each of them advances", Memory(counts="optimizer")
    if counted and kinds:
        yield "the step count counts the optimizer's steps, not the parameter's updates", Memory(counts="steps")
    for when in (EACH, *kinds):
        said = f"anew {WHEN[when]}"
        if variables and (when != EACH or counted):
            yield f"state and step count begin {said}", Memory(when, variables, True)
        if variables:
            yield f"the state begins {said}, the step count goes on", Memory(when, variables)
        if counted:
            yield f"the step count begins {said}, the state goes on", Memory(when, (), True)
        if len(variables) > 1:
            for variable in variables:
                yield f"{variable} begins {said}", Memory(when, (variable,))
    if several and variables:
        yield "the parameters of a group share their state", Memory(shares=variables)
        yield (
            "the parameters of a group share their state and step count, which each of them advances",
            Memory(shares=variables, counts="group"),
        )
        if len(variables) > 1:
            for variable in variables:
                yield f"the parameters of a group share {variable}", Memory(shares=(variable,))
