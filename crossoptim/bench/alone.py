"""What only a process of its own can tell: how long a first step takes on a new machine and later, and what memory steps take."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import torch

from crossoptim.bench.contenders import ours
from crossoptim.bench.workloads import WORKLOADS, parameters
from crossoptim.errors import CrossoptimError

ENOUGH = 32 << 20
"""Bytes of tensors from which on the process's memory tells something: what Python itself takes and returns is less than 1 % of it."""
STEPS = 3


@dataclass(frozen=True)
class Alone:
    """Seconds of the first step where no kernel is compiled yet, and where it is.

    ``excess`` is by how much the peak of the memory during the first steps is above parameters, gradients and state, as a share of these;
    None where they are too small to tell, or the system does not.
    """

    new: float
    again: float
    excess: float | None


def alone(optimizer: str, workload: str, dtype: str, device: str, threads: int) -> Alone:
    """Measure one optimizer of ours, in two processes that share a folder of compiled kernels, empty at first.

    Raises:
        CrossoptimError: where a process fails.
    """
    with TemporaryDirectory() as cache:
        places = {"CROSSOPTIM_CACHE": cache, "TORCHINDUCTOR_CACHE_DIR": cache}
        words = [sys.executable, "-m", __name__, optimizer, workload, dtype, device, str(threads)]
        answers = []
        for _ in range(2):
            done = subprocess.run(words, env={**os.environ, **places}, capture_output=True, text=True, check=False)
            if done.returncode:
                raise CrossoptimError(f"bench: {optimizer}, {workload}, {dtype}: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
            answers.append(json.loads(done.stdout))
    return Alone(answers[0]["first"], answers[1]["first"], answers[1]["excess"])


def main(optimizer: str, workload: str, dtype: str, device: str, threads: str) -> None:
    """Print the seconds of the first step and the excess of memory of the process that this is, as JSON."""
    torch.set_num_threads(int(threads))
    on_gpu = device.startswith("cuda")

    def steps(count: int) -> tuple[float, int]:
        """How long they take, and the bytes of all tensors."""
        params = parameters(WORKLOADS[workload], getattr(torch, dtype), device)
        made = ours(optimizer, params)
        reset()
        begin = perf_counter()
        for _ in range(count):
            made.step()
        if on_gpu:
            torch.cuda.synchronize()
        seconds = perf_counter() - begin
        held = [*params, *(p.grad for p in params if p.grad is not None)]
        held += [value for state in made.state.values() for value in state.values() if isinstance(value, torch.Tensor)]
        return seconds, sum(t.numel() * t.element_size() for t in held)

    reset, now, peak = _cuda_memory() if on_gpu else _memory()
    first, _ = steps(1)
    before = now()
    _, size = steps(STEPS)
    above = peak()
    excess = None if before is None or above is None or size < ENOUGH else (above - before) / size - 1
    sys.stdout.write(json.dumps({"first": first, "excess": excess}))


Reader = Callable[[], int | None]


def _memory() -> tuple[Callable[[], object], Reader, Reader]:
    """What resets the peak of the process's resident memory, reads what is resident, and reads the peak; in bytes, None where unknown."""

    def reset() -> None:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return

    def read(key: str) -> int | None:
        try:
            lines = Path("/proc/self/status").read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), None)

    def now() -> int | None:
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
        if trim:
            trim(0)  # what was returned to the allocator goes back to the system
        return read("VmRSS")

    return reset, now, lambda: read("VmHWM")


def _cuda_memory() -> tuple[Callable[[], object], Reader, Reader]:
    return torch.cuda.reset_peak_memory_stats, torch.cuda.memory_allocated, torch.cuda.max_memory_allocated


if __name__ == "__main__":
    main(*sys.argv[1:])
