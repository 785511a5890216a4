"""The parameters of a group that one kernel takes through a step together."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from crossoptim.errors import UnavailableError
from crossoptim.kernels.kernel import Kernel, kernel
from crossoptim.spec.model import Setting
from crossoptim.spec.trace import trace

DTYPES = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16", torch.float16: "float16"}


class Batch:
    """Parameters of one setting and dtype, gathered and then stepped in one call.

    Args:
        setting: of the group; None takes none in.
    """

    def __init__(self, setting: Setting | None) -> None:
        self._setting = setting if setting and setting.rule.kind == "elementwise" and not torch.compiler.is_compiling() else None
        self._works: dict[torch.dtype, _Work] = {}

    def add(self, p: Tensor, grad: Tensor, state: Mapping[str, Any], numbers: Mapping[str, float]) -> bool:
        """Take a parameter in; False where it is on another device, not dense, or of a dtype for which there is no kernel."""
        if self._setting is None or not p.is_cpu:
            return False
        work = self._works.get(p.dtype)
        if work is None:
            if p.dtype not in DTYPES:
                return False
            found = _kernel(self._setting, DTYPES[p.dtype])
            if found is None:
                self._setting = None
                return False
            work = self._works[p.dtype] = _Work(found)
        return work.add(p, grad, state, numbers)

    def run(self) -> None:
        """The step of all that was taken in, in place."""
        for work in self._works.values():
            work.run()


class _Work:
    def __init__(self, found: Kernel) -> None:
        self._kernel = found
        self._state = found.tensors[2:]  # after the parameter and its gradient
        self._params: list[Tensor] = []
        self._gradients: list[Tensor] = []
        self._sizes: list[int] = []
        self._addresses: list[int] = []
        self._numbers: list[Mapping[str, float]] = []

    def add(self, p: Tensor, grad: Tensor, state: Mapping[str, Any], numbers: Mapping[str, float]) -> bool:
        tensors = [p, grad]
        for key in self._state:
            tensors.append(state[key])
        dtype, contiguous = p.dtype, True
        for t in tensors:  # a loop takes a third of the time of all(): this is what a step of many small parameters waits for
            if t.dtype is not dtype:
                return False
            contiguous = contiguous and t.is_contiguous()
        if not contiguous and not _alike(tensors):
            return False
        self._params.append(p)
        self._gradients.append(grad)  # which may be nobody else's
        self._sizes.append(p.numel())
        for t in tensors:
            self._addresses.append(t.data_ptr())
        self._numbers.append(numbers)
        return True

    def run(self) -> None:
        if not self._params:
            return
        first = self._numbers[0]
        same = self._numbers.count(first) == len(self._numbers)  # which looks at identity first
        rows = [first] if same else self._numbers
        self._kernel(self._sizes, self._addresses, rows, torch.get_num_threads())
        increment_version(self._params)


def _alike(tensors: list[Tensor]) -> bool:
    """Whether all of them lie densely in memory, in the same order of elements."""
    strides = tensors[0].stride()
    expected = 1
    for stride, size in sorted(zip(strides, tensors[0].shape, strict=True)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return all(t.stride() == strides and t.shape == tensors[0].shape for t in tensors)


def _kernel(setting: Setting, dtype: str) -> Kernel | None:
    try:
        return kernel(trace(setting), dtype)
    except UnavailableError as error:
        _say_once(str(error))
        return None


@cache
def _say_once(reason: str) -> None:
    warnings.warn(f"crossoptim: optimizers run on torch's operations, which is slower: {reason}", RuntimeWarning, stacklevel=2)
