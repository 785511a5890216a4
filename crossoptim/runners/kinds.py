"""What the kinds of case ask of a campaign: trajectories of optimizers, rates of schedules, refusals of invalid input."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crossoptim.check.detail import Detail, of_rates, of_reactions, of_trajectory
from crossoptim.check.diagnosis.diagnose import SECONDS, Diagnosis, Explainer, diagnose
from crossoptim.check.diagnosis.schedules import diagnose_schedule
from crossoptim.check.judge import Judge
from crossoptim.check.verdict import Judgement
from crossoptim.errors import CrossoptimError
from crossoptim.golden.case import Case
from crossoptim.golden.refusals.case import RefusalCase
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.trajectory import Trajectory
from crossoptim.runners import recorded, refusals, schedules
from crossoptim.runners.refusals import Run
from crossoptim.runners.registry import Implementation
from crossoptim.runners.request import Mode, read_trajectory
from crossoptim.spec.model import Quirk

TAIL = 4000  # characters kept of a traceback


@dataclass(frozen=True)
class Judged:
    """An answer that was judged: in which mode, without which quirks, and what the verdict was."""

    answer: Any
    mode: Mode
    ignored: Collection[str] = ()
    judgement: Judgement | None = None


class Kind(ABC):
    """How cases of a kind are asked, judged, recorded and read back. An answer is what :meth:`ask` returns; it is recorded by mode."""

    @abstractmethod
    def modes(self, case: Any, wanted: Sequence[Mode]) -> list[Mode]:
        """Those of the modes that the case can run in."""

    @abstractmethod
    def unsupported(self, implementation: Implementation, case: Any) -> str | None:
        """Why an implementation cannot run the case, or None."""

    @abstractmethod
    def ask(self, implementation: Implementation, case: Any, golden: Any, mode: Mode, run: Run) -> Any:
        """What an implementation answers."""

    @abstractmethod
    def judge(self, implementation: Implementation, case: Any, golden: Any, ignored: Collection[str]) -> Callable[[Any, Mode], Judgement]:
        """A judge of answers, without the quirks ``ignored``."""

    def explain(self, implementation: Implementation, case: Any, golden: Any, judged: Judged, explainer: Explainer) -> str:
        """Why an answer diverges; empty where nothing is searched for."""
        return ""

    @abstractmethod
    def detail(self, implementation: Implementation, case: Any, golden: Any, judged: Judged) -> Detail | None:
        """What can be drawn of an answer; None of an error.

        Raises:
            CrossoptimError: for an answer that does not fit the case.
        """

    def diagnose(self, implementation: Implementation, case: Any, golden: Any, judged: Judged, seconds: float) -> Diagnosis | None:
        """The diagnosis of an answer that diverges; None where nothing is searched for."""
        return None

    @abstractmethod
    def text(self, implementation: Implementation, case: Any, golden: Any, answers: Mapping[Mode, Any]) -> str:
        """A recording; raises :class:`~crossoptim.errors.RunnerError` for an answer that breaks the protocol."""

    @abstractmethod
    def load(self, folder: Path, case: Any, golden: Any, expected_sha256: str | None) -> Mapping[str, Any]:
        """The recorded answers by mode; empty where the case was not recorded."""


class _Trajectories(Kind):
    """Runs of optimizers."""

    def explain(self, implementation: Implementation, case: Any, golden: Any, judged: Judged, explainer: Explainer) -> str:
        quirks, got = _quirks(implementation, case, judged.ignored), _read(implementation, case, judged)
        return explainer.sentence(implementation.name, case, golden, got, judged.mode, quirks, judged.judgement)

    def detail(self, implementation: Implementation, case: Any, golden: Any, judged: Judged) -> Detail | None:
        if judged.answer["outcome"] != "ok":
            return None
        quirks, got = _quirks(implementation, case, judged.ignored), _read(implementation, case, judged)
        return of_trajectory(case, golden, got, judged.mode, quirks)

    def diagnose(self, implementation: Implementation, case: Any, golden: Any, judged: Judged, seconds: float) -> Diagnosis | None:
        quirks, got = _quirks(implementation, case, judged.ignored), _read(implementation, case, judged)
        return diagnose(case, golden, got, judged.mode, quirks, seconds, judgement=judged.judgement)

    def modes(self, case: Any, wanted: Sequence[Mode]) -> list[Mode]:
        if case.base.rule.converse:
            return [mode for mode in wanted if mode == "closed"]
        return [mode for mode in wanted if mode != "closed" or case.problem.value is not None]

    def unsupported(self, implementation: Implementation, case: Any) -> str | None:
        return implementation.unsupported(case)

    def ask(self, implementation: Implementation, case: Any, golden: Any, mode: Mode, run: Run) -> Any:
        return run(implementation.request(case, golden, mode))

    def judge(self, implementation: Implementation, case: Any, golden: Any, ignored: Collection[str]) -> Callable[[Any, Mode], Judgement]:
        judge = Judge(case, golden, _quirks(implementation, case, ignored))

        def judgement(answer: Any, mode: Mode) -> Judgement:
            if answer["outcome"] == "unsupported":
                return Judgement("unsupported", True, answer["reason"])
            if answer["outcome"] == "error":
                found = judge.raised(f"{answer.get('class', 'error')}: {answer.get('message', '')}")
                traceback = answer.get("traceback") or ""
                text = "\n".join(map(str, traceback)) if isinstance(traceback, list) else str(traceback)
                return replace(found, details=text.strip()[-TAIL:])
            try:
                trajectory = read_trajectory(answer, case, f"answered nonsense: {implementation.name}, {case.id}")
            except CrossoptimError as error:
                return Judgement("raises", False, str(error))
            return judge.judge(trajectory, mode)

        return judgement

    def text(self, implementation: Implementation, case: Any, golden: Any, answers: Mapping[Mode, Any]) -> str:
        for mode, answer in answers.items():
            if answer["outcome"] == "ok":
                read_trajectory(answer, case, f"{implementation.name}, {case.id} ({mode})")
        return recorded.record_text(case, golden, {str(mode): answer for mode, answer in answers.items()})

    def load(self, folder: Path, case: Any, golden: Any, expected_sha256: str | None) -> Mapping[str, Any]:
        return recorded.load(folder, case, golden, expected_sha256)


def _quirks(implementation: Implementation, case: Case, ignored: Collection[str]) -> list[Quirk]:
    return [quirk for quirk in implementation.quirks(case.base) if quirk.id not in ignored]


def _read(implementation: Implementation, case: Case, judged: Judged) -> Trajectory:
    return read_trajectory(judged.answer, case, f"{implementation.name}, {case.id}")


class _Once(Kind):
    """Kinds that are asked once: their only mode is replay."""

    def modes(self, case: Any, wanted: Sequence[Mode]) -> list[Mode]:
        return [mode for mode in wanted if mode == "replay"]


class _Schedules(_Once):
    """Rates of learning-rate schedules."""

    def unsupported(self, implementation: Implementation, case: Any) -> str | None:
        return schedules.unsupported(implementation, case)

    def ask(self, implementation: Implementation, case: Any, golden: Any, mode: Mode, run: Run) -> Any:
        return run(schedules.request(implementation, case))

    def judge(self, implementation: Implementation, case: Any, golden: Any, ignored: Collection[str]) -> Callable[[Any, Mode], Judgement]:
        quirks = [q for q in schedules.quirks_of(implementation, case.schedule) if q.id not in ignored]
        return lambda answer, _: schedules.judgement(case, golden, quirks, answer, implementation.name)

    def explain(self, implementation: Implementation, case: Any, golden: Any, judged: Judged, explainer: Explainer) -> str:
        found = self.diagnose(implementation, case, golden, judged, SECONDS)
        return found.sentence() if found else ""

    def diagnose(self, implementation: Implementation, case: Any, golden: Any, judged: Judged, seconds: float) -> Diagnosis | None:
        judgement = judged.judgement or self.judge(implementation, case, golden, judged.ignored)(judged.answer, judged.mode)
        got = schedules.read_answer(judged.answer, case, f"{implementation.name}, {case.id}")
        return diagnose_schedule(case, got, judgement, seconds)

    def detail(self, implementation: Implementation, case: Any, golden: Any, judged: Judged) -> Detail | None:
        if judged.answer["outcome"] != "ok":
            return None
        return of_rates(golden, schedules.read_answer(judged.answer, case, f"{implementation.name}, {case.id}"))

    def text(self, implementation: Implementation, case: Any, golden: Any, answers: Mapping[Mode, Any]) -> str:
        return schedules.record_text(case, golden, answers["replay"])

    def load(self, folder: Path, case: Any, golden: Any, expected_sha256: str | None) -> Mapping[str, Any]:
        held = schedules.load_recorded(folder / f"{case.id}.json", case, golden, expected_sha256)
        return {} if held is None else {"replay": held}


class _Refusals(_Once):
    """Reactions to invalid input."""

    def unsupported(self, implementation: Implementation, case: Any) -> str | None:
        return refusals.unsupported(implementation, case)

    def ask(self, implementation: Implementation, case: Any, golden: Any, mode: Mode, run: Run) -> Any:
        return refusals.react(implementation, case, run)

    def judge(self, implementation: Implementation, case: Any, golden: Any, ignored: Collection[str]) -> Callable[[Any, Mode], Judgement]:
        judge = refusals.judge_of(implementation, case, frozenset(ignored))
        return lambda answer, _: judge.judge(answer)

    def detail(self, implementation: Implementation, case: Any, golden: Any, judged: Judged) -> Detail | None:
        return of_reactions(refusals.judge_of(implementation, case, frozenset(judged.ignored)), judged.answer)

    def text(self, implementation: Implementation, case: Any, golden: Any, answers: Mapping[Mode, Any]) -> str:
        return refusals.record_text(case, answers["replay"])

    def load(self, folder: Path, case: Any, golden: Any, expected_sha256: str | None) -> Mapping[str, Any]:
        held = refusals.load_recorded(folder / f"{case.id}.json", expected_sha256)
        return {} if held is None else {"replay": held}


def kind_of(case: Any) -> Kind:
    """The kind of a case."""
    if isinstance(case, ScheduleCase):
        return _Schedules()
    return _Refusals() if isinstance(case, RefusalCase) else _Trajectories()


def same_bits(kind: Kind, implementation: Implementation, case: Any, golden: Any, answers: tuple[Any, Any]) -> bool:
    """Whether two answers would be recorded as the same text: the same bits, or the same error."""
    try:
        a, b = (None if isinstance(each, Judgement) else kind.text(implementation, case, golden, {"replay": each}) for each in answers)
    except CrossoptimError:  # an answer that does not fit the case is like no other
        return False
    return a is not None and a == b
