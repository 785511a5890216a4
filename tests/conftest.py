"""What all tests share: reproducible property tests, one thread, one R for each way to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from crossoptim.runners.registry import Runners

# The same examples on every machine: a failure here is a failure there. Search further with --hypothesis-profile=search.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")

# Parity is judged on one thread; set before anything loads a numerical library.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def r_transports() -> Iterator[Mapping[str, Runners]]:
    """By transport what runs in an R that has R torch: one process, which takes seconds to start, for all of R's implementations."""
    from crossoptim.errors import UnavailableError
    from crossoptim.runners.base import Runner
    from crossoptim.runners.command import CommandRunner
    from crossoptim.runners.r import TRANSPORTS, r_child
    from crossoptim.runners.registry import Implementation, Runners

    class Together(Runners):
        def make(self, implementation: Implementation) -> Runner:
            with self._lock:
                if "R" not in self._children:
                    self._children["R"] = r_child(self.transport)
                return CommandRunner(implementation.name, self._children["R"])

    made = {transport: Together(transport) for transport in TRANSPORTS}
    try:
        for runners in made.values():
            runners["r-torch"].describe()
        yield made
    except UnavailableError as missing:
        pytest.skip(str(missing))
    finally:
        for runners in made.values():
            runners.close()
