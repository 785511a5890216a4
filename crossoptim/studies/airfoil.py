"""Momentum on the airfoil data: linear regression with mini-batches of ten, by hand, by PyTorch and by ours.

Rates, momenta, batch and both epochs are those of the text, and so is momentum by hand: the learning rate enters the velocity, which
is a switch of the specification. The data are prepared as its package does: every column standardised over all rows, by the sample standard
deviation, of which the first 1,500 rows are used; weights start from N(0, 0.01²), the bias from 0. Its run by ``torch.optim`` starts
elsewhere, where ``nn.Linear`` does, and so does ours. The text draws without a seed; ours is 0.

How far the text's losses are a matter of the draw, other draws show; and least squares, below which no run can come. That lr 0.02 with
momentum 0.9 is too much, and that a fifth of the rate mends it, does not depend on the draw. The loss that the text prints of PyTorch's run
is one that hardly any draw has: by hand and PyTorch's are the same path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import numpy as np

from crossoptim.errors import DataError
from crossoptim.golden.reference import step
from crossoptim.spec.trace import trace
from crossoptim.studies.data import DataFile, find
from crossoptim.studies.draw import overlaid
from crossoptim.studies.model import Array, Path, Picture, Table
from crossoptim.studies.training import Comparison, Found, Material, Training, forms, gaps, shuffled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOISE = DataFile(
    "airfoil",
    "airfoil_self_noise.dat",
    "10ee06e6cfb27dae6b44213d421d217012fb1f9b697592e73a4e4016b52d425f",
    "https://archive.ics.uci.edu/ml/machine-learning-databases/00291/airfoil_self_noise.dat",
)
"""NASA's airfoil self-noise (Brooks, Pope & Marcolini 1989); five columns of features and the sound pressure level."""

_COLUMNS, _USED = 6, 1500
_BATCH, _EPOCHS, _EVERY = 10, 2, 10
_SEED = 0
_DRAWS = 200


def _normal(draw: np.random.Generator, inputs: int) -> Array:
    """Weights, then the bias, as the text's own start has them."""
    return np.append(draw.normal(0, 0.01, inputs), 0.0)


def _as_linear(draw: np.random.Generator, inputs: int) -> Array:
    """As ``nn.Linear`` starts."""
    return draw.uniform(-(inputs**-0.5), inputs**-0.5, inputs + 1)


@dataclass(frozen=True)
class _Setting:
    """A run of the text; ``loss`` and ``seconds`` are what it prints."""

    rate: float
    momentum: float
    loss: float
    seconds: float
    start: Callable[[np.random.Generator, int], Array] = _normal

    @property
    def name(self) -> str:
        return f"lr {self.rate:g}, momentum {self.momentum:g}" + (", nn.Linear's start" if self.start is _as_linear else "")


SETTINGS = {
    setting.name: setting
    for setting in (
        _Setting(0.02, 0.5, 0.245518, 0.042304),
        _Setting(0.02, 0.9, 0.252046, 0.095708),
        _Setting(0.004, 0.9, 0.242905, 0.073496),
        _Setting(0.004, 0.9, 0.253280, 0.060247, _as_linear),
    )
}


def read(path: File) -> Array:
    """The table of a file, shape (rows, 6), float64.

    Raises:
        DataError: where a line has not six finite numbers.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            row = []
        if len(row) != _COLUMNS or not np.isfinite(row).all():
            raise DataError(f"{path}: line {number}: {line[:60]!r} (expected {_COLUMNS} numbers)")
        rows.append(row)
    if len(rows) < 2 or not np.std(rows, axis=0).all():
        raise DataError(f"{path}: {len(rows)} rows (expected at least 2, and no constant column)")
    return np.array(rows)


def prepared(table: Array, examples: int | None) -> tuple[Array, Array]:
    """Features, shape (examples, 5), and labels, shape (examples, 1), standardised over all rows, in float32."""
    scaled = ((table - table.mean(axis=0)) / table.std(axis=0, ddof=1)).astype(np.float32)[:_USED][:examples]
    return scaled[:, :-1], scaled[:, -1:]


def plan(file: DataFile, environ: Mapping[str, str], examples: int | None) -> tuple[Training, ...]:
    """The trainings on that file's data."""
    features, labels = prepared(read(find(file, environ)), examples)
    title, order = f"{len(features):,} rows of {file.name}", shuffled(len(features), _EPOCHS, _SEED)

    def training(setting: _Setting) -> Training:
        start = setting.start(np.random.default_rng(_SEED), features.shape[1]).astype(np.float32)
        material = Material(title, features, labels, order, ((start[None, :-1], start[-1:]),))
        hyper = {"lr": setting.rate, "momentum": setting.momentum, "momentum_form": "lr_inside"}
        return Training(setting.name, "sgd", hyper, material, "half_squared_error", _BATCH, _EVERY, alike={"momentum_form": "gradient_sum"})

    return tuple(map(training, SETTINGS.values()))


def floor(material: Material) -> float:
    """The loss of the least squares solution."""
    x = np.column_stack([material.features, np.ones(len(material.features))]).astype(np.float64)
    y = material.labels.astype(np.float64)
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(np.mean(residual**2) / 2)


def _after_epochs(path: Path) -> Iterator[tuple[str, float]]:
    """The loss over all rows at the start and after each epoch."""
    every = (len(path.curve) - 1) // len(path.seconds)
    yield from ((f"epoch {epoch}" if epoch else "start", float(path.curve[epoch * every])) for epoch in range(_EPOCHS + 1))


def spread(run: Training) -> Array:
    """The last losses of that run from other draws of start and order, by the specification's equation in float64."""
    x = np.column_stack([run.material.features, np.ones(len(run.material.features))]).astype(np.float64)
    y = run.material.labels.astype(np.float64)[:, 0]
    draw, equation = np.random.default_rng(_SEED + 1), trace(run.case.base)
    p = np.stack([SETTINGS[run.id].start(draw, x.shape[1] - 1) for _ in range(_DRAWS)])
    velocity = np.zeros_like(p)
    orders = np.stack([shuffled(len(x), _EPOCHS, seed) for seed in range(_DRAWS)], axis=1)
    for batch in (batch for epoch in orders for batch in np.split(epoch, range(_BATCH, len(x), _BATCH), axis=1)):
        off = np.einsum("dbi,di->db", x[batch], p) - y[batch]
        gradient = np.einsum("dbi,db->di", x[batch], off) / batch.shape[1]
        out = step(equation, {**run.case.base.reals, "velocity": velocity, "p": p, "g": gradient}, "float64")
        p, velocity = out["p"], out["velocity"]
    return np.asarray(np.mean((p @ x.T - y) ** 2, axis=1) / 2)


def _spreads(run: Training) -> dict[str, Any]:
    losses, said = spread(run), SETTINGS[run.id].loss
    shares = {"least": 0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "greatest": 1}
    quantiles = {name: float(np.quantile(losses, share)) for name, share in shares.items()}
    return {"run": run.id, **quantiles, "the text": said, "draws above it": f"{np.mean(losses > said):.1%}"}


def _tables(found: Found) -> list[Table]:
    material = found.runs[0].material
    losses: list[dict[str, Any]] = [
        {"run": run.id, "by": name, **dict(_after_epochs(path)), "the text": SETTINGS[run.id].loss}
        for run in found.runs
        for name, path in found.of(run)
    ]
    seconds = [{**row, "the text": SETTINGS[row["run"]].seconds} for row in found.by(lambda _, path: path.seconds[-1])]
    return [
        Table(f"Loss over {material.title}; least squares has {floor(material):.6f}. The text's losses are unseeded", losses, ".6f"),
        Table(f"The last loss in {_DRAWS} other draws of start and order (float64)", [_spreads(run) for run in found.runs], ".6f"),
        Table("Seconds of the last epoch, the losses over all rows included; the text's are of its machine", seconds, ".4f"),
        forms(found.runs),
        *gaps(found),
    ]


def _draw(figure: Figure, found: Found) -> None:
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    lowest = floor(found.runs[0].material)
    by_panel = {}
    for axes, run in zip(panels.flat, found.runs, strict=True):
        by_panel[axes] = {name: (np.linspace(0, _EPOCHS, len(path.curve)), path.curve - lowest) for name, path in found.of(run)}
        axes.set(title=run.id, yscale="log")
    overlaid(by_panel)
    for axes in panels[-1]:
        axes.set_xlabel("epoch")
    for axes in panels[:, 0]:
        axes.set_ylabel("loss above least squares'")


def study(file: DataFile, environ: Mapping[str, str] = os.environ) -> Comparison:
    """The experiment on a file."""
    return Comparison(
        name="airfoil",
        title="Momentum on the airfoil data: linear regression, mini-batches of 10",
        sources=("Dive into Deep Learning, PyTorch edition, sections 7.4.3 and 7.4.4",),
        plan=partial(plan, file, environ),
        tables=_tables,
        pictures={"airfoil": Picture((9.0, 6.2), _draw)},
        file=file,
    )


airfoil = study(NOISE)
