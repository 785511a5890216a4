"""The rounding error of products of matrices, to first order: what a magnitude bound cannot do where they follow one another.

A magnitude bound multiplies magnitudes: five Newton-Schulz iterations of Muon raise them to the power 5^5, although the iteration damps
most errors. So a graph with products of matrices is run on numbers that carry an error term for each rounding of each element; later
operations carry it on with the size and sign that it has there (forward differentiation; Higham 2002, section 3.8).

**Worst case**, for roundings in the run's own precision: every term at its largest, all with one sign, and a sum rounded in any order.

**Half precision** (:class:`~crossoptim.spec.model.HalfPrecision`, an effect of a quirk): bfloat16 has a unit roundoff of 2^-8, and some
hundred roundings at their worst would allow any result at all. The terms are taken as independent and uniform instead (after Higham & Mary
2019, *A new approach to probabilistic rounding error analysis*): a uniform number in [-c, c] is sub-Gaussian with variance c^2 / 3, so an
element lies farther than ``CONFIDENCE * sqrt(sum of c^2 / 3)`` from the exact value with a probability below ``2 exp(-CONFIDENCE^2 / 2)``,
7e-6 for 5. A product of bfloat16 matrices is rounded once, since its sums are made in float32; so is a scaled matrix plus a product.

Terms of second order are smaller than those of the first by the share that the errors of a matrix have in it. In the run's own precision
they are left out; a bound in half precision is raised by the largest such share. Where the errors are as large as the matrix (coefficients
with which the iteration does not converge), or a number has left the range of bfloat16, nothing is known and the bound is infinite. The
tests say that honest evaluations stay inside, and which wrong ones do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.golden.bounded import Bounded
from crossoptim.golden.double_double import DoubleDouble
from crossoptim.spec.expr import Expr, operate, walk

Array = NDArray[np.float64]
HALF = 2.0**-8
"""Unit roundoff of bfloat16: eight significant bits."""
HALF_SMALLEST = 2.0**-133
HALF_LARGEST = float(np.finfo(np.float32).max)
CONFIDENCE = 5.0


def needed(root: Expr) -> bool:
    """Whether a magnitude bound of this graph would be of no use."""
    return any(node.op == "matmul" for node in walk(root))


def error(root: Expr, env: Mapping[str, Bounded], half: frozenset[int] = frozenset()) -> Array:
    """How far an honest implementation may lie from the exact value, elementwise; infinite where that is not known.

    Args:
        root: the graph.
        env: its leaves with their values and bounds.
        half: ids of the nodes whose results are bfloat16 numbers.
    """
    roundings = Roundings()
    leaves = {key: _leaf(roundings, value) for key, value in env.items()}
    own = next(iter(env.values())).precision
    memo: dict[int, Any] = {}

    def literal(value: float) -> Number:
        return Number(np.asarray(value), roundings)

    with np.errstate(all="ignore"):
        for node in walk(root):
            coarse = id(node) in half
            roundings.unit, roundings.smallest, roundings.once = (HALF, HALF_SMALLEST, True) if coarse else (own.unit, own.smallest, False)
            roundings.largest = HALF_LARGEST if coarse and own.largest > HALF_LARGEST else np.inf
            memo[id(node)] = operate(node, [memo[id(a)] for a in node.args], leaves, Functions, literal)
        noise = memo[id(root)].noise
        if half:
            bound = (1 + roundings.reach) * CONFIDENCE * np.sqrt(np.square(noise).sum(axis=-1) / 3)
        else:
            bound = np.abs(noise).sum(axis=-1)
    return np.asarray(np.where(np.isfinite(bound), bound, np.inf))


def _leaf(roundings: Roundings, value: Bounded) -> Number:
    centre = value.value.high if isinstance(value.value, DoubleDouble) else value.value
    centre = np.asarray(centre, dtype=np.float64)
    bound = np.broadcast_to(value.bound, centre.shape)
    return Number(centre, roundings, roundings.fresh(bound) if bound.any() else None)


@dataclass
class Roundings:
    """Counts the error terms; ``unit`` and ``smallest`` are those of the operation at hand, ``once`` whether it rounds its result once.

    Beyond ``largest`` it overflows where the parameter's own precision would not. ``reach``: how large the errors of a bfloat16 matrix were
    at most, beside 1 (the norm that it starts with) or its largest element.
    """

    unit: float = 0.0
    smallest: float = 0.0
    largest: float = np.inf
    reach: float = 0.0
    once: bool = False
    count: int = 0

    def fresh(self, size: Array) -> Array:
        """One new term for each element, along a last axis of all terms so far."""
        out = np.zeros((size.size, self.count + size.size))
        out[:, self.count :] = np.diag(np.ravel(size))
        self.count += size.size
        return out.reshape((*size.shape, self.count))


class Number:
    """An array with its error terms, along a last axis of its own."""

    __slots__ = ("centre", "noise", "roundings")
    __array_ufunc__ = None

    def __init__(self, centre: Array, roundings: Roundings, noise: Array | None = None) -> None:
        self.centre, self.roundings = np.asarray(centre, dtype=np.float64), roundings
        self.noise = np.zeros((*self.centre.shape, 0)) if noise is None else noise

    def rounded(self, count: float, size: Array | None = None) -> Number:
        """With the terms of so many roundings of numbers of this size."""
        size = np.abs(self.centre) if size is None else size
        error = np.where(size == 0, 0.0, count * (self.roundings.unit * size + self.roundings.smallest))
        error = np.where(size > self.roundings.largest, np.inf, error)
        return Number(self.centre, self.roundings, _added(self.noise, self.roundings.fresh(error)))

    def linear(self) -> Number:
        """The same numbers, whose errors are unknown where terms of second order count."""
        if not self.roundings.once or not self.centre.size:
            return self
        reach = CONFIDENCE * np.sqrt(np.square(self.noise).sum(-1) / 3).max() / max(1.0, np.abs(self.centre).max())
        self.roundings.reach = max(self.roundings.reach, reach)
        return self if reach <= 1.0 else Number(self.centre, self.roundings, self.noise * np.inf)

    def _lift(self, other: Any) -> Number:
        return other if isinstance(other, Number) else Number(other, self.roundings)

    def plus(self, other: Any) -> Number:
        """The exact sum."""
        b = self._lift(other)
        return Number(self.centre + b.centre, self.roundings, _added(self.noise, b.noise))

    def times(self, other: Any) -> Number:
        """The exact product."""
        b = self._lift(other)
        noise = _added(self.noise * b.centre[..., None], b.noise * self.centre[..., None])
        return Number(self.centre * b.centre, self.roundings, noise)

    def __neg__(self) -> Number:
        return Number(-self.centre, self.roundings, -self.noise)

    def __add__(self, other: Any) -> Number:
        b = self._lift(other)
        return self.plus(b).rounded(1, None if self.roundings.once else np.abs(self.centre) + np.abs(b.centre))

    def __sub__(self, other: Any) -> Number:
        return self + -self._lift(other)

    def __mul__(self, other: Any) -> Number:
        return self.times(other) if self.roundings.once else self.times(other).rounded(1)

    def __truediv__(self, other: Any) -> Number:
        b = self._lift(other)
        quotient = self.centre / b.centre
        noise = _added(self.noise / b.centre[..., None], -b.noise * (quotient / b.centre)[..., None])
        return Number(quotient, self.roundings, noise).rounded(1 if self.roundings.once else 2)

    def sum(self, axis: int | None) -> Number:
        """The sum of all elements, or along an axis, which stays with length one: in any order, or rounded once."""
        noise = self.noise.reshape(-1, self.noise.shape[-1]).sum(0) if axis is None else self.noise.sum(axis - 1, keepdims=True)
        made = Number(np.sum(self.centre, axis=axis, keepdims=axis is not None), self.roundings, noise)
        if self.roundings.once:
            return made.rounded(1)
        count = self.centre.size if axis is None else self.centre.shape[axis]
        return made.rounded(count, np.sum(np.abs(self.centre), axis=axis, keepdims=axis is not None))

    def shaped(self, shape: tuple[int, ...]) -> Number:
        """The same numbers in another shape."""
        return Number(self.centre.reshape(shape), self.roundings, self.noise.reshape((*shape, self.noise.shape[-1])))


class Functions:
    """The array namespace on such numbers."""

    @staticmethod
    def sum(x: Number) -> Number:
        """The sum of all elements."""
        return x.sum(None)

    @staticmethod
    def matmul(a: Number, b: Number) -> Number:
        """Matrix product; the products are exact where the sum is rounded once, else one more rounding of the sum covers them."""
        a, b = a.linear(), b.linear()
        terms = a.shaped((*a.centre.shape, 1)).times(b.shaped((1, *b.centre.shape)))
        return terms.sum(-2).shaped((a.centre.shape[0], b.centre.shape[1]))

    @staticmethod
    def transpose(x: Number) -> Number:
        """Transpose of a matrix."""
        return Number(x.centre.T, x.roundings, x.noise.swapaxes(0, 1))

    @staticmethod
    def sqrt(x: Number) -> Number:
        """The root of a number."""
        root = np.sqrt(x.centre)
        return Number(root, x.roundings, np.where(x.noise == 0, 0.0, x.noise / (2 * root[..., None]))).rounded(0 if x.roundings.once else 2)

    @staticmethod
    def maximum(a: Number, b: Number) -> Number:
        """The larger one of two numbers; unknown where rounding could decide otherwise."""
        larger, other = (b, a) if a.centre < b.centre else (a, b)
        reach = np.abs(_added(a.noise, -b.noise)).sum(-1)
        clear = larger.centre - other.centre > reach or not reach
        return larger if clear else Number(larger.centre, larger.roundings, larger.noise * np.inf)

    @staticmethod
    def columns(x: Number) -> Number:
        """How long a row is."""
        return Number(np.asarray(x.centre.shape[-1]), x.roundings)


def _added(a: Array, b: Array) -> Array:
    """Error terms together: the one that knows fewer of them has none of the others."""
    if a.shape[-1] < b.shape[-1]:
        a, b = b, a
    shape = np.broadcast_shapes(a.shape[:-1], b.shape[:-1])
    out = np.array(np.broadcast_to(a, (*shape, a.shape[-1])))
    out[..., : b.shape[-1]] += b
    return out
