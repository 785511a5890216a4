"""One file per optimizer. The list of optimizers is this folder: every module in it that holds a rule is found by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

from crossoptim.spec.discover import discover
from crossoptim.spec.model import Constraint, Hyper, Kept, Preset, Rule, Setting, StateVar, Switch, lookup


def rule(
    name: str,
    *,
    title: str,
    kind: Literal["elementwise", "reducing", "closure"],
    sources: Sequence[str],
    hyper: Sequence[Hyper],
    witness: str,
    state: Sequence[StateVar] = (),
    kept: Sequence[Kept] = (),
    switches: Sequence[Switch] = (),
    constraints: Sequence[Constraint] = (),
    presets: Sequence[Preset] = (),
) -> Callable[[type], Rule]:
    """Turn a class with ``scalars`` and ``update`` into a :class:`Rule`."""
    return lambda equation: Rule(
        name=name,
        title=title,
        kind=kind,
        sources=tuple(sources),
        hyper=tuple(hyper),
        state=tuple(state),
        kept=tuple(kept),
        switches=tuple(switches),
        constraints=tuple(constraints),
        presets=tuple(presets),
        witness=witness,
        scalars=equation.__dict__["scalars"],
        update=equation.__dict__["update"],
    )


@cache
def all_rules() -> dict[str, Rule]:
    """Every rule by name."""
    return {r.name: r for r in sorted(discover(__name__, __path__, Rule), key=lambda r: r.name)}


def get_rule(name: str) -> Rule:
    """The rule of that name; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("optimizer", all_rules(), name)


@cache
def all_presets() -> dict[str, tuple[Rule, Preset]]:
    """Every preset by name, with its rule."""
    return {preset.name: (r, preset) for r in all_rules().values() for preset in r.presets}


def resolve(name: str, values: dict[str, object] | None = None) -> Setting:
    """A setting from the name of a rule or preset and some values."""
    if name in all_presets():
        r, preset = all_presets()[name]
        return r.resolve({**preset.switches, **preset.hyper, **(values or {})})
    if name not in all_rules():
        lookup("optimizer", {**all_rules(), **all_presets()}, name)
    return all_rules()[name].resolve(values or {})
