"""What each witness transcribes. Nothing in this folder imports crossoptim.

A witness is a function in the paper's own notation and order (or a run of another library's class): it takes ``theta`` (start point),
``gradient(theta, t)`` for t = 1, 2, ..., the number of ``steps`` and the paper's hyperparameters; it returns the parameter after each step.
A hyperparameter that changes mid-run is given as a function of t. The arithmetic is that of ``theta``: NumPy arrays of any precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

Gradient = Callable[[Any, int], Any]


@dataclass(frozen=True)
class Form:
    """``function`` computes what ``optimizer`` does in each of ``settings``; ``notation`` maps its arguments to our hyperparameters.

    ``place`` is how a rule names it: file and function.
    """

    place: str
    function: Callable[..., list[Any]]
    optimizer: str
    settings: tuple[Mapping[str, Any], ...]
    notation: Mapping[str, str]


_forms: list[Form] = []


def transcribes(optimizer: str, *settings: Mapping[str, Any], **notation: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a witness: of which rule or preset, in which settings of switches, flags and numbers, in which notation."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        place = f"tests/witness/{function.__module__.rsplit('.', 1)[-1]}.py: {function.__name__}"
        _forms.append(Form(place, function, optimizer, settings, notation))
        return function

    return register


@cache
def forms() -> tuple[Form, ...]:
    """Every form of every module of this folder."""
    for module in iter_modules([str(Path(__file__).parent)]):
        import_module(f"{__package__}.{module.name}")
    return tuple(sorted(_forms, key=lambda form: (form.place, form.optimizer)))


def at(value: Any, t: int) -> Any:
    """A hyperparameter at step t."""
    return value(t) if callable(value) else value
