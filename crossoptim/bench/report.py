"""The figures as a table and as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from crossoptim import __version__
from crossoptim.bench.contenders import FORMS, MEMORY, OURS
from crossoptim.kernels.build import compiler

SCHEMA = "crossoptim/bench/1"
Seconds = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Figure:
    """What was measured of one optimizer on one workload: for each contender the seconds of its first step, and the median later."""

    optimizer: str
    workload: str
    dtype: str
    seconds: Seconds

    @property
    def best(self) -> float | None:
        """The seconds of torch's fastest form; None where torch has none."""
        return min((self.seconds[form]["median"] for form in FORMS if form in self.seconds), default=None)

    def as_json(self) -> dict[str, Any]:
        """As the report holds it; ``speedup`` over torch's fastest form, ``memory`` the share of a plain loop's speed."""
        ours = self.seconds[OURS]["median"]
        ratios = {"speedup": self.best / ours if self.best else None, "memory": self.seconds[MEMORY]["median"] / ours}
        named = {"optimizer": self.optimizer, "workload": self.workload, "dtype": self.dtype}
        return {**named, "seconds": dict(self.seconds), **ratios}


def report(figures: Sequence[Figure]) -> dict[str, Any]:
    """The JSON report."""
    return {"schema": SCHEMA, "machine": machine(), "figures": [figure.as_json() for figure in figures]}


def machine() -> dict[str, Any]:
    """What decides how fast it is here."""
    return {
        "crossoptim": __version__,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "compiler": compiler()[1].splitlines()[0],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def rows(figures: Sequence[Figure]) -> Iterator[dict[str, str]]:
    """One row a figure, in milliseconds."""
    for figure in figures:
        data = figure.as_json()
        times = {name: f"{figure.seconds[name]['median'] * 1e3:.3g}" if name in figure.seconds else "-" for name in (OURS, *FORMS)}
        speedup = f"{data['speedup']:.2f}" if data["speedup"] else "-"
        first = f"{figure.seconds[OURS]['first'] * 1e3:.0f}"
        yield {
            "optimizer": figure.optimizer, "parameters": figure.workload, "dtype": figure.dtype, **times,
            "times torch's best": speedup, "of a plain loop": f"{100 * data['memory']:.0f} %", "first step": first,
        }  # fmt: skip
