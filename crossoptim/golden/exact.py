"""Sums of numbers and of products, and powers, rounded once: the same in any order, on every machine.

A double is a whole number times a power of two, so a sum of doubles, or of products of two, is one too: it is found in whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, isfinite
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_MP = mpmath.MPContext()
_MP.dps = 60


def exact_sum(x: Array, axis: int | None = None) -> Array:
    """The sum of all elements (0-d), or of those along an axis (which stays, with length one), rounded once to the dtype."""
    if axis is None:
        return np.asarray(_rounded(((v, 1.0) for v in x.ravel().tolist()), x.dtype.type), dtype=x.dtype)
    rows = np.moveaxis(x, axis, -1)
    out = np.empty(rows.shape[:-1], dtype=x.dtype)
    for place in np.ndindex(out.shape):
        out[place] = _rounded(((v, 1.0) for v in rows[place].tolist()), x.dtype.type)
    return np.expand_dims(out, axis)


def exact_product(a: Array, b: Array) -> Array:
    """The product of two matrices, each element rounded once to the dtype."""
    out = np.empty((a.shape[0], b.shape[1]), dtype=a.dtype)
    left, right = a.tolist(), b.T.tolist()
    for i, j in np.ndindex(out.shape):
        out[i, j] = _rounded(zip(left[i], right[j], strict=True), a.dtype.type)
    return out


def exact_dot(a: Array, b: Array) -> Any:
    """The sum of two vectors' products, rounded once to the dtype: a number of it."""
    return a.dtype.type(_rounded(zip(a.tolist(), b.tolist(), strict=True), a.dtype.type))


def exact_power(x: Array, exponent: Array) -> Array:
    """Each element to a power, rounded once to the dtype."""
    out = np.empty(x.shape, dtype=x.dtype)
    for place in np.ndindex(x.shape):
        out[place] = _power(float(x[place]), float(exponent), x.dtype.type)
    return out


def _power(base: float, exponent: float, kind: type[np.floating[Any]]) -> float:
    if base <= 0 or not isfinite(base):
        with np.errstate(all="ignore"):
            return float(np.power(np.float64(base), exponent))  # IEEE 754 fixes these
    exact = _MP.power(base, exponent)
    near = float(exact)
    return _narrowed(near, exact - _MP.mpf(near), kind) if isfinite(near) else near


def _rounded(pairs: Iterable[tuple[float, float]], kind: type[np.floating[Any]]) -> float:
    """The sum of products; infinities and NaN as IEEE 754 sums them, in whatever order, beside which no finite product counts."""
    pairs = list(pairs)
    if not all(isfinite(a) and isfinite(b) for a, b in pairs):
        with np.errstate(all="ignore"):
            return float(sum(np.float64(a) * b for a, b in pairs if not (isfinite(a) and isfinite(b))))
    total, unit = 0, 1  # the sum is total / unit, and unit a power of two
    for a, b in pairs:
        (m, scale_m), (n, scale_n) = a.as_integer_ratio(), b.as_integer_ratio()
        product, scale = m * n, scale_m * scale_n
        if scale > unit:
            total, unit = total * (scale // unit), scale
        total += product * (unit // scale)
    near = _quotient(total, unit)
    if not isfinite(near):
        return near
    p, q = near.as_integer_ratio()
    return _narrowed(near, total * q - p * unit, kind)


def _narrowed(near: float, away: Any, kind: type[np.floating[Any]]) -> float:
    """The double ``near`` a number as one of the dtype; ``away`` has the sign of what the number is beyond it."""
    if kind is np.float64:
        return near
    # to odd in double, so that the rounding to float32 is the only one that counts
    if away and not int(np.float64(near).view(np.int64)) & 1:
        near = float(np.nextafter(near, inf if away > 0 else -inf))
    with np.errstate(over="ignore"):
        return float(kind(near))


def _quotient(total: int, unit: int) -> float:
    try:
        return total / unit  # correctly rounded
    except OverflowError:
        return inf if total > 0 else -inf
