"""Objectives: closed-form gradients against finite differences and autograd, data against R's, tables against their descriptions."""

from __future__ import annotations

from statistics import mean, stdev
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crossoptim.errors import UnknownNameError
from crossoptim.golden import oracle
from crossoptim.golden.oracle import MP, Oracle, lift
from crossoptim.golden.reference import DTYPES
from crossoptim.spec.emit.objective import objective_text
from crossoptim.spec.expr import evaluate, parse
from crossoptim.spec.model import Problem
from crossoptim.spec.problems import all_problems, get_problem
from crossoptim.spec.problems.tables import read

Array = NDArray[Any]
OBJECTIVES = [p for p in all_problems().values() if p.value is not None]
TABLES = [p for p in all_problems().values() if p.gradients is not None]
objectives = pytest.mark.parametrize("problem", OBJECTIVES, ids=lambda p: p.name)
tables = pytest.mark.parametrize("problem", TABLES, ids=lambda p: p.name)
STEPS = range(1, 61)


def start(problem: Problem) -> dict[str, Array]:
    """The start point in double."""
    return {p.name: np.asarray(p.start, dtype=np.float64).reshape(p.shape) for p in problem.params}


def moved(problem: Problem, seed: int) -> dict[str, Array]:
    """A point near the start, exact in float32."""
    random = np.random.default_rng(seed)
    return {k: np.asarray(v + random.normal(size=v.shape), dtype=np.float32).astype(np.float64) for k, v in start(problem).items()}


class Torch:
    """The namespace of objectives on torch tensors, as docs/protocol.md describes it."""

    exp, log, tanh, sqrt, matmul = torch.exp, torch.log, torch.tanh, torch.sqrt, torch.matmul
    sum = torch.sum

    @staticmethod
    def sum_rows(x: torch.Tensor) -> torch.Tensor:
        return x.sum(1, keepdim=True)

    @staticmethod
    def sum_columns(x: torch.Tensor) -> torch.Tensor:
        return x.sum(0)

    @staticmethod
    def transpose(x: torch.Tensor) -> torch.Tensor:
        return x.T


def on_torch(problem: Problem, point: dict[str, Array], dtype: str) -> tuple[float, dict[str, Array]]:
    """Loss and autograd's gradient, from the expression text that foreign runners are sent."""
    kind = {"float32": torch.float32, "float64": torch.float64}[dtype]
    objective = objective_text(problem)
    leaves = {k: torch.tensor(v, dtype=kind, requires_grad=True) for k, v in point.items()}
    data = {k: torch.tensor(v["data"], dtype=kind).reshape(v["shape"]) for k, v in objective["data"].items()}
    env: dict[str, Any] = {**data, **leaves}
    for label, text in objective["statements"]:
        env[label] = evaluate(parse(text), env, Torch)
    assert env["loss"].shape == ()
    env["loss"].backward()
    return env["loss"].item(), {k: v.grad.numpy() for k, v in leaves.items() if v.grad is not None}


@objectives
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_gradients_are_those_of_finite_differences_in_60_digits(problem: Problem, seed: int | None) -> None:
    at, gradient = problem.value, problem.gradient
    assert at is not None
    assert gradient is not None
    point = {k: lift(v) for k, v in (start(problem) if seed is None else moved(problem, seed)).items()}
    data = SimpleNamespace(**{k: lift(v) for k, v in problem.data.items()})

    def value() -> Any:
        scalars = {k: v[()] if v.shape == () else v for k, v in point.items()}
        return np.asarray(at(Oracle, SimpleNamespace(**scalars), data), dtype=object)[()]

    closed = gradient(Oracle, SimpleNamespace(**{k: v[()] if v.shape == () else v for k, v in point.items()}), data)
    h = MP.mpf(10) ** -20
    for name, tensor in point.items():
        exact = np.asarray(closed[name], dtype=object).reshape(tensor.shape)
        for place in np.ndindex(tensor.shape):
            here = tensor[place]
            tensor[place] = here + h
            above = value()
            tensor[place] = here - h
            below = value()
            tensor[place] = here
            difference = (above - below) / (2 * h)
            assert abs(difference - exact[place]) <= MP.mpf(10) ** -30 * (1 + abs(exact[place])), f"{name}{list(place)}"


@objectives
@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-12), ("float32", 1e-3)])
def test_the_text_that_runners_get_has_this_value_and_this_gradient_under_autograd(problem: Problem, dtype: str, rtol: float) -> None:
    for seed in (1, 2, 3):
        point = {k: v.astype(DTYPES[dtype]) for k, v in moved(problem, seed).items()}
        loss, gradient = on_torch(problem, point, dtype)
        assert loss == pytest.approx(oracle.loss(problem, point, dtype), rel=rtol, nan_ok=True)
        exact = oracle.gradient(problem, point, dtype)
        assert set(gradient) == set(exact) == {p.name for p in problem.params}
        for name, row in exact.items():
            assert gradient[name].shape == row.shape and row.dtype == DTYPES[dtype]
            np.testing.assert_allclose(gradient[name], row, rtol=rtol, atol=rtol * float(np.max(np.abs(row))), err_msg=name)


@pytest.mark.parametrize("problem", [p for p in OBJECTIVES if p.minimum], ids=lambda p: p.name)
def test_the_gradient_vanishes_at_the_minimum_and_the_value_rises_around_it(problem: Problem) -> None:
    assert problem.minimum is not None
    lowest = {p.name: np.asarray(problem.minimum[p.name], dtype=np.float64).reshape(p.shape) for p in problem.params}
    assert all(np.all(g == 0) for g in oracle.gradient(problem, lowest, "float64").values())
    floor = oracle.loss(problem, lowest, "float64")
    for seed in range(5):
        random = np.random.default_rng(seed)
        near = {k: v + 1e-3 * random.normal(size=v.shape) for k, v in lowest.items()}
        assert oracle.loss(problem, near, "float64") > floor


def test_objectives_with_a_known_minimum_say_so() -> None:
    assert {p.name for p in OBJECTIVES if p.minimum} >= {"parabola", "ravine", "isotropic", "anisotropic", "rosenbrock"}


FACTS: dict[str, tuple[dict[str, Any], float, dict[str, Any]]] = {  # name: start, value there, gradient there, by hand
    "parabola": ({"x": [2.0]}, 16.0, {"x": [16.0]}),
    "ravine": ({"x": [-5.0, -2.0]}, 10.5, {"x": [-1.0, -8.0]}),
    "isotropic": ({"x": [6.0, 6.0]}, 9.4, {"x": [2.4, 2.4]}),
    "anisotropic": ({"x": [6.0, 6.0]}, 74.2, {"x": [2.4, 24.0]}),
    "rosenbrock": ({"x": -1.5, "y": 2.0}, 12.5, {"x": -155.0, "y": -50.0}),
}


@pytest.mark.parametrize("name", FACTS)
def test_start_value_and_gradient_there_are_as_computed_by_hand(name: str) -> None:
    where, value, slope = FACTS[name]
    problem = get_problem(name)
    assert {k: v.tolist() for k, v in start(problem).items()} == where
    assert oracle.loss(problem, start(problem), "float64") == pytest.approx(value, rel=1e-15)
    for key, row in oracle.gradient(problem, start(problem), "float64").items():
        np.testing.assert_allclose(row, slope[key], rtol=1e-15)


@pytest.mark.parametrize("problem", all_problems().values(), ids=lambda p: p.name)
def test_every_problem_is_complete_and_starts_on_numbers_of_float32(problem: Problem) -> None:
    assert problem.title and problem.source
    assert (problem.value is None) == (problem.gradient is None) == (problem.gradients is not None)
    for param in problem.params:
        assert len(param.start) == int(np.prod(param.shape))
        assert all(float(np.float32(x)) == x for x in param.start)


# Data that R knows.


def column(table: str, name: str) -> list[float]:
    return [float(row[name]) for row in read(table)]


@pytest.mark.parametrize(
    "table, name, count, centre, spread",
    [  # as R prints mean() and sd() with 7 digits
        ("mtcars", "mpg", 32, "20.09062", "6.026948"),
        ("mtcars", "wt", 32, "3.21725", "0.9784574"),
        ("mtcars", "hp", 32, "146.6875", "68.56287"),
        ("mtcars", "qsec", 32, "17.84875", "1.786943"),
        ("iris", "Sepal.Length", 150, "5.843333", "0.8280661"),
        ("iris", "Sepal.Width", 150, "3.057333", "0.4358663"),
        ("iris", "Petal.Length", 150, "3.758", "1.765298"),
        ("iris", "Petal.Width", 150, "1.199333", "0.7622377"),
    ],
)
def test_data_sets_have_the_means_and_deviations_that_r_prints(table: str, name: str, count: int, centre: str, spread: str) -> None:
    values = column(table, name)
    assert (len(values), f"{mean(values):.7g}", f"{stdev(values):.7g}") == (count, centre, spread)


def test_spot_values_are_rs_own() -> None:
    cars, flowers = read("mtcars"), read("iris")
    assert {k: cars[0][k] for k in ("", "mpg", "wt", "hp", "qsec")} == {
        "": "Mazda RX4",
        "mpg": "21",
        "wt": "2.62",
        "hp": "110",
        "qsec": "16.46",
    }
    assert (cars[-1][""], cars[-1]["mpg"]) == ("Volvo 142E", "21.4")
    assert [row["Species"] for row in flowers] == ["setosa"] * 50 + ["versicolor"] * 50 + ["virginica"] * 50
    # Rows 35 and 38 are where other copies of iris differ from Fisher's table and from R.
    measures = ["Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width"]
    assert [float(flowers[34][m]) for m in measures] == [4.9, 3.1, 1.5, 0.2]
    assert [float(flowers[37][m]) for m in measures] == [4.9, 3.6, 1.4, 0.1]


@pytest.mark.parametrize("name", ["mtcars"])
def test_columns_are_standardised_to_mean_0_and_deviation_1(name: str) -> None:
    for matrix in get_problem(name).data.values():
        for values in np.asarray(matrix).T.tolist():
            assert mean(values) == pytest.approx(0, abs=1e-15)
            assert stdev(values) == pytest.approx(1, rel=1e-15)


def test_the_iris_network_sees_every_fifth_flower_and_ten_of_each_species() -> None:
    data = get_problem("iris").data
    lengths = column("iris", "Sepal.Length")
    np.testing.assert_allclose(
        np.asarray(data["features"])[:, 0], (np.asarray(lengths)[::5] - mean(lengths)) / stdev(lengths), rtol=1e-14, atol=1e-15
    )
    classes = np.asarray(data["classes"])
    assert classes.sum(axis=0).tolist() == [10, 10, 10] and classes.sum(axis=1).tolist() == [1.0] * 30


# Tables of gradients.


def gradients(problem: Problem, step: int) -> dict[str, tuple[float, ...]]:
    assert problem.gradients is not None
    return problem.gradients(step)


@tables
def test_injected_gradients_fit_their_parameters_and_are_numbers_of_float32(problem: Problem) -> None:
    for step in STEPS:
        rows = gradients(problem, step)
        assert {k: len(v) for k, v in rows.items()} == {p.name: int(np.prod(p.shape)) for p in problem.params}
        for value in (x for row in rows.values() for x in row):
            assert np.isnan(value) or float(np.float32(value)) == value


@tables
@given(st.integers(1, 1000))
def test_a_table_gives_the_same_gradients_each_time(problem: Problem, step: int) -> None:
    assert repr(gradients(problem, step)) == repr(gradients(problem, step))


def test_the_plain_table_changes_sign_spans_four_decades_and_has_a_0d_tensor() -> None:
    problem = get_problem("injected")
    assert () in [p.shape for p in problem.params]
    history = {p.name: np.array([gradients(problem, t)[p.name] for t in STEPS]) for p in problem.params}
    for rows in history.values():
        for element in rows.T:
            assert element.min() < 0 < element.max()
            assert np.any(element[1:] * element[:-1] < 0) and np.any(element[1:] * element[:-1] > 0)
    sizes = np.abs(np.concatenate([rows.ravel() for rows in history.values()]))
    assert sizes.max() / sizes[sizes > 0].min() >= 1e4


@pytest.mark.parametrize(
    "name, extreme",
    [
        ("zeros", lambda g: g == 0),
        ("huge", lambda g: g * g > np.finfo(np.float32).max / 2**8),
        ("tiny", lambda g: (g != 0) & (np.float32(g) ** 2 < np.finfo(np.float32).tiny)),
        ("denormal", lambda g: (g != 0) & (g < np.finfo(np.float32).tiny)),
        ("infinite", np.isinf),
        ("not_a_number", np.isnan),
    ],
)
def test_each_extreme_table_holds_what_its_name_says(name: str, extreme: Any) -> None:
    sizes = [np.abs(np.concatenate([np.ravel(g) for g in gradients(get_problem(name), t).values()])) for t in STEPS]
    assert any(np.any(extreme(row)) for row in sizes)
    plain = [np.abs(np.concatenate([np.ravel(g) for g in gradients(get_problem("injected"), t).values()])) for t in STEPS]
    assert name == "zeros" or not any(np.any(extreme(row)) for row in plain)


def test_the_empty_table_has_a_tensor_without_elements() -> None:
    assert 0 in [int(np.prod(p.shape)) for p in get_problem("empty").params]


def test_an_unknown_problem_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="problem 'rosenbrok' does not exist .did you mean 'rosenbrock'"):
        get_problem("rosenbrok")
