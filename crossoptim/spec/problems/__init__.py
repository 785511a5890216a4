"""One file per objective. The list of problems is this folder."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from crossoptim.spec.model import Problem, lookup


@cache
def all_problems() -> dict[str, Problem]:
    """Every problem by name."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__) if not module.ispkg)
    problems = [value for module in modules for value in vars(module).values() if isinstance(value, Problem)]
    return {problem.name: problem for problem in sorted(problems, key=lambda p: p.name)}


def get_problem(name: str) -> Problem:
    """The problem of that name; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("problem", all_problems(), name)
