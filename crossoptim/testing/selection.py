"""Which cases a test is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from crossoptim.errors import CrossoptimError, HyperError
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases
from crossoptim.golden.flags import known_flags
from crossoptim.golden.reference import DTYPES
from crossoptim.spec.model import lookup
from crossoptim.spec.rules import all_presets, all_rules


def chosen_cases(golden: str, dtype: str | None = None, flags: str | Sequence[str] = ()) -> list[Case]:
    """Cases in the order of their files.

    Args:
        golden: a rule or preset (``adam``), a case (``adam/plain-ravine-f32``), or a pattern of cases of one optimizer (``adam/*-f32``).
        dtype: ``float32``, ``float64``, or None for both.
        flags: names of flags; a case needs one of them. Without, all cases.

    Raises:
        UnknownNameError: for a name or flag that does not exist.
        CrossoptimError: for another dtype; where no case is left.
    """
    if dtype is not None and dtype not in DTYPES:
        raise CrossoptimError(f"dtype {dtype!r} (expected one of {', '.join(DTYPES)}, or None for both)")
    wanted = set(known_flags([flags] if isinstance(flags, str) else flags))
    found = _named(golden)
    cases = [case for case in found if dtype in (None, case.dtype) and (not wanted or wanted & set(case.flags))]
    if not cases:
        raise CrossoptimError(f"{golden}: none of {len(found)} cases is left (dtype {dtype or 'any'}, flags {', '.join(wanted) or 'any'})")
    return cases


def _named(golden: str) -> list[Case]:
    cases = all_cases()
    if golden in cases:
        return [cases[golden]]
    if "/" not in golden:
        lookup("optimizer", {**all_rules(), **all_presets()}, golden)
        return [case for case in cases.values() if case.optimizer == golden]
    found = [case for case in cases.values() if fnmatchcase(case.id, golden)]
    if not found:
        lookup("case", cases, golden)
    if len(optimizers := dict.fromkeys(case.optimizer for case in found)) > 1:
        raise CrossoptimError(f"{golden}: cases of {', '.join(optimizers)} (expected a pattern of one optimizer's)")
    return found


def in_variant(cases: Sequence[Case], variant: Mapping[str, Any]) -> list[Case]:
    """The cases with these values of switches instead of the defaults.

    A case that sets a switch itself stays as it is; what the rule does not take together, and what would be run twice, is left out.
    """
    out: dict[tuple[Any, ...], Case] = {}
    for case in cases:
        turned = replace(case, hyper={**variant, **case.hyper})
        try:
            values = tuple(sorted(turned.base.values.items()))
            _ = turned.timeline
        except HyperError:
            continue
        key = (values, case.problem_name, case.dtype, case.steps, str(case.groups), str(case.events))
        out.setdefault(key, turned)
    return list(out.values())
