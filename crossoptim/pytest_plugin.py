"""The pytest plugin: the marker ``golden`` and the fixture ``follows_golden``. Nothing is loaded before a test asks for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

_MARKER = "golden(optimizer, golden, **options): one test for each golden case that the optimizer can run; see crossoptim.testing"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARKER)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Where a test has the marker and asks for the fixture: one test a case, called by the case's id."""
    marker = metafunc.definition.get_closest_marker("golden")
    if marker is None or "follows_golden" not in metafunc.fixturenames:
        return
    from crossoptim.errors import CrossoptimError
    from crossoptim.testing import runnable_cases

    try:
        cases = runnable_cases(*marker.args, **marker.kwargs)
    except (CrossoptimError, AssertionError) as error:
        raise pytest.Collector.CollectError(f"{metafunc.definition.nodeid}: {error}") from None
    metafunc.parametrize("follows_golden", cases, indirect=True)


@pytest.fixture
def follows_golden(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """:func:`crossoptim.testing.assert_follows_golden`; with the marker ``golden``, the whole assertion about one case."""
    from crossoptim.testing import assert_follows_golden

    marker = request.node.get_closest_marker("golden")
    if marker is None:
        return assert_follows_golden
    return partial(assert_follows_golden, marker.args[0], request.param, **marker.kwargs)
