"""Draws an effect as SVG, as the studies draw theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossoptim.quirks.effect import Effect, thinned
from crossoptim.studies import draw
from crossoptim.studies.model import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = ("#1b6ca8", "#d1495b")


def svg(effect: Effect) -> str:
    """The picture.

    Raises:
        UnavailableError: without matplotlib.
    """
    return draw.svg(Picture((5.4, 2.6), _draw), effect)


def _draw(figure: Figure, effect: Effect) -> None:
    axes = figure.subplots()
    for (label, values), colour, style in zip(effect.curves.items(), _COLOURS, ("-", "--"), strict=False):
        points = [(x, y) for x, y in thinned(values) if y > 0 or not effect.logarithmic]
        axes.plot([x for x, _ in points], [y for _, y in points], style, color=colour, label=label)
    if effect.logarithmic:
        axes.set_yscale("log")
    axes.set_xlabel(effect.x)
    axes.set_ylabel(effect.y)
    axes.legend()
