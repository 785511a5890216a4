"""Rules that sum over a parameter: sums that are rounded once, shapes that decide, and the error model of half precision."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import crossoptim
from crossoptim.check import first_order
from crossoptim.check.judge import Judge
from crossoptim.check.verdict import Judgement
from crossoptim.errors import HyperError
from crossoptim.golden.bounded import PRECISIONS, Bounded
from crossoptim.golden.cases import get_case
from crossoptim.golden.double_double import DoubleDouble
from crossoptim.golden.exact import exact_product, exact_sum
from crossoptim.golden.fixture import as_json
from crossoptim.golden.oracle import rounded_scalars
from crossoptim.golden.reference import DTYPES, step
from crossoptim.golden.trajectory import golden
from crossoptim.runners.registry import IMPLEMENTATIONS, local_runner
from crossoptim.runners.request import read_trajectory
from crossoptim.spec.ecosystems import all_quirks
from crossoptim.spec.edit import half_precision
from crossoptim.spec.model import shape_beside
from crossoptim.spec.rules import resolve
from crossoptim.spec.trace import trace

Array = NDArray[Any]
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)


# Sums.


def nearest(value: Fraction, kind: type[np.floating[Any]]) -> float:
    """The nearest number of a format, ties to even, by exact comparison."""
    try:
        guess = kind(float(value))
    except OverflowError:
        return math.copysign(math.inf, value)
    with np.errstate(over="ignore"):
        around = [np.nextafter(guess, kind(-np.inf)), guess, np.nextafter(guess, kind(np.inf))]
    finite = [n for n in around if np.isfinite(n)]
    best = min(abs(Fraction(float(n)) - value) for n in finite)
    return float(min((n for n in finite if abs(Fraction(float(n)) - value) == best), key=lambda n: int(n.view(f"i{n.itemsize}")) & 1))


@both_dtypes
@given(st.lists(numbers, max_size=6), st.randoms())
def test_a_sum_is_rounded_once_in_whatever_order(dtype: str, values: list[float], random: Any) -> None:
    kind = DTYPES[dtype]
    expected = sum(map(Fraction, values), Fraction(0))
    random.shuffle(values)
    found = exact_sum(np.array(values, dtype=kind))
    assert found.dtype == kind and found.shape == ()
    if abs(expected) < PRECISIONS[dtype].largest:
        assert float(found) == nearest(expected, kind)


@both_dtypes
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
def test_an_element_of_a_product_is_rounded_once(dtype: str, pairs: list[tuple[float, float]]) -> None:
    kind = DTYPES[dtype]
    a, b = (np.array([pair[i] for pair in pairs], dtype=kind) for i in (0, 1))
    expected = sum((Fraction(x) * Fraction(y) for x, y in pairs), Fraction(0))
    found = exact_product(a[None, :], b[:, None])
    assert found.dtype == kind and found.shape == (1, 1)
    if abs(expected) < PRECISIONS[dtype].largest:
        assert float(found[0, 0]) == nearest(expected, kind)


def test_sums_and_products_of_matrices_keep_their_places() -> None:
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(exact_product(a, b), a @ b)
    np.testing.assert_array_equal(exact_sum(a, axis=-1), a.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    "values, expected",
    [
        ([math.inf, 1.0], math.inf),
        ([1.0, -math.inf, 1e308, 1e308], -math.inf),
        ([math.inf, -math.inf], math.nan),
        ([math.nan, 1.0], math.nan),
        ([1e308, 1e308, -1e308], 1e308),
        ([1e308, 1e308], math.inf),
        ([], 0.0),
        ([1.0, -1.0], 0.0),
    ],
)
def test_infinities_and_nan_sum_as_in_ieee_754_and_only_the_result_overflows(values: list[float], expected: float) -> None:
    np.testing.assert_equal(float(exact_sum(np.array(values, dtype=np.float64))), expected)


def test_zero_times_infinity_inside_a_product_is_nan() -> None:
    assert np.isnan(exact_product(np.array([[0.0, 1.0]]), np.array([[np.inf], [1.0]]))[0, 0])


moderate = st.floats(2.0**-40, 2.0**40) | st.floats(-(2.0**40), -(2.0**-40))


@given(st.lists(st.tuples(moderate, moderate), min_size=1, max_size=6))
def test_double_double_sums_and_products_are_right_to_a_hundred_bits_of_what_is_summed(pairs: list[tuple[float, float]]) -> None:
    a, b = (np.array([pair[i] for pair in pairs]) for i in (0, 1))
    for found, terms in (
        (DoubleDouble(a).sum(), [Fraction(x) for x, _ in pairs]),
        ((DoubleDouble(a[None, :]) @ DoubleDouble(b[:, None]))[0, 0], [Fraction(x) * Fraction(y) for x, y in pairs]),
    ):
        error = abs(Fraction(float(found.high)) + Fraction(float(found.low)) - sum(terms))
        assert error <= Fraction(2) ** -100 * sum(map(abs, terms))


# Shapes.


def test_the_shape_of_the_parameter_chooses_the_equation() -> None:
    setting = resolve("adafactor")
    assert trace(setting.of((3, 2))).state == ("row_var", "col_var")
    assert trace(setting.of((3,))).state == trace(setting.of(())).state == ("variance",)
    assert trace(setting).id == trace(setting.of((2, 2))).id == "adafactor[factored]"
    assert setting.of((3,)).with_values(lr=0.5).h.factored is False
    assert trace(resolve("muon").of((3, 2))).id != trace(resolve("muon").of((2, 3))).id


def test_other_rules_do_not_ask() -> None:
    setting = resolve("adam")
    assert setting.of((3, 2)) is setting


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_muon_says_what_it_takes(shape: tuple[int, ...]) -> None:
    with pytest.raises(HyperError, match=f"^{re.escape(f'muon: a parameter has shape {list(shape)} (expected a matrix)')}$"):
        resolve("muon").of(shape)
    with pytest.raises(HyperError, match="expected a matrix"):
        crossoptim.Muon([torch.zeros(shape)])


def test_a_group_that_is_refused_leaves_the_optimizer_as_it_was() -> None:
    optimizer = crossoptim.Muon([torch.zeros(2, 2)])
    with pytest.raises(HyperError, match="expected a matrix"):
        optimizer.add_param_group({"params": [torch.zeros(2)]})
    assert [tuple(p.shape) for group in optimizer.param_groups for p in group["params"]] == [(2, 2)]


def test_state_has_its_own_shape_in_fixtures_and_in_optimizers() -> None:
    assert shape_beside((5, 4, 3), "rows") == (5, 4, 1)
    assert shape_beside((5, 4, 3), "columns") == (5, 1, 3)
    case = get_case("adafactor/plain-injected-f64")
    state = as_json(case, golden(case))["trajectory"]["state"]
    assert [state["matrix"][key]["shape"] for key in ("row_var", "col_var")] == [[2, 1], [1, 3]]
    assert set(state["vector"]) == {"variance"}


@pytest.mark.parametrize("shape", [(3, 2), (4,), (), (2, 3, 2), (2, 2, 3, 2)])
def test_adafactor_trains_as_pytorchs_does_on_tensors_of_any_rank(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(5)
    start = torch.randn(shape, generator=generator, dtype=torch.float64)
    ours, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    optimizers = crossoptim.Adafactor([ours], lr=0.3, weight_decay=0.1), torch.optim.Adafactor([theirs], lr=0.3, weight_decay=0.1)
    for _ in range(8):
        gradient = torch.randn(shape, generator=generator, dtype=torch.float64)
        for p, optimizer in zip((ours, theirs), optimizers, strict=True):
            p.grad = gradient.clone()
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)
    held, known = optimizers[0].state[ours], optimizers[1].state[theirs]
    assert all(held[key].shape == known[key].shape for key in held if key != "step")


def test_the_machine_epsilon_is_that_of_the_parameter() -> None:
    # PyTorch takes the first parameter's for all that follow (torch 2.13.0: torch/optim/_adafactor.py:373)
    params = [torch.ones(2, dtype=dtype, requires_grad=True) for dtype in (torch.float64, torch.float32)]
    for p in params:
        p.grad = torch.full_like(p, 1e-12)
    crossoptim.Adafactor(params, lr=0.5).step()
    small = 1e-12 / torch.finfo(torch.float32).eps
    torch.testing.assert_close(params[1], torch.full((2,), 1 - 0.5 * small), rtol=1e-7, atol=0)
    torch.testing.assert_close(params[0], torch.full((2,), 0.5, dtype=torch.float64))


# The bound to first order.


def muon_step(shape: tuple[int, int], dtype: str, seed: int) -> tuple[Any, dict[str, Any]]:
    """Muon's equation and what it reads, with the parameter at zero, so that the new one is the orthogonalised update."""
    generator = np.random.default_rng(seed)
    setting = resolve("muon", {"lr": 1.0, "weight_decay": 0.0}).of(shape)
    g = (generator.normal(size=shape) * 2.0 ** generator.integers(-4, 5, size=shape)).astype(DTYPES[dtype])
    zero = np.zeros_like(g)
    return trace(setting), {"p": zero, "g": g, "momentum_buffer": zero, **setting.reals, **rounded_scalars(setting, 1)}


@both_dtypes
@pytest.mark.parametrize("shape", [(2, 3), (4, 3), (1, 4), (3, 3)])
def test_honest_orthogonalisations_stay_inside_and_single_wrong_bits_of_the_parameter_do_not(dtype: str, shape: tuple[int, int]) -> None:
    for seed in range(10):
        equation, env = muon_step(shape, dtype, seed)
        exact = {key: Bounded.exact(np.asarray(value, dtype=np.float64), PRECISIONS[dtype]) for key, value in env.items()}
        bound = 2 * first_order.error(equation.outputs["p"], exact)
        expected = step(equation, env, dtype)["p"].astype(np.float64)
        p = torch.zeros(shape, dtype=getattr(torch, dtype), requires_grad=True)
        p.grad = torch.tensor(env["g"])
        crossoptim.Muon([p], lr=1.0, weight_decay=0.0).step()
        error = np.abs(p.detach().numpy().astype(np.float64) - expected)
        assert (error <= bound).all()
        assert bound.max() < 2e3 * PRECISIONS[dtype].unit * np.abs(expected).max(), "a magnitude bound would be infinite"


def test_half_precision_is_bounded_by_a_tenth_of_an_update_and_pytorch_stays_inside() -> None:
    outside, widths = 0, []
    for seed in range(60):
        shape = [(2, 3), (3, 2), (3, 3), (1, 4), (4, 3), (2, 2)][seed % 6]
        equation, env = muon_step(shape, "float32", seed)
        prediction = muon_judge_bound(equation, env)
        expected = step(equation, env, "float32")["p"]
        p = torch.zeros(shape, requires_grad=True)
        p.grad = torch.tensor(env["g"])
        torch.optim.Muon([p], lr=1.0, weight_decay=0.0).step()
        outside += int((np.abs(p.detach().numpy() - expected) > prediction).sum())
        widths.append(float(np.median(prediction) / np.abs(expected).max()))
    assert outside == 0
    assert np.median(widths) < 0.1


def muon_judge_bound(equation: Any, env: dict[str, Any]) -> Array:
    """What the quirk predicts."""
    quirk = all_quirks()["pytorch/muon/bfloat16-orthogonalisation"]
    exact = {key: Bounded.exact(np.asarray(value, dtype=np.float64), PRECISIONS["float32"]) for key, value in env.items()}
    return first_order.error(equation.outputs["p"], exact, half_precision(equation, quirk.effects))


# PyTorch's Muon, bent: each of these slips must show through bfloat16.

HONEST = torch.optim._muon._zeropower_via_newtonschulz
Orthogonalise = Callable[..., torch.Tensor]


def _with_coefficients(**change: float) -> Orthogonalise:
    def bent(g: Any, coefficients: Any, steps: int, eps: float) -> torch.Tensor:
        values = dict(zip("abc", coefficients, strict=True)) | change
        return HONEST(g, tuple(values.values()), steps, eps)

    return bent


def _gram_of_columns(g: torch.Tensor, coefficients: Any, steps: int, eps: float) -> torch.Tensor:
    """X'X where XX' is right: in a square matrix no shape objects."""
    a, b, c = coefficients
    x = g.bfloat16() / g.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x.T @ x
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


SQUARE, ORTHOGONALISE = "plain-matrix_ravine-f32", "_zeropower_via_newtonschulz"
SLIPS: dict[str, tuple[str, str, Any]] = {
    "a step too few": (SQUARE, ORTHOGONALISE, lambda g, c, n, e: HONEST(g, c, n - 1, e)),
    "a step too many": (SQUARE, ORTHOGONALISE, lambda g, c, n, e: HONEST(g, c, n + 1, e)),
    "a = 3": (SQUARE, ORTHOGONALISE, _with_coefficients(a=3.0)),
    "b = -4.5": (SQUARE, ORTHOGONALISE, _with_coefficients(b=-4.5)),
    "c = 1.75": (SQUARE, ORTHOGONALISE, _with_coefficients(c=1.75)),
    "the classical coefficients": (SQUARE, ORTHOGONALISE, _with_coefficients(a=1.875, b=-1.25, c=0.375)),
    "no orthogonalisation": (SQUARE, ORTHOGONALISE, lambda g, c, n, e: g / g.norm()),
    "the result transposed": (SQUARE, ORTHOGONALISE, lambda g, c, n, e: HONEST(g, c, n, e).T),
    "the Gram matrix of the columns": (SQUARE, ORTHOGONALISE, _gram_of_columns),
    "lr not adjusted to a tall matrix": ("tall-matrices_tall-f32", "_adjust_lr", lambda lr, fn, shape: lr),
    "lr adjusted to columns / rows": (
        "tall-matrices_tall-f32",
        "_adjust_lr",
        lambda lr, fn, shape: lr * max(1, shape[1] / shape[0]) ** 0.5,
    ),
    "0.2 left out": (
        "adjust_lr_fn_match_rms_adamw-matrix_ravine-f64",
        "_adjust_lr",
        lambda lr, fn, shape: lr * max(shape) ** 0.5,
    ),
}


def judged(case_id: str) -> Judgement:
    """The verdict on PyTorch as it is now."""
    case, torch_single = get_case(f"muon/{case_id}"), IMPLEMENTATIONS["torch-single"]
    answer = local_runner("torch-single").run(torch_single.request(case, golden(case), "replay"))
    return Judge(case, golden(case), torch_single.quirks(case.base)).judge(read_trajectory(answer, case, "here"), "replay")


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_shows_through_half_precision(slip: str) -> None:
    case_id, function, bent = SLIPS[slip]
    assert judged(case_id).verdict == "documented"
    with patch.object(torch.optim._muon, function, bent):
        assert judged(case_id).verdict == "diverges"


def test_the_buffer_is_judged_by_the_ordinary_bound() -> None:
    def lazy(self: torch.Tensor, end: torch.Tensor, weight: float) -> torch.Tensor:
        return self.copy_(torch.lerp(self, end, weight * (1 + 1e-4)))

    with patch.object(torch.Tensor, "lerp_", lazy):
        found = judged("plain-matrix_ravine-f64")
    assert found.verdict == "diverges" and found.finding is not None and found.finding.tensor == "state/x/momentum_buffer"
