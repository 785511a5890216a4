"""A campaign: cases on implementations, judged, recorded or verified; what ``check`` and ``record`` do between files and screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from rich.console import Console

from crossoptim.check.judge import Judge
from crossoptim.check.result import Result
from crossoptim.check.verdict import Judgement
from crossoptim.errors import CrossoptimError, RunnerError, UnavailableError, UnknownNameError
from crossoptim.golden.case import Case
from crossoptim.golden.export import refresh_manifest
from crossoptim.golden.json_text import read, write_whole
from crossoptim.golden.trajectory import Trajectory
from crossoptim.runners import recorded
from crossoptim.runners.base import Answer, Description, Runner
from crossoptim.runners.command import CommandRunner
from crossoptim.runners.r import TRANSPORTS, Transport, r_child
from crossoptim.runners.registry import IMPLEMENTATIONS, Implementation, Runners, get_implementation
from crossoptim.runners.request import Mode, read_trajectory
from crossoptim.spec.ecosystems import all_quirks
from crossoptim.spec.model import lookup

Golden = Sequence[tuple[Case, Trajectory]]
Tick = Callable[[str], None]
Source = Literal["auto", "live", "recorded"]
MODES: tuple[Mode, ...] = get_args(Mode)
DEFAULT_MODES: tuple[Mode, ...] = ("replay", "closed")
RECORDABLE = tuple(name for name, i in IMPLEMENTATIONS.items() if i.module is None and i.ecosystem)
"""What ``record`` records unless told otherwise: foreign libraries that live in another process."""


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


class Campaign:
    """Cases on implementations.

    Args:
        fixtures: the fixtures folder.
        implementations: names; None for all.
        modes: ``replay``, ``closed``, ``lockstep``; None for the first two.
        transport: how to reach R: ``auto``, ``rpy2``, ``rscript``.
        source: ``live``, ``recorded``, or ``auto``: live where installed, else recorded.
        commands: programs that speak the protocol, as further columns.
        ignored_quirks: ids of quirks to judge without.

    Raises:
        UnknownNameError: for a name that does not exist.
        CrossoptimError: for a command whose column has the name of another one.
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
    ) -> None:
        self.fixtures = fixtures
        names = list(dict.fromkeys(implementations or ([] if commands else IMPLEMENTATIONS)))
        self.implementations = [get_implementation(name) for name in names]
        self.modes = [_one_of("mode", mode, MODES) for mode in modes or DEFAULT_MODES]
        self.source: Source = _one_of("source", source, get_args(Source))
        self.transport = _one_of("transport", transport, ("auto", *TRANSPORTS))
        self.commands = [CommandRunner.of(command) for command in commands]
        for number, command in enumerate(self.commands):
            if command.name in [*names, *(other.name for other in self.commands[:number])]:
                raise CrossoptimError(f"--command: two columns would be called {command.name!r} (expected programs of different names)")
        self.ignored = {lookup("quirk", all_quirks(), quirk).id for quirk in ignored_quirks}

    def size(self, cases: Golden) -> int:
        """How often :meth:`run` will tick."""
        return len(cases) * (len(self.implementations) + len(self.commands))

    def run(self, cases: Golden, tick: Tick = lambda _: None) -> list[Result]:
        """Run and judge everything; in-process implementations in one thread, each child process in its own."""
        with Runners(self._transport()) as runners:
            columns = [self._column(implementation, runners) for implementation in self.implementations]
            for command in self.commands:
                columns.append(_live(Implementation(command.name, command.name, evaluates_specification=True), command))
            lanes: dict[str, list[_Column]] = {}
            for column in columns:
                lanes.setdefault(_lane(column), []).append(column)
            with ThreadPoolExecutor(max_workers=len(lanes) or 1) as pool:
                futures = {lane: pool.submit(self._run_lane, held, cases, tick) for lane, held in lanes.items()}
                found = {name: results for future in futures.values() for name, results in future.result().items()}
            for command in self.commands:
                command.close()
        return [result for column in columns for result in found[column.implementation.name]]

    def _run_lane(self, columns: list[_Column], cases: Golden, tick: Tick) -> dict[str, list[Result]]:
        out: dict[str, list[Result]] = {}
        for column in columns:
            results = out.setdefault(column.implementation.name, [])
            for case, golden in cases:
                results.extend(self._judge(column, case, golden))
                tick(f"{column.implementation.name}: {case.id}")
        return out

    def _judge(self, column: _Column, case: Case, golden: Trajectory) -> Iterator[Result]:
        answers = self._answers(column, case, golden)
        for mode in self.modes:
            if mode == "closed" and case.problem.value is None:
                continue
            judge = Judge(case, golden, [q for q in column.implementation.quirks(case.base) if q.id not in self.ignored])
            judgement = _judgement(judge, answers(mode), case, mode, column.implementation.name)
            yield Result(
                case.id, case.optimizer, case.topic, column.implementation.name, column.version, column.source, mode, judgement
            )  # fmt: skip

    def _answers(self, column: _Column, case: Case, golden: Trajectory) -> Callable[[Mode], Answer | Judgement]:
        """What a column answers to a case in a mode."""
        held = recorded.load(column.folder, case, golden) if column.folder else {}

        def answer(mode: Mode) -> Answer | Judgement:
            if reason := column.implementation.unsupported(case):
                return {"outcome": "unsupported", "reason": reason}
            if column.folder:
                return held.get(mode) or Judgement("not run", self.source == "auto" or mode == "lockstep", f"{mode} was not recorded")
            if column.broken:
                return Judgement("raises", False, column.broken)
            if column.runner is None:
                return Judgement("not run", True, column.missing)
            try:
                return column.runner.run(column.implementation.request(case, golden, mode))
            except (RunnerError, UnavailableError) as error:
                return Judgement("raises", False, str(error))

        return answer

    def _column(self, implementation: Implementation, runners: Runners) -> _Column:
        missing = ""
        if self.source != "recorded":
            try:
                return _live(implementation, runners[implementation.name])
            except UnavailableError as error:
                missing = str(error)
            except RunnerError as error:
                return _Column(implementation, broken=str(error))
        found = recorded.folders(self.fixtures, implementation.name)
        if self.source == "live" or not found:
            return _Column(implementation, missing=missing or "no recording")
        return _Column(implementation, str(read(found[-1] / "about.json")["version"]), "recorded", folder=found[-1])

    def _transport(self) -> Transport:
        """rpy2 where it works, else Rscript."""
        if self.transport != "auto":
            return cast(Transport, self.transport)
        try:
            r_child("rpy2").close()
        except UnavailableError:
            return "rscript"
        return "rpy2"

    def record(self, cases: Golden, tick: Tick = lambda _: None) -> Recording:
        """Run live and write what came back, with who answered."""
        return self._record(cases, tick, write=True)

    def verify(self, cases: Golden, tick: Tick = lambda _: None) -> Recording:
        """Run live and compare every bit with the recordings; nothing is written."""
        return self._record(cases, tick, write=False)

    def _record(self, cases: Golden, tick: Tick, write: bool) -> Recording:
        out = Recording(verify=not write)
        with Runners(self._transport()) as runners:
            for implementation in self.implementations:
                runner = runners[implementation.name]
                about = runner.describe()  # raises UnavailableError: there is nothing to record
                folder = recorded.folder_for(self.fixtures, _about(about))
                texts: dict[Path, str] = {}
                for case, golden in cases:
                    tick(f"{implementation.name}: {case.id}")
                    if implementation.unsupported(case):
                        continue
                    modes = [m for m in self.modes if m != "closed" or case.problem.value is not None]
                    answers = {mode: runner.run(implementation.request(case, golden, mode)) for mode in modes}
                    for mode, answer in answers.items():
                        if answer["outcome"] == "ok":
                            read_trajectory(answer, case, f"{implementation.name}, {case.id} ({mode})")
                    texts[folder / f"{case.id}.json"] = recorded.record_text(case, golden, answers)
                out.add(implementation.name, about.version, texts)
                if write:
                    recorded.write_about(folder, _about(about))
                    for path, text in texts.items():
                        write_whole(path, text)
        if write:
            refresh_manifest(self.fixtures)
        return out


@dataclass
class Recording:
    """What a recording wrote, or how a verification came out."""

    verify: bool
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def different(self) -> int:
        """How many files a verification found to differ."""
        return sum(len(line["different"]) for line in self.lines) if self.verify else 0

    def add(self, name: str, version: str, texts: dict[Path, str]) -> None:
        """Note one implementation's files."""
        changed = [p for p, text in texts.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
        names = [f"{p.parent.name}/{p.stem}" for p in changed]
        self.lines.append({"implementation": name, "version": version, "cases": len(texts), "different": names})

    def as_json(self) -> dict[str, Any]:
        """As data."""
        return {"schema": "crossoptim/record/1", "verify": self.verify, "implementations": self.lines}

    def print(self, out: Console) -> None:
        """One line an implementation."""
        for line in self.lines:
            different = line["different"]
            what = f"{len(different)} differ from the recording" if self.verify else f"{len(different)} written anew"
            out.print(f"{line['implementation']} {line['version']}: {line['cases']} cases, {what}")
            for name in different if self.verify else ():
                out.print(f"  {name}")


def _judgement(judge: Judge, answer: Answer | Judgement, case: Case, mode: str, name: str) -> Judgement:
    if isinstance(answer, Judgement):
        return answer
    if answer["outcome"] == "unsupported":
        return Judgement("unsupported", True, answer["reason"])
    if answer["outcome"] == "error":
        return judge.raised(f"{answer.get('class', 'error')}: {answer.get('message', '')}")
    try:
        trajectory = read_trajectory(answer, case, f"{name}, {case.id}")
    except CrossoptimError as error:
        return Judgement("raises", False, str(error))
    return judge.judge(trajectory, mode)


def _live(implementation: Implementation, runner: Runner) -> _Column:
    return _Column(implementation, runner.describe().version, "live", runner)


def _lane(column: _Column) -> str:
    """What can run at the same time: this process, and each child."""
    return "here" if column.runner is None or column.implementation.module else column.implementation.name


def _about(description: Description) -> dict[str, Any]:
    return description.answer(1)


def _one_of(kind: str, value: str, allowed: Sequence[Any]) -> Any:
    if value not in allowed:
        raise UnknownNameError(kind, value, list(allowed))
    return value
