"""No false alarm: what honest implementations make of random runs is inside its bound, or what a named quirk predicts.

Thousands of runs: pytest tests/test_no_false_alarm.py --hypothesis-profile=search
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from injections import RULES, trials
from trials import Trial

from crossoptim.check.verdict import Judgement
from crossoptim.errors import UnavailableError
from crossoptim.golden.trajectory import golden
from crossoptim.runners.kinds import kind_of
from crossoptim.runners.registry import Runners, get_implementation
from crossoptim.runners.request import Mode
from crossoptim.spec.model import Problem, ProblemParam
from crossoptim.spec.problems import get_problem

HERE = ("reference", "crossoptim", "torch-single", "torch-foreach", "torch-fused")
EXACT = ("reference", "base-r")
few = settings(max_examples=max(2, settings.default.max_examples // 40))  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def runners() -> Iterator[Runners]:
    with Runners() as made:
        yield made


@pytest.fixture(scope="module")
def base_r(runners: Runners) -> str:
    try:
        runners["base-r"].describe()
    except UnavailableError as error:
        pytest.skip(str(error))
    return "base-r"


def judgements(trial: Trial, names: Sequence[str], runners: Runners, mode: Mode = "replay") -> Iterator[tuple[str, Judgement]]:
    """The verdict on each implementation that can run a case."""
    wanted, kind = golden(trial), kind_of(trial)
    for name in names:
        implementation = get_implementation(name)
        if kind.unsupported(implementation, trial) is None:
            answer = kind.ask(implementation, trial, wanted, mode, runners[name].run)
            yield name, kind.judge(implementation, trial, wanted, ())(answer, mode)


def assert_no_alarm(trial: Trial, names: Sequence[str], runners: Runners, mode: Mode = "replay") -> None:
    """Each verdict is as expected, and none is ``diverges``; who follows the written order is exact."""
    for name, found in judgements(trial, names, runners, mode):
        good = ("exact", "unsupported") if name in EXACT else ("exact", "rounding", "documented", "unsupported")
        shapes = [param.shape for param in trial.problem.params]
        assert found.expected and found.verdict in good, (
            f"{name}: {found.verdict}: {found.reason}; {trial}, {shapes}, {trial.problem.title}"
        )


@pytest.mark.parametrize("rule", RULES)
def test_random_runs_in_this_process_raise_no_alarm(rule: str, runners: Runners) -> None:
    @few
    @given(trials((rule,)))
    def holds(trial: Trial) -> None:
        assert_no_alarm(trial, HERE, runners)

    holds()


@pytest.mark.parametrize("rule", RULES)
def test_random_runs_in_base_r_raise_none(rule: str, runners: Runners, base_r: str) -> None:
    @few
    @given(trials((rule,)))
    def holds(trial: Trial) -> None:
        assert_no_alarm(trial, [base_r], runners)

    holds()


def descent(name: str, *starts: tuple[float, ...], dtype: str = "float64", **hyper: Any) -> Trial:
    """Two steps of L-BFGS from there."""
    problem = get_problem(name)
    params = tuple(replace(param, start=start) for param, start in zip(problem.params, starts, strict=True))
    return Trial("random", "lbfgs", hyper, "", dtype, "a random run", steps=2, table=replace(problem, params=params))  # type: ignore[arg-type]


@st.composite
def descents(draw: st.DrawFn) -> Trial:
    """A run of L-BFGS from somewhere in a ravine, on a paraboloid, in a curved valley, or near an edge beyond which the loss is NaN."""
    name = draw(st.sampled_from(("ravine", "anisotropic", "rosenbrock", "barrier")))
    near = [tuple(draw(st.floats(0.5, 2)) * x for x in param.start) for param in get_problem(name).params]
    hyper: dict[str, Any] = {
        "lr": draw(st.sampled_from((1.0, 0.5, 40.0)) | st.floats(1e-3, 1.5)),
        "max_iter": draw(st.integers(1, 6)),
        "history_size": draw(st.integers(1, 5)),
        "line_search": draw(st.sampled_from(("none", "strong_wolfe"))),
    }
    return descent(name, *near, **hyper)


@few
@given(trial=descents())
def test_nor_do_optimizers_that_choose_where_to_evaluate(trial: Trial, runners: Runners) -> None:
    assert_no_alarm(trial, HERE, runners, "closed")


# What was found.


def run(optimizer: str, dtype: str, shape: tuple[int, ...], start: Sequence[float], rows: Sequence[Sequence[float]], **hyper: Any) -> Trial:
    """A run of one parameter with these gradients."""
    assert all(len(row) == prod(shape) for row in (start, *rows))
    param = ProblemParam("x", shape, tuple(start))
    problem = Problem("found", "found", (param,), "this test", gradients=lambda step: {"x": tuple(rows[step - 1])})
    return Trial("found", optimizer, hyper, "", dtype, "found", steps=len(rows), table=problem)  # type: ignore[arg-type]


FOUND = {
    "a contraction leaves a rounding of a variance that cancels, which eps = 0 does not hide": run(
        "rmsprop", "float64", (3,), (0.0, 0.0, 1.0), [(1e-17, 3e-20, 1 / 3)] * 2, lr=0.1, alpha=1e-300, eps=0.0, centered=True
    ),
    "foreach adds ASGD's decay to the gradient": run(
        "asgd", "float32", (2,), (1.1, -2.3), [(0.0, 0.0)] * 3, lr=0.99999999, lambd=0.99999999, t0=1.0
    ),
    "a decay that exceeds the parameter": run("asgd", "float32", (2,), (0.3, -1.7), [(0.0, 0.5)] * 3, lr=0.1, lambd=461.3, alpha=0.999),
    "a float32 scalar overflows on its way": run("asgd", "float32", (1,), (1.0,), [(1e-3,)] * 4, lr=115.04, lambd=0.99, alpha=115.04),
    "a power in double overflows": run("asgd", "float64", (1,), (1.0,), [(1.0,)] * 3, lr=0.1, lambd=10.0, alpha=1000.0),
    "a number as exponent stays in double": run("asgd", "float64", (1,), (-2e5,), [(1.0,)] * 3, lr=0.01, lambd=44.63, alpha=44.63),
    "squares overflow at the first step": run("adafactor", "float32", (2, 1, 2), (0.0,) * 4, [(1e25, 1.0, -3e-4, 0.0)], lr=0.5),
    "Adafactor on a stack of matrices": run("adafactor", "float64", (2, 1, 2), (1.0, 2.0, 3.0, 4.0), [(1.0, -2.0, 0.5, 0.25)] * 2),
    "a matrix without columns": run("muon", "float64", (2, 0), (), [()]),
    "squares overflow in half precision only": run("muon", "float64", (2, 3), (0.0,) * 6, [(1e29, 1.0, 0.0, -1e22, 0.0, 3.0)], eps=1.0),
    "coefficients with which the iteration does not converge": run(
        "muon",
        "float64",
        (2, 2),
        (0.0, -4e23, 1e-4, -562310000000.0),
        [(-2.9211, -7.6428, 2.3927, -7.8527)],
        lr=0.05,
        weight_decay=0.0,
        momentum=0.0,
        ns_c=0.010013778120527847,
        eps=0.0,
        ns_steps=3,
    ),
    "the iteration leaves the range of double, but not from what half precision makes of the gradient": run(
        "muon",
        "float64",
        (2, 3),
        (2.0665, 1.5477, -0.47657, -1.4465, 0.067648, -0.5704),
        [(-3.7179e22, 1.2479e17, -1.886e24, 6.44e29, -4.4897e19, -3.0379e28)],
        lr=1.0,
        weight_decay=0.4,
        momentum=0.0,
        ns_a=0.62,
        ns_b=1.0,
        ns_c=2.2,
        eps=3.0,
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_raises_no_alarm_any_more(name: str, runners: Runners) -> None:
    assert_no_alarm(FOUND[name], HERE, runners)


FOUND_BEYOND_AN_EDGE = {
    "the search ends for its budget where the loss is NaN, and goes on from there": (
        descent("barrier", (12.0, 4.5), max_iter=1, history_size=1, line_search="strong_wolfe"),
        ("documented", "pytorch/lbfgs/follows-what-is-not-finite"),
    ),
    "the search rests where the loss is NaN": (
        descent("barrier", (12.0, 2.25), lr=40.0, max_iter=4, line_search="strong_wolfe"),
        ("documented", "pytorch/lbfgs/nan-loss-raises"),
    ),
    "it does so only in the step after one that went on from a NaN": (
        descent("barrier", (12.3, 3.4), lr=40.0, max_iter=2, line_search="strong_wolfe"),
        ("documented", "pytorch/lbfgs/nan-loss-raises"),
    ),
    "losses are finite, but the cubic's discriminant is not": (
        descent("exponential", (-2.4, 1.1), dtype="float32", lr=81.0, max_iter=4, line_search="strong_wolfe"),
        ("documented", "pytorch/lbfgs/follows-what-is-not-finite"),
    ),
}


@pytest.mark.parametrize("name", FOUND_BEYOND_AN_EDGE)
def test_what_pytorchs_line_search_does_beyond_an_edge_is_predicted(name: str, runners: Runners) -> None:
    trial, wanted = FOUND_BEYOND_AN_EDGE[name]
    assert_no_alarm(trial, HERE, runners, "closed")
    found = dict(judgements(trial, ["torch-single"], runners, "closed"))["torch-single"]
    assert (found.verdict, *found.quirks) == wanted


def test_an_equation_that_asks_for_columns_is_given_a_matrix_in_base_r(runners: Runners, base_r: str) -> None:
    trial = run("muon", "float64", (2, 2), (1.0, 2.0, 3.0, 4.0), [(1.0, -2.0, 0.5, 0.25)], ns_steps=0, adjust_lr_fn="match_rms_adamw")
    assert_no_alarm(trial, [base_r], runners)


def test_of_two_zeros_the_first_is_the_larger_one_everywhere(runners: Runners, base_r: str) -> None:
    trial = run("adamax", "float32", (2,), (1.0, 2.0), [(-0.0, 0.0)] * 2, eps_placement="in_denominator")
    assert_no_alarm(trial, ["reference", "crossoptim", base_r], runners)


def test_base_r_says_that_it_takes_no_stack_of_matrices(runners: Runners, base_r: str) -> None:
    ((_, found),) = judgements(FOUND["Adafactor on a stack of matrices"], [base_r], runners)
    assert (found.verdict, found.reason) == ("unsupported", "x is a stack of matrices; base R takes a matrix")
