"""Pictures by matplotlib, the extra ``plots``: the same bytes each time, colours that colour-blind readers tell apart."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crossoptim.errors import UnavailableError
from crossoptim.studies.model import Array, Paths, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
"""Okabe & Ito 2008, the darker ones first."""
MARKERS = ("o", "s", "^", "D", "v", "P")
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "crossoptim", "font.size": 9, "axes.titlesize": 10, "axes.spines.top": False,
    "axes.spines.right": False, "legend.frameon": False, "lines.linewidth": 1.4, "lines.markersize": 3.5,
}  # fmt: skip


def files(pictures: Mapping[str, Picture], paths: Paths) -> dict[str, bytes]:
    """Each picture as PNG and as SVG, by file name.

    Raises:
        UnavailableError: without matplotlib.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise UnavailableError("matplotlib is not installed (pip install 'crossoptim[plots]')") from None
    out = {}
    for name, picture in pictures.items():
        with mpl.rc_context(_STYLE):
            figure = Figure(figsize=picture.size, layout="constrained")
            picture.draw(figure, paths)
            png, svg = io.BytesIO(), io.StringIO()
            figure.savefig(png, format="png", dpi=160, metadata={"Software": None})
            figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        out[f"{name}.png"] = png.getvalue()
        out[f"{name}.svg"] = re.sub(r"[ \t]+\n", "\n", svg.getvalue()).encode()
    return out


def contours(axes: Axes, value: Callable[[Array, Array], Array], x: tuple[float, float], y: tuple[float, float]) -> None:
    """Grey lines of equal value, closer together near the minimum, over these ranges, to which the axes are set."""
    across, up = np.meshgrid(np.linspace(*x, 161), np.linspace(*y, 121))
    values = value(across, up)
    low, high = float(values.min()), float(values.max())
    levels = low + (high - low) * np.linspace(0.03, 1, 12) ** 2
    axes.contour(across, up, values, levels=levels, colors="#b8b8b8", linewidths=0.7, linestyles="solid")
    axes.plot(0, 0, "+", color="#606060", markersize=8, zorder=1)
    axes.set(xlim=x, ylim=y, xlabel="$x_1$", ylabel="$x_2$")


def trace(axes: Axes, points: Array, colour: str, label: str, marker: str = "o", **options: Any) -> None:
    """A path in the plane, each iterate marked, its start larger."""
    axes.plot(points[:, 0], points[:, 1], marker=marker, color=colour, label=label, **options)
    axes.plot(*points[0], marker="o", color="black", markersize=5, zorder=5)


def shades(count: int) -> Iterator[dict[str, Any]]:
    """Styles for that many lines in order: colours from dark to light (cividis), full and dashed in turn."""
    import matplotlib as mpl

    for number in range(count):
        yield {"color": mpl.colormaps["cividis"](0.92 * number / max(count - 1, 1)), "linestyle": ("-", "--")[number % 2]}
