"""Exponentially weighted moving averages: how long momentum remembers.

v = beta v + (1 - beta) theta gives the observation of i days ago the weight (1 - beta) beta^i. The same weights come out of an optimizer:
momentum beta with dampening beta is that average of the gradients, so that its velocity, after one gradient of 1 among zeros, runs through
them. The gradient of 1 comes second, because PyTorch does not dampen the first one.

The betas, the hundred days and the rule of thumb 1/(1 - beta) are those of the texts. One of them has the memory reversed ("the smaller
beta, the longer the memory"), and one says that recent weights come close to 1: the greatest is 1 - beta.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crossoptim.check.judge import ulps
from crossoptim.spec.model import Problem, ProblemParam
from crossoptim.studies.draw import BLUE, GREEN, MARKERS, ORANGE, VERMILION
from crossoptim.studies.model import Array, Paths, Picture, Run, Study, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BETAS = (0.98, 0.95, 0.9, 0.8)
_DAYS = 100
_SHOWN = (0, 1, 2, 5, 10, 20, 50, 99)

_IMPULSE = Problem(
    name="impulse",
    title="a gradient of 1 at the second step, 0 at all others",
    source="",
    params=(ProblemParam("x", (1,), (0.0,)),),
    gradients=lambda step: {"x": (float(step == 2),)},
)


def _name(beta: float) -> str:
    return f"beta {beta}"


def weights(beta: float) -> list[float]:
    """The weight of today, of yesterday, and so on."""
    return [(1 - beta) * beta**lag for lag in range(_DAYS)]


def _measured(beta: float, paths: Paths) -> Array:
    """The velocity after each step, from the one at which the gradient is 1."""
    return paths[_name(beta)].state["velocity"][1:, 0]


def _summary(beta: float, paths: Paths) -> dict[str, object]:
    window = round(1 / (1 - beta))
    said, velocity = weights(beta), _measured(beta, paths)
    return {
        "beta": beta,
        "1/(1 - beta)": window,
        "weight of today": f"{said[0]:.4g}",
        "sum of 100 weights": math.fsum(said),
        "of it in the window": f"{sum(said[:window]):.4f}",
        "beta^window": f"{beta**window:.4f}",
        "sum of the velocities": math.fsum(velocity.tolist()),
        "farthest, ulps": f"{float(np.max(ulps(velocity, np.asarray(said)))):.3g}",
    }


def _tables(paths: Paths) -> list[Table]:
    windows = Table(f"The window: beta^(1/(1 - beta)) goes to exp(-1) = {math.exp(-1):.4f}", [_summary(b, paths) for b in _BETAS], "")
    lags = [{"days ago": lag, **{_name(beta): float(_measured(beta, paths)[lag]) for beta in _BETAS}} for lag in _SHOWN]
    return [windows, Table("The weights, as the velocity runs through them", lags)]


def _draw(figure: Figure, paths: Paths) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    left.plot(_measured(0.9, paths), "o-", color=VERMILION, label=r"$\beta$ = 0.9: $(1-\beta)\,\beta^t$")
    left.set(xlabel="days ago", ylabel="weight", title=f"their sum is {math.fsum(weights(0.9)):.7f}")
    left.legend()
    for beta, colour, marker in zip(_BETAS, (BLUE, GREEN, VERMILION, ORANGE), MARKERS, strict=False):
        velocity, window = _measured(beta, paths), round(1 / (1 - beta))
        right.plot(velocity, color=colour, label=rf"$\beta$ = {beta}")
        right.plot(window, velocity[window], marker, color=colour, markersize=7)
    right.set(xlabel="days ago", title=r"marked: the end of the window $1/(1-\beta)$")
    right.legend()


ewma = Study(
    name="ewma",
    title="Exponentially weighted averages: how long momentum remembers",
    sources=(
        "PyTorch 18: optimizers (2), section 2 (YEY 2020)",
        "Dive into Deep Learning, PyTorch edition, section 7.4.2",
        "Notes on PyTorch: optimizers (2) (peachtea 2020)",
    ),
    plan=lambda: tuple(
        Run(
            _name(beta), "sgd", {"lr": 1.0, "momentum": beta, "dampening": beta}, _IMPULSE.name, "float64", "",
            steps=_DAYS + 1, subject=_IMPULSE,
        )
        for beta in _BETAS
    ),
    tables=_tables,
    pictures={"ewma": Picture((9.5, 3.6), _draw)},
)  # fmt: skip
