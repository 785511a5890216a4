"""The race: objectives against the literature and autograd, the search against plain loops over torch's own classes, the page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from crossoptim.golden.oracle import gradient, loss
from crossoptim.optim.namespace import Tensors
from crossoptim.studies import all_studies
from crossoptim.studies.attempt import HOLD, SHARE, arrival, best
from crossoptim.studies.descend import descents
from crossoptim.studies.outcome import Outcome
from crossoptim.studies.race import BUDGET, RATES, Entrant, Race, RaceStudy, entrants, study
from crossoptim.studies.racecourses import COURSES, Course

PAGE = (Path(__file__).parents[1] / "docs" / "studies.md").read_text(encoding="utf-8").split("## The race\n")[1].split("\n## ")[0]
ENTRANTS = {entrant.name: entrant for entrant in entrants()}
BY_NAME = {course.name: course for course in COURSES}
POINTS = ((0.3, -0.7), (-1.9, 2.2), (2.6, 0.4))


def on_torch(course: Course, x: torch.Tensor) -> torch.Tensor:
    """The objective as a library's autograd sees it."""
    problem = course.problem(tuple(x.shape))
    data = SimpleNamespace(**{key: torch.tensor(value, dtype=torch.float64) for key, value in problem.data.items()})
    assert problem.value is not None
    value = problem.value(Tensors, SimpleNamespace(x=x), data)
    assert isinstance(value, torch.Tensor)
    return value


# the objectives, as their sources write them

WRITTEN: dict[str, Callable[[float, float], float]] = {
    "Rosenbrock": lambda x, y: 100 * (y - x**2) ** 2 + (1 - x) ** 2,
    "Beale": lambda x, y: sum((c - x * (1 - y**i)) ** 2 for i, c in enumerate((1.5, 2.25, 2.625), 1)),
    "Himmelblau": lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    "Rastrigin": lambda x, y: 20 + sum(c**2 - 10 * math.cos(2 * math.pi * c) for c in (x, y)),
    "saddle": lambda x, y: x**2 / 2 + y**4 / 4 - y**2 / 2,
    "noisy ravine": lambda x, y: 0.1 * x**2 + 2 * y**2,
}
AT_START = {"Rosenbrock": 24.2, "Beale": 14.203125}
"""Moré, Garbow & Hillstrom 1981."""


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
@pytest.mark.parametrize("shape", [(2,), (1, 2)])
def test_an_objective_and_its_gradient_are_the_formula_s(course: Course, shape: tuple[int, ...]) -> None:
    problem, written, near = course.problem(shape), WRITTEN[course.name], 1e-6
    for x1, x2 in (*POINTS, course.start):
        point = np.reshape([x1, x2], shape)
        exact, formula = gradient(problem, {"x": point}, "float64")["x"], written(x1, x2)
        assert loss(problem, {"x": point}, "float64") == pytest.approx(formula, rel=1e-13, abs=1e-13)
        assert float(course.above(np.array([x1, x2]))) == pytest.approx(formula - course.least, rel=1e-13, abs=1e-13)
        differences = [
            (written(x1 + near, x2) - written(x1 - near, x2)) / (2 * near),
            (written(x1, x2 + near) - written(x1, x2 - near)) / (2 * near),
        ]
        assert exact.ravel() == pytest.approx(differences, rel=1e-6, abs=1e-6)
        x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
        on_torch(course, x).backward()
        assert x.grad is not None and exact == pytest.approx(x.grad.numpy(), rel=1e-13, abs=1e-13)
        quick = course.gradient(np.array([x1, x2]), 1) - course.draws[0]
        assert quick == pytest.approx(exact.ravel(), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
def test_minima_are_those_of_the_literature(course: Course) -> None:
    for minimum in course.minima:
        assert float(course.above(np.array(minimum))) == pytest.approx(0, abs=1e-14)
        assert course.gradient(np.array(minimum), 1) - course.draws[0] == pytest.approx([0, 0], abs=1e-12)
        around = np.array(minimum) + 1e-3 * np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])
        assert (course.above(around) > 0).all()
    if course.name in AT_START:
        assert WRITTEN[course.name](*course.start) == pytest.approx(AT_START[course.name], rel=1e-15)


def test_himmelblau_s_minima_have_the_published_digits() -> None:
    published = [(3.0, 2.0), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126)]
    assert np.array(BY_NAME["Himmelblau"].minima) == pytest.approx(np.array(published), abs=1e-6)


# who runs, and with which settings

LOOSE = {"Muon": 0.05, "NAdam": 1e-5, "ASGD": 1e-5}
"""Which PyTorch computes in bfloat16, or partly in float32."""


def torch_s(entrant: Entrant, rate: float, x: torch.Tensor) -> torch.optim.Optimizer:
    """The class of ``torch.optim`` with its own defaults but for the rate, L-BFGS's iterations, and what the entrant's name says."""
    name, _, form = entrant.name.partition(", ")
    momentum = {"momentum": 0.9, "nesterov": form.startswith("Nesterov")} if name == "SGD" and form else {}
    iteration = {"max_iter": 1, "max_eval": 26, **({"line_search_fn": "strong_wolfe"} if form else {})} if name == "LBFGS" else {}
    optimizer = getattr(torch.optim, name)([x], lr=rate, **momentum, **iteration)
    assert isinstance(optimizer, torch.optim.Optimizer)
    return optimizer


def torch_s_path(entrant: Entrant, course: Course, rate: float, steps: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A plain training loop."""
    x = torch.tensor(np.reshape(course.start, entrant.shape), dtype=torch.float64, requires_grad=True)
    optimizer, points = torch_s(entrant, rate, x), [course.start]
    for step in range(steps):
        draw = torch.tensor(course.draws[step]).reshape(entrant.shape)

        def closure(draw: torch.Tensor = draw) -> torch.Tensor:
            optimizer.zero_grad()
            value = on_torch(course, x) + (draw * x).sum()
            value.backward()
            if entrant.name == "SparseAdam":
                assert x.grad is not None
                x.grad = x.grad.to_sparse()
            return value

        if entrant.setting.rule.converse:
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
        points.append(tuple(x.detach().ravel().tolist()))
    return np.array(points)


def test_all_of_torch_optim_takes_part() -> None:
    found = {
        name
        for name, made in vars(torch.optim).items()
        if isinstance(made, type) and issubclass(made, torch.optim.Optimizer) and made is not torch.optim.Optimizer
    }
    assert {name.partition(", ")[0] for name in ENTRANTS} == found
    assert [name for name in ENTRANTS if ", " in name] == ["SGD, momentum 0.9", "SGD, Nesterov 0.9", "LBFGS, line search"]


@pytest.mark.parametrize("entrant", ENTRANTS.values(), ids=ENTRANTS)
@pytest.mark.parametrize("course", ["Himmelblau", "noisy ravine"])
def test_a_search_takes_the_steps_of_torch_s_own_class(entrant: Entrant, course: str) -> None:
    found = best(BY_NAME[course], entrant.setting, entrant.shape, [0.01], 8 * (SHARE if entrant.setting.rule.converse else 1))
    theirs = torch_s_path(entrant, BY_NAME[course], 0.01, 8)
    assert found.points[1] != pytest.approx(found.points[0])
    assert found.points[:9] == pytest.approx(theirs, rel=LOOSE.get(entrant.name, 1e-9))


@pytest.mark.parametrize(
    "course, name", [*product(("Himmelblau", "saddle"), ("SGD, momentum 0.9", "Adagrad")), ("Beale", "LBFGS, line search")]
)
def test_a_search_finds_the_rate_that_a_plain_loop_finds(course: str, name: str) -> None:
    rates, budget = (0.0215, 0.1, 0.464, 1.0), 90
    steps = {}
    for rate in rates:
        path = torch_s_path(ENTRANTS[name], BY_NAME[course], rate, budget + HOLD)
        values = [
            WRITTEN[course](*point) - BY_NAME[course].least if np.isfinite(point).all() else math.inf for point in np.clip(path, -1e9, 1e9)
        ]
        within = [value < 1e-3 for value in values]
        steps[rate] = next((step for step in range(budget + 1) if all(within[step : step + HOLD + 1])), math.inf)
    entrant = ENTRANTS[name]
    found = best(BY_NAME[course], entrant.setting, entrant.shape, rates, budget * (SHARE if entrant.setting.rule.converse else 1))
    arrived = arrival(BY_NAME[course].above(found.points), BY_NAME[course].tolerance)
    fewest = min(steps.values())
    assert steps[found.rate] == fewest and (math.inf if arrived is None else arrived) == fewest
    assert fewest < math.inf or (course, name) == ("Himmelblau", "SGD, momentum 0.9")


def test_a_path_has_arrived_when_it_stays() -> None:
    assert arrival(np.array([2.0, 0, 2, 0, 0, 0, 2]), 1, hold=2) == 3
    assert arrival(np.array([2.0, 0, 2, 0, 0]), 1, hold=2) is None
    assert arrival(np.array([np.nan, 0, 0, 0]), 1, hold=2) == 1


def test_of_rates_that_never_arrive_the_one_that_ends_lowest_is_taken() -> None:
    course, sgd = BY_NAME["Rosenbrock"], ENTRANTS["SGD"]
    lowest = {rate: best(course, sgd.setting, sgd.shape, [rate], 60) for rate in (1e-3, 2e-3, 1.0)}
    ends = {rate: float(course.above(attempt.points[-1])) for rate, attempt in lowest.items()}
    assert ends[2e-3] < ends[1e-3] and not ends[1.0] < 1e300
    assert best(course, sgd.setting, sgd.shape, list(lowest), 60).rate == 2e-3


# a small race


@pytest.fixture(scope="module")
def small() -> RaceStudy:
    """Two objectives, five optimizers, four rates."""
    names = ("SGD", "Rprop", "Adagrad", "Muon", "LBFGS, line search")
    return study(
        Race(lambda: [ENTRANTS[name] for name in names], [BY_NAME["Himmelblau"], BY_NAME["noisy ravine"]], (0.01, 0.1, 0.464, 1.0), 60)
    )


@pytest.fixture(scope="module")
def outcome(small: RaceStudy) -> Outcome:
    """It, in the reference and in torch's foreach form."""
    lacks: dict[str, str] = {}
    return Outcome(small, descents(small, ["reference", "torch-foreach"], lacks=lacks), lacks)


def test_a_race_tells_of_each_search_once(small: RaceStudy) -> None:
    told: list[str] = []
    small.search(told.append)
    assert small.searches == len(told) == len(set(told)) == 10
    assert small.race.heats is not small.race.heats and small.race.heats[0] is small.race.heats[0]


def test_the_reference_repeats_what_the_search_found(small: RaceStudy, outcome: Outcome) -> None:
    heats = {heat.id: heat for heat in small.race.heats}
    assert set(heats) - {run.id for run in small.runs} == {"noisy ravine: LBFGS, line search"}
    for run in small.runs:
        path, attempt = outcome.paths["reference"][run.id], heats[run.id].attempt
        assert path.points == pytest.approx(attempt.points, rel=1e-6, abs=1e-6), run.id
        assert (run.problem.value is None) == run.id.startswith("noisy")
    noisy, ravine = heats["noisy ravine: SGD"].attempt, BY_NAME["noisy ravine"]
    slopes = noisy.points[:-1] * np.array([0.2, 4.0])
    assert noisy.gradients - slopes == pytest.approx(ravine.draws[: len(slopes)], abs=1e-12)
    assert ravine.draws.std() == pytest.approx(1, abs=0.02) and not BY_NAME["Beale"].draws.any()


def test_tables_have_steps_rates_ends_and_distances(small: RaceStudy, outcome: Outcome) -> None:
    steps, rates, minima, never, gradients, apart, lacking = outcome.tables
    heats = {heat.id: heat for heat in small.race.heats}
    for row, rate in zip(steps.rows, rates.rows, strict=True):
        for course in ("Himmelblau", "noisy ravine"):
            heat = heats[f"{course}: {row['optimizer']}"]
            assert rate[course] == heat.attempt.rate
            assert row[course] == arrival(BY_NAME[course].above(heat.attempt.points), BY_NAME[course].tolerance)
    by_name = {row["optimizer"]: row["Himmelblau"] for row in minima.rows}
    assert by_name["SGD"] == "(-3.78, -3.28)" and list(minima.rows[0]) == ["optimizer", "Himmelblau"]
    missing = {(course, row["optimizer"]) for row in steps.rows for course in list(row)[1:] if row[course] is None}
    assert {(row["objective"], row["optimizer"]) for row in never.rows} == missing and missing
    assert all(row["above"] == pytest.approx(WRITTEN[row["objective"]](row["x1"], row["x2"]), rel=1e-9) for row in never.rows)
    (searching,) = gradients.rows
    assert searching["optimizer"] == "LBFGS, line search" and searching["Himmelblau"] > steps.rows[-1]["Himmelblau"]
    assert {row["run"]: row["torch-foreach"] for row in apart.rows}["Himmelblau: Rprop"] == 0
    assert {row["run"].partition(": ")[2] for row in lacking.rows} == {
        "Himmelblau: Muon",
        "noisy ravine: Muon",
        "Himmelblau: LBFGS, line search",
    }


def test_what_an_implementation_lacks_is_said_and_not_drawn(small: RaceStudy, outcome: Outcome) -> None:
    theirs = outcome.paths["torch-foreach"]
    rows = {row["optimizer"]: row for row in small.tables(theirs)[0].rows}
    assert rows["Muon"]["Himmelblau"] == rows["LBFGS, line search"]["Himmelblau"] == "not run"
    assert rows["SGD"]["Himmelblau"] == small.tables(outcome.paths["reference"])[0].rows[0]["Himmelblau"]
    assert len(drawn(small, theirs, "race-himmelblau").axes[0].lines) == 3 + 4 + 1  # paths, minima, the start


def drawn(of: RaceStudy, paths: Any, name: str) -> Figure:
    figure = Figure(figsize=of.pictures[name].size)
    of.pictures[name].draw(figure, paths)
    return figure


def test_every_picture_shows_all_paths_and_ranks_them(small: RaceStudy, outcome: Outcome) -> None:
    assert list(small.pictures) == ["race-himmelblau", "race-noisy-ravine"]
    for name, course in zip(small.pictures, ("Himmelblau", "noisy ravine"), strict=True):
        figure = drawn(small, outcome.paths["reference"], name)
        plane, descent = figure.axes
        assert len(descent.lines) == 5 + 1 and len(plane.lines) == 5 + len(BY_NAME[course].minima) + 1
        (legend,) = figure.legends
        ranks = [text.get_text().split()[0] for text in legend.get_texts()]
        numbers = [math.inf if rank == "never" else int(rank) for rank in ranks]
        assert numbers == sorted(numbers) and len(numbers) == 5
        styles = {(line.get_color(), str(line.get_linestyle()), line.get_marker()) for line in descent.lines[:5]}
        assert len(styles) == 5
        assert plane.get_xlabel() and descent.get_xlabel() == "steps"


def test_no_two_optimizers_look_alike() -> None:
    everyone = Race(courses=[BY_NAME["saddle"]], rates=(0.1,), budget=3)
    figure = drawn(study(everyone), {heat.id: SimpleNamespace(points=heat.attempt.points) for heat in everyone.heats}, "race-saddle")
    *planes, descent = figure.axes
    assert [len(plane.lines) - 2 - 1 for plane in planes] == [6, 6, 6]
    styles = {(str(line.get_color()), str(line.get_linestyle()), str(line.get_marker())) for line in descent.lines[:-1]}
    assert len(styles) == len(ENTRANTS) == 18


# the study, and docs/studies.md


def test_the_study_names_formulas_starts_and_sources() -> None:
    race = all_studies()["race"]
    assert isinstance(race, RaceStudy) and race.searches == 18 * 6 and race.partial
    assert [source.partition(":")[0] for source in race.sources] == list(BY_NAME)
    assert "Rosenbrock: 100 (x2 - x1^2)^2 + (1 - x1)^2, from (-1.2, 1); Rosenbrock 1960" in race.sources[0]
    assert [f"{10 ** (third / 3):.3g}" for third in range(-9, 7)] == [f"{rate:g}" for rate in RATES]


def cells() -> dict[tuple[str, str], str]:
    """The page's table: optimizer, objective, steps."""
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
    return {(row[0], course): cell for row in rows for course, cell in zip(head[1:], row[1:], strict=True)}


SLOW = {*product(("RMSprop", "Adadelta", "RAdam", "Adafactor", "AdamW", "Muon", "NAdam", "LBFGS"), ["Rosenbrock"]), ("Muon", "Himmelblau")}
"""Left out here: they take a second each."""


def test_the_page_has_everyone_s_steps() -> None:
    shown = cells()
    assert list(shown) == list(product(ENTRANTS, BY_NAME))
    assert {cell for (name, course), cell in shown.items() if course == "Rastrigin" and name != "LBFGS, line search"} == {"never"}
    checked = [
        (name, course)
        for name, course in shown
        if course != "Rastrigin" and (name, course) not in SLOW and not (ENTRANTS[name].setting.rule.converse and course != "Beale")
    ]
    assert len(checked) == 74
    for name, course in checked:
        entrant = ENTRANTS[name]
        found = best(BY_NAME[course], entrant.setting, entrant.shape, RATES, BUDGET)
        steps = arrival(BY_NAME[course].above(found.points), BY_NAME[course].tolerance)
        assert steps is not None and int(shown[name, course]) == pytest.approx(steps, abs=1), (name, course)


def test_rounding_decides_whether_rmsprop_arrives_on_rosenbrock() -> None:
    """A plain loop from 200 starts that differ from the 14th digit on, with the one rate that arrives early."""
    (x, y), rate = np.outer([-1.2, 1.0], 1 + 1e-14 * np.random.default_rng(0).uniform(-1, 1, 200)), 0.215
    v, within = np.zeros((2, 200)), []
    for _ in range(460 + HOLD):
        within.append(WRITTEN["Rosenbrock"](x, y) < 1e-3)
        g = np.array([-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)])
        v = 0.99 * v + 0.01 * g * g
        x, y = np.array([x, y]) - rate * g / (np.sqrt(v) + 1e-8)
    arrived = [arrival(-np.array(column, float), -0.5) for column in np.transpose(within)]
    share = np.mean([step is not None for step in arrived])
    assert rate in RATES and cells()["RMSprop", "Rosenbrock"] == "never" and 0.3 < share < 0.7
    assert "half of the starts that differ from it in the 14th digit" in re.sub(r"\s+", " ", PAGE)
    assert np.median([step for step in arrived if step]) == pytest.approx(370, abs=10)


def test_beside_beale_s_start_other_steps_are_needed() -> None:
    beale = BY_NAME["Beale"]
    assert beale.gradient(np.array(beale.start), 1)[0] == 0
    for shift in (-1e-10, 1e-13):
        beside = replace(beale, start=(1 + shift, 1 + shift))
        steps = {}
        for name in ("Rprop", "Adagrad"):
            found = best(beside, ENTRANTS[name].setting, ENTRANTS[name].shape, RATES, BUDGET)
            steps[name] = arrival(beale.above(found.points), beale.tolerance)
        assert steps["Rprop"] in (24, 25) and steps["Adagrad"] in range(39, 92) and steps["Adagrad"] != 49
    assert "Rprop needs 24 or 25 steps instead of 33, and Adagrad from 39 to 91" in re.sub(r"\s+", " ", PAGE)


def test_the_page_states_the_grid() -> None:
    said = re.sub(r"\s+", " ", PAGE)
    assert f"{len(RATES)} from {RATES[0]:g} to {RATES[-1]:g}" in said
    assert f"{HOLD} more steps" in said and f"{BUDGET} steps" in said and f"{BUDGET // SHARE} for L-BFGS" in said
    assert replace(BY_NAME["Beale"]).tolerance == 0.001 and "less than 0.001 above" in said and "0.05" in said
