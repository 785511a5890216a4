"""An equation's kernel: all tensors of a group through a step, in one call."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossoptim.kernels.build import load
from crossoptim.spec.emit.c import STORAGES, arguments, source
from crossoptim.spec.trace import Equation


class Kernel:
    """The compiled step of one equation for one dtype.

    ``tensors`` and ``numbers`` name what it takes, in order.

    Raises:
        UnavailableError: where there is no C compiler.
        CrossoptimError: where the equation is not elementwise.
    """

    def __init__(self, equation: Equation, dtype: str) -> None:
        self.tensors, self.numbers = arguments(equation).tensors, arguments(equation).numbers
        self._number = np.dtype(np.float64 if STORAGES[dtype].computed == "double" else np.float32)
        self._step = load(source(equation, dtype)).step
        self._step.argtypes = [ctypes.c_int64, *[ctypes.c_void_p] * 3, ctypes.c_int64, ctypes.c_int]
        self._step.restype = None

    def __call__(self, sizes: ArrayLike, addresses: ArrayLike, numbers: Sequence[Mapping[str, float]], threads: int = 1) -> None:
        """One step, in place.

        Args:
            sizes: how many elements each parameter has, int64.
            addresses: for each parameter the addresses of its ``tensors``: dense, of the kernel's dtype, all in the same order of elements,
                none overlapping.
            numbers: for each parameter the hyperparameters and scalars, or one for all of them.
            threads: how many threads at most.
        """
        rows: NDArray[np.floating] = np.array([[row[key] for key in self.numbers] for row in numbers], dtype=self._number)
        lengths, pointers = np.asarray(sizes, dtype=np.int64), np.asarray(addresses, dtype=np.uintp)
        stride = 0 if len(rows) == 1 else len(self.numbers)
        self._step(len(lengths), lengths.ctypes.data, pointers.ctypes.data, rows.ctypes.data, stride, threads)


@cache
def kernel(equation: Equation, dtype: str) -> Kernel:
    """The kernel of an equation, made once."""
    return Kernel(equation, dtype)
