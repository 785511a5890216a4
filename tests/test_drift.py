"""A recorded release against the one that is installed: bits, verdicts, quirks that came and went."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from test_cli import Cli, cli  # noqa: F401

from crossoptim.check.reports.against import Against, Rerun
from crossoptim.errors import CrossoptimError, UnavailableError
from crossoptim.golden import fixture
from crossoptim.golden.case import Case
from crossoptim.golden.cases import get_case
from crossoptim.golden.export import every_case
from crossoptim.golden.json_text import compact
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.runners import campaign, recorded
from crossoptim.runners.base import Answer, Description
from crossoptim.runners.campaign import Campaign
from crossoptim.runners.kinds import kind_of
from crossoptim.runners.registry import get_implementation, local_runner

QUIRK = "r-torch/sgd/weight-decay-adds-index"
SAME, BITS, MENDED, DEPARTS, WRONG, RAISES, NEW = (
    "sgd/plain-ravine-f64",
    "adam/plain-ravine-f64",
    "sgd/decay-ravine-f32",
    "sgd/decay-ravine-f64",
    "sgd/momentum-ravine-f64",
    "adam/plain-ravine-f32",
    "sgd/dampening-ravine-f64",
)
CASES = (SAME, BITS, MENDED, DEPARTS, WRONG, RAISES)
Change = Callable[[str, dict[str, Any]], Answer]


@cache
def trajectory(case_id: str) -> Trajectory:
    """The golden trajectory of a case."""
    return golden(get_case(case_id))


def pairs(*case_ids: str) -> list[tuple[Case, Trajectory]]:
    """Cases with their golden trajectories."""
    return [(get_case(case_id), trajectory(case_id)) for case_id in case_ids]


class Library:
    """Stands for R torch in some version: it answers what is recorded in the fixtures, or what ``change`` makes of a request."""

    version = "0.16.0"
    libtorch = "2.5.1"
    missing = ""
    change: Change = staticmethod(lambda case_id, request: committed(case_id, request["mode"]))  # type: ignore[assignment]

    def __init__(self, transport: str = "") -> None:
        self.name = "r-torch"

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getitem__(self, name: str) -> Library:
        return self

    def describe(self) -> Description:
        """Who answers."""
        if self.missing:
            raise UnavailableError(self.missing)
        return Description(self.name, self.version, "x86_64", {"libtorch": self.libtorch, "R": "4.2.2"})

    def run(self, request: dict[str, Any], timeout: float = 0) -> Answer:
        """The answer to a request."""
        return type(self).change(request["case"], request)


def committed(case_id: str, mode: str) -> Answer:
    """What R torch answered when it was recorded."""
    home = recorded.folders(fixture.root(), "r-torch")[-1]
    case = every_case()[case_id]
    held = kind_of(case).load(home, case, trajectory(case_id), None)[mode]
    return json.loads(compact(held))  # type: ignore[no-any-return]


def as_specified(case_id: str, request: dict[str, Any]) -> Answer:
    """What a library without quirks answers."""
    sent = get_implementation("reference").request(get_case(case_id), trajectory(case_id), request["mode"])
    return json.loads(compact(local_runner("reference").run(sent)))  # type: ignore[no-any-return]


def moved(answer: Answer, step: int, by: Callable[[float], float]) -> Answer:
    """An answer with one parameter of one step changed."""
    row = answer["trajectory"]["params"]["x"][step]
    row[0] = float(by(row[0]))
    return answer


def old(case_id: str, request: dict[str, Any]) -> Answer:
    """The older release: weight decay was right in float64."""
    return as_specified(case_id, request) if case_id == DEPARTS else committed(case_id, request["mode"])


def new(case_id: str, request: dict[str, Any]) -> Answer:
    """The newer release: mended in float32, broken elsewhere."""
    answer = committed(case_id, request["mode"])
    if case_id == MENDED:
        return as_specified(case_id, request)
    if case_id == BITS and request["mode"] == "replay":
        return moved(answer, -1, lambda x: np.nextafter(x, np.inf))
    if case_id == WRONG:
        return moved(answer, 2, lambda x: x + 1)
    if case_id == RAISES:
        return {"outcome": "error", "class": "simpleError", "message": "no kernel"}
    return answer


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> type[Library]:
    """The live R torch of this test."""

    class Living(Library):
        pass

    monkeypatch.setattr(campaign, "Runners", Living)
    return Living


def recording(fixtures: Path, library: type[Library], version: str, change: Change = old) -> None:
    """Record a release."""
    library.version, library.change = version, staticmethod(change)  # type: ignore[assignment]
    Campaign(fixtures, ["r-torch"], transport="rscript", source="live").record(pairs(*CASES))


def installed(library: type[Library], version: str, change: Change, libtorch: str = "2.5.1") -> None:
    """Install a release."""
    library.version, library.libtorch, library.change = version, libtorch, staticmethod(change)  # type: ignore[assignment]


def again(fixtures: Path, *case_ids: str, release: str = "recorded") -> Against:
    """What changed."""
    return Campaign(fixtures, ["r-torch"], transport="rscript", source="recorded").against(pairs(*case_ids), release)


def by_case(found: Against, mode: str = "replay") -> dict[str, Rerun]:
    """The runs of the only implementation in one mode."""
    (release,) = found.releases
    return {run.after.case: run for run in release.runs if run.after.mode == mode}


def printed(found: Against) -> str:
    """What the terminal shows."""
    screen = StringIO()
    found.print(Console(file=screen, width=250))
    return screen.getvalue()


def test_the_same_release_gives_the_same_bits_and_says_so(library: type[Library], tmp_path: Path) -> None:
    recording(tmp_path, library, "0.16.0")
    found = again(tmp_path, *CASES)
    assert found.changed == 0 and set(found.releases[0].counts) == {"same bits"}
    assert printed(found) == "r-torch 0.16.0, recorded and installed (the same version): 12 runs, 12 same bits\n"


def test_each_case_says_what_became_of_it(library: type[Library], tmp_path: Path) -> None:
    recording(tmp_path, library, "0.16.0")
    installed(library, "0.17.0", new, "2.7.1")
    found = again(tmp_path, *CASES, NEW)
    runs = by_case(found)
    assert {case: run.outcome for case, run in runs.items()} == {
        SAME: "same bits",
        BITS: "other bits",
        MENDED: "changed",
        DEPARTS: "changed",
        WRONG: "changed",
        RAISES: "changed",
        NEW: "not recorded",
    }
    assert by_case(found, "closed")[BITS].outcome == "same bits"
    sentences = {case: run.change.sentence for case, run in runs.items() if run.change}
    assert f"mended upstream: {QUIRK}" in sentences[MENDED] and sentences[MENDED].startswith("exact, was documented")
    assert sentences[DEPARTS] == f"documented, was exact; departs now: {QUIRK}; as expected now"
    assert "diverges, was " in sentences[WRONG] and "not expected: step 3, params/x[0]" in sentences[WRONG]
    assert "raises, was " in sentences[RAISES] and "simpleError: no kernel" in sentences[RAISES]
    assert sentences[NEW].endswith(", not judged before")
    assert found.changed == 8  # four cases, two modes
    text = printed(found)
    assert text.startswith(
        "r-torch 0.16.0 (recorded) → 0.17.0 (installed): 14 runs, 3 same bits, 1 other bits, 8 changed, 2 not recorded\n"
    )
    assert "libtorch: 2.5.1 → 2.7.1" in text and "R: " not in text
    assert f"other bits, the same verdict: {BITS}" in text and f"not recorded: {NEW}" in text
    assert "documented → exact  r-torch 0.16.0 → 0.17.0" in text


def test_as_data(library: type[Library], tmp_path: Path) -> None:
    recording(tmp_path, library, "0.16.0")
    installed(library, "0.17.0", new, "2.7.1")
    data = json.loads(compact(again(tmp_path, *CASES).as_json()))
    assert data["schema"] == "crossoptim/against/1"
    (summary,) = data["implementations"]
    assert summary == {
        "implementation": "r-torch",
        "recorded": "0.16.0",
        "installed": "0.17.0",
        "also_changed": {"libtorch": ["2.5.1", "2.7.1"]},
        "outcomes": {"same bits": 3, "other bits": 1, "changed": 8},
        "mended": [QUIRK],
        "departed": [QUIRK],
    }
    results = {(each["case"], each["mode"]): each for each in data["results"]}
    assert len(results) == 12
    assert results[SAME, "replay"] == {
        "case": SAME, "implementation": "r-torch", "mode": "replay", "outcome": "same bits", "before": "rounding", "after": "rounding",
    }  # fmt: skip
    assert results[BITS, "replay"]["outcome"] == "other bits"
    mended = results[MENDED, "closed"]
    assert (mended["before"], mended["after"], mended["mended"], mended["versions"]) == (
        "documented",
        "exact",
        [QUIRK],
        ["0.16.0", "0.17.0"],
    )


def test_nonsense_is_an_answer_of_its_own(library: type[Library], tmp_path: Path) -> None:
    recording(tmp_path, library, "0.16.0")

    def short(case_id: str, request: dict[str, Any]) -> Answer:
        answer = committed(case_id, request["mode"])
        answer["trajectory"]["params"]["x"].pop()
        return answer

    installed(library, "0.17.0", short)
    run = by_case(again(tmp_path, SAME))[SAME]
    assert run.outcome == "changed" and run.after.judgement.verdict == "raises" and "29 rows" in run.after.judgement.reason


def test_the_newest_recording_is_meant_unless_a_version_is_named(library: type[Library], tmp_path: Path) -> None:
    recording(tmp_path, library, "0.9.1", new)
    recording(tmp_path, library, "0.16.0")
    installed(library, "0.17.0", old)
    newest, named = again(tmp_path, MENDED), again(tmp_path, MENDED, release="0.9.1")
    assert newest.changed == 0 and newest.releases[0].recorded["version"] == "0.16.0"
    assert named.changed == 2 and by_case(named)[MENDED].change is not None
    assert named.as_json()["implementations"][0]["departed"] == [QUIRK]
    with pytest.raises(CrossoptimError, match=r"^r-torch 1\.0 has no recording \(recorded: 0\.9\.1, 0\.16\.0\)$"):
        again(tmp_path, MENDED, release="1.0")


def test_what_is_not_here_cannot_be_compared(library: type[Library], tmp_path: Path) -> None:
    recording(tmp_path, library, "0.16.0")
    library.missing = "the R package torch is not installed"
    found = again(tmp_path, SAME)
    assert found.lacking(None) and found.lacking(["r-torch"]) and found.changed == 0
    assert printed(found) == "r-torch: recorded 0.16.0, nothing to compare it with: the R package torch is not installed\n"
    assert found.as_json()["implementations"] == [
        {"implementation": "r-torch", "recorded": "0.16.0", "installed": "", "missing": "the R package torch is not installed"}
    ]


def test_what_was_never_recorded_is_refused(library: type[Library]) -> None:
    with pytest.raises(CrossoptimError, match=r"^reference has no recording \(recorded: "):
        Campaign(fixture.root(), ["reference"], transport="rscript", source="recorded").against(pairs(SAME))


# The command line

AGAINST = ("check", "--against", "recorded", "-r", "r-torch", "--transport", "rscript", "-s", MENDED)


def test_the_exit_code_says_whether_a_verdict_changed(cli: Cli, library: type[Library], tmp_path: Path) -> None:  # noqa: F811
    version = str(recorded.read_about(recorded.folders(fixture.root(), "r-torch")[-1])["version"])
    installed(library, version, lambda case_id, request: committed(case_id, request["mode"]))
    said = cli(*AGAINST)
    assert said.code == 0 and f"r-torch {version}, recorded and installed (the same version): 2 runs, 2 same bits" in said.out
    installed(library, "99.0", new)
    file = tmp_path / "drift.json"
    said = cli(*AGAINST, "--json", str(file))
    assert said.code == 1 and f"mended upstream: {QUIRK}" in said.out and f"r-torch {version} → 99.0" in said.out
    assert json.loads(file.read_text(encoding="utf-8"))["implementations"][0]["mended"] == [QUIRK]
    assert json.loads(cli(*AGAINST, "--json", "-").out)["schema"] == "crossoptim/against/1"
    library.missing = "not installed"
    assert cli(*AGAINST).code == 2


@pytest.mark.parametrize("option", [("--source", "live"), ("--command", "mine=./mine"), ("--junit", "-"), ("--compare", "old.json")])
def test_what_does_not_go_with_it_is_refused(cli: Cli, option: tuple[str, str]) -> None:  # noqa: F811
    said = cli(*AGAINST, *option)
    assert (said.code, said.out) == (2, "")
    assert said.err == f"crossoptim: --against: has no use for {option[0]} (it runs live what is recorded, and writes --json)\n"
