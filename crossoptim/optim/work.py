"""Parameters of one dtype and the kernel that steps them in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from crossoptim.kernels.kernel import kernel
from crossoptim.optim.held import Age, Member
from crossoptim.optim.layout import alike, as_stored, content, dense, order, overlap
from crossoptim.spec.trace import Equation

DTYPES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.bfloat16: "bfloat16",
    torch.float16: "float16",
    torch.complex64: "float32",
    torch.complex128: "float64",
}
"""The dtype of a tensor's kernel; a complex number is two real ones."""

Numbers = Mapping[Age, Mapping[str, float]]


class Work:
    """What one kernel takes of a batch.

    Raises:
        UnavailableError: where there is no C compiler.
    """

    def __init__(self, equation: Equation, dtype: torch.dtype) -> None:
        self._kernel = kernel(equation, DTYPES[dtype])
        self._state = self._kernel.tensors[2:]  # after the parameter and its gradient
        self._indices: list[int] = []
        self._members: list[Member] = []
        self._fixed: list[Tensor] = []

    def add(self, index: int, member: Member, grad: Tensor) -> bool:
        """Take a member in; False where its tensors lie in memory in different ways."""
        tensors = [member.state[key] for key in self._state]
        if not (dense(member.p) and all(alike(t, member.p) for t in (member.p, grad, *tensors))):
            return False
        self._indices.append(index)
        self._members.append(member)
        self._fixed += [member.p, *tensors]
        return True

    def close(self) -> None:
        """Nothing is added any more."""
        self._params = [member.p for member in self._members]
        self._order, self._content = order(self._fixed), content(self._params)
        self._grads: object = ...  # not looked at yet
        self._real = not any(map(Tensor.is_complex, self._params))
        self._sizes = np.array([p.numel() for p in self._params], dtype=np.int64) * (1 if self._real else 2)
        self._places = [*map(Tensor.data_ptr, self._fixed)]
        fixed = np.array(self._places, dtype=np.uintp).reshape(len(self._params), 1 + len(self._state))
        self._addresses = np.insert(fixed, 1, 0, axis=1)
        self._alone = overlap(self._fixed)
        ages = [member.age for member in self._members]
        self._ages = ages[:1] if len({*ages}) == 1 else ages

    def _mine(self, grads: Sequence[Tensor]) -> Sequence[Tensor]:
        return grads if len(grads) == len(self._indices) else [grads[index] for index in self._indices]

    def stays(self, grads: Sequence[Tensor]) -> bool:
        """Whether all tensors lie where and as they lay; gradients may be new ones that lie as those before did."""
        if [*map(Tensor.data_ptr, self._fixed)] != self._places:
            return False
        if order(self._fixed) != self._order or content(self._params) != self._content:
            return False
        mine = self._mine(grads)
        if not (as_stored(mine, self._real) and (self._real or as_stored(self._fixed, self._real))):
            return False
        found = order(mine), content(mine)
        if found != self._grads and not all(map(alike, mine, self._params)):
            return False
        self._grads = found
        return True

    def run(self, grads: Sequence[Tensor], numbers: Numbers, threads: int) -> None:
        """The step."""
        if self._params:
            self._addresses[:, 1] = [*map(Tensor.data_ptr, self._mine(grads))]
            self._kernel(self._sizes, self._addresses, [numbers[age] for age in self._ages], 1 if self._alone else threads)
            increment_version(self._fixed)
