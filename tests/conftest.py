"""What all tests share: reproducible property tests, one thread, one R for each way to it, one browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

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


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """Chromium without a window."""
    where, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not where or not driver:
        what = "no chromium and chromedriver here (Debian: apt-get install chromium chromium-driver)"
        if os.environ.get("CI") == "true":
            pytest.fail(what)
        pytest.skip(what)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = where
    for switch in (
        "headless=new", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-component-update",
        "disable-sync", "disable-dev-shm-usage", "window-size=1200,900", f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(driver))
    yield made
    made.quit()
