"""The bound holds for every honest evaluation, and for little more.

An implementation may reorder a sum, distribute a product over it, contract a product and a sum into one rounding, multiply by a
reciprocal, and return a neighbour of the nearest root. Random expressions are evaluated so, in float32 and float64, and must stay
inside the bound of the exact value; the worst of many honest evaluations comes within a factor of ten of it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crossoptim.golden import oracle, reference
from crossoptim.golden.bounded import PRECISIONS, Bounded, BoundedArrays, wide
from crossoptim.golden.double_double import DoubleDouble
from crossoptim.golden.oracle import MP, Oracle, round_to
from crossoptim.golden.reference import DTYPES
from crossoptim.spec.expr import Expr, call, evaluate, name, parse
from crossoptim.spec.model import Setting
from crossoptim.spec.rules import resolve
from crossoptim.spec.trace import trace

Array = NDArray[Any]
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
LEAVES = "abcde"

# Expressions: sums lean to the left, as rules write them; a sum inside a product or a root is allowed.


def expressions() -> st.SearchStrategy[Expr]:
    """Random trees of + - * / sqrt over five names."""
    leaves = st.sampled_from(LEAVES).map(name)

    def factor(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
        products = st.builds(call, st.sampled_from(["*", "/"]), inner, inner)
        roots = inner.map(lambda x: call("sqrt", call("*", x, x)))
        return leaves | products | roots

    def grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
        term = factor(inner)
        sums = st.tuples(term, st.lists(st.tuples(st.sampled_from(["+", "-"]), term), min_size=1, max_size=3))
        return sums.map(lambda parts: chain(*parts)) | term

    return grow(grow(leaves))


def chain(first: Expr, rest: list[tuple[str, Expr]]) -> Expr:
    """A sum that leans to the left."""
    for op, term in rest:
        first = call(op, first, term)
    return first


values = st.dictionaries(
    st.sampled_from(LEAVES),
    st.floats(2.0**-20, 2.0**20, width=32) | st.floats(-(2.0**20), -(2.0**-20), width=32) | st.sampled_from([1.0, -1.0, 3.0, 0.0]),
    min_size=len(LEAVES),
    max_size=len(LEAVES),
)


class Sloppy:
    """Evaluates an expression as a compiler or a vectorised library might: each choice at random."""

    def __init__(self, env: dict[str, float], dtype: str, seed: int) -> None:
        self.env, self.dtype, self.kind = env, dtype, DTYPES[dtype]
        self.choose = random.Random(seed).random

    def __call__(self, node: Expr) -> Any:
        if node.op == "name":
            return self.kind(self.env[node.label])
        if node.op in ("+", "-"):
            return self._sum(list(terms(node)))
        if node.op == "sqrt":
            root = np.sqrt(self(node.args[0]))
            towards = self.kind(np.inf if self.choose() < 0.5 else 0)
            return root if root == 0 or self.choose() < 0.5 else np.nextafter(root, towards)
        a, b = node.args
        if node.op == "/":
            return self(a) * (self.kind(1) / self(b)) if self.choose() < 0.5 else self(a) / self(b)
        for many, one in ((a, b), (b, a)):
            if many.op in ("+", "-") and self.choose() < 0.5:
                factor = self(one)
                return self._add([sign * (self(term) * factor) for sign, term in terms(many)])
        return self(a) * self(b)

    def _sum(self, parts: list[tuple[int, Expr]]) -> Any:
        products = [i for i, (_, term) in enumerate(parts) if term.op == "*"]
        if not products or self.choose() < 0.5:
            return self._add([sign * self(term) for sign, term in parts])
        sign, product = parts.pop(products[0])
        rest = self._add([sign * self(term) for sign, term in parts])
        a, b = (self(x) for x in product.args)
        if not all(np.isfinite([a, b, rest])):
            return rest + sign * a * b
        return self.kind(round_to(MP.mpf(float(rest)) + sign * MP.mpf(float(a)) * MP.mpf(float(b)), self.dtype)[()])

    def _add(self, parts: list[Any]) -> Any:
        while len(parts) > 1:
            a = parts.pop(int(self.choose() * len(parts)))
            parts[int(self.choose() * len(parts))] += a
        return parts[0]


def terms(node: Expr, sign: int = 1) -> Iterator[tuple[int, Expr]]:
    """The terms of a sum that leans to the left, with their signs."""
    if node.op in ("+", "-"):
        yield from terms(node.args[0], sign)
        yield sign * (1 if node.op == "+" else -1), node.args[1]
    else:
        yield sign, node


def bounded(node: Expr, env: dict[str, float], dtype: str) -> Bounded:
    """Value and bound of an expression."""
    exact = {key: Bounded.exact(wide(value, dtype), PRECISIONS[dtype]) for key, value in env.items()}
    with np.errstate(all="ignore"):
        result: Bounded = evaluate(node, exact, BoundedArrays)
    return result


def exactly(node: Expr, env: dict[str, float]) -> Any:
    """The value in 60 digits, or None where it is undefined."""
    try:
        return evaluate(node, {key: MP.mpf(value) for key, value in env.items()}, Oracle)
    except ZeroDivisionError:
        return None


@both_dtypes
@settings(max_examples=400)
@given(expressions(), values, st.integers(0, 2**32))
def test_every_honest_evaluation_stays_inside_the_bound(dtype: str, node: Expr, env: dict[str, float], seed: int) -> None:
    exact = exactly(node, env)
    assume(exact is not None)
    limit = float(bounded(node, env, dtype).bound)
    with np.errstate(all="ignore"):
        for offset in range(5):
            got = float(Sloppy(env, dtype, seed + offset)(node))
            if np.isfinite(got):
                assert abs(MP.mpf(got) - exact) <= limit


@both_dtypes
@settings(max_examples=200)
@given(expressions(), values)
def test_the_value_inside_the_bound_is_the_exact_one(dtype: str, node: Expr, env: dict[str, float]) -> None:
    exact = exactly(node, env)
    found = bounded(node, env, dtype)
    assume(exact is not None and np.isfinite(float(found.bound)))
    pair = DoubleDouble.of(found.value)
    value = MP.mpf(float(pair.high)) + float(pair.low)
    assert abs(value - exact) <= found.bound * MP.mpf(2) ** -20


@both_dtypes
def test_a_root_of_what_cancelled_is_bounded_by_the_root_of_the_error(dtype: str) -> None:
    # 1/3 as held is rounded: 3 * (1/3) - 1 is exactly zero here and a rounding away from it there
    unit = PRECISIONS[dtype].unit
    x = Bounded(wide(0.0, dtype), 2.0, 2, 0.0, PRECISIONS[dtype])
    with np.errstate(all="ignore"):
        assert BoundedArrays.sqrt(x).bound >= np.sqrt(2 * unit)
        near = Bounded(wide(unit, dtype), 2.0, 2, 0.0, PRECISIONS[dtype])  # may be anything from 0 to 5 units
        assert BoundedArrays.sqrt(near).bound >= np.sqrt(unit)


@both_dtypes
def test_a_divisor_that_may_be_zero_has_no_bound(dtype: str) -> None:
    one = Bounded.exact(wide(1.0, dtype), PRECISIONS[dtype])
    may_vanish = Bounded(wide(1e-20, dtype), 1.0, 2, 0.0, PRECISIONS[dtype])
    infinite = Bounded.exact(wide(np.inf, dtype), PRECISIONS[dtype])
    with np.errstate(all="ignore"):
        assert (one / may_vanish).bound == np.inf
        assert (one / infinite).bound <= 2 * PRECISIONS[dtype].smallest


@pytest.mark.parametrize("a, b", [(2.0**-120, 2.0**-20), (1.5 * 2.0**-130, 0.7), (3.0, 2.0**127), (2.0**100, 1.7 * 2.0**126)])
def test_underflow_stays_inside_the_bound(a: float, b: float) -> None:
    x, y = np.float32(a), np.float32(b)
    env = {"a": float(x), "b": float(y)}
    with np.errstate(all="ignore"):
        results = {"a * b": [x * y], "a / b": [x / y, x * (np.float32(1) / y)]}
    for source, found in results.items():
        node = parse(source)
        limit = bounded(node, env, "float32").bound
        for got in found:
            if np.isfinite(got):
                assert abs(MP.mpf(float(got)) - exactly(node, env)) <= limit


@pytest.mark.parametrize("operation", ["sum", "matmul"])
def test_reductions_stay_inside_in_any_order(operation: str) -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        a = generator.normal(size=(1, 40)).astype(np.float32) * np.float32(2.0) ** generator.integers(-20, 20, size=40)
        b = generator.normal(size=(40, 1)).astype(np.float32)
        products = [x * y for x, y in zip(a[0], b[:, 0], strict=True)] if operation == "matmul" else list(a[0])
        lifted = [Bounded.exact(v.astype(np.float64), PRECISIONS["float32"]) for v in (a, b)]
        limit = np.ravel((BoundedArrays.matmul(*lifted) if operation == "matmul" else BoundedArrays.sum(lifted[0])).bound)[0]
        exact = sum(
            (MP.mpf(float(x)) * (MP.mpf(float(y)) if operation == "matmul" else 1) for x, y in zip(a[0], b[:, 0], strict=True)), MP.mpf(0)
        )
        for order in range(5):
            shuffled = [products[i] for i in np.random.default_rng(order).permutation(40)]
            total = np.float32(0)
            for value in shuffled:
                total += value
            assert abs(MP.mpf(float(total)) - exact) <= limit


@given(st.floats(-20, 20, width=32), st.sampled_from(["exp", "tanh", "log"]))
def test_elementary_functions_of_rounded_arguments_stay_inside(x: float, function: str) -> None:
    third = np.float32(1) / np.float32(3)
    argument = np.float32(x) * third
    if function == "log":
        argument = np.abs(argument) + np.float32(1)
    precision = PRECISIONS["float32"]
    with np.errstate(all="ignore"):
        rough = Bounded.exact(np.float64(x), precision) * Bounded.exact(np.float64(third), precision)
        exact = MP.mpf(x) * MP.mpf(float(third))
        if function == "log":
            rough, exact = (rough if x > 0 else -rough) + 1.0, abs(exact) + 1
        got = getattr(np, function)(argument)
    assert abs(MP.mpf(float(got)) - getattr(MP, function)(exact)) <= getattr(BoundedArrays, function)(rough).bound


@both_dtypes
@given(x=st.floats(2.0**-60, 2.0**60, width=32), cube_root=st.booleans())
def test_powers_of_rounded_arguments_stay_inside(dtype: str, x: float, cube_root: bool) -> None:
    precision, kind = PRECISIONS[dtype], DTYPES[dtype]
    third = kind(1) / kind(3)
    rough = (Bounded.exact(wide(x, dtype), precision) * Bounded.exact(wide(third, dtype), precision)) ** (1 / 3)
    argument = kind(x) * third
    got = np.cbrt(argument) if cube_root else argument ** kind(1 / 3)
    exact = (MP.mpf(x) * MP.mpf(float(third))) ** MP.mpf(1 / 3)
    assert abs(MP.mpf(float(got)) - exact) <= rough.bound
    assert rough.bound <= 24 * precision.unit * float(exact)


def test_the_power_of_a_number_that_may_be_zero_is_bounded_by_the_errors_own_power() -> None:
    zero = Bounded(np.float64(0.0), 0.0, 0, 2.0**-60, PRECISIONS["float32"])
    with np.errstate(all="ignore"):
        root = zero ** (1 / 3)
    assert float(root.value) == 0.0
    assert root.bound == pytest.approx(2.0**-20)


# Sharpness.

SIMPLE = ["a + b", "a - b", "a * b", "a / b", "sqrt(a * a)", "a + b * c", "a * b + c * d", "a * (b + c)", "(a + b) - c", "a + b * (c - a)"]


@pytest.mark.parametrize("source", SIMPLE)
def test_the_bound_is_not_ten_times_looser_than_the_worst_seen(source: str, record_property: Any) -> None:
    node, worst = parse(source), 0.0
    generator = np.random.default_rng(1)
    for trial in range(400):
        env = {key: float(np.float32(value)) for key, value in zip(LEAVES, generator.uniform(0.1, 8, size=5), strict=True)}
        got = float(Sloppy(env, "float32", trial)(node))
        worst = max(worst, float(abs(MP.mpf(got) - exactly(node, env)) / float(bounded(node, env, "float32").bound)))
    record_property("worst / bound", worst)
    print(f"{source}: the worst of 400 evaluations uses {worst:.0%} of the bound")
    assert 0.1 <= worst <= 1.0


EQUATIONS = [
    resolve("sgd", {"momentum": 0.9, "weight_decay": 0.1, "lr": 0.1}),
    resolve("sgd", {"momentum": 0.9, "dampening": 0.1, "lr": 0.1}),
    resolve("sgd", {"momentum": 0.9, "nesterov": True, "lr": 0.1}),
    resolve("adam", {"lr": 0.1}),
    resolve("adam", {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True}),
    resolve("adamw", {"lr": 0.1}),
]


def one_step(setting: Setting, dtype: str, count: int = 20_000) -> dict[str, tuple[Array, Bounded]]:
    """Many elements of one step: the reference's bits beside value and bound."""
    generator, kind, equation = np.random.default_rng(2), DTYPES[dtype], trace(setting)
    tensors = {key: generator.uniform(-2, 2, size=count).astype(kind) for key in ("p", "g", *equation.state)}
    for key in ("v", "v_max"):
        if key in tensors:
            tensors[key] = np.abs(tensors[key])
    scalars = {key: float(kind(value)) for key, value in {**setting.reals, **oracle.rounded_scalars(setting, 7)}.items()}
    exact = {key: Bounded.exact(wide(value, dtype), PRECISIONS[dtype]) for key, value in {**tensors, **scalars}.items()}
    memo: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        found = {key: evaluate(root, exact, BoundedArrays, memo) for key, root in equation.outputs.items()}
    bits = reference.step(equation, {**tensors, **scalars}, dtype)
    return {key: (bits[key], found[key]) for key in bits}


def distance(got: Array, result: Bounded) -> Array:
    """How far from the exact value, in double."""
    return np.asarray(
        result.value.distance(got) if isinstance(result.value, DoubleDouble) else np.abs(got.astype(np.float64) - result.value)
    )


@both_dtypes
@pytest.mark.parametrize("setting", EQUATIONS, ids=lambda s: trace(s).id)
def test_the_reference_is_inside_its_own_bound_and_uses_a_good_part_of_it(setting: Setting, dtype: str) -> None:
    for key, (bits, result) in one_step(setting, dtype).items():
        used = distance(bits, result) / result.bound
        print(f"{trace(setting).id} {dtype} {key}: k = {result.k}, the worst of {bits.size} uses {used.max():.0%} of the bound")
        assert 0.05 <= used.max() <= 1.0


@both_dtypes
@pytest.mark.parametrize("setting", EQUATIONS, ids=lambda s: trace(s).id)
def test_a_value_moved_by_four_bounds_is_outside(setting: Setting, dtype: str) -> None:
    for bits, result in one_step(setting, dtype).values():
        for sign in (-1, 1):
            moved = (bits + sign * 4 * result.bound).astype(DTYPES[dtype])
            assert np.all(distance(moved, result) > result.bound)


def test_a_number_beyond_the_format_is_an_infinity_there() -> None:
    huge = Bounded.exact(np.float64(2.0**100), PRECISIONS["float32"])
    assert (huge * huge).value == np.inf and (-huge * huge).value == -np.inf
    assert np.isfinite((Bounded.exact(DoubleDouble(2.0**100), PRECISIONS["float64"]) * 2.0**100).value.high)


def test_a_literal_that_float32_does_not_hold_counts_as_rounded() -> None:
    one = Bounded.exact(np.float64(1.0), PRECISIONS["float32"])
    assert (one * 0.5).k == 1 and (one * 0.1).k == 2
    assert (Bounded.exact(DoubleDouble(1.0), PRECISIONS["float64"]) * 0.1).k == 1


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_comparison_selection_and_maximum_follow_the_values(a: float, b: float) -> None:
    x, y = (Bounded.exact(DoubleDouble(v), PRECISIONS["float64"]) for v in (a, b))
    assert [bool(c.truth) for c in (x > y, x < y, x >= y, x <= y)] == [a > b, a < b, a >= b, a <= b]
    assert not any(c.straddles for c in (x > y, x < y, x >= y, x <= y)), "exact numbers are decided"
    assert float(BoundedArrays.maximum(x, y).value.high) == max(a, b)
    assert float(BoundedArrays.where(x > y, x, y).value.high) == max(a, b)
    assert float(BoundedArrays.where(x > y, x, 0.0).value.high) == (a if a > b else 0.0)


@both_dtypes
@given(st.floats(1, 2), st.floats(0.1, 2), st.integers(-8, 8))
def test_where_rounding_may_decide_otherwise_both_branches_are_inside(dtype: str, a: float, b: float, units: int) -> None:
    # whether a * b exceeds a number within a few units of it is for the implementation to say
    kind = DTYPES[dtype]
    x, y = kind(a), kind(b)
    limit = x * y + units * np.spacing(x * y)
    env = {"a": float(x), "b": float(y), "c": float(limit), "d": 5.0, "e": -3.0}
    found = bounded(parse("where(a * b < c, d, e)"), env, dtype)
    got = 5.0 if x * y < limit else -3.0
    assert float(distance(np.asarray(got), found)) <= found.bound
    near = bool(abs(exactly(parse("a * b - c"), env)) <= PRECISIONS[dtype].unit * abs(x * y) * (1 + 1e-12))
    rounded = exactly(parse("a * b"), env) != float(x * y)  # what nothing rounds decides
    assert (found.bound >= 8.0) == (near and rounded)


# Where an honest implementation may have NaN, or decide otherwise.


@both_dtypes
def test_a_variance_that_is_all_rounding_has_no_bound_and_a_clear_one_has(dtype: str) -> None:
    # g^2 - g^2: a contraction leaves the rounding of a square, of either sign
    env = {"a": 1 / 3, "b": 1 / 3, "c": 0.5, "d": 1.0}
    env = {key: float(DTYPES[dtype](value)) for key, value in env.items()}
    assert bounded(parse("d / (sqrt(a * a - b * b) + c)"), env, dtype).bound == np.inf
    assert bounded(parse("sqrt(d * d - b * b)"), env, dtype).bound < 10 * PRECISIONS[dtype].unit
    assert bounded(parse("sqrt(a * a)"), env | {"a": 0.0}, dtype).bound == 0.0, "a sum of squares is never negative"
    negative = bounded(parse("sqrt(b * b - d * d)"), env, dtype)
    assert np.isnan(float(DoubleDouble.of(negative.value).high)), "no rounding makes it positive"


@pytest.mark.parametrize("zero", [0.0, -0.0])
@both_dtypes
def test_zero_times_a_number_is_zero_and_decides_every_comparison(dtype: str, zero: float) -> None:
    env = {"a": zero, "b": 1e-30, "c": 2.0, "d": 5.0}
    found = bounded(parse("where(a * b < 0, c, d)"), env, dtype)
    assert (float(DoubleDouble.of(found.value).high), float(found.bound)) == (5.0, 0.0)
    assert bounded(parse("a / c"), env, dtype).bound == 0.0


def test_where_an_underflow_decides_both_branches_are_inside_with_their_own_rounding() -> None:
    env = {"a": 2.0**-100, "b": 2.0**-60, "c": 1.0, "d": 1e6, "e": 3.0}
    found = bounded(parse("where(a * b > 0, c, d * e + d)"), env, "float32")  # the product is zero in float32
    for got in (np.float32(1.0), np.float32(4e6), np.nextafter(np.float32(4e6), np.float32(np.inf))):
        assert distance(got, found) <= found.bound


def test_beside_an_infinity_an_overflow_that_is_contracted_does_not_count() -> None:
    env = {"a": np.inf, "b": 2.0**100, "c": 1.0, "d": 3.0}
    finite = bounded(parse("c - d / sqrt(a - b * b)"), env, "float32")  # NaN, or c - d / inf
    assert (float(finite.value), float(finite.bound)) == (1.0, np.inf)
    assert np.isnan(bounded(parse("a - a"), env, "float32").value), "two infinities leave no doubt"
