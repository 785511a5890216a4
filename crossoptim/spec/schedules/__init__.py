"""One file per learning-rate schedule. The list of schedules is this folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from crossoptim.spec.discover import discover
from crossoptim.spec.model import lookup
from crossoptim.spec.schedule import Condition, Option, Schedule, Values


def schedule(
    name: str,
    *,
    title: str,
    sources: Sequence[str],
    options: Sequence[Option],
    witness: str,
    start: Callable[[Any], Values] | None = None,
    metric: bool = False,
    nests: bool = True,
    constraints: Sequence[Condition] = (),
) -> Callable[[Callable[..., Any]], Schedule]:
    """Turn an equation into a :class:`Schedule`."""
    return lambda equation: Schedule(
        name=name,
        title=title,
        sources=tuple(sources),
        options=tuple(options),
        witness=witness,
        equation=equation,
        start=start,
        metric=metric,
        nests=nests and start is None,
        constraints=tuple(constraints),
        doc=(equation.__doc__ or "").strip(),
    )


@cache
def all_schedules() -> dict[str, Schedule]:
    """Every schedule by name."""
    return {s.name: s for s in sorted(discover(__name__, __path__, Schedule), key=lambda s: s.name)}


def get_schedule(name: str) -> Schedule:
    """The schedule of that name; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("schedule", all_schedules(), name)
