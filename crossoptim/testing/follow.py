"""Runs an optimizer under test over golden cases and judges it: the harness and the judge are those of ``crossoptim check``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from crossoptim.check.result import Result
from crossoptim.check.verdict import Judgement
from crossoptim.errors import CrossoptimError
from crossoptim.golden.case import Case
from crossoptim.golden.trajectory import golden as golden_trajectory
from crossoptim.runners.harness import LocalRunner
from crossoptim.runners.kinds import kind_of
from crossoptim.runners.registry import Implementation
from crossoptim.runners.request import read_trajectory, run_request
from crossoptim.spec.ecosystems import all_quirks
from crossoptim.spec.model import Binding, Quirk, Setting, lookup
from crossoptim.testing.naming import Names, Spellings, binding_for
from crossoptim.testing.reasons import Reason, Reasons
from crossoptim.testing.report import Report
from crossoptim.testing.selection import chosen_cases, in_variant
from crossoptim.testing.step_function import StepFunction, StepFunctionRunner

Mode = Literal["replay", "closed"]
Optimizer = Callable[..., Any] | StepFunction
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def assert_follows_golden(
    optimizer: Optimizer,
    golden: str,
    *,
    names: Names = _NOTHING,
    spellings: Spellings = _NOTHING,
    state: Mapping[str, str] = _NOTHING,
    variant: Mapping[str, str] = _NOTHING,
    mode: Mode = "replay",
    dtype: str | None = None,
    flags: str | Sequence[str] = (),
    quirks: Sequence[str | Quirk] = (),
) -> Report:
    """Fail unless an optimizer follows the golden trajectories, in every case that it can run by its arguments.

    Args:
        optimizer: a subclass of ``torch.optim.Optimizer``, a function ``make(params, **options)`` that makes such an optimizer, or a
            :class:`StepFunction`.
        golden: the optimizer that it is to follow (``adam``), a case (``adam/plain-ravine-f32``), or a pattern (``adam/*-f32``).
        names: its argument → our option, or several for a vector: ``{"betas": ("beta1", "beta2")}``; None for an argument that means
            something else. Arguments that are called as in PyTorch, or as here, need not be named.
        spellings: its argument → our value → its value, where they differ: ``{"decoupled": {"coupled": False, "decoupled": True}}``.
        state: our state variable → its key in the optimizer's state: ``{"m": "exp_avg"}``. By default as in PyTorch, else as here; a
            variable that it does not show is carried along with its bound.
        variant: the published variant that it implements, where that is not the default: ``{"eps_placement": "inside"}``.
        mode: ``replay`` (the golden gradients are injected) or ``closed`` (its own gradients, at its own points).
        dtype: ``float32``, ``float64``, or None for both.
        flags: cases with one of these flags alone.
        quirks: departures that are accepted: ids of known ones, or your own.

    Returns:
        The verdicts.

    Raises:
        AssertionError: it departs, or raises, or can run no case; the message says where, by how much, and why.
        CrossoptimError: what was asked makes no sense: an unknown optimizer, case, flag, option or state variable.
    """
    __tracebackhide__ = True
    report = judge_optimizer(
        optimizer,
        golden,
        names=names,
        spellings=spellings,
        state=state,
        variant=variant,
        mode=mode,
        dtype=dtype,
        flags=flags,
        quirks=quirks,
    )
    if not report.follows:
        raise AssertionError(str(report))
    return report


def judge_optimizer(
    optimizer: Optimizer,
    golden: str,
    *,
    names: Names = _NOTHING,
    spellings: Spellings = _NOTHING,
    state: Mapping[str, str] = _NOTHING,
    variant: Mapping[str, str] = _NOTHING,
    mode: Mode = "replay",
    dtype: str | None = None,
    flags: str | Sequence[str] = (),
    quirks: Sequence[str | Quirk] = (),
) -> Report:
    """As :func:`assert_follows_golden`, but whatever the verdict is."""
    cases = in_variant(chosen_cases(golden, dtype, flags), variant)
    subject = _subject(optimizer, golden, names, spellings, state, variant, quirks)
    return _Trial(subject, cases, mode).report(golden, variant, state)


def golden_cases(golden: str, *, dtype: str | None = None, flags: str | Sequence[str] = ()) -> list[str]:
    """Ids of cases, for ``pytest.mark.parametrize``; arguments as in :func:`assert_follows_golden`."""
    return [case.id for case in chosen_cases(golden, dtype, flags)]


def runnable_cases(optimizer: Optimizer, golden: str, *, mode: Mode = "replay", **options: Any) -> list[str]:
    """Ids of the cases that :func:`assert_follows_golden` would run with these arguments; raises AssertionError where there is none."""
    asked = {key: options.pop(key) for key in ("dtype", "flags") if key in options}
    cases = in_variant(chosen_cases(golden, **asked), options.get("variant", _NOTHING))
    given = {key: options.get(key, _NOTHING) for key in ("names", "spellings", "state", "variant")}
    subject = _subject(optimizer, golden, **given, quirks=options.get("quirks", ()))
    trial = _Trial(subject, cases, mode)
    found = [case.id for case in cases if not trial.unsupported(case)]
    if not found:
        raise AssertionError(str(trial.report(golden, given["variant"], _NOTHING)))
    return found


@dataclass(frozen=True)
class _Subject(Implementation):
    """An implementation that only its test knows. ``translates``: whether the request is in its own vocabulary."""

    runner: LocalRunner | None = None
    granted: tuple[Quirk, ...] = ()
    translates: bool = True
    arguments: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)

    def quirks(self, setting: Setting) -> list[Quirk]:
        """The departures that the test accepts."""
        return list(self.granted)


def _subject(
    optimizer: Optimizer,
    golden: str,
    names: Names,
    spellings: Spellings,
    state: Mapping[str, str],
    variant: Mapping[str, str],
    quirks: Sequence[str | Quirk],
) -> _Subject:
    name, rule = _called(optimizer), golden.split("/")[0]
    binding = binding_for(name, rule, optimizer, names=names, spellings=spellings, state=state, variant=variant)

    def own(setting: Setting) -> Binding | None:
        return binding if binding.implements(setting) else None

    known = all_quirks()
    granted = tuple(quirk if isinstance(quirk, Quirk) else lookup("quirk", known, quirk) for quirk in quirks)
    translates = not isinstance(optimizer, StepFunction)  # which takes our vocabulary, and translates it itself
    runner = _runner(name, optimizer, binding)
    return _Subject(name, name, own=own, runner=runner, granted=granted, translates=translates, arguments=binding.args)


def _called(optimizer: Any) -> str:
    """What an optimizer is called; a partial as the function in it."""
    return _called(optimizer.func) if isinstance(optimizer, partial) else str(getattr(optimizer, "__name__", type(optimizer).__name__))


def _runner(name: str, optimizer: Optimizer, binding: Binding) -> LocalRunner:
    if isinstance(optimizer, StepFunction):
        return StepFunctionRunner(name, optimizer, binding)
    from crossoptim.testing.torch_class import TorchClassRunner  # torch is loaded for a torch optimizer only

    return TorchClassRunner(name, optimizer, binding)


class _Trial:
    """The cases of one optimizer under test."""

    def __init__(self, subject: _Subject, cases: Sequence[Case], mode: Mode) -> None:
        if mode not in ("replay", "closed"):
            raise CrossoptimError(f"mode {mode!r} (expected replay or closed)")
        self.subject, self.cases, self.mode = subject, cases, mode
        self._reasons = Reasons(subject.granted)
        self._shown: dict[str, bool] = {}

    def unsupported(self, case: Case) -> str | None:
        """Why a case is left out, or None."""
        if self.mode not in kind_of(case).modes(case, (self.mode,)):
            return f"it cannot be run in mode {self.mode}"
        return self.subject.unsupported(case)

    def report(self, golden: str, variant: Mapping[str, str], state: Mapping[str, str]) -> Report:
        """Run and judge."""
        reasons: dict[str, Reason] = {}
        with np.errstate(all="ignore"):  # goldens and candidates overflow on purpose; a test may have warnings as errors
            results = tuple(self._result(case, reasons) for case in self.cases)
        unread = {var: key for var, key in state.items() if self._shown.get(var) is False}
        cases = {case.id: case for case in self.cases}
        return Report(self.subject.name, golden, self.mode, dict(variant), results, reasons, cases, unread, self.subject.arguments)

    def _result(self, case: Case, reasons: dict[str, Reason]) -> Result:
        lacks = self.unsupported(case)
        judgement = Judgement("unsupported", True, lacks) if lacks else self._judged(case, reasons)
        name, version = self.subject.name, ""
        return Result(case.id, case.optimizer, case.topic, name, version, "live", self.mode, judgement, case.dtype)

    def _judged(self, case: Case, reasons: dict[str, Reason]) -> Judgement:
        subject, golden = self.subject, golden_trajectory(case)
        assert subject.runner is not None
        binding = subject.binding(case.base) if subject.translates else None
        answer = subject.runner.run(run_request(case, golden, self.mode, subject.name, binding))
        judgement = kind_of(case).judge(subject, case, golden, ())(answer, self.mode)
        if answer["outcome"] == "error" and not judgement.expected:
            reasons[case.id] = self._reasons.of_error(case, golden, judgement.reason)
        if answer["outcome"] == "ok" and judgement.verdict != "raises":
            got = read_trajectory(answer, case, case.id)
            for var in case.base.state:
                shown = any(row is not None for columns in got.state.values() for row in columns.get(var.name, ()))
                self._shown[var.name] = self._shown.get(var.name, False) or shown
            if judgement.verdict == "diverges":
                reasons[case.id] = self._reasons.of(case, golden, got, self.mode)
        return judgement
