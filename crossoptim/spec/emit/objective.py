"""A problem's value as expression text, with its data: what a language needs to run a closed loop."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from crossoptim.spec.expr import Symbols, name
from crossoptim.spec.model import Problem
from crossoptim.spec.trace import statements


def objective_text(problem: Problem) -> dict[str, Any]:
    """A problem's value as statements, the last of which makes ``loss``, with its data; of a problem that has a value."""
    assert problem.value is not None
    p = SimpleNamespace(**{param.name: name(param.name) for param in problem.params})
    d = SimpleNamespace(**{key: name(key) for key in problem.data})
    return {
        "statements": [list(pair) for pair in statements({"loss": problem.value(Symbols(), p, d)}, suffix="")],
        "data": {key: {"shape": _shape(value), "data": _flat(value)} for key, value in problem.data.items()},
    }


def _shape(value: Any) -> list[int]:
    return [len(value), *_shape(value[0])] if isinstance(value, list | tuple) else []


def _flat(value: Any) -> list[float]:
    return [v for row in value for v in _flat(row)] if isinstance(value, list | tuple) else [float(value)]
