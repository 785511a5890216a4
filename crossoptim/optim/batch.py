"""The parameters of a group that have gradients: gathered once, stepped together as long as nothing is put in another place."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from operator import is_not

import numpy as np
import torch
from torch import Tensor

from crossoptim.errors import UnavailableError
from crossoptim.kernels.count import Counters
from crossoptim.optim.held import STEP, Held, Member
from crossoptim.optim.layout import plain
from crossoptim.optim.work import DTYPES, Numbers, Work
from crossoptim.spec.trace import Equation


class Batch:
    """Members of a group, with the kernels that take them.

    Args:
        equation: of all members.
        members: those that step.
        grads: their gradients, as the equation takes them.
        kept: the keys of the numbers that the rule keeps.
        kernels: whether they are wanted.

    ``left`` are the members that no kernel takes, with their places among ``members``: those that lie on another device, not dense, or not
    as their gradients do, and all where there is no compiler.
    """

    def __init__(
        self, equation: Equation, members: Sequence[Member], grads: Sequence[Tensor], kept: Mapping[str, str], kernels: bool
    ) -> None:
        self.members = members
        self._kept = kept
        self.ages = list({member.age: None for member in members})
        self._wanted = (equation, kernels)
        self._equation = equation if kernels else None
        self._params = [member.p for member in members]
        self._held = [member.held for member in members]
        self._places = [(member.held, key, value) for member in members for key, value in member.held.items() if isinstance(value, Tensor)]
        self._works: dict[torch.dtype, Work] = {}
        self.left: list[tuple[int, Member]] = []
        for index, (member, grad) in enumerate(zip(members, grads, strict=True)):
            work = self._work(member.p)
            if work is None or not work.add(index, member, grad):
                self.left.append((index, member))
        for work in self._works.values():
            work.close()
        self._steps = _Steps(members)

    def _work(self, p: Tensor) -> Work | None:
        if self._equation is None or p.dtype not in DTYPES or not plain(p):
            return None
        work = self._works.get(p.dtype)
        if work is None:
            try:
                work = self._works[p.dtype] = Work(self._equation, p.dtype)
            except UnavailableError as error:
                _say_once(str(error))
                self._equation = None
        return work

    def goes_on(self, equation: Equation, kernels: bool, params: Sequence[Tensor], held: Sequence[Held], grads: Sequence[Tensor]) -> bool:
        """Whether the next step may be taken as the last one was: nothing has another place in memory but gradients."""
        return (
            (equation, kernels) == self._wanted
            and _same(params, self._params)
            and _same(held, self._held)
            and all(held.get(key) is value for held, key, value in self._places)
            and all(member.held.get(key) == member.age.kept[name] for name, key in self._kept.items() for member in self.members)
            and self._steps.stay()
            and all(work.stays(grads) for work in self._works.values())
        )

    def run(self, grads: Sequence[Tensor], numbers: Numbers) -> None:
        """The step of those that kernels take, in place.

        Args:
            grads: of all members.
            numbers: for each age all that the equation reads beside tensors.
        """
        threads = torch.get_num_threads()
        for work in self._works.values():
            work.run(grads, numbers, threads)

    def count(self) -> None:
        """Count a step in the counters that are tensors."""
        self._steps.count()


class _Steps:
    """The counters of steps of some members: 0-d tensors on the processor."""

    def __init__(self, members: Sequence[Member]) -> None:
        counted = [member for member in members if STEP in member.held]
        self._members = [member for member in counted if isinstance(member.held[STEP], Tensor)]
        self._plain = [member for member in counted if not isinstance(member.held[STEP], Tensor)]
        self._tensors: list[Tensor] = [member.held[STEP] for member in self._members]
        self._places = [*map(Tensor.data_ptr, self._tensors)]
        self._counters: Counters | None = None
        if self._tensors and all(step.dtype is torch.float32 and step.is_cpu for step in self._tensors):
            with suppress(UnavailableError):
                self._counters = Counters(np.array(self._places, dtype=np.uintp))

    def stay(self) -> bool:
        """Whether they are where they were, and count what the members' ages do."""
        if [*map(Tensor.data_ptr, self._tensors)] != self._places:
            return False
        if any(member.held.get(STEP) != member.age.t for member in self._plain):
            return False
        found = self._counters.values().tolist() if self._counters else [*map(float, self._tensors)]
        return found == [member.age.t for member in self._members]

    def count(self) -> None:
        """Add 1 to each of them."""
        if self._counters:
            self._counters.add()
        elif self._tensors:
            torch._foreach_add_(self._tensors, 1)


def _same(a: Sequence[object], b: Sequence[object]) -> bool:
    return len(a) == len(b) and not any(map(is_not, a, b))


@cache
def _say_once(reason: str) -> None:
    warnings.warn(f"crossoptim: optimizers run on torch's operations, which is slower: {reason}", RuntimeWarning, stacklevel=2)
