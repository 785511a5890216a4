"""Laws that hold for any gradients, where the gradient is taken, and numbers that others printed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trials import STEPS, UNIT, Array, gradient_of, ours, table_of, tolerance, trial
from witness import published
from witness import sgd as witness_sgd
from witness.averages import exponentially_weighted_average

from crossoptim.golden.case import Case
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.spec.model import Setting
from crossoptim.spec.problems import get_problem
from crossoptim.spec.rules import resolve

sizes = st.floats(2.0**-10, 2.0**10) | st.sampled_from([0.25, 1.0, 3.0])
numbers = st.builds(lambda size, sign: sign * size, sizes, st.sampled_from([-1.0, 1.0]))
gradient_tables = st.lists(st.tuples(numbers, numbers, numbers), min_size=STEPS, max_size=STEPS).map(
    lambda rows: [np.array(r) for r in rows]
)
START = np.array([1.0, -2.0, 0.5])
momenta = st.floats(0.1, 0.95)


@given(momenta, gradient_tables)
def test_momentum_is_a_rescaled_exponentially_weighted_average(momentum: float, rows: list[Array]) -> None:
    velocity = golden(trial("sgd", {"lr": 0.01, "momentum": momentum}, table_of(rows, START))).state["x"]["velocity"]
    average = exponentially_weighted_average([g / (1 - momentum) for g in rows], momentum)
    close(velocity, average, rows, 1 / (1 - momentum))


@given(momenta, gradient_tables)
def test_momentum_dampened_by_itself_is_that_average(momentum: float, rows: list[Array]) -> None:
    hyper = {"lr": 0.01, "momentum": momentum, "dampening": momentum, "first_step": "dampened"}
    velocity = golden(trial("sgd", hyper, table_of(rows, START))).state["x"]["velocity"]
    close(velocity, exponentially_weighted_average(rows, momentum), rows, 1.0)


@given(st.floats(0.0, 0.95), st.floats(0.9, 0.9999), gradient_tables)
def test_adams_moments_are_such_averages_of_the_gradient_and_its_square(beta1: float, beta2: float, rows: list[Array]) -> None:
    state = golden(trial("adam", {"beta1": beta1, "beta2": beta2}, table_of(rows, START))).state["x"]
    close(state["m"], exponentially_weighted_average(rows, beta1), rows, 1.0)
    squares = [g * g for g in rows]
    close(state["v"], exponentially_weighted_average(squares, beta2), squares, 1.0)


def close(found: Any, expected: list[Array], rows: list[Array], gain: float) -> None:
    """Equal but for roundoff of the largest number that was added up."""
    assert np.max(np.abs(np.asarray(found) - np.asarray(expected))) <= 16 * STEPS * UNIT["float64"] * gain * np.max(np.abs(rows))


@given(numbers, st.floats(1e-3, 0.5), st.floats(0.0, 0.95), st.floats(0.9, 0.9999))
def test_adam_walks_by_the_learning_rate_under_a_constant_gradient(g: float, lr: float, beta1: float, beta2: float) -> None:
    # bias correction makes the weights sum to one: both corrected moments are the constant's own
    case = trial("adam", {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": 0.0}, table_of([np.array([g])] * STEPS, np.array([0.0])))
    expected = [[-lr * t * np.sign(g)] for t in range(1, STEPS + 1)]
    np.testing.assert_allclose(ours(case), expected, rtol=1e-12 / (1 - beta2))


# Where the gradient is taken.


@pytest.mark.parametrize("form", ["gradient_sum", "lr_inside"])
def test_nesterovs_gradient_is_taken_where_momentum_alone_would_carry_the_parameter(form: str) -> None:
    hyper = {"lr": 0.05, "momentum": 0.8, "nesterov": True, "nesterov_form": "lookahead", "momentum_form": form}
    run: Trajectory = golden(trial("sgd", hyper, get_problem("ravine")))
    rate = 1.0 if form == "lr_inside" else 0.05
    curvature = np.array([0.1, 2.0])
    for t in range(1, STEPS):
        before, velocity, lookahead, used = (
            np.asarray(row)
            for row in (run.params["x"][t - 1], *(run.state["x"][v][t - 1] for v in ("velocity", "lookahead")), run.grads["x"][t])
        )
        point = before - rate * 0.8 * velocity
        np.testing.assert_allclose(lookahead, point, rtol=1e-14)
        np.testing.assert_allclose(used, 2 * curvature * point, rtol=1e-14)


def test_the_penalty_of_weight_decay_is_differentiated_at_the_lookahead_too() -> None:
    """It is a part of the objective: the paper's form on the penalised objective is the witness."""
    hyper = {"lr": 0.05, "momentum": 0.8, "nesterov": True, "nesterov_form": "lookahead", "momentum_form": "lr_inside", "weight_decay": 0.3}
    gradient = gradient_of(get_problem("ravine"), "float64")
    path = ours(trial("sgd", hyper, get_problem("ravine")))
    start = np.asarray(get_problem("ravine").params[0].start)
    want = witness_sgd.sutskever_nesterov(start, lambda theta, t: gradient(theta, t) + 0.3 * theta, STEPS, mu=0.8, epsilon=0.05)
    assert np.max(np.abs(path - np.asarray(want))) <= tolerance(path, "float64")


def test_with_a_constant_learning_rate_both_momentum_forms_are_one() -> None:
    for nesterov in ("at_parameter", "lookahead"):
        hyper = {"lr": 0.05, "momentum": 0.8, "nesterov": True, "nesterov_form": nesterov}
        outside, inside = (ours(trial("sgd", {**hyper, "momentum_form": f}, get_problem("ravine"))) for f in ("gradient_sum", "lr_inside"))
        assert np.max(np.abs(outside - inside)) <= tolerance(outside, "float64")


# Numbers that others printed.


@pytest.mark.parametrize("lr", published.PARABOLA)
def test_gradient_descent_on_the_parabola_gives_the_published_bits(lr: float) -> None:
    printed = published.PARABOLA[lr]
    run = golden(Case("parabola", "sgd", {"lr": lr}, "parabola", "float32", "", steps=len(printed)))
    path = [2.0, *(float(x[0]) for x in run.params["x"] if x is not None)]
    assert [repr(x) for x in path[: len(printed)]] == printed
    losses = published.PARABOLA_LOSS.get(lr, [])
    assert [repr(x) for x in run.loss[: len(losses)]] == losses


@pytest.mark.parametrize("lr, momentum", published.RAVINE)
def test_momentum_in_the_ravine_ends_where_the_book_says(lr: float, momentum: float) -> None:
    hyper = {"lr": lr, "momentum": momentum, "momentum_form": "lr_inside"}
    run = golden(Case("ravine", "sgd", hyper, "ravine", "float64", "", steps=20))
    assert tuple(f"{x:.6f}" for x in np.asarray(run.params["x"][-1])) == published.RAVINE[lr, momentum]


def test_the_isotropic_paraboloid_is_left_in_one_step_of_two_and_a_half() -> None:
    # Keydana, chapter 8: with a learning rate of 2.5, (6, 6) goes to (0, 0) at once
    run = golden(Case("isotropic", "sgd", {"lr": 2.5}, "isotropic", "float64", "", steps=1))
    assert np.max(np.abs(np.asarray(run.params["x"][0]))) <= 6 * 2.0**-52


def test_a_setting_is_what_its_preset_says() -> None:
    adamw: Setting = resolve("adamw")
    assert (adamw.values["decay"], adamw.values["weight_decay"]) == ("decoupled", 1e-2)
