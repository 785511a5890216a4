"""The judge of a library that keeps state or step counts otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.check.diagnosis.memory import Memory
from crossoptim.check.judge import Compared, Judge, Run
from crossoptim.check.predict import Row, Scalar, held, initial_kept, kept_after, kept_choices, step_bits
from crossoptim.golden.trajectory import Trajectory, initial_state
from crossoptim.spec.trace import PARAM

Array = NDArray[Any]


class MemoryRun(Run):
    """A trajectory under judgement, of a library that keeps things otherwise."""

    def __init__(self, judge: Judge, got: Trajectory, mode: str, memory: Memory) -> None:
        super().__init__(judge, got, mode)
        self.memory = memory

    def rows(self, name: str) -> Iterator[Row]:
        """The steps that a parameter takes, each with what the library has kept."""
        yield from self._table[name]

    @cached_property
    def _table(self) -> Mapping[str, list[Row]]:
        rows = {name: {row.step: row for row in super(MemoryRun, self).rows(name)} for name in self.judge.shapes}
        out: dict[str, list[Row]] = {name: [] for name in rows}
        updates: dict[Any, int] = {}
        for step, members in enumerate(self.case.timeline, 1):
            made: dict[int, tuple[str, dict[str, Array]]] = {}
            for name, member in sorted(members.items(), key=lambda item: (item[1].group, item[1].index)):
                if step not in rows[name]:
                    continue
                for key in (name, member.group, None):
                    updates[key] = updates.get(key, 0) + member.setting.counts
                row = self._kept(name, rows[name][step], out[name][-1] if out[name] else None)
                row = replace(row, t=self._count(row, name, updates, out[name]))
                if self.memory.shares:
                    row = self._shared(row, name, made.get(member.group))
                    made[member.group] = (name, step_bits(row, self.judge.active(member, row.loaded), self.case.dtype))
                out[name].append(row)
        return out

    def _kept(self, name: str, row: Row, last: Row | None) -> Row:
        """A row with what begins anew, and with the numbers that were kept through the rows before."""
        anew = bool(last) and self.memory.begins_anew(self.case, row.member, name, last.step if last else 0, row.step)
        before = dict(row.before)
        for var in row.member.setting.state if anew else ():
            if var.name in self.memory.forgets:
                before[var.name] = initial_state(var, row.member.setting.reals, row.before[PARAM], row.grad)
        if not row.kept:
            return replace(row, before=before)
        quirks = self.judge.active(row.member, row.loaded)
        kept = initial_kept(row.member.setting) if last is None or (anew and self.memory.restarts) else kept_after(last)
        bent: dict[str, Scalar] = held(kept, self.judge.quirks)
        others: list[dict[str, Scalar]] = []
        if last is not None and not anew:
            bent, *others = kept_choices(last.bent(), quirks)
        return replace(row, before=before, kept=kept, bent_kept=bent, bent_others=others)

    def _count(self, row: Row, name: str, updates: Mapping[Any, int], earlier: list[Row]) -> int:
        match self.memory.counts:
            case "group":
                return updates[row.member.group]
            case "optimizer":
                return updates[None]
            case "steps":
                return row.step
        if not self.memory.restarts:
            return row.t
        last = earlier[-1] if earlier else None
        anew = last is None or self.memory.begins_anew(self.case, row.member, name, last.step, row.step)
        return 1 if anew or last is None else last.t + 1

    def _shared(self, row: Row, name: str, previous: tuple[str, dict[str, Array]] | None) -> Row:
        """A row whose shared variables are as the parameter before it in the group left them."""
        if previous is None:  # all of them show what the last one left
            return row
        left = {key: previous[1][key] for key in self.memory.shares if key in previous[1]}
        fits = {key: value for key, value in left.items() if value.shape == row.before[key].shape}
        return replace(row, before={**row.before, **fits})

    def _compare(self, one: Compared) -> None:
        shared = self.memory.shares
        if shared and one.label.startswith("state/") and one.label.rsplit("/", 1)[1] in shared:
            name = one.label.split("/")[1]
            last = np.array([self._is_last(name, step) for step in one.steps])
            if not last.any():
                return
            steps = [step for step, chosen in zip(one.steps, last, strict=True) if chosen]
            one = replace(one, steps=steps, plain=one.plain.rows(last), bent=one.bent.rows(last) if one.bent else None)
        if shared:  # what the others left is known to its rounding
            one = replace(one, plain=replace(one.plain, bound=len(self.judge.shapes) * one.plain.bound))
        super()._compare(one)

    def _is_last(self, name: str, step: int) -> bool:
        """Whether a parameter is the last one of its group that a step updates."""
        members = self.case.timeline[step - 1]
        own = members[name]
        later = [other for other, m in members.items() if m.group == own.group and m.index > own.index]
        return not any(self.got.grads[other][step - 1] is not None for other in later)
