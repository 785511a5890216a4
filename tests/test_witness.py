"""The specification computes what others published: every rule and every switch value against a witness that we did not write.

Both sides run the same steps from the same start. Each step rounds some sixteen times at most, and an error lives on undiminished at
most until the last step: hence ``16 * steps`` units of roundoff, relative to the largest parameter of the path. A wrong variant is
off by a hundred times more, which is asserted too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from witness import papers, published

from crossoptim.errors import HyperError
from crossoptim.golden.case import Case, Event
from crossoptim.golden.reference import DTYPES
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.runners.request import arguments
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.model import Flag, Problem, ProblemParam, Rule, Setting, Switch
from crossoptim.spec.problems import get_problem
from crossoptim.spec.rules import all_rules, resolve

Array = NDArray[Any]
STEPS = 30
CHANGE = 15  # the step before which the learning rate changes
PAPERS = "tests/witness/papers.py: "
POWER = 100  # a flipped switch moves the path by more than so many tolerances
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}

# A setting in which each switch matters. A new switch fails here until somebody says when it bites.
BITES: dict[tuple[str, str], dict[str, Any]] = {
    ("sgd", "momentum_form"): {"lr": 0.05, "momentum": 0.9},
    ("sgd", "nesterov_form"): {"lr": 0.05, "momentum": 0.5, "nesterov": True, "momentum_form": "lr_inside"},
    ("sgd", "first_step"): {"lr": 0.05, "momentum": 0.9, "dampening": 0.4},
    ("adam", "decay"): {"lr": 0.1, "weight_decay": 0.3},
    ("adam", "eps_placement"): {"lr": 0.1, "eps": 0.3},
    ("adam", "eps_order"): {"lr": 0.1, "eps": 0.3},
    ("adam", "bias_correction"): {"lr": 0.1, "eps": 0.03},
}
# PyTorch has no class for these: its Nesterov multiplies by the learning rate outside, so its witness sees a constant one.
TORCH_FORM = {("sgd", "nesterov_form"): {"momentum_form": "gradient_sum"}}

# A value for each option that is not its default.
OTHER: dict[str, Any] = {"lr": 0.07, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.2, "beta1": 0.7, "beta2": 0.95, "eps": 0.02}

# Our hyperparameters in each paper's own notation.
_ADAM = {"beta1": "beta1", "beta2": "beta2"}
_BOOK = {"lr": "lr", "gamma_v": "beta1", "gamma_s": "beta2", "epsilon": "eps"}
NOTATION: dict[str, dict[str, str]] = {
    "sutskever_momentum": {"mu": "momentum", "epsilon": "lr"},
    "sutskever_nesterov": {"mu": "momentum", "epsilon": "lr"},
    "dampened_momentum": {"momentum": "momentum", "dampening": "dampening", "lr": "lr"},
    "adam_algorithm_1": {"alpha": "lr", "epsilon": "eps", **_ADAM},
    "adam_epsilon_hat": {"alpha": "lr", "epsilon_hat": "eps", **_ADAM},
    "adam_eps_inside": {"lr": "lr", "eps": "eps", **_ADAM},
    "adam_eps_inside_before_correction": {"alpha": "lr", "epsilon": "eps", **_ADAM},
    "adam_without_bias_correction": _BOOK,
    "adam_eps_inside_without_bias_correction": _BOOK,
    "adamw_algorithm_2": {"alpha": "lr", "epsilon": "eps", "decay": "weight_decay", **_ADAM},
    "amsgrad": {"alpha": "lr", "epsilon": "eps", **_ADAM},
}

# Published or combined forms, and the settings that are them.
FORMS: list[tuple[str, str, dict[str, Any]]] = [
    ("adam_algorithm_1", "adam", {}),
    ("adam_epsilon_hat", "adam", {"eps_order": "before"}),
    ("adam_eps_inside", "adam", {"eps_placement": "inside"}),
    ("adam_eps_inside_before_correction", "adam", {"eps_placement": "inside", "eps_order": "before"}),
    ("adam_without_bias_correction", "adam", {"bias_correction": "off"}),
    ("adam_without_bias_correction", "adam", {"bias_correction": "off", "eps_order": "before"}),
    ("adam_eps_inside_without_bias_correction", "adam", {"bias_correction": "off", "eps_placement": "inside"}),
    ("adam_eps_inside_without_bias_correction", "adam", {"bias_correction": "off", "eps_placement": "inside", "eps_order": "before"}),
    ("adamw_algorithm_2", "adamw", {}),
    ("adamw_algorithm_2", "adam", {"decay": "decoupled", "weight_decay": 0.2}),
    ("amsgrad", "adam", {"amsgrad": True}),
    ("sutskever_momentum", "sgd", {"momentum": 0.9, "momentum_form": "lr_inside"}),
    ("sutskever_nesterov", "sgd", {"momentum": 0.9, "nesterov": True, "nesterov_form": "lookahead", "momentum_form": "lr_inside"}),
    ("dampened_momentum", "sgd", {"momentum": 0.9, "dampening": 0.4, "first_step": "dampened"}),
    ("dampened_momentum", "sgd", {"momentum": 0.9, "dampening": 0.9, "first_step": "dampened"}),
]


@dataclass(frozen=True)
class Trial(Case):
    """A case on a problem of the test's own."""

    table: Problem | None = None

    @property
    def problem(self) -> Problem:
        """The given problem, or the named one."""
        return self.table or super().problem


def trial(optimizer: str, hyper: Mapping[str, Any], problem: Problem, dtype: str = "float64", lr_after: float | None = None) -> Trial:
    """A run of 30 steps; ``lr_after`` takes over at step 15."""
    events = () if lr_after is None else (Event("set", step=CHANGE, hyper={"lr": lr_after}),)
    return Trial("trial", optimizer, dict(hyper), "", dtype, "", STEPS, events=events, table=problem)  # type: ignore[arg-type]


def table_of(rows: list[Array], start: Array) -> Problem:
    """A problem that injects these gradients, one array a step."""
    param = ProblemParam("x", start.shape, tuple(start.ravel().tolist()))
    return Problem("table", "a table", (param,), "this test", gradients=lambda step: {"x": tuple(rows[step - 1].ravel().tolist())})


def single(problem: Problem, param: str) -> Problem:
    """One parameter of a table."""
    assert problem.gradients is not None
    start = next(p for p in problem.params if p.name == param)
    rows = [np.asarray(problem.gradients(t)[param]).reshape(start.shape) for t in range(1, STEPS + 1)]
    return table_of(rows, np.asarray(start.start).reshape(start.shape))


def gradient_of(problem: Problem, dtype: str) -> Callable[[Array, int], Array]:
    """The gradient as a function of the point and the step, in double."""
    if problem.gradients is not None:
        table = problem.gradients
        return lambda theta, t: np.asarray(table(t)["x"], dtype=np.float64).reshape(theta.shape)
    gradient = problem.gradient
    assert gradient is not None
    data = SimpleNamespace(**{k: np.asarray(v, dtype=DTYPES[dtype]).astype(np.float64) for k, v in problem.data.items()})
    return lambda theta, t: gradient(None, SimpleNamespace(x=theta), data)["x"]


def ours(case: Case) -> Array:
    """The specification's path: one row a step."""
    return np.asarray(golden(case).params["x"], dtype=np.float64)


def learning_rate(case: Case) -> Callable[[int], float]:
    """The learning rate at a step."""
    return lambda t: case.timeline[t - 1]["x"].setting.values["lr"]


def witnessed(witness: str, case: Case) -> Array:
    """The witness's path, in double: one row a step."""
    start = np.asarray(case.problem.params[0].start, dtype=np.float64).reshape(case.problem.params[0].shape)
    gradient = gradient_of(case.problem, case.dtype)
    if witness.startswith("torch.optim."):
        return by_torch(witness.removeprefix("torch.optim."), case, start, gradient)
    function = witness.removeprefix(PAPERS)
    values: dict[str, Any] = {**case.base.values, "lr": learning_rate(case)}
    notation = {theirs: values[name] for theirs, name in NOTATION[function].items()}
    return np.asarray(getattr(papers, function)(start, gradient, case.steps, **notation))


def by_torch(cls: str, case: Case, start: Array, gradient: Callable[[Array, int], Array]) -> Array:
    """A torch.optim class, gradients set by hand."""
    binding = next(b for b in get_ecosystem("pytorch").bindings if b.name == cls)
    param = torch.nn.Parameter(torch.tensor(start))
    optimizer = getattr(torch.optim, cls)([param], **arguments(case.base, binding), foreach=False)
    rate, path = learning_rate(case), []
    for t in range(1, case.steps + 1):
        optimizer.param_groups[0]["lr"] = rate(t)
        param.grad = torch.tensor(gradient(param.detach().numpy().copy(), t))
        optimizer.step()
        path.append(param.detach().numpy().copy())
    return np.asarray(path)


def tolerance(path: Array, dtype: str) -> float:
    """See the top of this file."""
    return float(16 * STEPS * UNIT[dtype] * np.max(np.abs(path)))


def declared() -> list[tuple[Rule, Switch, str]]:
    """Every switch value of every rule."""
    return [(rule, switch, value) for rule in all_rules().values() for switch in rule.switches for value in switch.values]


def bites(rule: Rule, switch: Switch, value: str, **more: Any) -> dict[str, Any]:
    """A setting in which this switch matters."""
    return {**BITES[rule.name, switch.name], switch.name: value, **more}


def arena(rule: Rule, switch: Switch) -> Problem:
    """An objective where the point of evaluation matters, else a table of gradients."""
    return get_problem("ravine") if switch.name == "nesterov_form" else single(get_problem("injected"), "matrix")


every_value = pytest.mark.parametrize("rule, switch, value", [pytest.param(*d, id=f"{d[0].name}-{d[1].name}-{d[2]}") for d in declared()])
both_dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])


@every_value
def test_every_switch_value_names_a_source_and_a_witness_that_exists(rule: Rule, switch: Switch, value: str) -> None:
    assert switch.sources.get(value), f"{rule.name}: {switch.name} = {value} names no source"
    witness = switch.witness.get(value, "")
    home, name = (
        (papers, witness.removeprefix(PAPERS)) if witness.startswith(PAPERS) else (torch.optim, witness.removeprefix("torch.optim."))
    )
    assert callable(getattr(home, name, None)), f"{rule.name}: {switch.name} = {value}: no witness {witness!r}"


@both_dtypes
@every_value
def test_every_switch_value_computes_what_its_witness_does(rule: Rule, switch: Switch, value: str, dtype: str) -> None:
    witness = switch.witness[value]
    in_torch = TORCH_FORM.get((rule.name, switch.name), {}) if witness.startswith("torch.optim.") else {}
    hyper = bites(rule, switch, value, **in_torch)
    case = trial(rule.name, hyper, arena(rule, switch), dtype, lr_after=0.02)
    expected = witnessed(witness, case)
    assert np.max(np.abs(ours(case) - expected)) <= tolerance(expected, dtype)


@both_dtypes
@pytest.mark.parametrize(
    "rule, switch, value",
    [pytest.param(*d, id=f"{d[0].name}-{d[1].name}-{d[2]}") for d in declared() if d[2] != d[1].default],
)
def test_a_switch_flipped_changes_the_trajectory_by_far_more_than_rounding(rule: Rule, switch: Switch, value: str, dtype: str) -> None:
    path, flipped = (
        ours(trial(rule.name, bites(rule, switch, v), arena(rule, switch), dtype, lr_after=0.02)) for v in (switch.default, value)
    )
    assert np.max(np.abs(path - flipped)) > POWER * tolerance(path, dtype)


@both_dtypes
@pytest.mark.parametrize("witness, optimizer, hyper", FORMS, ids=[f"{w}-{','.join(map(str, h.values()))}" for w, _, h in FORMS])
def test_published_forms_and_their_combinations(witness: str, optimizer: str, hyper: dict[str, Any], dtype: str) -> None:
    base = {"lr": 0.05} if optimizer == "sgd" else {"lr": 0.1, "eps": 0.03}
    for problem in (single(get_problem("injected"), "matrix"), get_problem("ravine")):
        case = trial(optimizer, {**base, **hyper}, problem, dtype, lr_after=0.03)
        expected = witnessed(PAPERS + witness, case)
        assert np.max(np.abs(ours(case) - expected)) <= tolerance(expected, dtype)


def option_pairs() -> list[tuple[str, dict[str, Any]]]:
    """Every option alone and in pairs, where the rule's constraints allow them; with each class of PyTorch."""
    out = []
    for binding in get_ecosystem("pytorch").bindings:
        rule = all_rules()[binding.rule]
        other = {o.name: True if isinstance(o, Flag) else OTHER[o.name] for o in rule.hyper}
        for size in (0, 1, 2, 3):
            for chosen in combinations(other, size):
                hyper = {**binding.switches, **{name: other[name] for name in chosen}}
                try:
                    rule.resolve(hyper)
                except HyperError:
                    continue
                out.append((binding.name, hyper))
    return out


@pytest.mark.parametrize("cls, hyper", option_pairs(), ids=lambda v: v if isinstance(v, str) else ",".join(v) or "defaults")
def test_every_option_alone_and_with_others_computes_what_pytorch_does(cls: str, hyper: dict[str, Any]) -> None:
    binding = next(b for b in get_ecosystem("pytorch").bindings if b.name == cls)
    case = trial(binding.rule, hyper, single(get_problem("injected"), "vector"))
    expected = witnessed(f"torch.optim.{cls}", case)
    assert np.max(np.abs(ours(case) - expected)) <= tolerance(expected, "float64")


# Laws, for any hyperparameters and gradients.

sizes = st.floats(2.0**-10, 2.0**10) | st.sampled_from([0.25, 1.0, 3.0])
numbers = st.builds(lambda size, sign: sign * size, sizes, st.sampled_from([-1.0, 1.0]))
gradient_tables = st.lists(st.tuples(numbers, numbers, numbers), min_size=STEPS, max_size=STEPS).map(
    lambda rows: [np.array(r) for r in rows]
)
START = np.array([1.0, -2.0, 0.5])

momenta = st.floats(0.1, 0.95)
options = st.fixed_dictionaries(
    {"lr": st.floats(1e-3, 0.5), "momentum": momenta, "dampening": st.floats(-0.5, 0.9), "eps": st.floats(1e-8, 0.1)}
    | {"beta1": st.floats(0.0, 0.95), "beta2": st.floats(0.9, 0.9999), "weight_decay": st.floats(0.01, 0.5)}
)


def injected_forms() -> list[tuple[str, str, dict[str, Any]]]:
    """The forms that take the gradient at the parameter, so that it can be injected."""
    return [form for form in FORMS if form[2].get("nesterov_form") != "lookahead"]


@given(st.sampled_from(injected_forms()), options, st.floats(1e-3, 0.5), gradient_tables)
def test_published_forms_agree_for_any_hyperparameters_and_gradients(
    form: tuple[str, str, dict[str, Any]], drawn: dict[str, float], lr_after: float, rows: list[Array]
) -> None:
    witness, optimizer, fixed = form
    known = {o.name for o in resolve(optimizer).rule.options()}
    allowed = known if "weight_decay" in NOTATION[witness].values() else known - {"weight_decay"}
    allowed = allowed if fixed.get("dampening") is not None else allowed - {"dampening"}
    hyper = {**{k: v for k, v in drawn.items() if k in allowed}, **{k: v for k, v in fixed.items() if k not in drawn}}
    case = trial(optimizer, hyper, table_of(rows, START), lr_after=lr_after)
    expected = witnessed(PAPERS + witness, case)
    # far gradients move the parameter little and the velocity much: errors scale with what was added up
    scale = np.max(np.abs(expected)) + 1 / (1 - 0.95)
    assert np.max(np.abs(ours(case) - expected)) <= 1e-11 * scale


@given(momenta, gradient_tables)
def test_momentum_is_a_rescaled_exponentially_weighted_average(momentum: float, rows: list[Array]) -> None:
    velocity = golden(trial("sgd", {"lr": 0.01, "momentum": momentum}, table_of(rows, START))).state["x"]["velocity"]
    average = papers.exponentially_weighted_average([g / (1 - momentum) for g in rows], momentum)
    close(velocity, average, rows, 1 / (1 - momentum))


@given(momenta, gradient_tables)
def test_momentum_dampened_by_itself_is_that_average(momentum: float, rows: list[Array]) -> None:
    hyper = {"lr": 0.01, "momentum": momentum, "dampening": momentum, "first_step": "dampened"}
    velocity = golden(trial("sgd", hyper, table_of(rows, START))).state["x"]["velocity"]
    close(velocity, papers.exponentially_weighted_average(rows, momentum), rows, 1.0)


@given(st.floats(0.0, 0.95), st.floats(0.9, 0.9999), gradient_tables)
def test_adams_moments_are_such_averages_of_the_gradient_and_its_square(beta1: float, beta2: float, rows: list[Array]) -> None:
    state = golden(trial("adam", {"beta1": beta1, "beta2": beta2}, table_of(rows, START))).state["x"]
    close(state["m"], papers.exponentially_weighted_average(rows, beta1), rows, 1.0)
    squares = [g * g for g in rows]
    close(state["v"], papers.exponentially_weighted_average(squares, beta2), squares, 1.0)


def close(found: Any, expected: list[Array], rows: list[Array], gain: float) -> None:
    """Equal but for roundoff of the largest number that was added up."""
    assert np.max(np.abs(np.asarray(found) - np.asarray(expected))) <= 16 * STEPS * UNIT["float64"] * gain * np.max(np.abs(rows))


@given(numbers, st.floats(1e-3, 0.5), st.floats(0.0, 0.95), st.floats(0.9, 0.9999))
def test_adam_walks_by_the_learning_rate_under_a_constant_gradient(g: float, lr: float, beta1: float, beta2: float) -> None:
    # bias correction makes the weights sum to one: both corrected moments are the constant's own
    case = trial("adam", {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": 0.0}, table_of([np.array([g])] * STEPS, np.array([0.0])))
    expected = [[-lr * t * np.sign(g)] for t in range(1, STEPS + 1)]
    np.testing.assert_allclose(ours(case), expected, rtol=1e-12 / (1 - beta2))


@given(options, gradient_tables)
def test_maximizing_is_minimizing_the_negated_gradient(drawn: dict[str, float], rows: list[Array]) -> None:
    for rule in all_rules().values():
        hyper = {k: v for k, v in drawn.items() if k in {o.name for o in rule.hyper}}
        up = ours(trial(rule.name, {**hyper, "maximize": True}, table_of(rows, START)))
        down = ours(trial(rule.name, hyper, table_of([-g for g in rows], START)))
        np.testing.assert_array_equal(up, down)


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
    want = papers.sutskever_nesterov(start, lambda theta, t: gradient(theta, t) + 0.3 * theta, STEPS, mu=0.8, epsilon=0.05)
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
