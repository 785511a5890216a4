"""Numbers that carry their rounding bound: the exact value, its magnitude, and how many roundings lie on its path.

For each node of the graph, an implementation that rounds each operation (in this order, reassociated or distributed) lies within

    k · u · M  +  extra

of the exact value, where ``M`` is the node of the *magnitude graph* (every operand by its absolute value, every subtraction an addition),
``k`` counts roundings on the longest path, ``u`` is the unit roundoff, and ``extra`` carries what does not scale with ``u``: underflow, and
the error of scalars that were computed in double; where it is infinite, an honest implementation may have any number, or NaN. Division and
square root count two roundings: libraries multiply by the reciprocal, and vectorised square roots are faithful, not correctly rounded.
What is ``sure`` every honest implementation has exactly, such as the product of two numbers of few digits: it decides a comparison.
After Higham 2002, *Accuracy and Stability of Numerical Algorithms*, ch. 3.
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

    def keeps(self, product: Any) -> Array:
        """Where the product of two numbers of this format is one, too, well inside its range: nothing is rounded."""
        size = np.abs(_double(product))
        with np.errstate(all="ignore"):
            rest = product.low if isinstance(product, DoubleDouble) else product - product.astype(np.float32)
        return np.asarray((rest == 0) & (size < self.largest / 2) & (size > self.smallest / self.unit**3))


PRECISIONS = {
    "float32": Precision(2.0**-24, 2.0**-149, float(np.finfo(np.float32).max)),
    "float64": Precision(2.0**-53, 2.0**-1074, float(np.finfo(np.float64).max)),
}


def wide(value: Any, dtype: str) -> Any:
    """The number type of the one-step oracle: float64 for float32, double-double for float64."""
    return DoubleDouble.of(value) if dtype == "float64" else np.asarray(value, dtype=np.float64)


def _carried(extra: Array, factor: Any) -> Array:
    """An absolute error times a factor; what has no bound gets none, not even from zero, and no error stays none beside an infinity."""
    return np.asarray(np.where(np.isinf(extra), np.inf, np.where(extra == 0, 0.0, extra * factor)))


def _double(value: Any) -> Array:
    if isinstance(value, DoubleDouble):
        return value.high
    return np.asarray(value, dtype=np.float64)


class Bounded:
    """A number (or array) with its bound. ``value`` may be float64, :class:`DoubleDouble` or a high-precision scalar."""

    __slots__ = ("extra", "k", "magnitude", "precision", "sure", "value")
    __array_ufunc__ = None

    def __init__(self, value: Any, magnitude: Any, k: float, extra: Any, precision: Precision, sure: Any = False) -> None:
        # A result beyond the format's range is an infinity there; NaN and infinities need no bound.
        if precision.largest < np.finfo(np.float64).max:
            value = np.where(np.abs(value) > precision.largest, np.copysign(np.inf, value), value)
        self.value = value
        self.magnitude = np.asarray(magnitude, dtype=np.float64)
        self.k = k
        self.extra = np.asarray(extra, dtype=np.float64)
        self.precision = precision
        self.sure = np.asarray(sure) | (self.bound == 0)

    @classmethod
    def exact(cls, value: Any, precision: Precision) -> Bounded:
        """A number that the implementation holds exactly."""
        return cls(value, np.abs(_double(value)), 0, 0.0, precision)

    @property
    def bound(self) -> Array:
        """How far an honest implementation may lie from ``value``, elementwise."""
        with np.errstate(all="ignore"):
            return np.asarray(self.k * self.precision.unit * self.magnitude + self.extra)

    @property
    def _may_differ_from_zero(self) -> NDArray[np.bool_]:
        """Where it is not zero in every honest implementation: zero times a number is zero, and nothing underflows."""
        return np.asarray((self.magnitude > 0) | (self.extra > 0) | np.isnan(self.magnitude))

    def _lift(self, other: Any) -> Bounded:
        if isinstance(other, Bounded):
            return other
        value = DoubleDouble(other) if isinstance(self.value, DoubleDouble) else np.float64(other)
        return Bounded(value, abs(float(other)), 0 if self.precision.holds(float(other)) else 1, 0.0, self.precision)

    def _sum(self, other: Any, value: Any) -> Bounded:
        b = self._lift(other)
        # beside an infinity, a product beyond the format is an infinity too, but a contraction never rounds it: NaN, or the infinity
        number = ~np.isnan(_double(self.value)) & ~np.isnan(_double(b.value))
        beyond = np.isnan(_double(value)) & number & np.isfinite(np.minimum(self.magnitude, b.magnitude))
        extra = np.where(beyond, np.inf, self.extra + b.extra)
        value = _select(beyond, self.value, value) if beyond.any() else value
        nothing = (self.magnitude + self.extra == 0) | (b.magnitude + b.extra == 0)
        sure = self.sure & b.sure & nothing
        return Bounded(value, self.magnitude + b.magnitude, max(self.k, b.k) + 1, extra, self.precision, sure)

    def __add__(self, other: Any) -> Bounded:
        return self._sum(other, self.value + self._lift(other).value)

    def __radd__(self, other: Any) -> Bounded:
        return self._lift(other) + self

    def __sub__(self, other: Any) -> Bounded:
        return self._sum(other, self.value - self._lift(other).value)

    def __rsub__(self, other: Any) -> Bounded:
        return self._lift(other) - self

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.magnitude, self.k, self.extra, self.precision, self.sure)

    def __mul__(self, other: Any) -> Bounded:
        b = self._lift(other)
        underflow = np.where(self._may_differ_from_zero & b._may_differ_from_zero, self.precision.smallest, 0.0)
        extra = _carried(self.extra, b.magnitude) + _carried(b.extra, self.magnitude + self.extra) + underflow
        value = self.value * b.value
        sure = self.sure & b.sure & self.precision.keeps(value)
        return Bounded(value, self.magnitude * b.magnitude, self.k + b.k + 1, extra, self.precision, sure)

    def __rmul__(self, other: Any) -> Bounded:
        return self._lift(other) * self

    def __truediv__(self, other: Any) -> Bounded:
        b = self._lift(other)
        size = np.abs(_double(b.value))
        # the divisor's own error may bring it closer to zero; if it may reach zero, there is no bound
        nearest = np.where(np.isinf(size) & ~np.isinf(b.extra), np.inf, np.maximum(size - b.bound, 0.0))
        scale = np.where(np.isfinite(nearest) & (nearest > 0), b.magnitude / size / nearest, 0.0)
        spread = np.where(scale > 0, self.magnitude * b.extra / size / nearest, 0.0)
        # the reciprocal of a large divisor may underflow before it is multiplied
        underflow = np.where(self._may_differ_from_zero, self.precision.smallest * (1.0 + self.magnitude), 0.0)
        extra = _carried(self.extra, scale) + spread + underflow
        extra = np.where(nearest > 0, extra, np.inf)
        value = self.value / b.value
        # a divisor that is zero by rounding need not be: the quotient may be any number
        by_rounding = (size == 0) & (b.bound > 0) & np.isfinite(_double(self.value))
        if np.any(by_rounding):
            value = _select(by_rounding, self.value, value)
        return Bounded(value, self.magnitude * scale, self.k + b.k + 2, extra, self.precision)

    def __rtruediv__(self, other: Any) -> Bounded:
        return self._lift(other) / self

    def __pow__(self, other: Any) -> Bounded:
        """A power of a number that is not negative. The value is a double's; at zero, the error's own power is the bound."""
        power, size, bound = _double(self._lift(other).value), _double(self.value), self.bound
        value = size**power
        # the slope is steepest where the argument's error may carry it; that of a concave power is no more than the chord's from zero
        steepest = np.where(power < 1, np.maximum(size - bound, 0.0), size + bound)
        slope = np.abs(power) * steepest ** (power - 1)
        slope = np.where(power < 1, np.minimum(slope, value / size), slope)
        slope = np.where((size > 0) & (power != 0), slope, 0.0)
        # 1/3 is a rounded number, which a cube root does not round
        misread = np.where(size > 0, value * np.abs(np.log(size) * power) * self.precision.unit, 0.0)
        extra = np.where(size > 0, self.extra * slope + misread, np.where(power > 0, bound**power, 0.0))
        magnitude = np.maximum(self.magnitude * slope, value)
        wide = isinstance(self.value, DoubleDouble)
        return Bounded(DoubleDouble(value) if wide else value, magnitude, self.k + (4 if wide else 2), extra, self.precision)

    def __rpow__(self, other: Any) -> Bounded:
        return self._lift(other) ** self

    def _straddles(self, other: Bounded) -> NDArray[np.bool_]:
        """Where the two intervals overlap, so that an honest implementation may decide either way."""
        gap = np.abs(_double(self.value - other.value))
        return np.asarray((gap <= self.bound + other.bound) & ~(self.sure & other.sure))

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
        """Square root. Its slope is taken where the argument's error may carry it; at zero, the error's own root is the bound.

        A difference whose sign rounding decides has no bound: its root may be NaN.
        """
        size, bound = _double(x.value), x.bound
        decided = ~((x.magnitude > 1.001 * np.abs(size)) & (np.abs(size) <= bound))
        radicand = _select(decided | (size > 0), x.value, x.value - x.value)
        value = radicand.sqrt() if isinstance(radicand, DoubleDouble) else np.sqrt(radicand)
        root, size = _double(value), _double(radicand)
        # |sqrt(x') - sqrt(x)| = |x' - x| / (sqrt(x') + sqrt(x)), and x' is no less than x - bound
        steeper = 2.0 / (1.0 + np.sqrt(np.maximum(1.0 - bound / size, 0.0)))
        magnitude = np.where(root > 0, np.maximum(x.magnitude * steeper / root, root), 0.0)
        extra = np.where(root > 0, np.minimum(np.sqrt(x.extra), x.extra / root), np.sqrt(bound))
        return Bounded(value, magnitude, x.k / 2 + 2, np.where(decided & ~np.isinf(x.extra), extra, np.inf), x.precision)

    @staticmethod
    def maximum(a: Any, b: Any) -> Bounded:
        """The larger one: no more than the larger of both errors."""
        lift = (a if isinstance(a, Bounded) else b)._lift
        a, b = lift(a), lift(b)
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
        choose, both = condition.truth, condition.straddles
        either = np.where(both, np.abs(_double(a.value - b.value)), 0.0)
        return Bounded(
            _select(choose, a.value, b.value),
            np.where(both, np.maximum(a.magnitude, b.magnitude), np.where(choose, a.magnitude, b.magnitude)),
            max(a.k, b.k),
            np.where(both, np.maximum(a.extra, b.extra), np.where(choose, a.extra, b.extra)) + either,
            a.precision,
        )

    @staticmethod
    def sum(x: Bounded) -> Bounded:
        """The sum of all elements, in any order."""
        return _reduced(x, None)

    @staticmethod
    def sum_rows(x: Bounded) -> Bounded:
        """The sum of each row, as a column."""
        return _reduced(x, -1)

    @staticmethod
    def sum_columns(x: Bounded) -> Bounded:
        """The sum of each column, as a vector."""
        column = _reduced(x, 0)
        return Bounded(column.value[0], column.magnitude[0], column.k, column.extra[0], x.precision)

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
        extra = np.broadcast_to(x.extra, x.magnitude.shape)
        return Bounded(x.value.swapaxes(-1, -2), x.magnitude.swapaxes(-1, -2), x.k, extra.swapaxes(-1, -2), x.precision)

    @staticmethod
    def size(x: Bounded) -> Bounded:
        """How many elements there are."""
        return x._lift(float(x.magnitude.size))

    @staticmethod
    def columns(x: Bounded) -> Bounded:
        """How long a row is."""
        return x._lift(float(x.magnitude.shape[-1]))

    @staticmethod
    def epsilon(x: Bounded) -> Bounded:
        """The machine epsilon of the dtype."""
        return x._lift(2 * x.precision.unit)

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

    @staticmethod
    def cos(x: Bounded) -> Bounded:
        """Cosine: its slope is at most 1."""
        return Bounded(np.cos(x.value), 1.0, 3, x.bound, x.precision)

    @staticmethod
    def floor(x: Bounded) -> Bounded:
        """The whole part of a quotient of whole numbers, plus a whole number: rounding carries it past no other whole number."""
        return Bounded.exact(np.floor(x.value), x.precision)


def _select(condition: Any, a: Any, b: Any) -> Any:
    if isinstance(a, DoubleDouble):
        return DoubleDouble(np.where(condition, a.high, b.high), np.where(condition, a.low, b.low))
    return np.where(condition, a, b)


def _reduced(x: Bounded, axis: int | None) -> Bounded:
    """The sum of all elements (0-d), or along an axis, which stays, with length one."""

    def total(a: Array) -> Array:
        return np.asarray(np.sum(a, axis=axis, keepdims=axis is not None))

    count = x.magnitude.size if axis is None else x.magnitude.shape[axis]
    value = x.value.sum(axis) if isinstance(x.value, DoubleDouble) else total(x.value)
    extra = total(np.broadcast_to(x.extra, x.magnitude.shape))
    return Bounded(value, total(x.magnitude), x.k + max(count - 1, 0), extra, x.precision)
