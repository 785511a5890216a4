"""Times contenders in pairs: each round both take a step, so that what slows the machine slows both, and only two are in memory."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import torch

from crossoptim.bench.alone import alone
from crossoptim.bench.contenders import OURS, Contender, ours, rivals
from crossoptim.bench.report import Figure, Pair
from crossoptim.bench.workloads import WORKLOADS, parameters
from crossoptim.errors import UnavailableError

WARM_UP = 3


def measured(
    optimizer: str, workload: str, dtype: str, rounds: int, device: str = "cpu", others: bool = True, start: bool = True
) -> Figure:
    """One optimizer on one workload, with torch's number of threads.

    Args:
        optimizer: the name of a class of :mod:`crossoptim.optim`.
        workload: a name of :data:`~crossoptim.bench.workloads.WORKLOADS`.
        dtype: ``float32`` or ``float64``.
        rounds: how many steps are timed of each contender.
        device: where the tensors are.
        others: whether libraries beside torch take part.
        start: whether first steps and memory are measured, too, which takes two processes of their own.

    Raises:
        UnavailableError: where the device is not there.
    """
    if device != "cpu" and not (device.startswith("cuda") and torch.cuda.is_available()):
        raise UnavailableError(f"bench: there is no device {device!r} here (expected cpu{', cuda' if torch.cuda.is_available() else ''})")
    make = partial(parameters, WORKLOADS[workload], getattr(torch, dtype), device)
    wait = torch.cuda.synchronize if device != "cpu" else lambda: None
    mine = Contender(OURS, ours(optimizer, make()).step)
    pairs = {rival.name: against(mine, rival, rounds, wait) for rival in rivals(optimizer, make, others)}
    threads = torch.get_num_threads()
    return Figure(optimizer, workload, dtype, device, threads, pairs, alone(optimizer, workload, dtype, device, threads) if start else None)


def against(mine: Contender, rival: Contender, rounds: int, wait: Callable[[], Any]) -> Pair:
    """The medians of both over the rounds after the first few, and the rival's first step; ``wait`` returns when a step is done."""
    first = _seconds(rival, wait)
    seconds: tuple[list[float], list[float]] = ([], [])
    gc.disable()
    try:
        for _ in range(WARM_UP + rounds):
            for one, row in zip((mine, rival), seconds, strict=True):
                row.append(_seconds(one, wait))
    finally:
        gc.enable()
    own, theirs = (median(row[WARM_UP:]) for row in seconds)
    return Pair(own, theirs, first)


def _seconds(contender: Contender, wait: Callable[[], Any]) -> float:
    begin = perf_counter()
    contender.step()
    wait()
    return perf_counter() - begin
