"""Predicts one step for a stack of rows: the reference's bits, and the exact value with the bound of an honest implementation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.check import first_order
from crossoptim.golden import oracle, reference
from crossoptim.golden.bounded import PRECISIONS, Bounded, BoundedArrays, wide
from crossoptim.golden.case import Membership
from crossoptim.golden.double_double import DoubleDouble
from crossoptim.spec.edit import apply, float32_scalars, half_precision
from crossoptim.spec.expr import Expr, evaluate, names, walk
from crossoptim.spec.expr import name as leaf
from crossoptim.spec.model import Effect, Quirk, Raises, Setting
from crossoptim.spec.trace import GRAD, NEW, PARAM, STEP, Equation, trace

Array = NDArray[Any]
_GRADIENT_KEPT = leaf(GRAD)


@dataclass(frozen=True)
class Prediction:
    """One output of one step for a stack of rows: the reference's bits, the exact value with its bound."""

    reference: Array
    value: Any
    bound: Array

    def inside(self, got: Array) -> NDArray[np.bool_]:
        """Elementwise: equal (NaN to NaN), or within the bound of a finite value; where there is no bound, anything.

        Where an operand is infinite, the order of operations decides between NaN and infinity, as in ``m + c (g - m)``
        and ``(1 - c) m + c g``; never between two infinities.
        """
        with np.errstate(all="ignore"):
            near = np.isfinite(self.reference) & (self.distance(got) <= self.bound)
        opposite = np.isinf(got) & np.isinf(self.reference) & (np.signbit(got) != np.signbit(self.reference))
        beyond = ~np.isfinite(self.reference) & ~np.isfinite(got) & np.isinf(self.bound) & ~opposite
        boundless = np.isfinite(self.centre()) & np.isinf(self.bound)
        return np.asarray(equal(got, self.reference) | near | beyond | boundless)

    def distance(self, got: Array) -> Array:
        """Elementwise: how far from the exact value."""
        return np.asarray(self.value.distance(got) if isinstance(self.value, DoubleDouble) else np.abs(got.astype(np.float64) - self.value))

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

    def shaped(self, shape: tuple[int, ...]) -> Prediction:
        """The same numbers in another shape."""
        value = self.value
        if isinstance(value, DoubleDouble):
            value = DoubleDouble(*(np.broadcast_to(part, self.reference.shape).reshape(shape) for part in (value.high, value.low)))
        else:
            value = np.broadcast_to(value, self.reference.shape).reshape(shape)
        return Prediction(self.reference.reshape(shape), value, self.bound.reshape(shape))

    @staticmethod
    def joined(parts: list[Prediction]) -> Prediction:
        """Stacks one below the other."""
        if isinstance(parts[0].value, DoubleDouble):
            value: Any = DoubleDouble(
                np.concatenate([part.value.high for part in parts]), np.concatenate([part.value.low for part in parts])
            )
        else:
            value = np.concatenate([part.value for part in parts])
        return Prediction(np.concatenate([part.reference for part in parts]), value, np.concatenate([part.bound for part in parts]))

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

    ``bent_kept`` holds the kept numbers as quirks make them, ``bent_others`` other ways in which a faithful library may have rounded them;
    ``loaded`` is what a quirk's condition may ask; ``starts`` holds the variables that quirks start elsewhere.
    """

    step: int
    member: Membership
    t: int
    before: Mapping[str, Array]
    grad: Array
    kept: Mapping[str, Scalar] = field(default_factory=dict)
    bent_kept: Mapping[str, Scalar] = field(default_factory=dict)
    bent_others: Sequence[Mapping[str, Scalar]] = ()
    loaded: bool = False
    starts: Mapping[str, Array] = field(default_factory=dict)

    def bent(self, choice: int = 0) -> Row:
        """The row as quirks made it so far; from the first choice on, with kept numbers rounded another way."""
        choices = (self.bent_kept, *self.bent_others)
        kept = choices[min(choice, len(choices) - 1)] if self.kept else self.kept
        return replace(self, kept=kept, before={**self.before, **self.starts})


def predict(
    rows: list[Row],
    quirks: Sequence[Quirk],
    dtype: str,
    carried: Mapping[str, Prediction] | None = None,
    rounding: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, Prediction]:
    """One step for a stack of rows that share an equation: arrays of shape (rows, elements). Rows of a reducing rule go one by one.

    ``carried`` replaces state variables that the library does not expose by the prediction of the row before, bound included. ``rounding``
    says for each float32 scalar by how many ulps its powers and roots are off.
    """
    if rows[0].member.setting.rule.kind == "reducing" and len(rows) > 1:
        return _joined([predict([row], quirks, dtype, carried, rounding) for row in rows])
    question = _Question.of(rows, numeric_effects(quirks), dtype, rounding or {})
    return _evaluated(question, carried) if carried else dict(_answered(question))


@dataclass(frozen=True)
class _Question:
    """A prediction that is asked for; equal questions have equal ``key``."""

    key: tuple[Any, ...]
    rows: list[Row] = field(compare=False)
    effects: tuple[Effect, ...] = field(compare=False)
    dtype: str = field(compare=False)
    rounding: Mapping[str, tuple[int, ...]] = field(compare=False)

    @classmethod
    def of(cls, rows: list[Row], effects: tuple[Effect, ...], dtype: str, rounding: Mapping[str, tuple[int, ...]]) -> _Question:
        """The question, with a key of all that its answer depends on."""

        def read(row: Row) -> tuple[Any, ...]:
            arrays = (*sorted(row.before.items()), (GRAD, row.grad))
            tensors = tuple((name, array.shape, array.tobytes()) for name, array in arrays)
            return row.member.index, row.t, tuple(row.member.setting.reals.items()), tuple(row.kept.items()), tensors

        equation = trace(rows[0].member.setting)
        return cls((equation, effects, dtype, tuple(rounding.items()), tuple(map(read, rows))), rows, effects, dtype, rounding)


@lru_cache(maxsize=4096)  # libraries that agree to the bit ask the same
def _answered(question: _Question) -> dict[str, Prediction]:
    return _evaluated(question, None)


def _evaluated(question: _Question, carried: Mapping[str, Prediction] | None) -> dict[str, Prediction]:
    rows, effects, dtype = question.rows, question.effects, question.dtype
    reduces = rows[0].member.setting.rule.kind == "reducing"

    def stack(tensors: list[Array]) -> Array:
        return tensors[0] if reduces else np.stack([np.ravel(tensor) for tensor in tensors])

    def column(values: list[Any]) -> Array:
        return np.asarray(values, dtype=np.float64).reshape(() if reduces else (-1, 1))

    equation = apply(trace(rows[0].member.setting), effects)
    outputs = equation.outputs if GRAD in equation.outputs else {**equation.outputs, GRAD: _GRADIENT_KEPT}
    precision = PRECISIONS[dtype]
    tensors = {key: stack([row.before[key] for row in rows]) for key in rows[0].before}
    tensors[GRAD] = stack([row.grad for row in rows])

    numbers: dict[str, Array] = {"index": column([row.member.index for row in rows]), STEP: column([row.t for row in rows])}
    scalars = [_step_scalars(equation, row, low_precision(effects, question.rounding)) for row in rows]
    for key in rows[0].member.setting.reals:
        numbers[key] = column([row.member.setting.reals[key] for row in rows])
    bounded = {key: Bounded.exact(wide(value, dtype), precision) for key, value in tensors.items()}
    bounded |= {key: _scalar(value, 0.0, dtype) for key, value in numbers.items()}
    for key, before in (carried or {}).items():
        before = before.shaped(tensors[key].shape)
        tensors[key] = before.reference
        bounded[key] = Bounded(before.value, np.abs(before.centre()), 0, before.bound, precision)
    for key in (*equation.scalars, *equation.kept):
        numbers[key] = column([row[key].rounded for row in scalars])
        exact = DoubleDouble(column([row[key].high for row in scalars]), column([row[key].low for row in scalars]))
        bounded[key] = _scalar(exact if dtype == "float64" else exact.high, column([row[key].error for row in scalars]), dtype)

    bits = reference.step(replace(equation, outputs=outputs), {**tensors, **numbers}, dtype)
    half = half_precision(equation, effects)
    memo: dict[int, Any] = {}
    out = {}
    with np.errstate(all="ignore"):
        for key, root in outputs.items():
            coarse = half if key == PARAM else frozenset()
            if coarse or first_order.needed(root):
                # the reference rounds, too
                bound = (1 if coarse else 2) * first_order.error(root, bounded, coarse)
                # where finite numbers leave one format's range only, the other's result may be any number
                strays = bool(coarse) and all(np.isfinite(tensor).all() for tensor in tensors.values())
                value = wide(np.where(strays & np.isinf(bound) & ~np.isfinite(bits[key]), 0.0, bits[key]), dtype)
            else:
                result = evaluate(root, bounded, BoundedArrays, memo)
                value, bound = wide(result.value, dtype), result.bound
            out[key] = Prediction(bits[key], value, np.broadcast_to(bound, bits[key].shape))
    return {key: value.shaped((1, -1)) for key, value in out.items()} if reduces else out


def _joined(parts: list[dict[str, Prediction]]) -> dict[str, Prediction]:
    """The predictions of single rows as one stack."""
    return {key: Prediction.joined([part[key] for part in parts]) for key in parts[0]}


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


def held(kept: Mapping[str, Scalar], quirks: Sequence[Quirk]) -> dict[str, Scalar]:
    """Kept numbers that come from outside, as a library with these quirks holds them."""
    low = float32_scalars(numeric_effects(quirks))
    return {key: _stored(np.float32(scalar.rounded)) if key + NEW in low else scalar for key, scalar in kept.items()}


def _stored(value: np.float32) -> Scalar:
    return Scalar(float(value), float(value), 0.0, 0.0)


def kept_choices(row: Row, quirks: Sequence[Quirk]) -> list[dict[str, Scalar]]:
    """What a step with quirks keeps for the next one, then the other ways in which a faithful library may round it."""
    equation = trace(row.member.setting)
    choices = [kept_after(row, quirks, rounding) for rounding in ({}, *roundings(equation, quirks, of_kept=True))]
    return [choice for i, choice in enumerate(choices) if choice not in choices[:i]]


def kept_after(row: Row, quirks: Sequence[Quirk] = (), rounding: Mapping[str, tuple[int, ...]] | None = None) -> dict[str, Scalar]:
    """What a step keeps for the next one: rounded to double, as the reference does, with what it may be off."""
    if not row.kept:
        return {}
    effects = numeric_effects(quirks)
    made = _step_scalars(apply(trace(row.member.setting), effects), row, low_precision(effects, rounding))
    return {key.removesuffix(NEW): Scalar(s.rounded, s.rounded, 0.0, s.error) for key, s in made.items() if key.endswith(NEW)}


def step_bits(row: Row, quirks: Sequence[Quirk], dtype: str) -> dict[str, Array]:
    """The reference's bits of one step with these quirks, without bounds; operations with bfloat16 numbers stay in ``dtype``."""
    effects = numeric_effects(quirks)
    equation = apply(trace(row.member.setting), effects)
    scalars = {key: scalar.rounded for key, scalar in _step_scalars(equation, row, low_precision(effects)).items()}
    numbers = {**row.member.setting.reals, **scalars, "index": float(row.member.index)}
    return reference.step(equation, {**numbers, **row.before, GRAD: row.grad}, dtype)


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
    plain = {**dict(reals), **before, "t": float(t)}
    double = {key: Bounded.exact(np.float64(value), PRECISIONS["float64"]) for key, value in plain.items()}
    for key, scalar in kept:
        double[key] = Bounded(np.float64(scalar.rounded), abs(scalar.rounded), 0, scalar.error, PRECISIONS["float64"])
    # what is made of a float32 scalar is made of its float32 number
    stored = {name: _float32(equation.scalars[name], plain, how, ulps) for name, how, ulps in low if name in equation.scalars}
    memo: dict[int, Any] = {}
    exact_memo: dict[int, Any] = {}
    for name, value in stored.items():
        memo[id(equation.scalars[name])] = Bounded.exact(np.float64(value), PRECISIONS["float64"])
        exact_memo[id(equation.scalars[name])] = oracle.MP.mpf(value)
    exact = oracle.step_scalars(equation, dict(reals), t, before, exact_memo)
    out = {}
    for name, root in equation.scalars.items():
        if name in stored:
            out[name] = _stored(np.float32(stored[name]))
            continue
        with np.errstate(all="ignore"):
            for node in walk(root):
                if node.op == "-" and id(node) not in memo:
                    a, b = (evaluate(arg, double, BoundedArrays, memo) for arg in node.args)
                    memo[id(node)] = _difference(a, b)
            result = evaluate(root, double, BoundedArrays, memo)
        error = float(result.bound) if isinstance(result, Bounded) else 0.0
        high = float(exact[name])
        out[name] = Scalar(high, high, float(exact[name] - high) if np.isfinite(high) else 0.0, error)
    return out


def _difference(a: Any, b: Any) -> Bounded:
    """A difference of scalars, which every library takes as it is written: rounded once, and by no more than its own size."""
    difference: Bounded = a - b
    own = difference.precision.unit * np.abs(difference.value)
    bounds = [x.bound if isinstance(x, Bounded) else 0.0 for x in (a, b)]
    return Bounded(difference.value, np.abs(difference.value), 0, own + sum(bounds), difference.precision)


def _float32(root: Expr, env: Mapping[str, float], operations: str, ulps_off: tuple[int, ...]) -> float:
    """A float32 scalar; see :class:`~crossoptim.spec.model.Precision`."""
    if operations == "none":
        return oracle.float32_store(root, env)
    root, operands = _in_float32(_multiplied_out(root, int(env[STEP])) if operations == "product" else root, operations)
    exact = {key: oracle.MP.mpf(value) for key, value in env.items()}
    made = {key: float(evaluate(operand, exact, oracle.Oracle, literal=oracle.MP.mpf)) for key, operand in operands.items()}
    return oracle.float32_scalar(root, {**env, **made}, ulps_off or (0,) * oracle.faithful_operations(root))


def _multiplied_out(root: Expr, t: int) -> Expr:
    """A graph with its powers of the step count as products."""
    if root.op == "**" and root.args[1].label == STEP:
        return reduce(lambda product, _: Expr("*", (product, root.args[0])), range(t - 1), root.args[0])
    return Expr(root.op, tuple(_multiplied_out(arg, t) for arg in root.args), root.label, root.value)


def _in_float32(root: Expr, operations: str) -> tuple[Expr, dict[str, Expr]]:
    """The part of a graph whose operations are float32 ones, and by name the operands that it takes from what is made in double."""
    operands: dict[str, Expr] = {}

    def in_double(node: Expr) -> Expr:
        operands[key := f"operand{len(operands)}"] = node
        return leaf(key)

    def cut(node: Expr) -> Expr:
        return Expr(node.op, tuple(map(cut, node.args)), node.label, node.value) if STEP in names(node) else in_double(node)

    if operations == "counted":
        root = cut(root)
    elif operations == "last":
        root = Expr(root.op, tuple(map(in_double, root.args)), root.label, root.value)
    return root, operands


def roundings(equation: Equation, quirks: Sequence[Quirk], of_kept: bool = False) -> Iterator[dict[str, tuple[int, ...]]]:
    """Every way in which a faithful library may round the float32 scalars of these quirks, those that are kept or those that are not.

    Nothing where there are no such scalars. A power that misses by an ulp before it is rounded may miss by two.
    """
    misses = (0, 1, -1, 2, -2) if of_kept else (0, 1, -1)
    precisions = float32_scalars(effect for quirk in quirks for effect in quirk.effects)
    low = {key: how for key, how in precisions.items() if how in ("all", "counted") and key in equation.scalars}
    graphs = {key: _in_float32(equation.scalars[key], how)[0] for key, how in sorted(low.items()) if key.endswith(NEW) is of_kept}
    choices = {key: product(misses, repeat=oracle.faithful_operations(graph)) for key, graph in graphs.items()}
    if graphs:
        yield from (dict(zip(choices, choice, strict=True)) for choice in product(*choices.values()))
