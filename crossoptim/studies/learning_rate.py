"""Gradient descent on y = 4 x² from x = 2: what the learning rate does.

The rates, the numbers of steps and the start are those of the text; the update is float32, as there. What decides a sweep is ours: the
number of steps until the loss is below 1e-12 for good. It contradicts the text twice, which reads its pictures by eye. The text says that
0.136 converges fastest of the rates 0.01 to 0.2, being nearest to 0.125; 0.1156 is nearer, and wins. And it counts four of the rates 0.01
to 0.5 that explode; a fifth, 0.2822, does so as well, too slowly to be seen beside the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crossoptim.spec.problems import get_problem
from crossoptim.studies.draw import BLUE, VERMILION, shades
from crossoptim.studies.model import Array, Path, Paths, Picture, Run, Study, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARABOLA = get_problem("parabola")
_SINGLE = {1.0: 4, 0.5: 4, 0.2: 20, 0.1: 20, 0.125: 20}
"""Learning rate → steps."""
_TOPS = (0.5, 0.3, 0.2)
_SWEEP_STEPS = 100
_CONVERGED = 1e-12


def _rates(top: float) -> list[float]:
    return [float(rate) for rate in np.linspace(0.01, top, num=10)]


def _run(name: str, rate: float, steps: int) -> Run:
    return Run(name, "sgd", {"lr": rate}, PARABOLA.name, "float32", "", steps=steps)


def _sweep(top: float) -> dict[float, str]:
    """Rate → id of its run."""
    return {rate: f"sweep to {top}: lr {rate:.4g}" for rate in _rates(top)}


def _iterations(path: Path) -> list[dict[str, int | float]]:
    columns = (path.points[:-1, 0], path.gradients[:, 0], path.losses)
    return [{"Iter": i, "X": float(x), "X.grad": float(g), "loss": float(y)} for i, (x, g, y) in enumerate(zip(*columns, strict=True))]


def _swept(top: float, paths: Paths) -> Table:
    taken = {rate: paths[name].steps_below(_CONVERGED) for rate, name in _sweep(top).items()}
    fewest = min(steps for steps in taken.values() if steps is not None)
    rows = [
        {
            "lr": f"{rate:.4g}",
            "|1 - 8 lr|": abs(1 - 8 * rate),
            f"steps to loss < {_CONVERGED:g}": taken[rate],
            f"loss after {_SWEEP_STEPS - 1} steps": float(paths[name].losses[-1]),
            "outcome": "fastest" if taken[rate] == fewest else "explodes" if _explodes(paths[name].losses) else "",
        }
        for rate, name in _sweep(top).items()
    ]
    return Table(f"Ten rates from 0.01 to {top}: the loss shrinks where |1 - 8 lr| < 1, at once where lr = 0.125", rows, ".3g")


def _explodes(losses: Array) -> bool:
    finite = losses[np.isfinite(losses)]
    return bool(finite[-1] > finite[0])


def _tables(paths: Paths) -> list[Table]:
    single = [Table(f"lr = {rate:g}", _iterations(paths[f"lr {rate:g}"]), "") for rate in _SINGLE]
    return [*single, *(_swept(top, paths) for top in _TOPS)]


def _draw_single(figure: Figure, paths: Paths) -> None:
    rows = figure.subplots(len(_SINGLE), 2)
    for (left, right), rate in zip(rows, _SINGLE, strict=True):
        path = paths[f"lr {rate:g}"]
        points = path.points[:-1, 0]
        left.plot(path.losses, "o-", color=VERMILION)
        left.set(xlabel="iteration", ylabel="loss", title=f"lr = {rate:g}")
        left.xaxis.get_major_locator().set_params(integer=True)
        reach = max(3.0, float(np.abs(points).max()) * 1.05)
        across = np.linspace(-reach, reach, 201)
        right.plot(across, 4 * across**2, color=BLUE, label="$y = 4x^2$")
        right.plot(points, path.losses, "o-", color=VERMILION, linewidth=0.9, label="iterates")
        right.set(xlabel="x", ylabel="y", title=f"{len(points)} iterates")
        right.legend(loc="upper center")


def _draw_sweeps(figure: Figure, paths: Paths) -> None:
    for axes, top in zip(figure.subplots(1, len(_TOPS)), _TOPS, strict=True):
        sweep = _sweep(top)
        for (rate, name), style in zip(sweep.items(), shades(len(sweep)), strict=True):
            axes.plot(np.maximum(paths[name].losses, _CONVERGED), label=f"{rate:.4g}", **style)
        axes.set(xlabel="iteration", title=f"ten rates from 0.01 to {top:g}", yscale="log", ylim=(_CONVERGED / 2, None))
        axes.legend(title="lr", fontsize=7.5, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    figure.axes[0].set_ylabel("loss (below $10^{-12}$ drawn there)")


learning_rate = Study(
    name="learning-rate",
    title="The learning rate: gradient descent on y = 4 x^2 from x = 2",
    sources=("PyTorch 18: optimizers (2), section 1 (YEY 2020)", "Notes on PyTorch: optimizers (2) (peachtea 2020)"),
    plan=lambda: (
        *(_run(f"lr {rate:g}", rate, steps) for rate, steps in _SINGLE.items()),
        *(_run(name, rate, _SWEEP_STEPS) for top in _TOPS for rate, name in _sweep(top).items()),
    ),
    tables=_tables,
    pictures={"learning-rate": Picture((7.4, 11.5), _draw_single), "learning-rate-sweeps": Picture((11.5, 5.0), _draw_sweeps)},
)
