"""The figures as a table and as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import torch

from crossoptim import __version__
from crossoptim.bench.alone import Alone
from crossoptim.bench.contenders import FORMS, MEMORY
from crossoptim.bench.peers import LIBRARIES
from crossoptim.kernels.build import compiler

SCHEMA = "crossoptim/bench/1"
BESIDE = {"torch": tuple(FORMS), "others": tuple(LIBRARIES)}
"""Of whom the fastest is told."""


@dataclass(frozen=True)
class Pair:
    """Seconds of a step of ours and of a rival in the same rounds, medians; and of the rival's first step."""

    ours: float
    theirs: float
    first: float

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.theirs / self.ours


@dataclass(frozen=True)
class Figure:
    """What was measured of one optimizer on one workload."""

    optimizer: str
    workload: str
    dtype: str
    device: str
    threads: int
    pairs: Mapping[str, Pair]
    alone: Alone | None

    @property
    def ours(self) -> float:
        """The seconds of our step, in the middle of what they were beside each rival."""
        return median(pair.ours for pair in self.pairs.values())

    def best(self, names: Iterable[str]) -> str | None:
        """Who is the fastest of these; None where none of them takes part."""
        return min((name for name in names if name in self.pairs), key=lambda name: self.pairs[name].ratio, default=None)

    def as_json(self) -> dict[str, Any]:
        """As the report holds it: of each rival the ratio to ours; that of the memory's plain loop is our share of its speed."""
        named = {"optimizer": self.optimizer, "workload": self.workload, "dtype": self.dtype, "device": self.device}
        rivals = {name: {**asdict(pair), "ratio": pair.ratio} for name, pair in self.pairs.items()}
        return {**named, "threads": self.threads, "seconds": self.ours, "rivals": rivals, "alone": self.alone and asdict(self.alone)}

    def row(self) -> dict[str, str]:
        """A line of the table, in milliseconds."""
        row = {"optimizer": self.optimizer, "parameters": self.workload, "dtype": self.dtype, "device": self.device}
        row |= {"threads": str(self.threads), "crossoptim": _milliseconds(self.ours)}
        for title, names in BESIDE.items():
            best = self.best(names)
            row[f"best of {title}"] = f"{_milliseconds(self.pairs[best].theirs)} ({best.removeprefix('torch ')})" if best else "-"
            row[f"times {title}"] = f"{self.pairs[best].ratio:.2f}" if best else "-"
        row["of a plain loop"] = f"{100 * self.pairs[MEMORY].ratio:.0f} %"
        if self.alone:
            row["first step"] = f"{_milliseconds(self.alone.new)}, {_milliseconds(self.alone.again)}"
            row["beyond tensors"] = "-" if self.alone.excess is None else f"{100 * self.alone.excess:.1f} %"
        return row


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}" if seconds < 0.999 else f"{seconds * 1e3:.0f}"


def rows(figures: Sequence[Figure]) -> list[dict[str, str]]:
    """One row a figure; where all have the same device and number of threads, :func:`caption` says which."""
    same = {key for key, values in _shared(figures).items() if len(values) == 1}
    return [{key: cell for key, cell in figure.row().items() if key not in same} for figure in figures]


def caption(figures: Sequence[Figure]) -> str:
    """On what machine it was measured, with what, in one line."""
    about = machine()
    versions = {"crossoptim": about["crossoptim"], "torch": about["torch"], **about["libraries"]}
    parts = [f"{about['processors']} × {about['processor']}", *([about["gpu"]] if about["gpu"] else []), about["compiler"]]
    parts += [f"{key} {next(iter(values))}" for key, values in _shared(figures).items() if len(values) == 1]
    return "; ".join([*parts, ", ".join(f"{name} {number}" for name, number in versions.items())])


def _shared(figures: Sequence[Figure]) -> dict[str, set[str]]:
    return {"device": {figure.device for figure in figures}, "threads": {str(figure.threads) for figure in figures}}


def report(figures: Sequence[Figure]) -> dict[str, Any]:
    """The JSON report."""
    return {"schema": SCHEMA, "machine": machine(), "figures": [figure.as_json() for figure in figures]}


def machine() -> dict[str, Any]:
    """What decides how fast it is here."""
    return {
        "crossoptim": __version__,
        "torch": torch.__version__,
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "processor": _processor(),
        "processors": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(),
        "compiler": compiler()[1].splitlines()[0],
    }


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())
