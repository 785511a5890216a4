"""The figures of the R torch book's chapter on optimizers: paths over an isotropic and a stretched paraboloid.

The text states the functions, the start (6, 6) and rate 2.5 of the isotropic one, momentum (0.5, 0.1) and Adagrad's rate. What it does not
state is taken from the files that its figures were drawn with (``images/*.ggb`` in the book's repository): the other start (5.1, 2.3), the
rates of gradient descent, Adam's rate 3 with beta1 0.1. RMSProp's rate is ours: its figure starts the mean square at the first square and
has rate 3; from zero, where every library starts, 0.95 makes the same first step, 0.95 / sqrt(0.1) = 3.0. Adam's figure likewise starts
its moments at the first gradient, which the bias correction that the text leaves out comes close to.

Where the book's words hold only so far: momentum "needs far fewer steps" (15 instead of 18 to 0.01 above the minimum); RMSProp and Adam
"need just four steps", but do not stay there, as with so large a rate neither settles. The text gives the gradient as (0.4, 0.4); it is
(0.4 x1, 0.4 x2). And its listing calls ``backward``, ``zero_grad``, ``step`` in this order, which moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crossoptim.golden.case import Event
from crossoptim.spec.model import ProblemParam
from crossoptim.spec.problems import get_problem
from crossoptim.studies.draw import BLUE, GREEN, MARKERS, VERMILION, contours, trace
from crossoptim.studies.model import Path, Paths, Picture, Run, Study, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ISOTROPIC = get_problem("isotropic")
STRETCHED = replace(get_problem("anisotropic"), params=(ProblemParam("x", (2,), (5.1, 2.3)),))
_LEVEL = -5.0
"""The value at the minimum of both."""
_NEAR = 0.01
_STEPS, _SHORT, _ORDER_STEPS = 40, 4, 3

_TEXT, _FIGURE, _OURS = "text", "figure file", "ours"


def _run(name: str, optimizer: str, hyper: Mapping[str, Any], source: str, steps: int = _STEPS, **more: Any) -> Run:
    return Run(name, optimizer, hyper, STRETCHED.name, "float64", source, steps=steps, subject=STRETCHED, **more)


def _descent(rate: float, source: str) -> Run:
    return _run(f"gradient descent, lr {rate:g}", "sgd", {"lr": rate}, source)


_ONE_STEP, _MANY_STEPS = (
    Run(f"isotropic, lr {rate:g}", "sgd", {"lr": rate}, ISOTROPIC.name, "float64", source, steps=_STEPS)
    for rate, source in ((2.5, _TEXT), (1.0, _FIGURE))
)
_CONVERGING, _ZIGZAG, _EXPLODING = (_descent(rate, _FIGURE) for rate in (0.4, 0.495, 0.51))
_MOMENTUM = _run(
    "momentum 0.1, lr 0.5",
    "sgd",
    {"lr": 0.5, "momentum": 0.1, "momentum_form": "lr_inside"},
    _TEXT,
    alike={"momentum_form": "gradient_sum"},
)
_ADAGRAD = _run("Adagrad, lr 3.7", "adagrad", {"lr": 3.7, "eps": 1e-6}, _TEXT)
_RMSPROP = _run("RMSProp, lr 0.95", "rmsprop", {"lr": 0.95, "alpha": 0.9, "eps": 1e-6}, _OURS)
_ADAM = _run("Adam, lr 3, beta1 0.1", "adam", {"lr": 3.0, "beta1": 0.1, "beta2": 0.999, "eps": 1e-8}, _FIGURE)
_FIGURES = (_MANY_STEPS, _ONE_STEP, _CONVERGING, _ZIGZAG, _EXPLODING, _MOMENTUM, _ADAGRAD, _RMSPROP, _ADAM)

_EVERY_STEP = range(1, _ORDER_STEPS + 1)
_ORDERS = tuple(
    _run(order, "sgd", {"lr": 0.1}, _OURS, _ORDER_STEPS, events=events)
    for order, events in {
        "zero_grad, backward, step": (),
        "backward, zero_grad, step": tuple(Event("none", step, params=("x",)) for step in _EVERY_STEP),
        "backward, step": tuple(Event("accumulate", step) for step in _EVERY_STEP[1:]),
    }.items()
)


def _above(path: Path, step: int) -> float:
    """How far above the minimum the loss is after that many steps."""
    return float(path.losses[step]) - _LEVEL


def _steps_near(path: Path, stay: bool) -> int | None:
    return path.steps_below(_LEVEL + _NEAR, stay)


def _tables(paths: Paths) -> list[Table]:
    figures = [
        {
            "run": run.id,
            "rate": run.comment,
            f"above the minimum after {_SHORT} steps": _above(paths[run.id], _SHORT),
            f"first below {_NEAR:g}": _steps_near(paths[run.id], stay=False),
            f"stays below ({_STEPS - 1} steps)": _steps_near(paths[run.id], stay=True),
        }
        for run in _FIGURES
    ]
    ends = {run.id: paths[run.id].points[-1] for run in _ORDERS}
    orders = [{"order": order, "x1": float(end[0]), "x2": float(end[1])} for order, end in ends.items()]
    return [
        Table("The figures' paths, with where each rate comes from", figures, ".3g"),
        Table(f"What the order of the calls does: {_ORDER_STEPS} steps of gradient descent with lr 0.1 from (5.1, 2.3)", orders),
    ]


def _isotropic(x1: Any, x2: Any) -> Any:
    return 0.2 * x1**2 + 0.2 * x2**2 + _LEVEL


def _stretched(x1: Any, x2: Any) -> Any:
    return 0.2 * x1**2 + 2 * x2**2 + _LEVEL


_PANELS = {
    "isotropic: the rate decides": (_ONE_STEP, _MANY_STEPS),
    "stretched: three rates": (_EXPLODING, _ZIGZAG, _CONVERGING),
    "momentum": (_CONVERGING, _MOMENTUM),
    "Adagrad": (_CONVERGING, _ADAGRAD),
    "RMSProp": (_CONVERGING, _RMSPROP),
    "Adam": (_CONVERGING, _ADAM),
}
_DRAWN = 12


def _draw(figure: Figure, paths: Paths) -> None:
    for axes, (title, runs) in zip(figure.subplots(2, 3).flat, _PANELS.items(), strict=True):
        isotropic = _ONE_STEP in runs
        if isotropic:
            contours(axes, _isotropic, (-3, 7), (-3, 7))
        else:
            contours(axes, _stretched, (-1.5, 6), (-5.2, 3.4))
        for run, colour, marker in zip(runs, (BLUE, VERMILION, GREEN), MARKERS, strict=False):
            wide = {"linewidth": 4, "alpha": 0.5} if run is _ONE_STEP else {}
            trace(axes, paths[run.id].points[: _DRAWN + 1], colour, run.id.removeprefix("isotropic, "), marker, **wide)
        axes.set_title(f"{title} ({_DRAWN} steps)")
        axes.legend(fontsize=7.5, loc="upper left" if isotropic else "lower left", frameon=True, edgecolor="none")


paraboloids = Study(
    name="paraboloids",
    title="Paths over two paraboloids: 0.2 x1^2 + 0.2 x2^2 - 5 and 0.2 x1^2 + 2 x2^2 - 5",
    sources=("Keydana, Deep Learning and Scientific Computing with R torch, chapter 8",),
    plan=lambda: (*_FIGURES, *_ORDERS),
    tables=_tables,
    pictures={"paraboloids": Picture((11.5, 7.0), _draw)},
)
