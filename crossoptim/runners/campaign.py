"""A campaign: cases on implementations, judged, recorded or verified; what ``check`` and ``record`` do between files and screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from rich.console import Console

from crossoptim.check.detail import Detail
from crossoptim.check.diagnosis.diagnose import Diagnosis, Explainer
from crossoptim.check.reports.against import Against, Release, Rerun
from crossoptim.check.result import Result, asked_for, plural, tally
from crossoptim.check.verdict import Judgement
from crossoptim.errors import CrossoptimError, RunnerError, UnavailableError, UnknownNameError
from crossoptim.golden.case import Case
from crossoptim.golden.export import AnyCase, read_manifest, refresh_manifest
from crossoptim.golden.fixture import VERSION
from crossoptim.golden.json_text import write_whole
from crossoptim.golden.refusals.case import RefusalCase
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.rates import Rates
from crossoptim.golden.trajectory import Trajectory
from crossoptim.runners import parallel, recorded
from crossoptim.runners.base import DEFAULT_TIMEOUT, Answer, Description, Runner
from crossoptim.runners.command import CommandRunner
from crossoptim.runners.diagnosed import Diagnosed
from crossoptim.runners.kinds import TAIL, Judged, Kind, kind_of, same_bits
from crossoptim.runners.r import Transport, r_child
from crossoptim.runners.registry import IMPLEMENTATIONS, Implementation, Runners, get_implementation
from crossoptim.runners.request import PROTOCOL, Mode
from crossoptim.spec.ecosystems import all_quirks
from crossoptim.spec.model import lookup

Golden = Sequence[tuple[Case, Trajectory] | tuple[ScheduleCase, Rates] | tuple[RefusalCase, None]]
Tick = Callable[[str], None]
Source = Literal["auto", "live", "recorded"]
Reach = Literal["auto", "rpy2", "rscript"]
MODES: tuple[Mode, ...] = get_args(Mode)
DEFAULT_MODES: tuple[Mode, ...] = ("replay", "closed")
RECORDABLE = tuple(name for name, i in IMPLEMENTATIONS.items() if i.module is None and i.ecosystem and i.default)
"""What ``record`` records unless told otherwise, and whole: foreign libraries in processes of their own that are judged by default."""
_FEW = 120  # cases of an implementation that all show their numbers
_ENOUGH = 3  # failures in a row after which a runner is not asked any more


def _quiet(_: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class _Column:
    """An implementation with what answers for it: a live runner, recordings, or nothing (it is missing, or broken, with the reason)."""

    implementation: Implementation
    version: str = ""
    source: Literal["live", "recorded", ""] = ""
    runner: Runner | None = None
    folder: Path | None = None
    missing: str = ""
    broken: str = ""


class _Patience:
    """A runner that is given up after some failures in a row: a library that hangs on one case hangs on the next."""

    def __init__(self, runner: Runner, timeout: float) -> None:
        self.runner, self.timeout = runner, timeout
        self._failures = 0
        self._last = ""

    def run(self, request: dict[str, Any]) -> Answer:
        if self._failures >= _ENOUGH:
            raise RunnerError(f"{self.runner.name}: not asked any more after {_ENOUGH} failures in a row, the last one: {self._last}")
        try:
            answer = self.runner.run(request, self.timeout)
        except RunnerError as error:
            self._failures, self._last = self._failures + 1, str(error)
            raise
        self._failures = 0
        return answer


class Campaign:
    """Cases on implementations.

    Args:
        fixtures: the fixtures folder.
        implementations: names; None for those that are judged by default.
        modes: ``replay``, ``closed``, ``lockstep``; None for the first two.
        transport: how to reach R: ``auto``, ``rpy2``, ``rscript``.
        source: ``live``, ``recorded``, or ``auto``: live where installed, else recorded.
        commands: programs that speak the protocol, as further columns: ``NAME=COMMAND`` or ``COMMAND``.
        ignored_quirks: ids of quirks to judge without.
        timeout: seconds that a child process may be silent.
        details: whether results carry their numbers: where few are judged all of them, else those that are not as good as ``rounding``
            and one of each implementation's optimizers and topics.

    Raises:
        UnknownNameError: for a name that does not exist.
        CrossoptimError: for a timeout that is not positive; for recordings alone where there are none.
    """

    def __init__(
        self,
        fixtures: Path,
        implementations: Sequence[str] | None = None,
        modes: Sequence[str] | None = None,
        transport: str = "auto",
        source: str = "auto",
        commands: Sequence[str] = (),
        ignored_quirks: Sequence[str] = (),
        timeout: float = DEFAULT_TIMEOUT,
        details: bool = False,
    ) -> None:
        if not timeout > 0:
            raise CrossoptimError(f"timeout {timeout:g} is not positive (expected seconds)")
        self._arguments = {
            "fixtures": fixtures, "implementations": implementations, "modes": modes, "transport": transport, "source": source,
            "commands": commands, "ignored_quirks": ignored_quirks, "timeout": timeout,
            "details": details,
        }  # fmt: skip
        self.fixtures, self.timeout = fixtures, timeout
        self.modes: list[Mode] = [_one_of("mode", mode, MODES) for mode in dict.fromkeys(modes or DEFAULT_MODES)]
        self.source: Source = _one_of("source", source, get_args(Source))
        self.transport: Reach = _one_of("transport", transport, get_args(Reach))
        self.commands = [CommandRunner.of(command) for command in commands]
        self.ignored = {lookup("quirk", all_quirks(), quirk).id for quirk in ignored_quirks}
        named = bool(implementations) or self.source != "auto"
        names = list(dict.fromkeys(implementations or ([] if commands else self._available())))
        self.implementations = [get_implementation(name) for name in names]
        self.named = set(names) if named else set()
        self.details = details
        self._few = False
        self._detailed: set[tuple[str, str, str]] = set()
        self._explainer = Explainer()

    def _available(self) -> list[str]:
        """What is judged unless it is said."""
        if self.source != "recorded":
            return [name for name, implementation in IMPLEMENTATIONS.items() if implementation.default]
        found = recorded.recorded_implementations(self.fixtures)
        if not found:
            raise CrossoptimError(f"{self.fixtures}: holds no recordings (crossoptim record)")
        return [name for name, implementation in IMPLEMENTATIONS.items() if name in found and implementation.default]

    def size(self, cases: Golden) -> int:
        """How often :meth:`run` will tick."""
        return len(cases) * (len(self.implementations) + len(self.commands))

    def run(self, cases: Golden, tick: Tick = _quiet, say: Tick = _quiet, jobs: int = 1) -> list[Result]:
        """Run and judge everything.

        Args:
            cases: with their golden trajectories.
            tick: called for each case of each implementation.
            say: called with a line at the start, and with one for each implementation at the end.
            jobs: in how many processes, at most.

        Raises:
            CrossoptimError: when no case can be run in any of the modes; when two columns would have one name.
            RunnerError: when a command cannot say who it is.
        """
        if not any(kind_of(case).modes(case, self.modes) for case, _ in cases):
            if any(isinstance(case, Case) and case.base.rule.converse for case, _ in cases):
                raise CrossoptimError(
                    f"nothing to judge: {plural(len(cases), 'case')} of optimizers that choose where to evaluate run in closed loop only"
                    f" (expected --mode closed)"
                )
            raise CrossoptimError(
                f"nothing to judge: {plural(len(cases), 'case')} without an objective, whose gradients are injected, cannot run"
                f" in closed loop (expected --mode replay or lockstep)"
            )
        for command in self.commands:
            command.describe(self.timeout)  # what does not start is said first
        jobs = parallel.processes(len(cases), jobs)
        columns = plural(len(self.implementations) + len(self.commands), "implementation")
        say(f"judging {columns} on {plural(len(cases), 'case')}{f' in {jobs} processes' if jobs > 1 else ''}")
        if jobs == 1:
            found = self.judge(cases, tick)
        else:
            for command in self.commands:
                command.close()  # each process starts its own
            # how R is reached is found out once, not in each process
            found = parallel.judge({**self._arguments, "transport": self._transport()}, cases, jobs, tick)
        for name, results in found.items():
            say(f"{name}: {tally(results)}")
        self.named |= {name for name in found if name not in IMPLEMENTATIONS}
        return asked_for([result for results in found.values() for result in results], self.named)

    def judge(self, cases: Golden, tick: Tick = _quiet) -> dict[str, list[Result]]:
        """Results by implementation; in-process implementations in one thread, each child process in its own."""
        self._few = self.size(cases) <= _FEW
        with Runners(self._transport()) as runners:
            try:
                columns = self._columns(runners)
                lanes: dict[str, list[_Column]] = {}
                for column in columns:
                    lanes.setdefault(_lane(column), []).append(column)
                with ThreadPoolExecutor(max_workers=len(lanes) or 1) as pool:
                    futures = [pool.submit(self._run_lane, held, cases, tick) for held in lanes.values()]
                    found = {name: results for future in futures for name, results in future.result().items()}
            finally:
                for command in self.commands:
                    command.close()
        return {column.implementation.name: found[column.implementation.name] for column in columns}

    def diagnose(self, cases: Golden, seconds: float, tick: Tick = _quiet) -> list[Diagnosed]:
        """Run, judge and explain: one entry for each implementation, case and mode."""
        with Runners(self._transport()) as runners:
            try:
                out: list[Diagnosed] = []
                for column in self._columns(runners):
                    asked = _Patience(column.runner, self.timeout) if column.runner else None
                    for case, golden in cases:
                        tick(f"{column.implementation.name}: {case.id}")
                        out += self._diagnose(column, asked, case, golden, seconds)
            finally:
                for command in self.commands:
                    command.close()
        return out

    def _diagnose(self, column: _Column, asked: _Patience | None, case: AnyCase, golden: Any, seconds: float) -> Iterator[Diagnosed]:
        kind, implementation = kind_of(case), column.implementation
        answers = self._answers(column, asked, case, golden)
        judge = kind.judge(implementation, case, golden, self.ignored)
        for mode in kind.modes(case, self.modes):
            answer = answers(mode)
            found = Diagnosis(answer if isinstance(answer, Judgement) else judge(answer, mode))
            if found.judgement.verdict == "diverges":
                judged = Judged(answer, mode, self.ignored, found.judgement)
                found = kind.diagnose(implementation, case, golden, judged, seconds) or found
            yield Diagnosed(case.id, implementation.name, column.version, mode, found)

    def found(self) -> list[dict[str, str]]:
        """Each implementation with what answers for it here: its version, and ``live``, ``recorded`` or why there is nothing."""
        with Runners(self._transport()) as runners:
            return [
                {
                    "name": column.implementation.name,
                    "version": column.version,
                    "here": column.source or f"missing: {column.missing or column.broken}",
                }
                for column in self._columns(runners)
            ]

    def _columns(self, runners: Runners) -> list[_Column]:
        with ThreadPoolExecutor() as pool:  # children start side by side
            columns = list(pool.map(lambda implementation: self._column(implementation, runners), self.implementations))
        for command in self.commands:
            about = command.describe(self.timeout)
            name = about.implementation
            if name in [column.implementation.name for column in columns]:
                raise CrossoptimError(f"--command: two columns would be called {name!r} (name one of them: --command NAME=COMMAND)")
            columns.append(_Column(Implementation(name, name, evaluates_specification=True), about.version, "live", command))
        return columns

    def _run_lane(self, columns: list[_Column], cases: Golden, tick: Tick) -> dict[str, list[Result]]:
        out: dict[str, list[Result]] = {column.implementation.name: [] for column in columns}
        asked = [_Patience(column.runner, self.timeout) if column.runner else None for column in columns]
        for case, golden in cases:  # case by case: columns that agree share what was computed
            for column, patience in zip(columns, asked, strict=True):
                out[column.implementation.name].extend(self._judge(column, patience, case, golden))
                tick(f"{column.implementation.name}: {case.id}")
        return out

    def _judge(self, column: _Column, asked: _Patience | None, case: AnyCase, golden: Any) -> Iterator[Result]:
        return (result for _, result in self._answered(column, asked, case, golden))

    def _answered(self, column: _Column, asked: _Patience | None, case: AnyCase, golden: Any) -> Iterator[tuple[Any, Result]]:
        """Each answer, or the judgement that stands for it, with its result."""
        kind, implementation = kind_of(case), column.implementation
        answers, judge = self._answers(column, asked, case, golden), kind.judge(implementation, case, golden, self.ignored)
        for mode in kind.modes(case, self.modes):
            answer = answers(mode)
            found = answer if isinstance(answer, Judgement) else judge(answer, mode)
            if found.verdict == "diverges":
                judged = Judged(answer, mode, self.ignored, found)
                found = replace(found, diagnosis=kind.explain(implementation, case, golden, judged, self._explainer))
            detail = self._detail(kind, implementation, case, golden, answer, mode, found)
            yield (
                answer,
                Result(
                    case.id, case.optimizer, case.topic, implementation.name, column.version, column.source, mode, found, case.dtype, detail
                ),
            )

    def _detail(
        self, kind: Kind, implementation: Implementation, case: AnyCase, golden: Any, answer: Any, mode: Mode, found: Judgement
    ) -> Detail | None:
        """An answer's numbers, where they are kept."""
        alike = (implementation.name, case.optimizer, case.topic)
        common = found.verdict in ("exact", "rounding") and found.expected and alike in self._detailed
        if not self.details or isinstance(answer, Judgement) or (common and not self._few):
            return None
        try:
            detail = kind.detail(implementation, case, golden, Judged(answer, mode, self.ignored))
        except CrossoptimError:  # nonsense was answered: the verdict says so
            return None
        self._detailed |= {alike} if detail else set()
        return detail

    def _answers(self, column: _Column, asked: _Patience | None, case: AnyCase, golden: Any) -> Callable[[Mode], Any | Judgement]:
        """What a column answers to a case in a mode; a judgement where there is no answer."""
        kind, implementation = kind_of(case), column.implementation
        reason = kind.unsupported(implementation, case)
        held = self._held(kind, column.folder, case, golden) if column.folder and not reason else {}
        by_choice = self.source == "auto" or implementation.name not in RECORDABLE  # of the others, some cases are recorded

        def answer(mode: Mode) -> Any | Judgement:
            if reason:
                return Judgement("unsupported", True, reason)
            if column.folder:
                return held.get(mode) or Judgement("not run", by_choice or mode == "lockstep", f"{mode} was not recorded")
            if column.broken:
                return Judgement("raises", False, column.broken)
            if asked is None:
                return Judgement("not run", True, column.missing)
            try:
                return kind.ask(implementation, case, golden, mode, asked.run)
            except (RunnerError, UnavailableError) as error:
                return Judgement("raises", False, str(error), details="\n".join(getattr(error, "__notes__", ()))[-TAIL:])

        return answer

    def _held(self, kind: Kind, folder: Path, case: AnyCase, golden: Any) -> Mapping[str, Any]:
        name = (folder / f"{case.id}.json").relative_to(self.fixtures / VERSION).as_posix()
        return kind.load(folder, case, golden, self._hashes.get(name))

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return read_manifest(self.fixtures)

    def _column(self, implementation: Implementation, runners: Runners) -> _Column:
        missing = ""
        if self.source != "recorded":
            live = self._live_column(implementation, runners)
            if not live.missing:
                return live
            missing = live.missing
        found = recorded.folders(self.fixtures, implementation.name)
        if self.source == "live" or not found:
            return _Column(implementation, missing=missing or "no recording")
        return self._recorded_column(implementation, found[-1])

    def _live_column(self, implementation: Implementation, runners: Runners) -> _Column:
        try:
            runner = runners[implementation.name]
            return _Column(implementation, runner.describe().version, "live", runner)
        except UnavailableError as error:
            return _Column(implementation, missing=str(error))
        except RunnerError as error:
            return _Column(implementation, broken=str(error))

    def _recorded_column(self, implementation: Implementation, folder: Path) -> _Column:
        return _Column(implementation, str(recorded.read_about(folder)["version"]), "recorded", folder=folder)

    def against(self, cases: Golden, release: str = "recorded", tick: Tick = _quiet, say: Tick = _quiet) -> Against:
        """Run live, and compare bits and verdicts with what was recorded.

        Args:
            cases: with their golden trajectories.
            release: a recorded version, or ``recorded`` for the newest one.
            tick: called for each case of each implementation.
            say: called with a line at the start.

        Raises:
            CrossoptimError: when an implementation, or that release of it, was never recorded.
        """
        folders = {implementation.name: self._release(implementation.name, release) for implementation in self.implementations}
        say(f"running {plural(len(folders), 'implementation')} again on {plural(len(cases), 'case')}")
        with Runners(self._transport()) as runners, ThreadPoolExecutor() as pool:
            return Against(list(pool.map(lambda i: self._rerun(i, runners, folders[i.name], cases, tick), self.implementations)))

    def _release(self, name: str, release: str) -> Path:
        self._require_recording(name)
        found = recorded.folders(self.fixtures, name)
        versions = {str(recorded.read_about(folder)["version"]): folder for folder in found}
        if release not in ("recorded", *versions):
            raise CrossoptimError(f"{name} {release} has no recording (recorded: {', '.join(versions)})")
        return versions.get(release, found[-1])

    def _rerun(self, implementation: Implementation, runners: Runners, folder: Path, cases: Golden, tick: Tick) -> Release:
        held, live = self._recorded_column(implementation, folder), self._live_column(implementation, runners)
        if live.runner is None:
            return Release(implementation.name, recorded.read_about(folder), missing=live.missing or live.broken)
        runs, patience = [], _Patience(live.runner, self.timeout)
        for case, golden in cases:
            tick(f"{implementation.name}: {case.id}")
            kind = kind_of(case)
            if kind.unsupported(implementation, case):
                continue
            both = zip(self._answered(held, None, case, golden), self._answered(live, patience, case, golden), strict=True)
            for (then, before), (now, after) in both:
                if before.judgement.verdict == "not run":
                    runs.append(Rerun(None, after, False))
                else:
                    runs.append(Rerun(before, after, same_bits(kind, implementation, case, golden, (then, now))))
        return Release(implementation.name, recorded.read_about(folder), _about(live.runner.describe()), runs)

    def _transport(self) -> Transport:
        """rpy2 where it works, else Rscript."""
        if self.transport != "auto":
            return self.transport
        try:
            r_child("rpy2").close()
        except UnavailableError:
            return "rscript"
        return "rpy2"

    def record(self, cases: Golden, tick: Tick = _quiet, say: Tick = _quiet) -> Recording:
        """Run live and write what came back, with who answered.

        Raises:
            UnavailableError: when an implementation is missing here.
            RunnerError: when a runner breaks the protocol.
        """
        return self._record(cases, tick, say, write=True)

    def verify(self, cases: Golden, tick: Tick = _quiet, say: Tick = _quiet) -> Recording:
        """Run live and compare every bit with the recordings; nothing is written.

        Raises:
            CrossoptimError: when an implementation, in the version that answers, was never recorded.
        """
        return self._record(cases, tick, say, write=False)

    def _record(self, cases: Golden, tick: Tick, say: Tick, write: bool) -> Recording:
        out = Recording(verify=not write)
        for implementation in () if write else self.implementations:
            self._require_recording(implementation.name)
        with Runners(self._transport()) as runners:
            say(
                f"{'recording' if write else 'verifying'} {plural(len(self.implementations), 'implementation')}"
                f" on {plural(len(cases), 'case')}"
            )
            for implementation in self.implementations:
                runner = runners[implementation.name]
                about = runner.describe()  # raises UnavailableError: there is nothing to record
                folder = recorded.folder_for(self.fixtures, _about(about))
                if not write:
                    self._require_recording(implementation.name, folder)
                texts: dict[Path, str] = {}
                for case, golden in cases:
                    tick(f"{implementation.name}: {case.id}")
                    kind = kind_of(case)
                    if kind.unsupported(implementation, case):
                        continue
                    modes = kind.modes(case, self.modes)
                    answers = {mode: kind.ask(implementation, case, golden, mode, runner.run) for mode in modes}
                    if answers:
                        texts[folder / f"{case.id}.json"] = kind.text(implementation, case, golden, answers)
                out.add(implementation.name, about.version, folder, texts)
                say(out.sentence(out.lines[-1]))
                if write:
                    recorded.write_about(folder, _about(about))
                    for path, text in texts.items():
                        write_whole(path, text)
                    recorded.remove_orphans(folder)
        if write:
            refresh_manifest(self.fixtures)
        return out

    def _require_recording(self, name: str, folder: Path | None = None) -> None:
        found = recorded.folders(self.fixtures, name)
        if not found:
            known = recorded.recorded_implementations(self.fixtures)
            raise CrossoptimError(f"{name} has no recording (recorded: {', '.join(known) or 'nothing'})")
        if folder and folder not in found:
            raise CrossoptimError(f"{folder.name} has no recording (recorded: {', '.join(f.name for f in found)})")


@dataclass
class Recording:
    """What a recording wrote, or how a verification came out."""

    verify: bool
    folders: list[Path] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def different(self) -> int:
        """How many files a verification found to differ."""
        return sum(len(line["different"]) for line in self.lines) if self.verify else 0

    def add(self, name: str, version: str, folder: Path, texts: dict[Path, str]) -> None:
        """Note one implementation's files."""
        changed = [p for p, text in texts.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
        names = [f"{p.parent.name}/{p.stem}" for p in changed]
        self.folders.append(folder)
        self.lines.append({"implementation": name, "version": version, "cases": len(texts), "different": names})

    def as_json(self) -> dict[str, Any]:
        """As data."""
        return {"schema": "crossoptim/record/1", "verify": self.verify, "implementations": self.lines}

    def sentence(self, line: dict[str, Any]) -> str:
        """How one implementation came out."""
        different, cases = len(line["different"]), int(line["cases"])
        if self.verify:
            what = f"{different} {'differs' if different == 1 else 'differ'} from the recording" if different else "every bit as recorded"
        else:
            what = f"{plural(different, 'file')} written, {cases - different} unchanged"
        return f"{line['implementation']} {line['version']}: {plural(cases, 'case')}, {what}"

    def print(self, out: Console) -> None:
        """One line an implementation, then what was written, or what differs."""
        for line, folder in zip(self.lines, self.folders, strict=True):
            out.print(self.sentence(line), soft_wrap=True)
            if self.verify:
                for name in line["different"]:
                    out.print(f"  {name}", soft_wrap=True)
            else:
                out.print(f"  {folder}", soft_wrap=True)


def _lane(column: _Column) -> str:
    """What can run at the same time: this process, and each child."""
    return "here" if column.runner is None or column.implementation.module else column.implementation.name


def _about(description: Description) -> dict[str, Any]:
    return description.answer(PROTOCOL)


def _one_of(kind: str, value: str, allowed: Sequence[Any]) -> Any:
    if value not in allowed:
        raise UnknownNameError(kind, value, list(allowed))
    return value
