"""Runs a case as a library departs from it: the reference on the edited equation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crossoptim.check.predict import Row, Scalar, held, initial_kept, kept_after, step_bits
from crossoptim.golden.case import Case, Membership
from crossoptim.golden.sites import Sites
from crossoptim.golden.trajectory import Trajectory, initial_params, initial_state
from crossoptim.spec.model import LeavesZeros, Quirk, Raises, StartsAs
from crossoptim.spec.trace import GRAD, PARAM

Array = NDArray[np.floating]
Gradients = Callable[[int, dict[str, Array]], dict[str, Array | None]]
"""What the backward pass of a step adds, from the step and the parameters before it."""


def depart(case: Case, quirks: Sequence[Quirk], gradients: Gradients) -> Trajectory:
    """The trajectory of a case under quirks; without any, the equation's own.

    Args:
        case: of an optimizer that is stepped with gradients.
        quirks: departures of one library's class on one execution path; those that raise are passed over.
        gradients: what each step's backward pass adds.
    """
    numeric = [quirk for quirk in quirks if not any(isinstance(effect, Raises) for effect in quirk.effects)]
    return _Run(case, numeric).trajectory(gradients)


class _Run:
    def __init__(self, case: Case, quirks: Sequence[Quirk]) -> None:
        self.case, self.quirks, self.sites = case, quirks, Sites(case)
        self.params = initial_params(case)
        self.state: dict[str, dict[str, Array]] = {name: {} for name in self.params}
        self.left: dict[str, Array | None] = dict.fromkeys(self.params)
        self.count = dict.fromkeys(self.params, 0)
        self.kept: dict[str, dict[str, Scalar]] = {}

    def trajectory(self, gradients: Gradients) -> Trajectory:
        names = list(self.params)
        out = Trajectory(params={n: [] for n in names}, grads={n: [] for n in names}, grads_after={n: [] for n in names})
        for step, members in enumerate(self.case.timeline, 1):
            fresh = gradients(step, self.params)
            skipped = self.case.without_gradient(step)
            for name in names:
                member = members.get(name)
                used = None if member is None or name in skipped else fresh[name]
                if member is not None and self._zeros_left(name, step, member):
                    used = np.zeros_like(self.params[name])
                before = self.left[name]
                if used is not None and before is not None and self.case.happens("accumulate", step):
                    used = np.asarray(before + used)
                self.left[name] = used if used is None or member is None else self._step(name, step, member, used)
                out.grads[name].append(used)
                out.grads_after[name].append(self.left[name])
                out.params[name].append(self.params[name])
                for variable, value in self.state[name].items():
                    rows = out.state.setdefault(name, {}).setdefault(variable, [None] * (step - 1))
                    rows.append(value)
        return out

    def _zeros_left(self, name: str, step: int, member: Membership) -> bool:
        unused = any(name in event.params for event in self.case.happens("unused", step))
        return unused and self.left[name] is not None and any(isinstance(e, LeavesZeros) for q in self._active(member) for e in q.effects)

    def _active(self, member: Membership, loaded: bool = False) -> list[Quirk]:
        site = self.sites.at(member, loaded)
        return [quirk for quirk in self.quirks if quirk.when(site)]

    def _step(self, name: str, step: int, member: Membership, grad: Array) -> Array:
        """Step one parameter; what is left in its gradient."""
        loaded = self.sites.loaded(name, step)
        active = self._active(member, loaded)
        self.count[name] += member.setting.counts
        if name not in self.kept:
            self.kept[name] = held(initial_kept(member.setting), active)
        starts = {e.variable: e.init for quirk in active for e in quirk.effects if isinstance(e, StartsAs)}
        for var in member.setting.state:
            if var.name not in self.state[name]:
                bent = var.name in starts
                reals = self.sites.first.reals if bent else member.setting.reals
                start = replace(var, init=starts.get(var.name, var.init))
                self.state[name][var.name] = initial_state(start, reals, self.params[name], grad)
        before = {var.name: self.state[name][var.name] for var in member.setting.state}
        row = Row(step, member, self.count[name], {**before, PARAM: self.params[name]}, grad, self.kept[name], loaded=loaded)
        out = step_bits(row, active, self.case.dtype)
        self.kept[name] = kept_after(row, active)
        self.params[name] = out.pop(PARAM)
        left = out.pop(GRAD, grad)
        self.state[name].update(out)
        return left
