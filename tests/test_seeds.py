"""What five texts claim of optimizers, against the specification and torch.optim: the claims that no study's test holds.

The letters are those of docs/seeds.md, which names these tests; every number that it states is one of theirs.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from trials import Array, ours, table_of, trial
from user_data import DATA, needs_airfoil
from witness.adadelta import adadelta_algorithm_1
from witness.adagrad import sgd_adagrad
from witness.adam import adam_algorithm_1, adam_eps_inside
from witness.averages import exponentially_weighted_average
from witness.classes import path_of
from witness.forms import Gradient
from witness.rmsprop import rmsprop_by_hand

from crossoptim.golden import oracle
from crossoptim.spec.ecosystems import all_ecosystems, get_ecosystem
from crossoptim.spec.model import Binding, Problem, ProblemParam
from crossoptim.spec.problems import get_problem
from crossoptim.studies.airfoil import NOISE as NASA
from crossoptim.studies.attempt import arrival
from crossoptim.studies.data import find
from crossoptim.studies.race import Race, entrants
from crossoptim.studies.racecourses import COURSES

PARABOLA, RAVINE, ISOTROPIC = get_problem("parabola"), get_problem("ravine"), get_problem("isotropic")
STRETCHED = replace(get_problem("anisotropic"), params=(ProblemParam("x", (2,), (5.1, 2.3)),))
NOISE = np.random.default_rng(1).standard_normal((30, 4))


def path(optimizer: str, problem: Problem, steps: int, **hyper: Any) -> Array:
    """The specification's path over an objective, from its start: one row a point."""
    start = np.asarray(problem.params[0].start).reshape(1, -1)
    return np.vstack([start, ours(replace(trial(optimizer, hyper, problem), steps=steps)).reshape(steps, -1)])


def moves(optimizer: str, gradients: Sequence[Any] | Array, **hyper: Any) -> Array:
    """What the specification adds to a parameter at each of these gradients."""
    rows = [np.atleast_1d(np.asarray(row, dtype=np.float64)) for row in gradients]
    return np.diff(path(optimizer, table_of(rows, np.zeros(rows[0].shape)), len(rows), **hyper), axis=0)


def by_hand(form: Callable[..., list[Any]], gradients: Sequence[float], **hyper: Any) -> Array:
    """The same for a form that is written out in tests/witness, or for a class of torch.optim."""
    given: Gradient = lambda theta, t: np.full_like(theta, gradients[t - 1])  # noqa: E731
    return np.diff(np.asarray([np.zeros(1), *form(np.zeros(1), given, len(gradients), **hyper)])[:, 0])


def by_torch(name: str) -> Callable[..., list[Any]]:
    return lambda *given, **hyper: path_of(getattr(torch.optim, name), *given, **hyper)


def loss(points: Array) -> Array:
    """4 x²."""
    return 4 * points[:, 0] ** 2


def above(points: Array) -> Array:
    """How far 0.2 x1² + 2 x2² - 5 is above its minimum."""
    return 0.2 * points[:, 0] ** 2 + 2 * points[:, 1] ** 2


def first(losses: Array, limit: float) -> int | None:
    """The step after which the loss is below a limit for the first time."""
    below = np.flatnonzero(losses < limit)
    return int(below[0]) if len(below) else None


def settled(losses: Array, limit: float) -> int | None:
    """The step from which on it stays there."""
    over = np.flatnonzero(~(losses < limit))
    last = int(over[-1]) + 1 if len(over) else 0
    return last if last < len(losses) else None


# A and E: learning rate


def test_lr_02_is_near_after_seven_steps() -> None:
    points = path("sgd", PARABOLA, 20, lr=0.2)
    assert loss(points)[[5, 6, 7]] == pytest.approx([0.0967, 0.0348, 0.0125], abs=1e-4)
    assert (points[:-1, 0] * points[1:, 0] < 0).all()


def test_two_gradients_give_the_best_rate() -> None:
    x = torch.tensor([2.0, 1.7], dtype=torch.float64, requires_grad=True)
    torch.pow(2 * x, 2).sum().backward()
    assert x.grad is not None
    rate = (torch.diff(x) / torch.diff(x.grad)).item()
    assert rate == pytest.approx(0.125) and loss(path("sgd", PARABOLA, 1, lr=rate))[1] < 1e-24


def test_lr_001_is_the_slowest_of_its_sweep() -> None:
    rates = np.linspace(0.01, 0.2, 10)
    left = [loss(path("sgd", PARABOLA, 30, lr=float(rate)))[-1] for rate in rates]
    assert left[0] == pytest.approx(0.107, abs=1e-3) and left[0] > left[1] > max(left[2:])
    assert np.argsort(left).tolist() == np.argsort(np.abs(rates - 0.125))[:10].tolist()


def test_a_loss_that_needs_gradients_is_not_plotted() -> None:
    from matplotlib.figure import Figure

    y = torch.pow(2 * torch.tensor([2.0], requires_grad=True), 2)
    with pytest.raises(RuntimeError, match="requires grad"):
        Figure().subplots().plot([0], [y])


# A, C, E: averages and momentum


def test_an_average_of_100_days_has_100_terms() -> None:
    days = [1.0] * 100
    assert exponentially_weighted_average(days, 0.9)[-1] == pytest.approx(0.9999734386011124, abs=1e-15)
    assert sum(0.1 * 0.9**lag for lag in range(101)) == pytest.approx(0.9999760947, abs=1e-10)


def test_a_smaller_beta_remembers_less() -> None:
    for beta, window, inside in ((0.98, 50, 0.6358), (0.95, 20, 0.6415), (0.9, 10, 0.6513), (0.8, 5, 0.6723)):
        assert window == round(1 / (1 - beta))
        assert exponentially_weighted_average([1.0] * window, beta)[-1] == pytest.approx(inside, abs=1e-4)


def test_velocity_is_an_average_times_ten() -> None:
    velocity = -moves("sgd", NOISE, lr=1.0, momentum=0.9)
    average = np.asarray(exponentially_weighted_average(list(NOISE), 0.9))
    assert velocity == pytest.approx(average / (1 - 0.9))
    assert velocity == pytest.approx(np.asarray(exponentially_weighted_average(list(10 * NOISE), 0.9)))
    # with lr and momentum that add up to 1 it is the average
    assert -moves("sgd", NOISE, lr=0.1, momentum=0.9, momentum_form="lr_inside") == pytest.approx(average)


def test_velocity_of_constant_and_alternating_gradients() -> None:
    steady = -moves("sgd", [1.0] * 200, lr=1.0, momentum=0.9)[:, 0]
    swinging = np.abs(moves("sgd", [(-1.0) ** i for i in range(200)], lr=1.0, momentum=0.9)[:, 0])
    assert (np.diff(steady) > 0).all() and steady[-1] == pytest.approx(10)
    assert swinging[-1] == pytest.approx(1 / 1.9)
    slow, fast = (-moves("sgd", [1.0] * 400, lr=lr, momentum=m)[-1, 0] for lr, m in ((0.02, 0.5), (0.004, 0.9)))
    assert (slow, fast) == pytest.approx((0.04, 0.04))


def test_momentum_1_never_forgets() -> None:
    assert loss(path("sgd", PARABOLA, 300, lr=0.01, momentum=1.0))[-100:].max() > 15.9
    torch.optim.SGD([torch.zeros(1)], momentum=1.5)
    with pytest.raises(ValueError, match="momentum"):
        torch.optim.SGD([torch.zeros(1)], momentum=-0.1)


def test_momentum_09_overshoots() -> None:
    points = path("sgd", PARABOLA, 100, lr=0.01, momentum=0.9)
    assert points[5, 0] > 0 > points[6, 0] and loss(points)[10] > 5
    plain = path("sgd", PARABOLA, 100, lr=0.03)
    assert loss(plain)[6] == pytest.approx(0.594, abs=1e-3)
    assert (settled(loss(plain), 1.0), settled(loss(points), 1.0)) == (6, 24)


def test_momentum_063_leads_only_at_first() -> None:
    plain, chosen, better = (loss(path("sgd", PARABOLA, 100, lr=lr, momentum=m)) for lr, m in ((0.03, 0), (0.01, 0.63), (0.01, 0.57)))
    assert [first(chosen, 0.01), settled(chosen, 0.01), settled(chosen, 1e-8)] == [10, 18, 48]
    assert [settled(plain, 0.01), settled(plain, 1e-8)] == [14, 39]
    assert [settled(better, 0.01), settled(better, 1e-8)] == [13, 34]


def test_a_plus_sign_climbs() -> None:
    up = [2.0]
    velocity = 0.0
    for _ in range(5):
        velocity = 0.9 * velocity + 8 * up[-1]
        up.append(up[-1] + 0.01 * velocity)
    assert up == pytest.approx(path("sgd", PARABOLA, 5, lr=0.01, momentum=0.9, maximize=True)[:, 0])
    assert (np.diff(np.square(up)) > 0).all()


# A and E: torch.optim

TEN = ("SGD", "Adagrad", "RMSprop", "Adadelta", "Adam", "Adamax", "SparseAdam", "ASGD", "Rprop", "LBFGS")


def said(name: str) -> str:
    """What PyTorch's documentation says of a class, in one line."""
    return " ".join((getattr(torch.optim, name).__doc__ or "").split())


def test_arguments_of_sgd() -> None:
    options = inspect.signature(torch.optim.SGD).parameters
    assert {name: options[name].default for name in ("momentum", "dampening", "weight_decay", "nesterov")} == {
        "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False,
    }  # fmt: skip
    assert options["lr"].default == 1e-3 and "maximize" in options
    (group,) = torch.optim.SGD([torch.zeros(1)]).param_groups
    assert next(iter(group)) == "params"


def test_weight_decay_is_half_the_squared_norm() -> None:
    decayed = path("sgd", PARABOLA, 10, lr=0.01, weight_decay=0.5)[-1, 0]
    for share, agrees in ((0.5, True), (1.0, False)):
        x = 2.0
        for _ in range(10):
            x -= 0.01 * (8 * x + share * 2 * 0.5 * x)
        assert bool(decayed == pytest.approx(x)) is agrees


def test_pytorch_has_the_ten_and_others() -> None:
    offered = {name for name, of in vars(torch.optim).items() if isinstance(of, type) and issubclass(of, torch.optim.Optimizer)}
    assert offered - set(TEN) >= {"Optimizer", "AdamW", "Adafactor", "Muon", "NAdam", "RAdam"} and offered >= set(TEN)


def test_references_of_the_ten() -> None:
    adam = "1412.6980"
    same = {"SGD": "momentum.pdf", "Adagrad": "duchi11a", "RMSprop": "lec6", "Adadelta": "1212.5701", "Adam": adam, "Adamax": adam}
    assert all(place in said(name) for name, place in same.items())
    assert "Acceleration of stochastic approximation by averaging" in said("ASGD") and "ariance" not in said("ASGD")
    assert "Direct Adaptive Method for Faster Backpropagation Learning" in said("Rprop")


def test_asgd_averages_parameters() -> None:
    average = replace(trial("asgd", {"t0": 1.0, "lambd": 0.0}, PARABOLA), steps=12)
    points = ours(average)[:, 0]
    x = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    for t0, wanted in ((1.0, np.mean(points[2:])), (1e6, points[-1])):
        with torch.no_grad():
            x.fill_(2.0)
        optimizer = torch.optim.ASGD([x], t0=t0, lambd=0.0)
        for _ in range(12):
            x.grad = 8 * x.detach()
            optimizer.step()
        assert optimizer.state[x]["ax"].item() == pytest.approx(wanted, rel=1e-6)
        assert x.item() == pytest.approx(points[-1], rel=1e-6)


def test_adam_is_not_rmsprop_with_its_momentum() -> None:
    bare = moves("adam", NOISE, lr=0.1, beta1=0.0, beta2=0.9, bias_correction="off")
    assert bare == pytest.approx(moves("rmsprop", NOISE, lr=0.1, alpha=0.9), abs=1e-14)
    with_momentum = moves("adam", NOISE, lr=0.1, beta1=0.9, beta2=0.9, bias_correction="off")
    assert np.abs(with_momentum - moves("rmsprop", NOISE, lr=0.01, alpha=0.9, momentum=0.9)).max() > 0.01


GROWING = [(0.999 / 0.9) ** t for t in range(80)]  # the gradients for which Adam's step is longest
LONGEST = (1 - 0.9) / math.sqrt(1 - 0.999) / math.sqrt(1 - 0.9**2 / 0.999)


def test_adamax_has_the_shorter_longest_step() -> None:
    adam = np.abs(moves("adam", GROWING, lr=1.0, bias_correction="off")).max()
    assert adam == pytest.approx(LONGEST, rel=1e-6) and adam == pytest.approx(7.27, abs=0.01)
    assert np.abs(moves("adamax", GROWING, lr=1.0)).max() < 1
    falling = np.abs(moves("adamax", [0.999**t for t in range(400)], lr=1.0)).max()
    assert falling == pytest.approx((1 - 0.9) / (1 - 0.9 / 0.999), rel=1e-6) and falling == pytest.approx(1.0091, abs=1e-4)


def test_sparse_adam_lets_rows_rest() -> None:
    def end(name: str, sparse: bool) -> list[float]:
        x = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
        optimizer = getattr(torch.optim, name)([x], lr=0.1)
        for gradient in ([1.0, 1.0], [1.0, 0.0], [1.0, 0.0]):
            dense = torch.tensor(gradient, dtype=torch.float64)
            x.grad = dense.to_sparse() if sparse else dense
            optimizer.step()
        return list(x.tolist())

    adam, sparse_adam = end("Adam", sparse=False), end("SparseAdam", sparse=True)
    assert sparse_adam[0] == pytest.approx(adam[0]) and sparse_adam[1] == pytest.approx(0.9) and adam[1] < 0.85
    for name, sparse in (("Adam", True), ("SparseAdam", False)):
        with pytest.raises(RuntimeError, match="(sparse|dense) gradients"):
            end(name, sparse)


def test_rprop_wants_the_full_batch() -> None:
    cycle = ([0.1] * 9 + [-0.9]) * 20
    assert moves("sgd", cycle, lr=0.01).sum() == pytest.approx(0, abs=1e-12)
    assert abs(moves("rprop", cycle, lr=0.01).sum()) > 4000


def test_lbfgs_keeps_its_history_only() -> None:
    x = torch.nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
    optimizer = torch.optim.LBFGS([x], history_size=3, max_iter=15, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
        value.backward()
        return value

    optimizer.step(closure)
    assert optimizer.state[x]["n_iter"] > 5 and len(optimizer.state[x]["old_dirs"]) == 3


def test_adam_bears_large_rates() -> None:
    for rate in (0.5, 3.0):
        assert loss(path("adam", PARABOLA, 300, lr=rate))[-1] < 1e-11
        assert loss(path("sgd", PARABOLA, 10, lr=rate))[-1] > 1e6


# B


def test_descent_ends_in_the_nearest_minimum_or_saddle() -> None:
    def well(xp: Any, p: Any, d: Any) -> Any:
        return xp.sum(p.x * p.x * p.x * p.x / 4 - p.x * p.x / 2 + 0.1 * p.x)

    start = ProblemParam("x", (1,), (2.0,))
    double = Problem("well", "", (start,), "this test", value=well, gradient=lambda xp, p, d: {"x": p.x * p.x * p.x - p.x + 0.1})
    for name, hyper, end in (
        ("sgd", {"lr": 0.05}, 0.9456), ("adam", {"lr": 0.05}, 0.9456), ("sgd", {"lr": 0.05, "momentum": 0.9}, -1.0467),
    ):  # fmt: skip
        assert path(name, double, 400, **hyper)[-1, 0] == pytest.approx(end, abs=1e-4)

    def after(height: float) -> Array:
        param = ProblemParam("x", (2,), (1.0, height))
        saddle = Problem(
            "saddle", "", (param,), "this test", data={"c": [1.0, -1.0]},
            value=lambda xp, p, d: xp.sum(d.c * p.x * p.x) / 2, gradient=lambda xp, p, d: {"x": d.c * p.x},
        )  # fmt: skip
        return path("sgd", saddle, 300, lr=0.1)[-1]

    assert after(0.0) == pytest.approx([0, 0], abs=1e-12) and after(1e-8)[1] > 1e4


def test_forms_of_momentum_part_when_lr_changes() -> None:
    def end(form: str, after: float) -> float:
        case = trial("sgd", {"lr": 0.01, "momentum": 0.9, "momentum_form": form}, PARABOLA, lr_after=after)
        return float(ours(case)[-1, 0])

    assert end("lr_inside", 0.01) == pytest.approx(end("gradient_sum", 0.01), rel=1e-12)
    assert abs(end("lr_inside", 0.001) - end("gradient_sum", 0.001)) > 0.1


def test_nesterov_in_pytorch_walks_ahead() -> None:
    def both(rate: Callable[[int], float]) -> tuple[Array, Array, Array]:
        x, velocity, points, ahead = 2.0, 0.0, [], []
        for t in range(1, 51):
            velocity = 0.9 * velocity + rate(t) * 8 * (x - 0.9 * velocity)
            x -= velocity
            points.append(x)
            ahead.append(x - 0.9 * velocity)
        by = path_of(torch.optim.SGD, np.array([2.0]), lambda theta, t: 8 * theta, 50, lr=rate, momentum=0.9, nesterov=True)
        return np.asarray(points), np.asarray(ahead), np.asarray(by)[:, 0]

    points, ahead, by = both(lambda t: 0.01)
    assert by == pytest.approx(ahead, abs=1e-12)
    of_text = path("sgd", PARABOLA, 50, lr=0.01, momentum=0.9, nesterov=True, nesterov_form="lookahead", momentum_form="lr_inside")
    assert of_text[1:, 0] == pytest.approx(points, abs=1e-12)
    _, ahead, by = both(lambda t: 0.01 if t < 5 else 0.001)
    assert np.abs(by - ahead).max() > 0.1
    # it turns round earlier than momentum
    assert min(points) == pytest.approx(-0.703, abs=1e-3)
    assert path("sgd", PARABOLA, 50, lr=0.01, momentum=0.9).min() == pytest.approx(-1.124, abs=1e-3)


def old_step(p: torch.Tensor, grad: torch.Tensor, held: dict[str, torch.Tensor], o: dict[str, Any]) -> None:
    """What SGD did up to PyTorch 1.3, on the gradient itself."""
    if o["weight_decay"]:
        grad.add_(p, alpha=o["weight_decay"])
    if o["momentum"]:
        fresh = grad if "v" not in held else (1 - o["dampening"]) * grad
        held["v"] = o["momentum"] * held.get("v", torch.zeros_like(p)) + fresh
        grad = grad + o["momentum"] * held["v"] if o["nesterov"] else held["v"]
    p.sub_(o["lr"] * grad)


@pytest.mark.parametrize("dampening, nesterov", [(0.3, False), (0.0, True)])
def test_old_sgd_leaves_decay_in_the_gradient(dampening: float, nesterov: bool) -> None:
    options = {"lr": 0.1, "momentum": 0.9, "dampening": dampening, "nesterov": nesterov, "weight_decay": 0.1}
    old, new, held = torch.ones(4, dtype=torch.float64), torch.nn.Parameter(torch.ones(4, dtype=torch.float64)), {}
    optimizer = torch.optim.SGD([new], **options)
    for row in NOISE:
        given, new.grad = torch.tensor(row), torch.tensor(row)
        before = old.clone()
        old_step(old, given, held, options)
        optimizer.step()
        assert torch.equal(new.grad, torch.tensor(row)) and torch.allclose(given, new.grad + 0.1 * before)
    assert torch.allclose(old, new.detach(), rtol=1e-12)


def test_calls_that_were_dropped_since() -> None:
    with pytest.raises(IndexError, match="item"):
        torch.tensor(3.0).data[0]
    torch.set_warn_always(True)  # else once a process
    try:
        with pytest.warns(UserWarning, match="deprecated"):
            torch.ones(1).add_(2.0, torch.ones(1))
    finally:
        torch.set_warn_always(False)


def test_adaptive_steps_forget_the_size_of_gradients() -> None:
    scales = np.array([1.0, 10.0, 100.0, 1e-3])
    for name in ("adagrad", "adam"):
        assert moves(name, NOISE, lr=0.1) == pytest.approx(moves(name, NOISE * scales, lr=0.1), abs=1e-5)
    gradients = np.ones((1000, 2))
    gradients[:, 1] = np.arange(1000) % 10 == 0
    for name, ratio in (("sgd", 1.0), ("adagrad", 3.008), ("rmsprop", 3.017), ("adam", 3.144)):
        every, rare = -moves(name, gradients, lr=1.0).sum(axis=0)
        assert (rare / 100) / (every / 1000) == pytest.approx(ratio, abs=1e-3)


def test_adagrad_factor_never_rises() -> None:
    gradients = [10.0] * 10 + [0.01] * 10
    factor = -moves("adagrad", gradients, lr=1.0)[:, 0] / gradients
    assert (np.diff(factor) < 0).all() and factor[9:] == pytest.approx(np.full(11, 0.0316), abs=1e-4)


def test_adagrad_factor_has_no_lr() -> None:
    assert moves("adagrad", NOISE, lr=0.2) == pytest.approx(2 * moves("adagrad", NOISE, lr=0.1), rel=1e-12)


def test_adagrad_slows_down_but_goes_on() -> None:
    way = -moves("adagrad", [1.0] * 1000, lr=0.01)[:, 0]
    assert way[-1] == pytest.approx(0.01 / math.sqrt(1000)) and way.sum() == pytest.approx(0.01 * 2 * math.sqrt(1000), rel=0.03)
    points = path("adagrad", STRETCHED, 60, lr=3.7)
    rates = 3.7 / np.sqrt(np.cumsum((np.array([0.4, 4.0]) * points) ** 2, axis=0))
    assert rates[3] == pytest.approx([1.743, 0.336], abs=1e-3) and rates[-1] == pytest.approx(rates[4], rel=1e-4)


def test_rmsprop_recovers_and_adagrad_does_not() -> None:
    gradients = [100.0] * 100 + [1.0] * 800
    for name, hyper, taken in (("rmsprop", {"alpha": 0.9}, 76), ("rmsprop", {}, 761), ("adagrad", {}, None), ("adam", {}, None)):
        steps = -moves(name, gradients, lr=1.0, **hyper)[100:, 0]
        assert settled(-steps, -0.5) == taken  # longer than half of lr
    assert moves("rmsprop", [1.0] * 200, lr=0.01, alpha=0.9)[-1, 0] == pytest.approx(-0.01)


@pytest.mark.parametrize(
    "name, form, options, eps, ratio",
    [
        ("Adagrad", sgd_adagrad, {"lr": 0.01}, {"eps": 1e-10}, 0.0995),
        ("RMSprop", rmsprop_by_hand, {"lr": 0.001, "alpha": 0.9}, {"eps": 1e-10}, 0.0326),
        ("Adam", adam_eps_inside, {"lr": 0.001, "beta1": 0.9, "beta2": 0.999}, {"eps": 1e-8}, 0.0101),
    ],
)
def test_eps_under_the_root_shortens_small_steps(
    name: str, form: Callable[..., list[Any]], options: dict[str, float], eps: dict[str, float], ratio: float
) -> None:
    theirs = {k: v for k, v in options.items() if not k.startswith("beta")}
    for size, expected in ((1.0, 1.0), (1e-6, ratio)):
        ratios = by_hand(form, [size] * 10, **options, **eps) / by_hand(by_torch(name), [size] * 10, **theirs)
        assert ratios[0] == pytest.approx(expected, rel=5e-3 if expected < 1 else 1e-7)
    if name == "Adam":  # the formula above the listing is the paper's
        formula = by_hand(adam_algorithm_1, [1e-6] * 10, alpha=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8)
        assert formula == pytest.approx(by_hand(by_torch(name), [1e-6] * 10, **theirs), rel=1e-9)


def test_the_first_step_of_adadelta_is_set_by_eps() -> None:
    gradients = NOISE[:, 0].tolist()
    by = by_hand(by_torch("Adadelta"), gradients, lr=1.0, rho=0.9)
    assert by == pytest.approx(by_hand(adadelta_algorithm_1, gradients, rho=0.9, epsilon=1e-6), rel=1e-9)
    for eps in (1e-6, 1e-4):
        for size in (100.0, 1000.0):
            assert moves("adadelta", [size], eps=eps)[0, 0] == pytest.approx(-math.sqrt(eps / 0.1), rel=1e-6)
    rmsprop = moves("rmsprop", gradients, lr=1.0, alpha=0.9, eps=1e-6, eps_placement="inside")[:, 0]
    adadelta = moves("adadelta", gradients)[:, 0]
    past = np.sqrt(np.asarray(exponentially_weighted_average(list(adadelta**2), 0.9)) + 1e-6)
    assert adadelta == pytest.approx(rmsprop * np.concatenate([[math.sqrt(1e-6)], past[:-1]]), rel=1e-9)


def test_adam_is_bounded_with_or_without_correction() -> None:
    for correction, size in (("on", 1.0), ("off", 3.162)):
        assert moves("adam", [5.0], lr=1.0, bias_correction=correction)[0, 0] == pytest.approx(-size, abs=1e-3)
        for gradients in (GROWING, NOISE[:, 0], [0.0] * 100 + [1.0], [1.0, -1.0] * 40):
            assert np.abs(moves("adam", gradients, lr=1.0, bias_correction=correction)).max() <= LONGEST * (1 + 1e-12)


def test_the_race_on_beale() -> None:
    (beale,) = (course for course in COURSES if course.name == "Beale")
    names = ("SGD", "SGD, momentum 0.9", "SGD, Nesterov 0.9", "Adagrad", "RMSprop", "Adadelta")
    heats = {heat.entrant.name: heat.attempt.points for heat in Race(lambda: [e for e in entrants() if e.name in names], (beale,)).heats}
    steps = {name: arrival(beale.above(points), beale.tolerance) for name, points in heats.items()}
    assert steps == dict(zip(names, (119, 93, 61, 49, 99, 155), strict=True))
    length = {name: np.hypot(*np.diff(points[: steps[name] + 1], axis=0).T).sum() for name, points in heats.items()}
    assert length["SGD, Nesterov 0.9"] / length["SGD, momentum 0.9"] == pytest.approx(0.5, abs=0.05)


# C

SLOPES = np.array([0.2, 4.0])


def test_the_gradient_points_uphill() -> None:
    x = np.array([-5.0, -2.0])
    slope = oracle.gradient(RAVINE, {"x": x}, "float64")["x"]
    behind, here, ahead = (oracle.loss(RAVINE, {"x": x + way * slope}, "float64") for way in (-1e-3, 0, 1e-3))
    assert here == pytest.approx(0.1 * 25 + 2 * 4) and slope == pytest.approx(SLOPES * x) and ahead > here > behind


def test_x2_is_steeper_for_five_points() -> None:
    slopes = np.abs(SLOPES * path("sgd", RAVINE, 20, lr=0.4))
    assert np.flatnonzero(slopes[:, 1] > slopes[:, 0]).tolist() == [0, 1, 2, 3, 4]


def test_a_rate_that_does_not_cross_the_valley() -> None:
    for rate, crosses in ((0.25, False), (0.26, True)):
        points = path("sgd", RAVINE, 20, lr=rate)
        assert bool((points[:, 1] > 0).any()) is crosses
    assert path("sgd", RAVINE, 1, lr=0.25)[1, 0] / -5 == pytest.approx(0.95)


def test_momentum_widens_the_stable_rates() -> None:
    for rate, momentum, stays in ((0.49, 0.0, True), (0.51, 0.0, False), (0.74, 0.5, True), (0.76, 0.5, False)):
        assert bool(np.abs(path("sgd", RAVINE, 400, lr=rate, momentum=momentum)[-1]).max() < 5) is stays


def turning(points: Array) -> float:
    """The mean cosine between successive updates."""
    steps = np.diff(points, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    return float((steps[1:] * steps[:-1]).sum(axis=1).mean())


def test_momentum_makes_updates_agree() -> None:
    crossings, cosines = {}, {}
    for rate, momentum in ((0.4, 0.0), (0.4, 0.5), (0.6, 0.0), (0.6, 0.5)):
        points = path("sgd", RAVINE, 20, lr=rate, momentum=momentum)
        crossings[rate, momentum] = int((points[1:, 1] * points[:-1, 1] < 0).sum())
        cosines[rate, momentum] = round(turning(points), 2)
    assert (crossings[0.4, 0.0], crossings[0.4, 0.5]) == (20, 11)
    assert cosines == {(0.4, 0.0): 0.49, (0.4, 0.5): 0.70, (0.6, 0.0): -1.0, (0.6, 0.5): -0.23}


def test_gradients_along_x1_point_left() -> None:
    gradients = SLOPES * path("sgd", RAVINE, 20, lr=0.4, momentum=0.5)
    assert (gradients[:, 0] < 0).all() and {*np.sign(gradients[:, 1])} == {-1.0, 1.0}


def test_momentum_by_hand_is_that_of_pytorch() -> None:
    def gradient(theta: Array, t: int) -> Array:
        return SLOPES * theta + NOISE[t - 1, :2]

    x, velocity, points = np.array([-5.0, -2.0]), np.zeros(2), []
    for t in range(1, 31):
        velocity = 0.9 * velocity + 0.004 * gradient(x, t)
        x = x - velocity
        points.append(x)
    by = path_of(torch.optim.SGD, np.array([-5.0, -2.0]), gradient, 30, lr=0.004, momentum=0.9)
    assert np.asarray(by) == pytest.approx(np.asarray(points), rel=1e-12)


@needs_airfoil
def test_airfoil_losses_of_many_seeds() -> None:
    """Linear regression in batches of ten, two epochs, 100 seeds side by side: where it ends, and how much the last ten records jump."""
    table = np.loadtxt(find(NASA, DATA))
    table = ((table - table.mean(axis=0)) / table.std(axis=0, ddof=1))[:1500]
    inputs, labels = np.hstack([table[:, :5], np.ones((1500, 1))]), table[:, 5]
    random = np.random.default_rng(1)
    order = np.stack([np.concatenate([random.permutation(1500) for _ in range(2)]) for _ in range(100)]).reshape(100, 300, 10)

    def ends(rate: float, momentum: float, start: Array) -> tuple[Array, float]:
        weights = start
        velocity, records = 0 * weights, []
        for step in range(300):
            x, y = inputs[order[:, step]], labels[order[:, step]]
            velocity = momentum * velocity + rate * np.einsum("sij,si->sj", x, np.einsum("sij,sj->si", x, weights) - y) / 10
            weights = weights - velocity
            if step % 10 == 9:
                records.append(((weights @ inputs.T - labels) ** 2).mean(axis=1) / 2)
        return records[-1], float(np.diff(records[-11:], axis=0).std())

    normal = np.hstack([random.normal(0, 0.01, (100, 5)), np.zeros((100, 1))])
    (first_end, _), (jumping, jumps), (smooth, smoother) = (ends(*pair, normal) for pair in ((0.02, 0.5), (0.02, 0.9), (0.004, 0.9)))
    for printed, found in ((0.245518, first_end), (0.252046, jumping), (0.242905, smooth)):
        assert np.quantile(found, 0.02) < printed < np.quantile(found, 0.98)
    assert jumps > 5 * smoother and np.mean(smooth < jumping) > 0.95
    by_linear, _ = ends(0.004, 0.9, random.uniform(-(5**-0.5), 5**-0.5, (100, 6)))  # nn.Linear's start
    assert max(smooth.max(), by_linear.max()) < 0.25328  # printed for torch.optim


# D


def test_isotropic_gradient_and_step() -> None:
    points = path("sgd", ISOTROPIC, 1, lr=1.0)
    assert points[1] == pytest.approx([3.6, 3.6])  # the gradient is 0.4 x, not 0.4
    assert path("sgd", ISOTROPIC, 1, lr=2.5)[1] == pytest.approx([0, 0], abs=1e-14)


def test_by_hand_and_by_optimizer_are_an_ulp_apart() -> None:
    start, gradient = torch.tensor(NOISE.ravel()[:60], dtype=torch.float32), torch.tensor(NOISE.ravel()[60:], dtype=torch.float32)
    parameter = torch.nn.Parameter(start.clone())
    parameter.grad = gradient
    torch.optim.SGD([parameter], lr=0.1).step()
    apart = (parameter.detach() - start.clone().sub_(0.1 * gradient)).abs()
    assert (apart <= 2**-23 * torch.maximum(start.abs(), gradient.abs())).all()


def test_only_lr_is_required_in_r_torch() -> None:
    (binding,) = (b for b in get_ecosystem("r_torch").bindings if b.name == "optim_sgd")
    assert set(binding.args) - set(binding.defaults) == {"lr"}


def test_zigzag_ends_after_173_steps() -> None:
    assert settled(above(path("sgd", STRETCHED, 200, lr=0.495)), 0.01) == 173
    assert settled(above(path("sgd", STRETCHED, 200, lr=0.5)), 0.01) is None
    assert [path("sgd", STRETCHED, 1, lr=rate)[1, 0] / 5.1 for rate in (0.4, 0.495)] == pytest.approx([0.84, 0.802])
    assert settled(above(path("sgd", STRETCHED, 40, lr=0.4)), 0.01) == 18
    assert above(path("sgd", STRETCHED, 60, lr=0.51))[-1] > 1000


def test_momentum_15_instead_of_18_steps() -> None:
    taken = {(lr, m): settled(above(path("sgd", STRETCHED, 60, lr=lr, momentum=m)), 0.01) for lr, m in ((0.4, 0), (0.5, 0.1), (0.55, 0.35))}
    assert taken == {(0.4, 0): 18, (0.5, 0.1): 15, (0.55, 0.35): 7}


def test_adagrad_takes_rates_from_08_to_1000() -> None:
    ends = {rate: above(path("adagrad", STRETCHED, 4, lr=rate, eps=1e-6))[-1] for rate in (3.0, 3.3, 3.7)}
    assert ends[3.7] == pytest.approx(0.0083, abs=1e-4) and ends[3.3] == pytest.approx(0.0041, abs=1e-4) and max(ends.values()) < 0.01
    assert first(above(path("adagrad", STRETCHED, 4, lr=3.7, eps=1e-6)), 0.01) == 4
    for name, inside, outside in (("adagrad", (0.8, 10.0, 100.0, 1000.0), (0.75,)), ("sgd", (0.19, 0.47), (0.18, 0.48))):
        for rate in (*inside, *outside):
            arrived = settled(above(path(name, STRETCHED, 40, lr=rate)), 0.01) is not None
            assert arrived is (rate in inside), (name, rate)


def test_rmsprop_as_printed_divides_by_eps() -> None:
    x, s = np.array([5.1, 2.3]), np.zeros(2)
    gradient = np.array([0.4, 4.0]) * x
    literal = 0.95 / (1e-6 + np.sqrt(s)) * gradient  # eq. 8.6 with s(k) of eq. 8.5
    meant = 0.95 / (1e-6 + np.sqrt(0.9 * s + 0.1 * gradient**2)) * gradient
    assert path("rmsprop", STRETCHED, 1, lr=0.95, alpha=0.9, eps=1e-6)[1] == pytest.approx(x - meant)
    assert literal.min() > 1e6 and meant == pytest.approx([3.0, 3.0], abs=0.01)


def test_rmsprop_and_adam_do_not_stay() -> None:
    rmsprop = above(path("rmsprop", STRETCHED, 39, lr=0.95, alpha=0.9, eps=1e-6))
    adam = above(path("adam", STRETCHED, 39, lr=3.0, beta1=0.1))
    assert (first(rmsprop, 0.01), first(adam, 0.01)) == (4, 3) and max(rmsprop[4], adam[4]) < 0.01
    assert settled(rmsprop, 0.01) is settled(adam, 0.01) is None and adam[11] == pytest.approx(19, abs=0.5)


def adams() -> list[Binding]:
    return [b for e in all_ecosystems().values() for b in e.bindings if b.rule == "adam"]


def test_every_adam_corrects_its_bias() -> None:
    assert len(adams()) > 8 and all(b.switches.get("bias_correction", "on") == "on" for b in adams())
    for binding in get_ecosystem("pytorch").bindings + get_ecosystem("r_torch").bindings:
        if binding.name.lower().endswith("adam") and binding.rule == "adam":
            assert binding.defaults["betas"] == (0.9, 0.999)
