"""Numbers that carry their rounding bound: the exact value, its magnitude, and how many roundings lie on its path.

For each node of the graph, an implementation that rounds each operation (in this order, reassociated or distributed) lies within

    k · u · M  +  extra

of the exact value, where ``M`` is the node of the *magnitude graph* (every operand by its absolute value, every subtraction an addition),
``k`` counts roundings on the longest path, ``u`` is the unit roundoff, and ``extra`` carries what does not scale with ``u``: underflow, and
the error of scalars that were computed in double. Division and square root count two roundings: libraries multiply by the reciprocal, and
vectorised square roots are faithful, not correctly rounded. After Higham 2002, *Accuracy and Stability of Numerical Algorithms*, ch. 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.golden.double_double import DoubleDouble

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Precision:
    """A floating-point format: unit roundoff, smallest positive number, largest number."""

    unit: float
    smallest: float
    largest: float

    def holds(self, value: float) -> bool:
        """Whether a double is a number of this format."""
        return self.unit <= 2.0**-53 or float(np.float32(value)) == value


PRECISIONS = {
    "float32": Precision(2.0**-24, 2.0**-149, float(np.finfo(np.float32).max)),
    "float64": Precision(2.0**-53, 2.0**-1074, float(np.finfo(np.float64).max)),
}


def wide(value: Any, dtype: str) -> Any:
    """The number type of the one-step oracle: float64 for float32, double-double for float64."""
    return DoubleDouble.of(value) if dtype == "float64" else np.asarray(value, dtype=np.float64)


def _double(value: Any) -> Array:
    if isinstance(value, DoubleDouble):
        return value.high
    return np.asarray(value, dtype=np.float64)


class Bounded:
    """A number (or array) with its bound. ``value`` may be float64, :class:`DoubleDouble` or a high-precision scalar."""

    __slots__ = ("extra", "k", "magnitude", "precision", "value")
    __array_ufunc__ = None

    def __init__(self, value: Any, magnitude: Any, k: float, extra: Any, precision: Precision) -> None:
        # A result beyond the format's range is an infinity there; NaN and infinities need no bound.
        if precision.largest < np.finfo(np.float64).max:
            value = np.where(np.abs(value) > precision.largest, np.copysign(np.inf, value), value)
        self.value = value
        self.magnitude = np.asarray(magnitude, dtype=np.float64)
        self.k = k
        self.extra = np.asarray(extra, dtype=np.float64)
        self.precision = precision

    @classmethod
    def exact(cls, value: Any, precision: Precision) -> Bounded:
        """A number that the implementation holds exactly."""
        return cls(value, np.abs(_double(value)), 0, 0.0, precision)

    @property
    def bound(self) -> Array:
        """How far an honest implementation may lie from ``value``, elementwise."""
        with np.errstate(all="ignore"):
            return np.asarray(self.k * self.precision.unit * self.magnitude + self.extra)

    def _lift(self, other: Any) -> Bounded:
        if isinstance(other, Bounded):
            return other
        value = DoubleDouble(other) if isinstance(self.value, DoubleDouble) else np.float64(other)
        return Bounded(value, abs(float(other)), 0 if self.precision.holds(float(other)) else 1, 0.0, self.precision)

    def _sum(self, other: Any, value: Any) -> Bounded:
        b = self._lift(other)
        return Bounded(value, self.magnitude + b.magnitude, max(self.k, b.k) + 1, self.extra + b.extra, self.precision)

    def __add__(self, other: Any) -> Bounded:
        return self._sum(other, self.value + self._lift(other).value)

    def __radd__(self, other: Any) -> Bounded:
        return self._lift(other) + self

    def __sub__(self, other: Any) -> Bounded:
        return self._sum(other, self.value - self._lift(other).value)

    def __rsub__(self, other: Any) -> Bounded:
        return self._lift(other) - self

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.magnitude, self.k, self.extra, self.precision)

    def __mul__(self, other: Any) -> Bounded:
        b = self._lift(other)
        extra = self.extra * b.magnitude + b.extra * self.magnitude + self.extra * b.extra + self.precision.smallest
        return Bounded(self.value * b.value, self.magnitude * b.magnitude, self.k + b.k + 1, extra, self.precision)

    def __rmul__(self, other: Any) -> Bounded:
        return self._lift(other) * self

    def __truediv__(self, other: Any) -> Bounded:
        b = self._lift(other)
        size = np.abs(_double(b.value))
        # the divisor's own error may bring it closer to zero; if it may reach zero, there is no bound
        nearest = np.where(np.isinf(size), np.inf, np.maximum(size - b.bound, 0.0))
        scale = np.where(np.isfinite(nearest) & (nearest > 0), b.magnitude / size / nearest, 0.0)
        spread = np.where(scale > 0, self.magnitude * b.extra / size / nearest, 0.0)
        # the reciprocal of a large divisor may underflow before it is multiplied
        extra = self.extra * scale + spread + self.precision.smallest * (1.0 + self.magnitude)
        extra = np.where(nearest > 0, extra, np.inf)
        return Bounded(self.value / b.value, self.magnitude * scale, self.k + b.k + 2, extra, self.precision)

    def __rtruediv__(self, other: Any) -> Bounded:
        return self._lift(other) / self

    def __pow__(self, other: Any) -> Bounded:
        power = _double(self._lift(other).value)
        size = np.abs(_double(self.value))
        growth = np.where(power != 0, np.abs(power) * size ** (power - 1), 0.0)
        value = _double(self.value) ** power
        magnitude = np.maximum(self.magnitude * growth, np.abs(value))
        return Bounded(value, magnitude, self.k + 2, self.extra * growth, self.precision)

    def _straddles(self, other: Bounded) -> NDArray[np.bool_]:
        """Where the two intervals overlap, so that an honest implementation may decide either way."""
        gap = np.abs(_double(self.value - other.value))
        return np.asarray(gap <= self.bound + other.bound) & (self.bound + other.bound > 0)

    def __lt__(self, other: Any) -> Condition:
        b = self._lift(other)
        return Condition(self.value < b.value, self._straddles(b))

    def __gt__(self, other: Any) -> Condition:
        b = self._lift(other)
        return Condition(self.value > b.value, self._straddles(b))

    def __le__(self, other: Any) -> Condition:
        b = self._lift(other)
        return Condition(self.value <= b.value, self._straddles(b))

    def __ge__(self, other: Any) -> Condition:
        b = self._lift(other)
        return Condition(self.value >= b.value, self._straddles(b))


@dataclass(frozen=True)
class Condition:
    """A comparison: its truth at the exact values, and where rounding could decide it otherwise."""

    truth: Any
    straddles: Any


class BoundedArrays:
    """The array namespace on :class:`Bounded` numbers."""

    @staticmethod
    def sqrt(x: Bounded) -> Bounded:
        """Square root. Its slope is taken where the argument's error may carry it; at zero, the error's own root is the bound."""
        value = x.value.sqrt() if isinstance(x.value, DoubleDouble) else np.sqrt(x.value)
        root, size, bound = _double(value), _double(x.value), x.bound
        # |sqrt(x') - sqrt(x)| = |x' - x| / (sqrt(x') + sqrt(x)), and x' is no less than x - bound
        steeper = 2.0 / (1.0 + np.sqrt(np.maximum(1.0 - bound / size, 0.0)))
        magnitude = np.where(root > 0, np.maximum(x.magnitude * steeper / root, root), 0.0)
        extra = np.where(root > 0, np.minimum(np.sqrt(x.extra), x.extra / root), np.sqrt(bound))
        return Bounded(value, magnitude, x.k / 2 + 2, extra, x.precision)

    @staticmethod
    def maximum(a: Bounded, b: Bounded) -> Bounded:
        """The larger one: no more than the larger of both errors."""
        condition = (a.value > b.value) | np.isnan(_double(a.value))
        return Bounded(
            _select(condition, a.value, b.value),
            np.maximum(a.magnitude, b.magnitude),
            max(a.k, b.k),
            np.maximum(a.extra, b.extra),
            a.precision,
        )

    @staticmethod
    def where(condition: Condition, a: Any, b: Any) -> Bounded:
        """Select; where the condition's intervals straddle, both branches are admissible."""
        lift = (a if isinstance(a, Bounded) else b)._lift
        a, b = lift(a), lift(b)
        choose = condition.truth
        either = np.where(condition.straddles, np.abs(_double(a.value - b.value)), 0.0)
        return Bounded(
            _select(choose, a.value, b.value),
            np.where(choose, a.magnitude, b.magnitude),
            max(a.k, b.k),
            np.where(choose, a.extra, b.extra) + either,
            a.precision,
        )

    @staticmethod
    def sum(x: Bounded) -> Bounded:
        """The sum of all elements, in any order."""
        return _reduced(x, np.size(x.magnitude), lambda a: np.asarray(np.sum(a)))

    @staticmethod
    def sum_rows(x: Bounded) -> Bounded:
        """The sum of each row, as a column."""
        return _reduced(x, x.magnitude.shape[1], lambda a: np.sum(a, axis=1, keepdims=True))

    @staticmethod
    def sum_columns(x: Bounded) -> Bounded:
        """The sum of each column, as a vector."""
        return _reduced(x, x.magnitude.shape[0], lambda a: np.asarray(np.sum(a, axis=0)))

    @staticmethod
    def matmul(a: Bounded, b: Bounded) -> Bounded:
        """Matrix product: a sum of as many products as the inner dimension."""
        extra = np.broadcast_to(a.extra, a.magnitude.shape) @ b.magnitude + a.magnitude @ np.broadcast_to(b.extra, b.magnitude.shape)
        k = a.k + b.k + a.magnitude.shape[-1]
        underflow = a.magnitude.shape[-1] * a.precision.smallest
        return Bounded(a.value @ b.value, a.magnitude @ b.magnitude, k, extra + underflow, a.precision)

    @staticmethod
    def transpose(x: Bounded) -> Bounded:
        """Transpose of a matrix."""
        return Bounded(x.value.T, x.magnitude.T, x.k, x.extra.T if x.extra.ndim else x.extra, x.precision)

    # No order of operations reaches through what follows: what came in becomes an absolute error of the argument.

    @staticmethod
    def exp(x: Bounded) -> Bounded:
        """Exponential."""
        value = np.exp(x.value)
        return Bounded(value, value, 3, value * np.expm1(x.bound) + x.precision.smallest, x.precision)

    @staticmethod
    def log(x: Bounded) -> Bounded:
        """Logarithm of a positive number."""
        value = np.log(x.value)
        nearest = np.maximum(x.value - x.bound, 0.0)
        return Bounded(value, np.abs(value), 3, np.where(nearest > 0, x.bound / nearest, np.inf), x.precision)

    @staticmethod
    def tanh(x: Bounded) -> Bounded:
        """Hyperbolic tangent: its slope is 1 - tanh^2, steepest where the argument is nearest to zero."""
        value = np.tanh(x.value)
        steepest = 1 - np.tanh(np.maximum(np.abs(x.value) - x.bound, 0.0)) ** 2
        return Bounded(value, np.abs(value), 4, x.bound * steepest, x.precision)


def _select(condition: Any, a: Any, b: Any) -> Any:
    if isinstance(a, DoubleDouble):
        return DoubleDouble(np.where(condition, a.high, b.high), np.where(condition, a.low, b.low))
    return np.where(condition, a, b)


def _reduced(x: Bounded, count: int, reduce: Any) -> Bounded:
    extra = reduce(np.broadcast_to(x.extra, x.magnitude.shape))
    return Bounded(reduce(x.value), reduce(x.magnitude), x.k + max(count - 1, 0), extra, x.precision)
