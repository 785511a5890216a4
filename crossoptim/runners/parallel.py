"""A campaign on several processes: each judges its share of the cases, with R children of its own."""

from __future__ import annotations

import gc
import multiprocessing
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

    from crossoptim.check.result import Result

_BLOCK = 16  # neighbouring cases, which share scalars and points, go to one process
_WORTH = 200  # cases that are worth a process

_ticks: SimpleQueue[str | None]


def processes(cases: int, jobs: int) -> int:
    """How many processes are worth their start."""
    return max(1, min(jobs, cases // _WORTH))


def judge(arguments: Mapping[str, Any], cases: Sequence[Any], jobs: int, tick: Callable[[str], None]) -> dict[str, list[Result]]:
    """Judge with ``Campaign(**arguments)`` in each of ``jobs`` processes: results by implementation, in the order of the cases."""
    shares: list[list[Any]] = [[] for _ in range(jobs)]
    for place, (case, golden) in enumerate(cases):
        # a copy without what the case has computed: that is made of functions, which do not travel
        shares[place // _BLOCK % jobs].append((replace(case), golden))
    context = multiprocessing.get_context("spawn")
    ticks: SimpleQueue[str | None] = context.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(ticks, tick), daemon=True)
    listener.start()
    with ProcessPoolExecutor(jobs, context, initializer=_start, initargs=(ticks,)) as pool:
        found = list(pool.map(_judge_share, [arguments] * jobs, shares))
    ticks.put(None)
    listener.join()
    order = {case.id: place for place, (case, _) in enumerate(cases)}
    return {name: sorted((result for share in found for result in share[name]), key=lambda result: order[result.case]) for name in found[0]}


def _start(ticks: SimpleQueue[str | None]) -> None:
    global _ticks  # a queue reaches a process only when it is made
    _ticks = ticks


def _judge_share(arguments: Mapping[str, Any], cases: Sequence[Any]) -> dict[str, list[Result]]:
    from crossoptim.runners.campaign import Campaign

    gc.freeze()  # the trajectories stay: looking through them for garbage again and again takes a good part of the time
    gc.set_threshold(50_000, 20, 20)
    return Campaign(**arguments).judge(cases, _ticks.put)


def _listen(ticks: SimpleQueue[str | None], tick: Callable[[str], None]) -> None:
    while (label := ticks.get()) is not None:
        tick(label)
