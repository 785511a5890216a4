"""Numbers that carry first-order error terms: a closure rule's conversation with the error bound of an honest implementation.

Affine arithmetic (Comba & Stolfi 1993): a number is ``centre + Σ noise_i ε_i`` with every ``|ε_i| <= 1``. Each rounding of an
implementation brings a symbol of its own, as does what an operation leaves out beyond first order; later operations carry it on with the
sign and size that it has there. So what cancels in the two loops of L-BFGS cancels in the bound, too, where a magnitude bound
(``golden/bounded.py``) would grow by a power of the history's length. Sums allow for any order (Higham 2002, section 3.1: n·u times the sum
of absolute values). ``unbounded`` marks what rounding may carry anywhere, as a quotient whose divisor may be zero.

Centres are doubles: in float64 the judge's own rounding is as large as an implementation's, and is counted beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossoptim.golden.bounded import PRECISIONS

Array = NDArray[np.float64]
_DOUBLE = PRECISIONS["float64"].unit


Tape = list[tuple[Any, int]]
"""What was computed in turn, each with the number of symbols there were by then."""


class Symbols:
    """Hands out error symbols, and remembers what was computed with them: what is computed again is not computed anew."""

    def __init__(self, dtype: str) -> None:
        precision = PRECISIONS[dtype]
        self.largest, self.smallest = precision.largest, precision.smallest
        self.unit = precision.unit + _DOUBLE
        self.count = 0
        self.tape: Tape = []
        self.place = 0
        self.busy = False

    def rewind(self, tape: Tape) -> None:
        """Begin again; the first results will be those on the tape."""
        self.tape, self.place, self.count = tape, 0, 0

    def fresh(self, size: Array) -> Array:
        """Error terms of their own for each element: a matrix with one column a symbol."""
        return self.added(size, None)

    def added(self, size: Array, noise: Array | None) -> Array:
        """The terms of ``noise`` with terms of their own for each element beside them."""
        begin, many = self.count, size.size
        self.count += many
        out = np.zeros((*size.shape, self.count))
        if noise is not None:
            out[..., : noise.shape[-1]] = noise
        if size.ndim:
            out.reshape(many, self.count)[np.arange(many), begin + np.arange(many)] = size.ravel()
        else:
            out[begin] = size
        return out


class _HasSymbols(Protocol):
    symbols: Symbols


_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")
_Self = TypeVar("_Self", bound=_HasSymbols)


def taped(method: Callable[Concatenate[_Self, _Given], _Made]) -> Callable[Concatenate[_Self, _Given], _Made]:
    """A method whose result comes from the tape, or goes there."""

    @wraps(method)
    def operation(self: _Self, /, *args: _Given.args, **kwargs: _Given.kwargs) -> _Made:
        symbols = self.symbols
        if symbols.busy:
            return method(self, *args, **kwargs)
        if symbols.place < len(symbols.tape):
            result, symbols.count = symbols.tape[symbols.place]
        else:
            symbols.busy = True
            try:
                result = method(self, *args, **kwargs)
            finally:
                symbols.busy = False
            symbols.tape.append((result, symbols.count))
        symbols.place += 1
        made: _Made = result
        return made

    return operation


@dataclass(frozen=True)
class Comparison:
    """A comparison: its truth at the centres, and whether rounding could decide it otherwise."""

    truth: bool
    straddles: bool


class Affine:
    """A vector, or a number as an array of shape (), with its error terms."""

    __slots__ = ("centre", "noise", "symbols", "unbounded")
    __array_ufunc__ = None

    def __init__(self, symbols: Symbols, centre: Any, noise: Array | None = None, unbounded: Any = False) -> None:
        centre = np.asarray(centre, dtype=np.float64)
        self.symbols = symbols
        beyond = np.abs(centre) > symbols.largest  # the format's range: there is infinity
        self.centre = np.where(beyond, np.copysign(np.inf, centre), centre) if beyond.any() else centre
        self.noise = np.zeros((*centre.shape, 0)) if noise is None else noise
        self.unbounded = np.zeros(centre.shape, dtype=bool) if unbounded is False else np.asarray(unbounded)

    @classmethod
    def around(cls, symbols: Symbols, centre: Any, radius: Any) -> Affine:
        """A number known to lie within ``radius``, elementwise; unbounded where that is not finite."""
        radius = np.broadcast_to(np.asarray(radius, dtype=np.float64), np.shape(centre))
        finite = np.isfinite(radius)
        return cls(symbols, centre, symbols.fresh(np.where(finite, radius, 0.0)), ~finite)

    @property
    def radius(self) -> Array:
        """How far an implementation may lie from the centre."""
        return np.where(self.unbounded, np.inf, np.abs(self.noise).sum(axis=-1))

    def _lift(self, other: Any) -> Affine:
        return other if isinstance(other, Affine) else Affine(self.symbols, other)

    def _rounded(self, centre: Array, noise: Array, beyond: Any, count: float = 1, size: Array | None = None) -> Affine:
        """With the error terms of ``count`` roundings of numbers of this size, and of what lies ``beyond`` first order."""
        size = np.abs(centre) if size is None else size
        error = np.asarray(count * (self.symbols.unit * size + self.symbols.smallest) + beyond)
        self.symbols.count = max(self.symbols.count, noise.shape[-1])
        return Affine(self.symbols, centre, self.symbols.added(_finite(error), noise), np.isinf(beyond) & np.isfinite(centre))

    @taped
    def __add__(self, other: Any) -> Affine:
        b = self._lift(other)
        return self._rounded(self.centre + b.centre, _add(self.noise, b.noise), _infinite(self.unbounded | b.unbounded))

    @taped
    def __neg__(self) -> Affine:
        return Affine(self.symbols, -self.centre, -self.noise, self.unbounded)

    @taped
    def __sub__(self, other: Any) -> Affine:
        return self + -self._lift(other)

    @taped
    def __mul__(self, other: Any) -> Affine:
        a, b = self, self._lift(other)
        noise = _add(_scaled(a.noise, b.centre), _scaled(b.noise, a.centre))
        return self._rounded(a.centre * b.centre, noise, _beyond(a, b))

    @taped
    def __truediv__(self, other: Any) -> Affine:
        a, b = self, self._lift(other)
        centre, size, reach = a.centre / b.centre, np.abs(b.centre), b.radius
        noise = _add(_scaled(a.noise, 1 / b.centre), _scaled(b.noise, -centre / b.centre))
        nearest = size - reach
        second = reach * (a.radius + np.abs(centre) * reach) / (size * nearest)
        beyond = np.where((nearest > 0) & ~a.unbounded, np.where(reach > 0, second, 0.0), np.inf)
        exact_zero = (size == 0) & (reach == 0)
        return self._rounded(centre, _finite(noise), np.where(exact_zero, 0.0, beyond), count=2)

    @taped
    def __abs__(self) -> Affine:
        flip = np.where(self.centre < 0, -1.0, 1.0)
        # where zero is within reach the absolute value lies closer to the centre's than the number to the centre
        return Affine(self.symbols, np.abs(self.centre), _scaled(self.noise, flip), self.unbounded)

    @taped
    def sqrt(self) -> Affine:
        """The square root of a number that is not negative, unless by its error."""
        radius = self.radius
        if radius and not self.centre > 2 * radius:  # the slope is no use near zero
            most = np.sqrt(np.maximum(self.centre, 0.0) + radius)
            return self._rounded(np.asarray(most / 2), np.zeros((0,)), most / 2, count=2)
        root = np.sqrt(self.centre)
        second = radius * radius / (8 * (self.centre - radius) ** 1.5)
        return self._rounded(root, self.noise / (2 * root), second, count=2)

    @taped
    def clipped(self, low: Affine, high: Affine) -> Affine:
        """A number held between bounds; where rounding decides whether it lies beyond one, what may come of it."""
        if np.isnan(self.centre) or np.isnan(low.centre) or np.isnan(high.centre):
            return self
        under, over = self < low, self > high
        if not under.straddles and not over.straddles:
            return low if under.truth else high if over.truth else self
        least = max(float(self.centre - self.radius), float(low.centre - low.radius))
        most = min(float(self.centre + self.radius), float(high.centre + high.radius))
        least, most = min(least, most), max(least, most)
        return Affine.around(self.symbols, (least + most) / 2, (most - least) / 2 + self.symbols.unit * max(abs(least), abs(most)))

    @taped
    def element(self, place: int) -> Affine:
        """One number of a vector."""
        return Affine(self.symbols, self.centre[place], self.noise[place], self.unbounded[place])

    @taped
    def _compare(self, other: Any, truth: Any) -> Comparison:
        b = self._lift(other)
        gap = _add(self.noise, -b.noise)
        reach = float(np.abs(gap).sum(axis=-1) + _infinite(self.unbounded | b.unbounded))
        apart = float(np.abs(self.centre - b.centre))
        if reach and np.isfinite(apart):
            reach += _DOUBLE * apart
        return Comparison(bool(truth), bool(reach > 0 and (apart <= reach or np.isinf(reach))))

    def __lt__(self, other: Any) -> Comparison:
        return self._compare(other, self.centre < self._lift(other).centre)

    def __le__(self, other: Any) -> Comparison:
        return self._compare(other, self.centre <= self._lift(other).centre)

    def __gt__(self, other: Any) -> Comparison:
        return self._compare(other, self.centre > self._lift(other).centre)

    def __ge__(self, other: Any) -> Comparison:
        return self._compare(other, self.centre >= self._lift(other).centre)

    def _sum(self, centre: Array, noise: Array, beyond: Array, terms: Array) -> Affine:
        """A sum in any order of terms of these sizes."""
        return self._rounded(centre, noise, beyond, count=max(terms.size, 1), size=np.asarray(np.abs(terms).sum()))

    @taped
    def dot(self, other: Affine) -> Affine:
        """The inner product."""
        a, b = self, self._lift(other)
        noise = _add(a.noise.T @ b.centre, b.noise.T @ a.centre)
        return self._sum(np.asarray(a.centre @ b.centre), _finite(noise), np.asarray(_beyond(a, b).sum()), a.centre * b.centre)

    @taped
    def total(self) -> Affine:
        """The sum of the absolute values."""
        size = abs(self)
        beyond = _infinite(np.asarray(self.unbounded.any()))
        return self._sum(np.asarray(size.centre.sum()), size.noise.sum(axis=0), beyond, size.centre)

    @taped
    def largest(self) -> Affine:
        """The largest absolute value: no farther off than the element that is farthest off, where another may be the largest."""
        size, place = np.abs(self.centre), int(np.argmax(np.abs(self.centre)))
        if np.isnan(size).any():
            return Affine(self.symbols, np.nan)
        radius = self.radius
        rivals = np.delete(size + radius, place)
        if not np.any(rivals > size[place] - radius[place]):
            return Affine(self.symbols, size[place], abs(self).noise[place], self.unbounded[place])
        return Affine.around(self.symbols, size[place], max(float(radius[place]), float(np.max(rivals)) - size[place]))


def _add(a: Array, b: Array) -> Array:
    """Error terms together: the one that knows fewer symbols has none of the others."""
    if a.shape[-1] < b.shape[-1]:
        a, b = b, a
    if not b.shape[-1] and a.ndim >= b.ndim:
        return a
    if a.ndim < b.ndim:
        a = np.broadcast_to(a, (*b.shape[:-1], a.shape[-1]))
    out = np.array(a)
    out[..., : b.shape[-1]] += b
    return out


def _scaled(noise: Array, factor: Array) -> Array:
    return _finite(noise * np.asarray(factor)[..., None])


def _finite(noise: Array) -> Array:
    """Beside an infinity or NaN an error term means nothing."""
    fine = np.isfinite(noise)
    return noise if fine.all() else np.where(fine, noise, 0.0)


def _infinite(where: NDArray[np.bool_]) -> Array:
    return np.where(where, np.inf, 0.0)


def _beyond(a: Affine, b: Affine) -> Array:
    """What a product leaves out beyond first order."""
    return np.where(a.unbounded | b.unbounded, np.inf, np.abs(a.noise).sum(axis=-1) * np.abs(b.noise).sum(axis=-1))
