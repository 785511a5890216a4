"""The libraries for which it is known how programs are written."""

from __future__ import annotations

from crossoptim.quirks.dialect import PYTHON, Python, R
from crossoptim.quirks.dialect_javascript import JavaScript
from crossoptim.quirks.dialect_jax import Keras, Optax
from crossoptim.spec.model import Ecosystem

Dialect = Python | R
DIALECTS: dict[tuple[str, str], Dialect] = {
    ("torch", "Python"): PYTHON,
    ("torch", "R"): R(),
    ("optax", "Python"): Optax(),
    ("keras", "Python"): Keras(),
    ("@tensorflow/tfjs-core", "JavaScript"): JavaScript(),
}
"""By a library's package and language."""


def dialect_of(ecosystem: Ecosystem) -> Dialect | None:
    """How programs with this library are written; None where that is not known."""
    return DIALECTS.get((ecosystem.package, ecosystem.language))
