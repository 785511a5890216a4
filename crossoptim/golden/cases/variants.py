"""Further cases for every equation that an optimizer's cases have so far."""

from __future__ import annotations

from typing import Any

from crossoptim.golden.case import Case
from crossoptim.golden.cases import Cases
from crossoptim.spec.trace import trace


def add_for_each_equation(cases: Cases, label: str, comment: str, *, problem: str, **more: Any) -> None:
    """One case for each equation that the cases so far start with.

    ``more`` goes to :meth:`Cases.add`; its hyperparameters are numbers on which no branch of the equation depends.
    """
    first: dict[str, Case] = {}
    for case in cases.collected:
        first.setdefault(trace(case.base).id, case)
    defaults = cases.base.values
    for equation, case in first.items():
        branches = {name: value for name, value in case.base.values.items() if value != defaults[name] and name != "lr"}
        which = equation.partition("[")[2].rstrip("]").replace(",", "-").replace("=", "_")
        cases.add(f"{label}-{which}" if which else label, comment, problem=problem, **{**branches, **more})
