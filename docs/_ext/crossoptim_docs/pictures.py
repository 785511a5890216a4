"""Pictures of paths and of rates, by the drawing helpers of the studies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from crossoptim.errors import HyperError
from crossoptim.golden.cases import all_cases
from crossoptim.golden.described import options_text
from crossoptim.runners.registry import Runners
from crossoptim.spec.model import Flag, Problem, Rule
from crossoptim.spec.problems import get_problem
from crossoptim.spec.rules import resolve
from crossoptim.studies.descend import descend
from crossoptim.studies.draw import BLUE, VERMILION, contours, trace
from crossoptim.studies.model import REFERENCE, Array, Path, Picture, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Hyper = Mapping[str, Any]
_RATES = (0.001, 0.01, 0.1, 1.0)
_STEPS = {"ravine": 30, "matrix_ravine": 30, "rosenbrock": 60}
_BOXES = {"rosenbrock": ((-2.1, 2.1), (-0.8, 2.6))}
_FELT = 0.05  # of the picture's width: how far apart two paths must be to be drawn beside each other


@dataclass(frozen=True)
class Variant:
    """One option of an optimizer set otherwise than by default, with what it needs to be felt."""

    option: str
    value: Any
    others: tuple[tuple[str, Any], ...]

    @property
    def beside(self) -> Hyper:
        """The options that it needs."""
        return dict(self.others)


def paths(name: str) -> tuple[Picture[Any], str]:
    """An optimizer's paths over contours, and sentences that say what they are."""
    rule = resolve(name).rule
    ravine = "ravine" if rule.takes is None else "matrix_ravine"
    plain = all_cases()[f"{name}/plain-{ravine}-f64"].hyper
    variant, other = _variant(name, rule, plain, ravine)
    base = {**plain, **(variant.beside if variant else {})}
    drawn = [(ravine, base["lr"], _path(name, base, ravine), other)]
    if ravine == "ravine":
        drawn.append(_rosenbrock(name, base, variant))
    shared = {key: value for key, value in base.items() if key != "lr"}
    labels = [options_text(shared), options_text({variant.option: variant.value}) if variant else ""]
    if variant and (default := rule.resolve({}).values.get(variant.option)) is not None:
        labels[0] = options_text({variant.option: default, **shared})

    def draw(figure: Figure, _: Any) -> None:
        axes = _side_by_side(figure, len(drawn), bottom=0.26 if len(drawn) > 1 else 0.32)
        for place, (problem, lr, path, beside) in zip(axes, drawn, strict=True):
            _over_contours(place, get_problem(problem), path, beside, labels)
            place.set_title(f"{get_problem(problem).title}, lr = {lr:g}")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=len(drawn))

    runs = " and ".join(f"{_STEPS[problem]} steps on `{problem}`" for problem, *_ in drawn)
    said = f"{runs}; the large dot is the start, the cross the minimum."
    if len(drawn) > 1:
        rates = ", ".join(f"{rate:g}" for rate in _RATES)
        said += f" The rate on `rosenbrock` is the one of {rates} whose losses are the lowest."
    return Picture((4.4 * len(drawn), 3.3), draw), said


def _path(name: str, hyper: Hyper, problem: str) -> Path:
    return _taken(name, tuple(hyper.items()), problem)


@cache
def _taken(name: str, hyper: tuple[tuple[str, Any], ...], problem: str) -> Path:
    with np.errstate(all="ignore"):
        return descend(Run(f"{name} on {problem}", name, dict(hyper), problem, "float64", "", steps=_STEPS[problem]), REFERENCE, Runners())


def _variant(name: str, rule: Rule, plain: Hyper, problem: str) -> tuple[Variant | None, Path | None]:
    """The variant that leads farthest from the path without it, and its path; the first kind of which one is felt."""
    for _, variants in groupby(_variants(name, rule, plain, problem), key=lambda entry: entry[0]):
        found: list[tuple[float, Variant, Path]] = []
        for variant in dict.fromkeys(variant for _, variant in variants):
            try:
                base, path = (_path(name, {**plain, **variant.beside, **set_}, problem) for set_ in ({}, {variant.option: variant.value}))
            except HyperError:
                continue
            apart = float(np.abs(path.points - base.points).max() / np.ptp(base.points, axis=0).max())
            if apart > _FELT and _descends(path) and _descends(base):
                found.append((apart, variant, path))
        if found:
            return max(found, key=lambda entry: entry[0])[1:]
    return None, None


def _variants(name: str, rule: Rule, plain: Hyper, problem: str) -> list[tuple[tuple[bool, int], Variant]]:
    """What the cases set otherwise than the plain one: first what needs nothing else, switches before flags before numbers."""
    kinds = {s.name: 0 for s in rule.switches} | {o.name: 1 if isinstance(o, Flag) else 2 for o in rule.hyper}
    out = []
    for case in all_cases().values():
        if case.optimizer == name and case.problem_name == problem and case.dtype == "float64" and not (case.events or case.groups):
            options = sorted((key for key in case.hyper if key not in ("lr", *plain)), key=kinds.__getitem__)
            if options and options[0] != "maximize" and len(options) <= (1 if kinds[options[0]] == 2 else 3):
                first, *more = options
                out.append(((bool(more), kinds[first]), Variant(first, case.hyper[first], tuple((key, case.hyper[key]) for key in more))))
    return sorted(out, key=lambda entry: entry[0])


def _descends(path: Path) -> bool:
    return bool(np.isfinite(path.losses).all() and path.losses[-1] < path.losses[0])


def _rosenbrock(name: str, base: Hyper, variant: Variant | None) -> tuple[str, float, Path, Path | None]:
    tried = [(rate, _path(name, {**base, "lr": rate}, "rosenbrock")) for rate in _RATES]
    rate, path = min(tried, key=lambda entry: _mean_height(entry[1]))
    other = _path(name, {**base, "lr": rate, variant.option: variant.value}, "rosenbrock") if variant else None
    return "rosenbrock", rate, path, other if other and _descends(other) else None


def _mean_height(path: Path) -> float:
    """The mean of the loss's logarithm over the path."""
    with np.errstate(all="ignore"):
        return float(np.nan_to_num(np.log10(path.losses).mean(), nan=np.inf))


def _over_contours(axes: Any, problem: Problem, path: Path, other: Path | None, labels: Sequence[str]) -> None:
    minimum = [value for p in problem.params for value in (problem.minimum or {}).get(p.name, p.start)]

    def height(x: Array, y: Array) -> Array:
        """Along the first two parameters, the others at the minimum; in logarithms, so that a valley has lines, too."""
        flat = [x, y, *(np.full_like(x, value) for value in minimum[2:])]
        return np.asarray(np.log10(_value(problem, flat) + 1e-2))

    seen = np.vstack([p.points[:, :2] for p in (path, other) if p is not None] + [np.array([minimum[:2]])])
    x, y = _BOXES.get(problem.name) or _around(seen)
    contours(axes, height, x, y, minimum=(minimum[0], minimum[1]))
    trace(axes, path.points, BLUE, labels[0])
    if other is not None:
        trace(axes, other.points, VERMILION, labels[1], marker="s")


def _around(points: Array) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ranges of two columns, with a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.12 * float((high - low).max())
    return (float(low[0]) - margin, float(high[0]) + margin), (float(low[1]) - margin, float(high[1]) + margin)


def _value(problem: Problem, flat: Sequence[Array]) -> Array:
    """The objective at many points at once: each number of the parameters is an array."""
    numbers: Iterator[Array] = iter(flat)
    assert problem.value is not None
    params = {p.name: np.array([next(numbers) for _ in p.start]) for p in problem.params}
    params = {p.name: params[p.name] if p.shape else params[p.name][0] for p in problem.params}
    data = SimpleNamespace(**{key: np.asarray(value).reshape(-1, 1, 1) for key, value in problem.data.items()})
    return np.asarray(problem.value(SimpleNamespace(sum=lambda x: x.sum(axis=0)), SimpleNamespace(**params), data))


def _side_by_side(figure: Figure, count: int, bottom: float) -> list[Any]:
    """Axes in a row, with margins that fit: to find them takes longer than to draw."""
    figure.set_layout_engine("none")
    margins = {"left": 0.17 / count, "right": 1 - 0.03 / count, "bottom": bottom, "top": 0.91, "wspace": 0.2}
    return list(np.atleast_1d(figure.subplots(1, count, gridspec_kw=margins)))


def curve(columns: Mapping[str, Sequence[float]]) -> Picture[Any]:
    """A schedule's outputs over the steps."""

    def draw(figure: Figure, _: Any) -> None:
        axes = _side_by_side(figure, len(columns), bottom=0.18)
        for place, (label, values), colour in zip(axes, columns.items(), (BLUE, VERMILION), strict=False):
            place.plot(values, drawstyle="steps-post", color=colour)
            place.set(xlabel="steps of the scheduler", ylabel={"lr": "learning rate"}.get(label, label))
            place.set_ylim(bottom=min(0.0, *values) if label == "lr" else None)

    return Picture((4.4 * len(columns), 2.6), draw)
