"""A row: one tensor at one step, flat and row-major, as fixtures, recordings and the protocol hold it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.golden.json_text import read_number
from crossoptim.golden.reference import DTYPES


def flat(value: NDArray[Any] | None) -> list[float] | None:
    """A tensor as a flat list of doubles; None stays None."""
    return None if value is None else np.asarray(value, dtype=np.float64).ravel().tolist()


def read_row(values: Any, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """A row as an array of ``shape`` and ``dtype``. A single number stands for a row of one (R unboxes it).

    Raises:
        ValueError: a wrong count, something that is not a number, or a number that ``dtype`` does not hold.
    """
    values = values if isinstance(values, list) else [values]
    size = int(np.prod(shape))
    if len(values) != size:
        raise ValueError(f"{len(values)} numbers (expected {size}, shape {list(shape)})")
    doubles = np.array([read_number(v) for v in values], dtype=np.float64)
    with np.errstate(over="ignore"):
        out = doubles.astype(DTYPES[dtype])
    if dtype == "float32" and not np.array_equal(out.astype(np.float64), doubles, equal_nan=True):
        raise ValueError("holds numbers that are not float32")
    return out.reshape(shape)
