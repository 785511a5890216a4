"""Pictures by matplotlib, the extra ``studies``: the same bytes each time, colours that colour-blind readers tell apart."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from crossoptim.errors import UnavailableError
from crossoptim.studies.model import Array, Picture, Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
"""Okabe & Ito 2008, the darker ones first."""
GREY = "#606060"
MARKERS = ("o", "s", "^", "D", "v", "P")
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "crossoptim", "font.size": 9, "axes.titlesize": 10, "axes.spines.top": False,
    "axes.spines.right": False, "legend.frameon": False, "lines.linewidth": 1.4, "lines.markersize": 3.5,
}  # fmt: skip


def need_matplotlib() -> None:
    """Load it, before anything that takes long; raises :class:`~crossoptim.errors.UnavailableError` without it."""
    try:
        import matplotlib as mpl  # noqa: F401
    except ModuleNotFoundError:
        raise UnavailableError("matplotlib is not installed (pip install 'crossoptim[studies]')") from None


def files(pictures: Mapping[str, Picture[Shown]], shown: Shown) -> dict[str, bytes]:
    """Each picture as PNG and as SVG, by file name.

    Raises:
        UnavailableError: without matplotlib.
    """
    out: dict[str, bytes] = {}
    for name, picture in pictures.items():
        with _drawn(picture, shown) as figure:
            png = io.BytesIO()
            figure.savefig(png, format="png", dpi=160, metadata={"Software": None})
            out[f"{name}.png"] = png.getvalue()
            out[f"{name}.svg"] = _svg(figure).encode()
    return out


def svg(picture: Picture[Shown], shown: Shown) -> str:
    """A picture as SVG; raises :class:`~crossoptim.errors.UnavailableError` without matplotlib."""
    with _drawn(picture, shown) as figure:
        return _svg(figure)


@contextmanager
def _drawn(picture: Picture[Shown], shown: Shown) -> Iterator[Figure]:
    need_matplotlib()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=picture.size, layout="constrained")
        picture.draw(figure, shown)
        yield figure


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return re.sub(r"[ \t]+\n", "\n", out.getvalue())


def contours(
    axes: Axes,
    value: Callable[[Array, Array], Array],
    x: tuple[float, float],
    y: tuple[float, float],
    minimum: tuple[float, float] = (0, 0),
    even: bool = False,
) -> None:
    """Grey lines of equal value over these ranges, to which the axes are set.

    They are closer together near the minimum, or ``even``: between two of them lies the same share of the area.
    """
    across, up = np.meshgrid(np.linspace(*x, 161), np.linspace(*y, 121))
    values = value(across, up)
    low, high = float(values.min()), float(values.max())
    levels = np.quantile(values, np.linspace(0.03, 0.97, 12)) if even else low + (high - low) * np.linspace(0.03, 1, 12) ** 2
    axes.contour(across, up, values, levels=levels, colors="#b8b8b8", linewidths=0.7, linestyles="solid")
    axes.plot(*minimum, "+", color=GREY, markersize=8, zorder=1)
    axes.set(xlim=x, ylim=y, xlabel="$x_1$", ylabel="$x_2$")


def trace(axes: Axes, points: Array, colour: str, label: str, marker: str = "o", **options: Any) -> None:
    """A path in the plane, each iterate marked, its start larger."""
    axes.plot(points[:, 0], points[:, 1], marker=marker, color=colour, label=label, **options)
    axes.plot(*points[0], marker="o", color="black", markersize=5, zorder=5)


def overlaid(panels: Mapping[Axes, Mapping[str, tuple[Array, Array]]]) -> None:
    """In each panel, lines by name that may coincide, each thinner than the one under it; below all of them, what the lines are."""
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    step = min(2.2, 7 / max(len(names) - 1, 1))
    colours = dict(zip(names, cycle((SKY, ORANGE, "black", VERMILION, GREEN, PURPLE, BLUE)), strict=False))
    handles = {}
    for axes, lines in panels.items():
        for name, line in lines.items():
            width = 1.2 + step * (len(names) - 1 - names.index(name))
            (handles[name],) = axes.plot(*line, color=colours[name], linewidth=width, label=name)
    next(iter(panels)).figure.legend(handles=[handles[name] for name in names], loc="outside lower center", ncols=4)


def shades(count: int) -> Iterator[dict[str, Any]]:
    """Styles for that many lines in order: colours from dark to light (cividis), full and dashed in turn."""
    import matplotlib as mpl

    for number in range(count):
        yield {"color": mpl.colormaps["cividis"](0.92 * number / max(count - 1, 1)), "linestyle": ("-", "--")[number % 2]}
