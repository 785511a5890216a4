"""One file per optimizer. The list of optimizers is this folder: every module in it that holds a rule is found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from inspect import cleandoc
from types import MappingProxyType
from typing import Any, Literal

from crossoptim.errors import CrossoptimError
from crossoptim.spec.discover import discover
from crossoptim.spec.model import Constraint, Fact, Hyper, Kept, Preset, Rule, Setting, StateVar, Switch, lookup


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
    facts: Sequence[Fact] = (),
    takes: Constraint | None = None,
    conduct: Mapping[str, Any] = MappingProxyType({}),
) -> Callable[[type], Rule]:
    """Turn a class with ``scalars`` and ``update`` into a :class:`Rule`; one of kind ``closure`` has ``converse`` and ``algorithm``."""
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
        facts=tuple(facts),
        takes=takes,
        witness=witness,
        scalars=_nothing if kind == "closure" else equation.__dict__["scalars"],
        update=_nothing if kind == "closure" else equation.__dict__["update"],
        converse=equation.__dict__.get("converse"),
        conduct=conduct,
        algorithm=cleandoc(equation.__dict__.get("algorithm", "")),
        class_name=equation.__name__,
    )


def _nothing(*_: Any) -> Any:
    raise CrossoptimError("a rule that chooses where to evaluate has no equation (expected a conversation)")


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
