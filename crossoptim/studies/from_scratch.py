"""Optimizers written by hand, PyTorch's and ours on a network for handwritten digits: 784-200-10, ReLU, cross entropy.

The network, the mini-batches of 64 (and of 1), five epochs and all rates are those of the text. So are the hand-written forms, which are
switches of the specification where they are not PyTorch's: the learning rate inside the velocity, eps under the root. Nesterov's momentum
is not written by hand there but read in PyTorch, whose form it is here too; its rate is that of momentum. eps is the one by hand; PyTorch's
defaults are the same but for RMSprop, which is given it.

The text draws without a seed, prints no losses and does not say how the pixels are scaled. Here the weights start as those of ``nn.Linear``
do, the pixels are from -1 to 1, and the seed is 0. Its heading has RMSprop with 0.999 as PyTorch's; the listing calls the hand-written one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from crossoptim.studies.draw import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, overlaid
from crossoptim.studies.images import CLASSES, SIDE, images
from crossoptim.studies.model import Array, Path, Picture, Table
from crossoptim.studies.training import Comparison, Found, Material, Training, forms, gaps, shuffled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTHS = (SIDE * SIDE, 200, CLASSES)
_BATCH, _EPOCHS, _SEED = 64, 5, 0
_INSIDE, _OUTSIDE = {"eps_placement": "inside"}, {"eps_placement": "outside"}
RUNS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "SGD, batch 1": ("sgd", {"lr": 1e-2}, {}),
    "SGD": ("sgd", {"lr": 1e-2}, {}),
    "momentum 0.9": ("sgd", {"lr": 1e-2, "momentum": 0.9, "momentum_form": "lr_inside"}, {"momentum_form": "gradient_sum"}),
    "Nesterov 0.9": ("sgd", {"lr": 1e-2, "momentum": 0.9, "nesterov": True}, {}),
    "Adagrad": ("adagrad", {"lr": 1e-2, "eps": 1e-10, **_INSIDE}, _OUTSIDE),
    "RMSprop 0.9": ("rmsprop", {"lr": 1e-3, "alpha": 0.9, "eps": 1e-10, **_INSIDE}, _OUTSIDE),
    "RMSprop 0.999": ("rmsprop", {"lr": 1e-3, "alpha": 0.999, "eps": 1e-10, **_INSIDE}, _OUTSIDE),
    "Adadelta": ("adadelta", {"rho": 0.9, "eps": 1e-6}, {}),
    "Adam": ("adam", {"lr": 1e-3, "eps": 1e-8, **_INSIDE}, _OUTSIDE),
}
"""Name → optimizer, the text's form, what libraries have instead."""
_BATCHES = {"SGD, batch 1": 1}


def material(environ: Mapping[str, str], examples: int | None) -> Material:
    """The images, and the start of the network."""
    title, pixels, digits = images(environ)
    pixels, digits = pixels[:examples], digits[:examples]
    draw = np.random.default_rng(_SEED)

    def layer(inputs: int, outputs: int) -> tuple[Array, Array]:
        reach = 1 / np.sqrt(inputs)
        return draw.uniform(-reach, reach, (outputs, inputs)).astype(np.float32), draw.uniform(-reach, reach, outputs).astype(np.float32)

    start = tuple(layer(*widths) for widths in pairwise(_WIDTHS))
    return Material(f"{len(pixels):,} images: {title}", pixels, digits, shuffled(len(pixels), _EPOCHS, _SEED), start)


def plan(environ: Mapping[str, str], examples: int | None) -> tuple[Training, ...]:
    """The trainings on what images there are."""
    given = material(environ, examples)
    return tuple(
        Training(name, optimizer, hyper, given, "cross_entropy", _BATCHES.get(name, _BATCH), alike=alike)
        for name, (optimizer, hyper, alike) in RUNS.items()
    )


def _tables(found: Found) -> list[Table]:
    losses: list[dict[str, Any]] = [
        {"run": run.id, "by": name, **{f"epoch {epoch}": loss for epoch, loss in enumerate(path.epochs, 1)}}
        for run in found.runs
        for name, path in found.of(run)
    ]
    return [
        Table(f"Mean loss of the mini-batches of each epoch, {found.runs[0].material.title}", losses, ".6f"),
        Table(f"Seconds of the {_EPOCHS} epochs", found.by(lambda _, path: sum(path.seconds)), ".2f"),
        forms(found.runs),
        *gaps(found),
    ]


def _smoothed(path: Path, parts: int = 40) -> tuple[Array, Array]:
    """Mean losses of that many stretches of the training, at their middles in epochs."""
    stretches = np.array_split(path.losses.astype(np.float64), min(parts, len(path.losses)))
    ends = np.cumsum([len(stretch) for stretch in stretches])
    middles = (ends - np.array([len(stretch) for stretch in stretches]) / 2) / len(path.losses) * len(path.seconds)
    return middles, np.array([stretch.mean() for stretch in stretches])


def _draw(figure: Figure, found: Found) -> None:
    panels = figure.subplots(3, 3, sharex=True, sharey=True)
    for axes, run in zip(panels.flat, found.runs, strict=True):
        axes.set(title=run.id, yscale="log")
    overlaid({axes: {name: _smoothed(path) for name, path in found.of(run)} for axes, run in zip(panels.flat, found.runs, strict=True)})
    for axes in panels[-1]:
        axes.set_xlabel("epoch")
    for axes in panels[:, 0]:
        axes.set_ylabel("loss")


def _draw_optimizers(figure: Figure, found: Found) -> None:
    axes = figure.subplots()
    colours = (BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE, PURPLE, "black", BLUE)
    dashes = ("-", "-", "-", "-", "-", "-", "--", "-", "--")
    name, paths = next(iter(found.paths.items()))
    for run, colour, dash in zip(found.runs, colours, dashes, strict=True):
        if run.id in paths:
            axes.plot(*_smoothed(paths[run.id]), dash, color=colour, label=run.id)
    axes.set(xlabel="epoch", ylabel="loss", yscale="log", title=f"{found.runs[0].material.title} ({name})")
    axes.legend(ncols=2)


def study(environ: Mapping[str, str] = os.environ) -> Comparison:
    """The experiment on the images that there are."""
    return Comparison(
        name="from-scratch",
        title="Optimizers from scratch: a network 784-200-10 for handwritten digits",
        sources=("Notes on optimizers in deep learning, after CS231n",),
        plan=partial(plan, environ),
        tables=_tables,
        pictures={"from-scratch": Picture((10.0, 7.6), _draw), "from-scratch-optimizers": Picture((7.6, 5.0), _draw_optimizers)},
    )


from_scratch = study()
