"""Draws an effect as SVG, the same bytes each time, by matplotlib: the extra ``studies``."""

from __future__ import annotations

import io
import re

from crossoptim.errors import UnavailableError
from crossoptim.quirks.effect import Effect, thinned

_COLOURS = ("#1b6ca8", "#d1495b")


def svg(effect: Effect) -> str:
    """The picture.

    Raises:
        UnavailableError: without matplotlib.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise UnavailableError("matplotlib is not installed (pip install 'crossoptim[studies]')") from None
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "crossoptim", "font.size": 9}):
        figure = Figure(figsize=(5.4, 2.6), layout="constrained")
        axes = figure.subplots()
        for (label, values), colour, style in zip(effect.curves.items(), _COLOURS, ("-", "--"), strict=False):
            points = [(x, y) for x, y in thinned(values) if y > 0 or not effect.logarithmic]
            axes.plot([x for x, _ in points], [y for _, y in points], style, color=colour, label=label, linewidth=1.4)
        if effect.logarithmic:
            axes.set_yscale("log")
        axes.set_xlabel(effect.x)
        axes.set_ylabel(effect.y)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return re.sub(r"[ \t]+\n", "\n", out.getvalue())
