"""The oracle against mpmath itself; double-double against the oracle; the reference against plain NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from trials import settings_of_every_kind

from crossoptim.errors import CrossoptimError
from crossoptim.golden import oracle, reference
from crossoptim.golden.double_double import DoubleDouble
from crossoptim.golden.oracle import MP, round_to
from crossoptim.golden.reference import DTYPES, Reference
from crossoptim.golden.trajectory import initial_state
from crossoptim.spec.expr import call, name, parse
from crossoptim.spec.model import Setting
from crossoptim.spec.rules import resolve
from crossoptim.spec.trace import trace

Array = NDArray[Any]

# Double-double.

moderate = st.floats(2.0**-200, 2.0**200) | st.sampled_from([1.0, 3.0, 1 + 2.0**-52, 2 - 2.0**-52])
signs = st.sampled_from([-1.0, 1.0])


@st.composite
def doubled(draw: st.DrawFn) -> DoubleDouble:
    """A normalised pair: |low| is at most half a unit in the last place of high."""
    high = draw(moderate) * draw(signs)
    low = draw(st.floats(-0.5, 0.5)) * math.ulp(high)
    total = high + low
    return DoubleDouble(total, low - (total - high))


def exact(x: DoubleDouble) -> Fraction:
    """The pair as a rational number."""
    return Fraction(float(x.high)) + Fraction(float(x.low))


def mp(x: DoubleDouble) -> Any:
    """The pair in high precision."""
    return MP.mpf(float(x.high)) + MP.mpf(float(x.low))


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


@pytest.mark.parametrize("op", OPERATIONS)
@given(doubled(), doubled())
def test_double_double_arithmetic_is_right_to_100_bits(op: str, a: DoubleDouble, b: DoubleDouble) -> None:
    right = OPERATIONS[op](exact(a), exact(b))
    assert abs(exact(OPERATIONS[op](a, b)) - right) <= Fraction(2) ** -100 * abs(right)


@given(doubled())
def test_nearly_equal_numbers_cancel_without_loss(a: DoubleDouble) -> None:
    near = DoubleDouble(a.high, -a.low)
    assert exact(a - near) == exact(a) - exact(near)
    assert exact(a - a) == 0


@given(doubled())
def test_double_double_roots_are_right_to_100_bits(a: DoubleDouble) -> None:
    a = a if a.high > 0 else -a
    right = MP.sqrt(mp(a))
    assert abs(mp(a.sqrt()) - right) <= MP.mpf(2) ** -100 * right


@given(doubled(), doubled())
def test_double_double_comparisons_are_those_of_the_numbers(a: DoubleDouble, b: DoubleDouble) -> None:
    for x, y in ((a, b), (a, a), (a, DoubleDouble(a.high, -a.low))):
        assert (bool(x > y), bool(x < y)) == (exact(x) > exact(y), exact(x) < exact(y))
        assert (bool(x >= y), bool(x <= y)) == (exact(x) >= exact(y), exact(x) <= exact(y))


@given(doubled(), st.floats(-1e30, 1e30))
def test_the_distance_to_a_double_does_not_cancel(a: DoubleDouble, shift: float) -> None:
    for other in (float(a.high), float(a.high) + shift, float(np.nextafter(a.high, np.inf))):
        right = abs(Fraction(other) - exact(a))
        assert abs(Fraction(float(a.distance(np.asarray(other)))) - right) <= Fraction(2) ** -52 * right


specials = st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -2.0, 2.0**-1074, 2.0**1023, 2.0**-1022, 1e-200, 1e200])


@pytest.mark.parametrize("op", OPERATIONS)
@given(a=specials, b=specials)
def test_zeros_infinities_nans_and_extremes_behave_as_in_double(op: str, a: float, b: float) -> None:
    with np.errstate(all="ignore"):
        ieee = OPERATIONS[op](np.float64(a), np.float64(b))
        found = OPERATIONS[op](DoubleDouble(a), DoubleDouble(b))
    # where the products of a division underflow, double-double is no better than double
    np.testing.assert_allclose(found.high, ieee, rtol=2.0**-51 if op == "/" else 0, atol=0)
    assert np.isfinite(found.low)


@given(specials)
def test_roots_of_specials_behave_as_in_double(a: float) -> None:
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(DoubleDouble(a).sqrt().high, np.sqrt(np.float64(a)))


def test_an_array_on_the_left_is_refused_instead_of_becoming_objects() -> None:
    with pytest.raises(TypeError):
        OPERATIONS["*"](np.ones(2), DoubleDouble(1.0))


# Rounding.


def nearest_float32(value: Fraction) -> float:
    """The nearest float32 by exact comparison of the neighbours, ties to the even one."""
    with np.errstate(over="ignore"):
        guess = np.float32(float(value))
    candidates = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    finite = [c for c in candidates if np.isfinite(c)]
    best = min(abs(Fraction(float(c)) - value) for c in finite)
    closest = [c for c in finite if abs(Fraction(float(c)) - value) == best]
    return float(next((c for c in closest if not int(c.view(np.int32)) & 1), closest[0]))


def mpf(value: Fraction) -> Any:
    """A dyadic rational in high precision, exactly."""
    return MP.mpf(value.numerator) / MP.mpf(value.denominator)


@given(st.integers(2**23, 2**24 - 1), st.integers(-140, 100), signs, st.sampled_from([0, 1, -1]), st.integers(25, 110))
def test_ties_and_near_ties_round_once_to_float32(mantissa: int, exponent: int, sign: float, nudge: int, depth: int) -> None:
    # half way between two float32 numbers, or so little beside it that a double does not see it
    value = int(sign) * (Fraction(2 * mantissa + 1, 2) + Fraction(nudge, 2**depth)) * Fraction(2) ** exponent
    assume(abs(value) >= Fraction(2) ** -126)
    assert float(round_to(mpf(value), "float32")) == nearest_float32(value)


@given(st.integers(0, 2**23), st.integers(1, 2**40 - 1))
def test_denormals_round_once_too(units: int, rest: int) -> None:
    value = (units + Fraction(rest, 2**40)) * Fraction(2) ** -149
    assert float(round_to(mpf(value), "float32")) == nearest_float32(value)


@given(st.integers(2**52, 2**53 - 1), st.integers(-900, 900), st.sampled_from([-1, 0, 1]))
def test_ties_round_to_even_in_float64(mantissa: int, exponent: int, nudge: int) -> None:
    value = (Fraction(2 * mantissa + 1, 2) + Fraction(nudge, 2**80)) * Fraction(2) ** exponent
    below, above = Fraction(mantissa) * Fraction(2) ** exponent, Fraction(mantissa + 1) * Fraction(2) ** exponent
    even = below if mantissa % 2 == 0 else above
    expected = {-1: below, 0: even, 1: above}[nudge]
    assert Fraction(float(round_to(mpf(value), "float64"))) == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounding_keeps_shape_infinities_and_nan(dtype: str) -> None:
    out = round_to(np.array([[MP.inf, -MP.inf], [MP.nan, MP.mpf(1)]], dtype=object), dtype)
    assert out.shape == (2, 2) and out.dtype == DTYPES[dtype]
    np.testing.assert_array_equal(out, [[np.inf, -np.inf], [np.nan, 1]])
    with np.errstate(over="ignore"):
        assert round_to(MP.mpf(2) ** 2000, dtype) == np.inf
        assert round_to(MP.mpf(2) ** 128, "float32") == np.inf
    assert round_to(np.empty((0,), dtype=object), dtype).shape == (0,)


# Scalars.


@given(st.floats(1e-5, 1.0), st.floats(0.0, 0.9999), st.floats(0.5, 0.99999), st.floats(0.0, 1.0), st.integers(1, 2000))
def test_adams_scalars_are_the_correctly_rounded_ones(lr: float, beta1: float, beta2: float, decay: float, t: int) -> None:
    setting = resolve("adamw", {"lr": lr, "beta1": beta1, "beta2": beta2, "weight_decay": decay or 0.5})
    direct = mpmath.MPContext()
    direct.dps = 200
    b1, b2, one = direct.mpf(beta1), direct.mpf(beta2), direct.mpf(1)
    expected = {
        "mix1": one - b1,
        "mix2": one - b2,
        "shrink": one - direct.mpf(lr) * direct.mpf(decay or 0.5),
        "step_size": direct.mpf(lr) / (one - b1**t),
        "root_bias2": direct.sqrt(one - b2**t),
    }
    assert oracle.rounded_scalars(setting, t) == {key: float(value) for key, value in expected.items()}


@given(st.floats(-2.0, 0.99), st.integers(1, 100))
def test_sgds_share_of_the_first_gradient_is_one_unless_it_is_dampened(dampening: float, t: int) -> None:
    assume(dampening != 0)
    hyper: dict[str, object] = {"momentum": 0.9, "dampening": dampening}
    assert oracle.rounded_scalars(resolve("sgd", hyper), t) == {"kept": 1.0 if t == 1 else 1 - dampening}
    assert oracle.rounded_scalars(resolve("sgd", {**hyper, "first_step": "dampened"}), t) == {"kept": 1 - dampening}


# The reference.


def direct(setting: Setting, p: Array, g: Array, state: dict[str, Array], scalars: dict[str, float], dtype: str) -> dict[str, Array]:
    """``rule.update`` executed on NumPy arrays, with no graph between."""
    kind = DTYPES[dtype]
    reals = {k: v if v == 0 or isinstance(v, int) else kind(v) for k, v in setting.reals.items()}
    h = SimpleNamespace(**{**vars(setting.h), **reals})
    with np.errstate(all="ignore"):
        new, state = setting.rule.update(
            Reference, h, SimpleNamespace(**{k: kind(v) for k, v in scalars.items()}), p, g, SimpleNamespace(**state)
        )
    return {"p": new, **state}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("setting", settings_of_every_kind(), ids=lambda s: trace(s).id)
def test_the_graph_gives_the_bits_of_the_rule_run_on_arrays(setting: Setting, dtype: str) -> None:
    random = np.random.default_rng(0)
    kind = DTYPES[dtype]
    p = random.normal(size=(3, 4)).astype(kind)
    setting = setting.of(p.shape)
    shapes = {"p": p.shape, **{var.name: var.shape_for(p.shape) for var in setting.state}}
    state = {var.name: initial_state(var, setting.reals, p, np.zeros_like(p)) for var in setting.state}
    kept = oracle.initial_kept(setting)
    for t in range(1, 6):
        g = (random.normal(size=p.shape) * 10.0 ** random.integers(-4, 4, size=p.shape)).astype(kind)
        scalars = oracle.rounded_scalars(setting, t, kept)
        kept = oracle.kept_after(scalars)
        expected = direct(setting, p, g, state, scalars, dtype)
        found = reference.step(trace(setting), {"p": p, "g": g, **state, **setting.reals, **scalars}, dtype)
        assert set(found) == set(expected) == {"p", *state}
        for key, value in found.items():
            assert value.dtype == kind and value.shape == shapes[key]
            np.testing.assert_array_equal(value, expected[key], err_msg=key)
        p = found.pop("p")
        state = found


def test_results_own_their_memory() -> None:
    p = np.array([1.0, 2.0])
    found = reference.step(trace(resolve("sgd")), {"p": p, "g": p, "lr": 0.0}, "float64")
    assert not np.shares_memory(found["p"], p)


def test_a_number_of_another_precision_stops_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reference, "sqrt", staticmethod(lambda x: np.sqrt(x.astype(np.float64))))
    equation = replace(trace(resolve("sgd")), scalars={}, outputs={"p": call("sqrt", name("p"))})
    with pytest.raises(CrossoptimError, match="reference: sqrt gave float64 .expected float32."):
        reference.step(equation, {"p": np.ones(2, dtype=np.float32)}, "float32")


def test_a_comparison_with_nan_is_false_and_the_maximum_with_nan_is_nan() -> None:
    nan, one = np.array([np.nan]), np.array([1.0])
    assert Reference.where(nan > one, nan, one) == 1.0
    assert np.isnan(Reference.maximum(nan, one)) and np.isnan(Reference.maximum(one, nan))


# Scalars as float32 programs make them.

singles = st.floats(2.0**-60, 2.0**60, width=32) | st.floats(-(2.0**60), -(2.0**-60), width=32)


def single(text: str, **values: float) -> float:
    """A float32 scalar from expression text."""
    root = parse(text)
    return oracle.float32_scalar(root, {**values, "t": 1.0}, (0,) * oracle.faithful_operations(root))


@pytest.mark.parametrize("op", OPERATIONS)
@given(a=singles, b=singles)
def test_a_float32_scalar_rounds_as_the_hardware_does(op: str, a: float, b: float) -> None:
    assert single(f"a {op} b", a=a, b=b) == float(OPERATIONS[op](np.float32(a), np.float32(b)))


@given(singles)
def test_a_float32_scalars_root_rounds_as_the_hardware_does(a: float) -> None:
    assert single("sqrt(a)", a=abs(a)) == float(np.sqrt(np.float32(abs(a))))


@given(st.floats(0.5, 0.9999), st.integers(1, 200))
def test_a_float32_scalars_power_is_the_nearest_to_the_exact_one(beta: float, exponent: int) -> None:
    base = float(np.float32(beta))
    assert single("a ** b", a=beta, b=exponent) == nearest_float32(Fraction(base) ** exponent)


def test_a_faithful_operation_may_be_moved_to_its_neighbours() -> None:
    root = parse("1 - a ** b")
    exact, up, down = (oracle.float32_scalar(root, {"a": 0.9, "b": 4.0}, (ulps,)) for ulps in (0, 1, -1))
    assert up < exact < down and down - exact == exact - up == 2.0**-24


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@given(st.lists(st.floats(2.0**-40, 2.0**40, width=32), min_size=1, max_size=5))
def test_a_power_of_an_array_is_rounded_once(kind: Any, values: list[float]) -> None:
    x = np.array(values, dtype=kind)
    with np.errstate(over="ignore"):
        nearest = [nearest_float32(Fraction(v) ** 3) if kind is np.float32 else float(Fraction(v) ** 3) for v in values]
        assert Reference.power(x, 3.0).tolist() == np.array(nearest, dtype=kind).tolist()
    assert Reference.power(x, 0.5).tolist() == np.sqrt(x).tolist()
    assert Reference.power(x, 3.0).dtype == Reference.power(x, 0.5).dtype == kind


def test_powers_of_zero_infinity_and_nan_are_those_of_ieee_754() -> None:
    found = Reference.power(np.array([0.0, np.inf, np.nan, -1.0]), 1 / 3)
    np.testing.assert_array_equal(found, [0.0, np.inf, np.nan, np.nan])
