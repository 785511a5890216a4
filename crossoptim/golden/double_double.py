"""Double-double arithmetic on NumPy arrays: about 106 bits, for the one-step oracle of float64 runs.

Algorithms of Dekker 1971 and Hida, Li & Bailey 2001 (QD library, section 3). Verified against mpmath in the tests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_SPLITTER = 134217729.0  # 2^27 + 1
_SPLIT_LIMIT = 2.0**996  # above it the splitter overflows


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def _split(a: Array) -> tuple[Array, Array]:
    big = np.abs(a) > _SPLIT_LIMIT
    scaled = np.where(big, a * 2.0**-28, a)
    t = _SPLITTER * scaled
    high = t - (t - scaled)
    low = scaled - high
    factor = np.where(big, 2.0**28, 1.0)
    return high * factor, low * factor


def _two_product(a: Array, b: Array) -> tuple[Array, Array]:
    p = a * b
    ah, al = _split(a)
    bh, bl = _split(b)
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


class DoubleDouble:
    """An unevaluated sum ``high + low`` of two float64 arrays; where ``high`` is not finite, ``low`` is zero."""

    __slots__ = ("high", "low")
    __array_ufunc__ = None  # a NumPy array on the left is refused instead of becoming an array of objects

    def __init__(self, high: Any, low: Any = 0.0) -> None:
        self.high = np.asarray(high, dtype=np.float64)
        self.low = np.where(np.isfinite(self.high), np.asarray(low, dtype=np.float64), 0.0)

    @staticmethod
    def of(value: Any) -> DoubleDouble:
        """Wrap a number or array; double-doubles pass through."""
        return value if isinstance(value, DoubleDouble) else DoubleDouble(value)

    def __add__(self, other: Any) -> DoubleDouble:
        b = DoubleDouble.of(other)
        s, e = _two_sum(self.high, b.high)
        t, f = _two_sum(self.low, b.low)
        s, e = _renormalise(s, e + t)
        s, e = _renormalise(s, e + f)
        return DoubleDouble(s, e)

    def __neg__(self) -> DoubleDouble:
        return DoubleDouble(-self.high, -self.low)

    def __sub__(self, other: Any) -> DoubleDouble:
        return self + (-DoubleDouble.of(other))

    def __mul__(self, other: Any) -> DoubleDouble:
        b = DoubleDouble.of(other)
        p, e = _two_product(self.high, b.high)
        return DoubleDouble(*_renormalise(p, e + (self.high * b.low + self.low * b.high)))

    def __truediv__(self, other: Any) -> DoubleDouble:
        b = DoubleDouble.of(other)
        q1 = DoubleDouble(self.high / b.high)
        r = self - q1 * b
        q2 = r.high / b.high
        r = r - b * q2
        q3 = r.high / b.high
        ok = np.isfinite(q1.high) & np.isfinite(b.high)
        s, e = _renormalise(q1.high, np.where(ok, q2, 0.0))
        s, e = _renormalise(s, e + np.where(ok, q3, 0.0))
        return DoubleDouble(s, e)

    def __gt__(self, other: Any) -> Any:
        b = DoubleDouble.of(other)
        return (self.high > b.high) | ((self.high == b.high) & (self.low > b.low))

    def __lt__(self, other: Any) -> Any:
        return DoubleDouble.of(other) > self

    def __ge__(self, other: Any) -> Any:
        b = DoubleDouble.of(other)
        return (self.high > b.high) | ((self.high == b.high) & (self.low >= b.low))

    def __le__(self, other: Any) -> Any:
        return DoubleDouble.of(other) >= self

    def sqrt(self) -> DoubleDouble:
        """Square root, by one Newton step from the double result."""
        root = np.sqrt(self.high)
        safe = np.isfinite(root) & (root > 0)
        residual = self - DoubleDouble(root) * DoubleDouble(root)
        correction = np.where(safe, residual.high / np.where(safe, 2.0 * root, 1.0), 0.0)
        return DoubleDouble(*_renormalise(root, correction))

    def sum(self, axis: int | None = None) -> DoubleDouble:
        """The sum of all elements (0-d), or of those along an axis, which stays, with length one."""
        if axis is None:
            return DoubleDouble(self.high.ravel(), self.low.ravel()).sum(0)[0]
        total = DoubleDouble(np.sum(np.zeros_like(self.high), axis=axis, keepdims=True))
        for i in range(self.high.shape[axis]):
            total = total + DoubleDouble(self.high.take([i], axis), self.low.take([i], axis))
        return total

    def __getitem__(self, place: Any) -> DoubleDouble:
        return DoubleDouble(self.high[place], self.low[place])

    def __matmul__(self, other: DoubleDouble) -> DoubleDouble:
        return (self[..., :, :, None] * other[..., None, :, :]).sum(-2)[..., :, 0, :]

    def swapaxes(self, a: int, b: int) -> DoubleDouble:
        """With two axes exchanged."""
        return DoubleDouble(self.high.swapaxes(a, b), self.low.swapaxes(a, b))

    def distance(self, other: Array) -> Array:
        """``|other - self|`` in double, without cancellation."""
        return np.abs((DoubleDouble(other) - self).high)


def _renormalise(a: Array, b: Array) -> tuple[Array, Array]:
    # beside an infinity, and where a product's halves overflow, the error term is NaN and means nothing
    b = np.where(np.isfinite(a) & np.isfinite(b), b, 0.0)
    s = a + b
    return s, np.where(np.isfinite(s), b - (s - a), 0.0)
