"""Times contenders side by side: each round every one of them takes a step, so that what slows the machine slows them all."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from statistics import median
from time import perf_counter

import torch

from crossoptim.bench.contenders import Contender, contenders
from crossoptim.bench.report import Figure
from crossoptim.bench.workloads import WORKLOADS

WARM_UP = 3


def measured(optimizer: str, workload: str, dtype: str, rounds: int) -> Figure:
    """One optimizer on one workload."""
    taking_part = list(contenders(optimizer, WORKLOADS[workload], getattr(torch, dtype)))
    return Figure(optimizer, workload, dtype, timed(taking_part, rounds))


def timed(taking_part: Sequence[Contender], rounds: int) -> dict[str, dict[str, float]]:
    """For each contender the seconds of its first step, and the median of those of the rounds after the first few."""
    first = {c.name: _seconds(c) for c in taking_part}
    later: dict[str, list[float]] = {c.name: [] for c in taking_part}
    gc.disable()
    try:
        for i in range(WARM_UP + rounds):
            for c in taking_part:
                seconds = _seconds(c)
                if i >= WARM_UP:
                    later[c.name].append(seconds)
    finally:
        gc.enable()
    return {name: {"first": first[name], "median": median(seconds)} for name, seconds in later.items()}


def _seconds(contender: Contender) -> float:
    begin = perf_counter()
    contender.step()
    return perf_counter() - begin
