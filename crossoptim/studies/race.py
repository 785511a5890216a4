"""All optimizers of ``torch.optim`` on six objectives in the plane, each with the best learning rate of a grid.

Each has PyTorch's defaults but for the rate; SGD and LBFGS run in the forms below as well. Both coordinates are one tensor: a vector, or,
where the optimizer takes matrices only, a matrix of one row. The noise is a table of random numbers, the same for all: what is repeated in
other implementations then are the gradients that were seen. An optimizer that chooses where to evaluate has no such table, so that its
paths through noise are those of the search and are not repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from crossoptim.errors import HyperError
from crossoptim.spec.ecosystems.pytorch import pytorch
from crossoptim.spec.model import Problem, Setting
from crossoptim.studies.attempt import HOLD, SHARE, Attempt, arrival, best
from crossoptim.studies.draw import BLUE, GREEN, GREY, MARKERS, ORANGE, PURPLE, VERMILION, contours
from crossoptim.studies.model import Array, Paths, Picture, Run, Study, Table
from crossoptim.studies.racecourses import COURSES, Course

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATES = tuple(float(f"{10 ** (third / 3):.3g}") for third in range(-9, 7))
BUDGET = 3000
"""The most steps that a run is given."""
_ONE_ITERATION: dict[str, Any] = {"max_iter": 1, "max_eval": 26}
"""A step is an iteration: one evaluation, and 25 trials of a line search, of which the default for one iteration leaves none."""
_FORMS: dict[str, dict[str, dict[str, Any]]] = {
    "SGD": {"": {}, ", momentum 0.9": {"momentum": 0.9}, ", Nesterov 0.9": {"momentum": 0.9, "nesterov": True}},
    "LBFGS": {"": _ONE_ITERATION, ", line search": {**_ONE_ITERATION, "line_search": "strong_wolfe"}},
}


@dataclass(frozen=True)
class Entrant:
    """An optimizer with all its settings but the rate, and the shape of the tensor that it moves."""

    name: str
    setting: Setting
    shape: tuple[int, ...]


def entrants() -> tuple[Entrant, ...]:
    """Every class of ``torch.optim``, SGD and LBFGS in several forms."""
    from crossoptim.optim.setting import read_setting

    out = []
    for binding in pytorch.bindings:
        setting = read_setting(binding, binding.defaults)
        for form, values in _FORMS.get(binding.name, {"": {}}).items():
            out.append(Entrant(binding.name + form, setting.with_values(**values), _shape(setting)))
    return tuple(out)


def _shape(setting: Setting) -> tuple[int, ...]:
    try:
        setting.of((2,))
    except HyperError:
        return (1, 2)
    return (2,)


@dataclass(frozen=True)
class Heat:
    """An optimizer on an objective, with the best rate."""

    entrant: Entrant
    course: Course
    attempt: Attempt

    @property
    def id(self) -> str:
        """Objective and optimizer."""
        return f"{self.course.name}: {self.entrant.name}"

    @property
    def repeats(self) -> bool:
        """Whether the specification's reference, and others, can be told what it ran on."""
        return not (self.course.noise and self.entrant.setting.rule.converse)

    @property
    def run(self) -> Run:
        """The case that other implementations repeat."""
        setting, problem = self.entrant.setting.with_values(lr=self.attempt.rate), self.course.problem(self.entrant.shape)
        if self.course.noise:
            problem = _seen(problem, self.attempt.gradients)
        steps = len(self.attempt.points) - 1
        return Run(self.id, setting.rule.name, dict(setting.values), problem.name, "float64", "", steps=steps, subject=problem)


def _seen(problem: Problem, gradients: Array) -> Problem:
    """The table of the gradients that were seen."""
    rows = [tuple(row) for row in gradients.tolist()]
    return replace(problem, value=None, gradient=None, data={}, gradients=lambda step: {"x": rows[step - 1]})


@dataclass(frozen=True)
class Result:
    """How a heat ended: after how many steps it arrived, if it did; where it was last."""

    steps: int | None
    end: tuple[float, float]
    above: float


@dataclass(frozen=True)
class Race:
    """Optimizers, objectives, the grid of rates, and the most steps; ``lineup`` is asked when the race begins."""

    lineup: Callable[[], Sequence[Entrant]] = entrants
    courses: Sequence[Course] = COURSES
    rates: Sequence[float] = RATES
    budget: int = BUDGET

    @cached_property
    def entrants(self) -> Sequence[Entrant]:
        """Who runs."""
        return self.lineup()

    @cached_property
    def _found(self) -> dict[tuple[str, str], Heat]:
        return {}

    def search(self, tick: Callable[[str], None] = lambda _: None) -> None:
        """Find the best rate of each optimizer on each objective, once; ``tick`` is told of each that is there."""
        for course, entrant in product(self.courses, self.entrants):
            if (key := (course.name, entrant.name)) not in self._found:
                self._found[key] = Heat(entrant, course, best(course, entrant.setting, entrant.shape, self.rates, self.budget))
            tick(self._found[key].id)

    @property
    def heats(self) -> tuple[Heat, ...]:
        """Each optimizer on each objective, with the rate that the search finds."""
        self.search()
        return tuple(self._found.values())

    def plan(self) -> tuple[Run, ...]:
        """What the reference, and others, repeat."""
        return tuple(heat.run for heat in self.heats if heat.repeats)

    def points(self, heat: Heat, paths: Paths) -> Array | None:
        """Where a heat went; None where the implementation does not run it."""
        if not heat.repeats:
            return heat.attempt.points
        return paths[heat.id].points if heat.id in paths else None

    def results(self, paths: Paths) -> dict[str, dict[str, tuple[Heat, Result | None]]]:
        """By optimizer and objective."""
        out: dict[str, dict[str, tuple[Heat, Result | None]]] = {entrant.name: {} for entrant in self.entrants}
        for heat in self.heats:
            points = self.points(heat, paths)
            out[heat.entrant.name][heat.course.name] = (heat, None if points is None else _result(heat.course, points))
        return out

    def tables(self, paths: Paths) -> list[Table]:
        """Steps, rates, and where those ended that never arrived."""
        results = self.results(paths)

        def matrix(cell: Any, courses: Sequence[Course] = self.courses) -> list[dict[str, Any]]:
            return [{"optimizer": name, **{c.name: cell(*row[c.name]) for c in courses}} for name, row in results.items()]

        def steps(_: Heat, result: Result | None) -> Any:
            return result.steps if result else "not run"

        def minimum(heat: Heat, result: Result | None) -> Any:
            nearest = min(heat.course.minima, key=lambda m: float(np.hypot(*np.subtract(m, result.end)))) if result else ()
            return None if result and result.steps is None else "({:.3g}, {:.3g})".format(*nearest) if nearest else "not run"

        several = [course for course in self.courses if len(course.minima) > 1]
        others = "".join(f", {c.name} {c.tolerance:g}" for c in self.courses if c.tolerance != Course.tolerance)
        limit = f"at most {self.budget}, LBFGS {self.budget // SHARE}"
        grid = f"{len(self.rates)} from {min(self.rates):g} to {max(self.rates):g}"
        return [
            Table(
                f"Steps until a path is near the minimum, to stay for {HOLD} more (near: {Course.tolerance:g} above it{others}; {limit})",
                matrix(steps),
            ),
            Table(f"The rate, of {grid}, that arrives first or else ends lowest", matrix(lambda heat, _: heat.attempt.rate), ".3g"),
            Table("Which of several minima", matrix(minimum, several)),
            Table("Never: where the last step led, and how far above the minimum that is", [*_left(results)], ".3g"),
            Table("Gradients until then, of those that evaluate more than one a step", [*_evaluations(results)]),
        ]

    def pictures(self) -> dict[str, Picture[Paths]]:
        """One for each objective."""
        return {f"race-{c.name.lower().replace(' ', '-')}": Picture((13.0, 9.0), partial(self._draw, c)) for c in self.courses}

    def _draw(self, course: Course, figure: Figure, paths: Paths) -> None:
        """The paths over the contours, some optimizers a panel; in the last one how far above the minimum they all are."""
        groups = [self.entrants[start : start + len(_COLOURS)] for start in range(0, len(self.entrants), len(_COLOURS))]
        *planes, descent = figure.subplots((len(groups) + 2) // 2, 2).flat[: len(groups) + 1]
        ranked = []
        for plane, group, dashes, marker in zip(planes, groups, _DASHES, MARKERS, strict=False):
            _landscape(plane, course)
            plane.set_title(f"{course.name}: {group[0].name} to {group[-1].name}")
            for entrant, colour in zip(group, _COLOURS, strict=False):
                heat = next(heat for heat in self.heats if (heat.entrant, heat.course) == (entrant, course))
                points = self.points(heat, paths)
                if points is None:
                    continue
                result = _result(course, points)
                arrived = result.steps is not None
                style: dict[str, Any] = {"color": colour, "linestyle": dashes, "marker": marker, "markevery": [-1], "markersize": 6}
                style |= {} if arrived else {"alpha": 0.6, "linewidth": 1.0}
                drawn = points[: result.steps + 1] if result.steps is not None else points
                plane.plot(*drawn.T, **style)
                label = f"{result.steps if arrived else 'never'}  {entrant.name} ({heat.attempt.rate:g})"
                (line,) = descent.plot(np.maximum(course.above(drawn), _LOWEST), label=label, **style)
                ranked.append((len(drawn) if arrived else np.inf, result.above, line))
        descent.axhline(course.tolerance, color=GREY, linewidth=0.8)
        descent.set(xscale="symlog", yscale="log", xlabel="steps", xlim=(0, None), title=f"{course.name}: above the minimum")
        lines = [line for _, _, line in sorted(ranked, key=lambda entry: entry[:2])]
        figure.legend(handles=lines, title="steps, optimizer (rate)", loc="outside right center", handlelength=3.6)


_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, "#000000")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)))
_LOWEST = 1e-12
"""What lies nearer to the minimum is drawn there."""


def _landscape(axes: Axes, course: Course) -> None:
    first, *others = course.minima
    contours(axes, lambda x1, x2: course.above(np.stack([x1, x2], axis=-1)), *course.view, first, even=True)
    for other in others:
        axes.plot(*other, "+", color=GREY, markersize=8, zorder=1)
    axes.plot(*course.start, marker="o", color="black", markersize=6, zorder=5)


def _result(course: Course, points: Array) -> Result:
    above = course.above(points)
    return Result(arrival(above, course.tolerance), (float(points[-1, 0]), float(points[-1, 1])), float(above[-1]))


def _left(results: Mapping[str, Mapping[str, tuple[Heat, Result | None]]]) -> Iterator[dict[str, Any]]:
    for name, row in results.items():
        for course, (_, result) in row.items():
            if result and result.steps is None:
                yield {"objective": course, "optimizer": name, "x1": result.end[0], "x2": result.end[1], "above": result.above}


def _evaluations(results: Mapping[str, Mapping[str, tuple[Heat, Result | None]]]) -> Iterator[dict[str, Any]]:
    for name, row in results.items():
        if any(heat.attempt.evaluations[-1] > len(heat.attempt.evaluations) for heat, _ in row.values()):
            spent = {c: heat.attempt.evaluations for c, (heat, _) in row.items()}
            yield {"optimizer": name, **{c: spent[c][r.steps - 1] if r and r.steps else None for c, (_, r) in row.items()}}


@dataclass(frozen=True)
class RaceStudy(Study):
    """A race as a study."""

    partial: ClassVar[bool] = True

    race: Race

    @property
    def searches(self) -> int:
        """One for each optimizer on each objective."""
        return len(self.race.entrants) * len(self.race.courses)

    def search(self, tick: Callable[[str], None]) -> None:
        """Find the rates."""
        self.race.search(tick)


def study(race: Race) -> RaceStudy:
    """The study of a race."""
    return RaceStudy(
        name="race",
        title="A race: all optimizers of torch.optim on six objectives in the plane, each with its best learning rate",
        sources=tuple(f"{c.name}: {c.formula}, from ({c.start[0]:g}, {c.start[1]:g}); {c.source}" for c in race.courses),
        tables=race.tables,
        pictures=race.pictures(),
        plan=race.plan,
        race=race,
    )


race = study(Race())
