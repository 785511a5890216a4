"""What all tests share: reproducible property tests, one thread."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# The same examples on every machine: a failure here is a failure there. Search further with --hypothesis-profile=search.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")

# Parity is judged on one thread; set before anything loads a numerical library.
os.environ.setdefault("OMP_NUM_THREADS", "1")
