"""Momentum on y = 4 x² from x = 2: a small learning rate with momentum against a larger one without.

The rates, the momenta and the hundred steps are those of the text, the update is float32, as there. Its claims hold as far as a picture
with a linear axis shows: with momentum 0.9 the loss is the first one below 1, and bounces. But that 0.01 converges faster with momentum
0.63 than 0.03 without depends on how near is near: in the long run a step shrinks the distance from the minimum by sqrt(0.63) = 0.79 with
it, and by 1 - 8 * 0.03 = 0.76 without. The tolerances are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crossoptim.spec.problems import get_problem
from crossoptim.studies.draw import BLUE, VERMILION
from crossoptim.studies.model import Paths, Picture, Run, Study, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RIVAL = (0.03, 0.0)
_WITH = ((0.01, 0.0), (0.01, 0.9), (0.01, 0.63))
"""Learning rate, momentum."""
_TOLERANCES = (1.0, 1e-1, 1e-2, 1e-4, 1e-8)
_CURVATURE = 8.0


def _name(rate: float, momentum: float) -> str:
    return f"lr {rate:g}, momentum {momentum:g}"


def _factor(rate: float, momentum: float) -> float:
    """What a step multiplies the distance from the minimum by, in the long run: the larger root of z² - (1 + m - lr a) z + m."""
    return float(max(np.abs(np.roots([1.0, -(1 + momentum - rate * _CURVATURE), momentum]))))


def _tables(paths: Paths) -> list[Table]:
    every = (_RIVAL, *_WITH)

    def rows(stay: bool) -> list[dict[str, object]]:
        return [
            {
                "run": _name(*setting),
                **({"factor a step": _factor(*setting)} if stay else {}),
                **{f"< {limit:g}": paths[_name(*setting)].steps_below(limit, stay) for limit in _TOLERANCES},
            }
            for setting in every
        ]

    return [
        Table("Steps until the loss is below a tolerance for the first time", rows(stay=False), ".2f"),
        Table("Steps until it stays below", rows(stay=True), ".2f"),
    ]


def _draw(figure: Figure, paths: Paths) -> None:
    top, bottom = figure.subplots(2, len(_WITH), sharex=True, sharey="row")
    for upper, lower, setting in zip(top, bottom, _WITH, strict=True):
        for axes in (upper, lower):
            axes.plot(paths[_name(*setting)].losses, color=BLUE, label=_name(*setting))
            axes.plot(paths[_name(*_RIVAL)].losses, "--", color=VERMILION, label=_name(*_RIVAL))
        upper.legend(fontsize=8)
        lower.set(yscale="log", xlabel="iteration", ylim=(1e-16, 40))
    top[0].set_ylabel("loss")
    bottom[0].set_ylabel("loss")


momentum = Study(
    name="momentum",
    title="Momentum on y = 4 x^2 from x = 2: lr 0.01 with momentum against lr 0.03 without",
    sources=("PyTorch 18: optimizers (2), section 2 (YEY 2020)", "Notes on PyTorch: optimizers (2) (peachtea 2020)"),
    plan=lambda: tuple(
        Run(_name(lr, m), "sgd", {"lr": lr, "momentum": m}, get_problem("parabola").name, "float32", "", steps=100)
        for lr, m in (_RIVAL, *_WITH)
    ),
    tables=_tables,
    pictures={"momentum": Picture((10.5, 5.4), _draw)},
)
