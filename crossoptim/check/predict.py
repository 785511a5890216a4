"""Predicts one step for a stack of rows: the reference's bits, and the exact value with the bound of an honest implementation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.golden import oracle, reference
from crossoptim.golden.bounded import PRECISIONS, Bounded, BoundedArrays, wide
from crossoptim.golden.case import Membership
from crossoptim.golden.double_double import DoubleDouble
from crossoptim.spec.edit import apply, float32_scalars
from crossoptim.spec.expr import Expr, evaluate
from crossoptim.spec.expr import name as leaf
from crossoptim.spec.model import Effect, Quirk, Raises, Setting
from crossoptim.spec.trace import GRAD, NEW, Equation, trace

Array = NDArray[Any]
_GRADIENT_KEPT = leaf(GRAD)


@dataclass(frozen=True)
class Prediction:
    """One output of one step for a stack of rows: the reference's bits, the exact value with its bound."""

    reference: Array
    value: Any
    bound: Array

    def inside(self, got: Array) -> NDArray[np.bool_]:
        """Elementwise: equal (NaN to NaN), or within the bound of a finite value.

        Where an operand is infinite, the order of operations decides between NaN and infinity, as in ``m + c (g - m)``
        and ``(1 - c) m + c g``; never between two infinities.
        """
        with np.errstate(all="ignore"):
            distance = self.value.distance(got) if isinstance(self.value, DoubleDouble) else np.abs(got.astype(np.float64) - self.value)
            near = np.isfinite(self.reference) & (distance <= self.bound)
        opposite = np.isinf(got) & np.isinf(self.reference) & (np.signbit(got) != np.signbit(self.reference))
        beyond = ~np.isfinite(self.reference) & ~np.isfinite(got) & np.isinf(self.bound) & ~opposite
        return np.asarray(equal(got, self.reference) | near | beyond)

    def apart(self, other: Prediction) -> NDArray[np.bool_]:
        """Elementwise: whether no number can be inside both."""
        with np.errstate(all="ignore"):
            gap = np.abs(self.centre() - other.centre())
            return np.asarray(~(gap <= self.bound + other.bound) & ~equal(self.reference, other.reference))

    def rows(self, chosen: NDArray[np.bool_]) -> Prediction:
        """Some of the rows."""
        value = (
            DoubleDouble(self.value.high[chosen], self.value.low[chosen]) if isinstance(self.value, DoubleDouble) else self.value[chosen]
        )
        return Prediction(self.reference[chosen], value, self.bound[chosen])

    def replaced(self, where: NDArray[np.bool_], other: Prediction) -> Prediction:
        """A copy with the rows ``where`` taken from ``other``."""

        def put(into: Array, values: Array) -> Array:
            out = np.array(into)
            out[where] = values
            return out

        if isinstance(self.value, DoubleDouble):
            value: Any = DoubleDouble(put(self.value.high, other.value.high), put(self.value.low, other.value.low))
        else:
            value = put(self.value, other.value)
        return Prediction(put(self.reference, other.reference), value, put(self.bound, other.bound))

    def centre(self) -> Array:
        """The exact value in double."""
        return np.asarray(self.value.high if isinstance(self.value, DoubleDouble) else self.value)


def equal(a: Array, b: Array) -> NDArray[np.bool_]:
    """Elementwise: the same bits, counting every NaN as the same."""
    kind = np.int32 if a.dtype == np.float32 else np.int64
    return np.asarray((a.view(kind) == b.view(kind)) | (np.isnan(a) & np.isnan(b)))


@dataclass(frozen=True)
class Row:
    """One step of one parameter: where it stands, the setting in force, its update count, the state and the kept numbers before it.

    ``bent_kept`` holds the kept numbers as quirks make them.
    """

    step: int
    member: Membership
    t: int
    before: Mapping[str, Array]
    grad: Array
    kept: Mapping[str, Scalar] = field(default_factory=dict)
    bent_kept: Mapping[str, Scalar] = field(default_factory=dict)

    def bent(self) -> Row:
        """The row as quirks made it so far."""
        return replace(self, kept=self.bent_kept) if self.kept else self


def predict(
    rows: list[Row],
    quirks: Sequence[Quirk],
    dtype: str,
    carried: Mapping[str, Prediction] | None = None,
    rounding: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, Prediction]:
    """One step for a stack of rows that share an equation: arrays of shape (rows, elements).

    ``carried`` replaces state variables that the library does not expose by the prediction of the row before, bound included. ``rounding``
    says for each float32 scalar by how many ulps its powers and roots are off.
    """
    effects = numeric_effects(quirks)
    equation = apply(trace(rows[0].member.setting), effects)
    outputs = equation.outputs if GRAD in equation.outputs else {**equation.outputs, GRAD: _GRADIENT_KEPT}
    precision = PRECISIONS[dtype]
    tensors = {key: np.stack([np.ravel(row.before[key]) for row in rows]) for key in rows[0].before}
    tensors[GRAD] = np.stack([np.ravel(row.grad) for row in rows])

    numbers: dict[str, Array] = {"index": _column([row.member.index for row in rows])}
    scalars = [_step_scalars(equation, row, low_precision(effects, rounding)) for row in rows]
    for key in rows[0].member.setting.reals:
        numbers[key] = _column([row.member.setting.reals[key] for row in rows])
    bounded = {key: Bounded.exact(wide(value, dtype), precision) for key, value in tensors.items()}
    bounded |= {key: _scalar(value, 0.0, dtype) for key, value in numbers.items()}
    for key, before in (carried or {}).items():
        tensors[key] = before.reference
        bounded[key] = Bounded(before.value, np.abs(before.centre()), 0, before.bound, precision)
    for key in (*equation.scalars, *equation.kept):
        numbers[key] = _column([row[key].rounded for row in scalars])
        exact = DoubleDouble(_column([row[key].high for row in scalars]), _column([row[key].low for row in scalars]))
        bounded[key] = _scalar(exact if dtype == "float64" else exact.high, _column([row[key].error for row in scalars]), dtype)

    bits = reference.step(replace(equation, outputs=outputs), {**tensors, **numbers}, dtype)
    memo: dict[int, Any] = {}
    out = {}
    with np.errstate(all="ignore"):
        for key, root in outputs.items():
            result = evaluate(root, bounded, BoundedArrays, memo)
            value = wide(result.value, dtype)
            out[key] = Prediction(bits[key], value, np.broadcast_to(result.bound, bits[key].shape))
    return out


def _column(values: list[Any]) -> Array:
    return np.asarray(values, dtype=np.float64).reshape(-1, 1)


def _scalar(value: Any, error: Any, dtype: str) -> Bounded:
    """A scalar as an implementation holds it: computed in double with ``error``, then rounded to the dtype."""
    magnitude = np.abs(value.high if isinstance(value, DoubleDouble) else value)
    return Bounded(wide(value, dtype), magnitude, 1 if dtype == "float32" else 0, error, PRECISIONS[dtype])


@dataclass(frozen=True)
class Scalar:
    """A per-step scalar: rounded to double, exact as high + low, and how far a computation in double may be off."""

    rounded: float
    high: float
    low: float
    error: float


Low = tuple[tuple[str, str, tuple[int, ...]], ...]
"""Scalars in float32: name, which operations are float32 ones, by how many ulps each faithful one is off."""


def low_precision(effects: Sequence[Effect], rounding: Mapping[str, tuple[int, ...]] | None = None) -> Low:
    """What effects make of the scalars' precision."""
    return tuple((key, operations, (rounding or {}).get(key, ())) for key, operations in float32_scalars(effects).items())


def initial_kept(setting: Setting) -> dict[str, Scalar]:
    """The kept numbers before the first step."""
    return {key: Scalar(value, value, 0.0, 0.0) for key, value in oracle.initial_kept(setting).items()}


def kept_after(row: Row, quirks: Sequence[Quirk] = ()) -> dict[str, Scalar]:
    """What a step keeps for the next one: rounded to double, as the reference does, with what it may be off."""
    if not row.kept:
        return {}
    effects = numeric_effects(quirks)
    made = _step_scalars(apply(trace(row.member.setting), effects), row, low_precision(effects))
    return {key.removesuffix(NEW): Scalar(s.rounded, s.rounded, 0.0, s.error) for key, s in made.items() if key.endswith(NEW)}


def numeric_effects(quirks: Sequence[Quirk]) -> tuple[Effect, ...]:
    """The effects that change numbers."""
    return tuple(effect for quirk in quirks for effect in quirk.effects if not isinstance(effect, Raises))


def _step_scalars(equation: Equation, row: Row, low: Low) -> dict[str, Scalar]:
    """The numbers that a step reads and keeps, with their error bounds; those in ``low`` as float32 arithmetic makes them. Cached."""
    if not equation.scalars and not equation.kept:
        return {}
    reals = row.member.setting.reals
    made = _scalars(equation, tuple((key, reals[key]) for key in equation.reals), row.t, tuple(row.kept.items()), low)
    return {**row.kept, **made}


@lru_cache(maxsize=65536)
def _scalars(
    equation: Equation, reals: tuple[tuple[str, float], ...], t: int, kept: tuple[tuple[str, Scalar], ...], low: Low
) -> dict[str, Scalar]:
    before = {key: scalar.rounded for key, scalar in kept}
    exact = oracle.step_scalars(equation, dict(reals), t, before)
    plain = {**dict(reals), **before, "t": float(t)}
    double = {key: Bounded.exact(np.float64(value), PRECISIONS["float64"]) for key, value in plain.items()}
    for key, scalar in kept:
        double[key] = Bounded(np.float64(scalar.rounded), abs(scalar.rounded), 0, scalar.error, PRECISIONS["float64"])
    low_precision = {name: (operations, ulps) for name, operations, ulps in low}
    memo: dict[int, Any] = {}
    out = {}
    for name, root in equation.scalars.items():
        if name in low_precision:
            operations, ulps_off = low_precision[name]
            value = _float32(root, plain, operations, ulps_off)
            out[name] = Scalar(value, value, 0.0, 0.0)
            continue
        with np.errstate(all="ignore"):
            result = evaluate(root, double, BoundedArrays, memo)
        error = float(result.bound) if isinstance(result, Bounded) else 0.0
        high = float(exact[name])
        out[name] = Scalar(high, high, float(exact[name] - high) if np.isfinite(high) else 0.0, error)
    return out


def _float32(root: Expr, env: Mapping[str, float], operations: str, ulps_off: tuple[int, ...]) -> float:
    """A float32 scalar; see :class:`~crossoptim.spec.model.Precision`."""
    if operations == "none":
        return oracle.float32_store(root, env)
    if operations == "last":
        exact = {key: oracle.MP.mpf(value) for key, value in env.items()}
        operands = {str(i): float(evaluate(arg, exact, oracle.Oracle, literal=oracle.MP.mpf)) for i, arg in enumerate(root.args)}
        root, env = Expr(root.op, tuple(leaf(key) for key in operands), root.label, root.value), operands
    return oracle.float32_scalar(root, env, ulps_off or (0,) * oracle.faithful_operations(root))


def roundings(equation: Equation, quirks: Sequence[Quirk]) -> Iterator[dict[str, tuple[int, ...]]]:
    """Every way in which a faithful library may round the float32 scalars of these quirks; none where they have no such scalars."""
    precisions = float32_scalars(effect for quirk in quirks for effect in quirk.effects)
    low = {key for key, operations in precisions.items() if operations == "all" and key in equation.scalars}
    choices = {key: product((0, 1, -1), repeat=oracle.faithful_operations(equation.scalars[key])) for key in sorted(low)}
    if low:
        yield from (dict(zip(choices, choice, strict=True)) for choice in product(*choices.values()))
