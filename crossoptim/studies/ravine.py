"""Gradient descent and momentum in the ravine 0.1 x1² + 2 x2².

Rates, momentum and the twenty steps are those of the text, and so is the form of momentum: the learning rate enters the velocity. The start
(-5, -2) is that of the helper ``train_2d`` in the text's package; the end points that it prints fit no other.

The text says that all gradients point right along x1. They point left (x1 is negative, and they are 0.2 x1); their negatives point right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossoptim.spec.problems import get_problem
from crossoptim.studies.draw import BLUE, VERMILION, contours, trace
from crossoptim.studies.model import Paths, Picture, Run, Study, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RUNS = ((0.4, 0.0), (0.6, 0.0), (0.4, 0.5), (0.6, 0.5))
"""Learning rate, momentum."""
_STEPS = 20


def _name(rate: float, momentum: float) -> str:
    return f"lr {rate:g}, momentum {momentum:g}"


def _tables(paths: Paths) -> list[Table]:
    ends = [(name, paths[name].points[-1]) for name in (_name(*setting) for setting in _RUNS)]
    rows = [{"run": name, "x1": float(end[0]), "x2": float(end[1])} for name, end in ends]
    return [Table(f"Where {_STEPS} steps lead from (-5, -2)", rows, ".6f")]


def _draw(figure: Figure, paths: Paths) -> None:
    for axes, setting in zip(figure.subplots(2, 2).flat, _RUNS, strict=True):
        points = paths[_name(*setting)].points
        contours(axes, lambda x1, x2: 0.1 * x1**2 + 2 * x2**2, (-5.5, 1.5), (-3.2, 3.2))
        trace(axes, points, VERMILION if setting[1] else BLUE, _name(*setting))
        left = int((abs(points[:, 1]) > 3.2).sum())
        axes.set_title(_name(*setting) + (f" ({left} points outside)" if left else ""))


ravine = Study(
    name="ravine",
    title="Gradient descent and momentum on 0.1 x1^2 + 2 x2^2",
    sources=("Dive into Deep Learning, PyTorch edition, section 7.4",),
    plan=lambda: tuple(
        Run(
            _name(rate, momentum), "sgd", {"lr": rate, "momentum": momentum, "momentum_form": "lr_inside"}, get_problem("ravine").name,
            "float64", "", steps=_STEPS, alike={"momentum_form": "gradient_sum"},
        )
        for rate, momentum in _RUNS
    ),
    tables=_tables,
    pictures={"ravine": Picture((9.0, 6.2), _draw)},
)  # fmt: skip
