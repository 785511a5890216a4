"""The numbers of a step that no tensor enters: exact, rounded once to double, as fixtures store them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import SimpleNamespace

from crossoptim.golden.oracle import MP, Oracle
from crossoptim.spec.expr import names, text
from crossoptim.spec.model import Setting
from crossoptim.spec.trace import Equation, trace


def exact_scalars(setting: Setting, t: int, kept: Mapping[str, float]) -> dict[str, float]:
    """The rule's scalars of step ``t`` and what it keeps; groups of the same options are answered once.

    Args:
        setting: of the group.
        t: the number of the update.
        kept: the kept numbers as they were before it.
    """
    equation = trace(setting)
    if not equation.scalars:
        return {}
    given = {**setting.reals, **kept}
    what, read = _scalars(equation)
    return dict(_made(_Asked(what, t, tuple([(key, given[key]) for key in read]), setting, kept)))


@dataclass(frozen=True)
class _Asked:
    """Equal where the answer is."""

    scalars: str
    t: int
    read: tuple[tuple[str, float], ...]
    setting: Setting = field(compare=False)
    kept: Mapping[str, float] = field(compare=False)


@lru_cache(maxsize=64)
def _made(asked: _Asked) -> dict[str, float]:
    exact = {key: MP.mpf(value) for key, value in asked.read}
    h = SimpleNamespace(**{**asked.setting.values, **{key: value for key, value in exact.items() if key not in asked.kept}})
    k = SimpleNamespace(**{key: exact[key] for key in asked.kept if key in exact})
    return {key: float(value) for key, value in asked.setting.rule.scalars(Oracle, h, MP.mpf(asked.t), k).items()}


@cache
def _scalars(equation: Equation) -> tuple[str, tuple[str, ...]]:
    """An equation's scalars as text, which equations of other terms share, and the numbers that they are made of."""
    written = "; ".join(f"{key} = {text(root)}" for key, root in equation.scalars.items())
    return written, tuple(key for key in names(*equation.scalars.values()) if key != "t")
