"""Recordings of R torch: complete, readable by everybody, and judged without a surprise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from crossoptim.check.judge import Judge
from crossoptim.errors import CrossoptimError, FixtureError
from crossoptim.golden import fixture
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.export import every_case
from crossoptim.golden.json_text import compact, read
from crossoptim.golden.sites import cases_of_quirks
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.runners import campaign, recorded
from crossoptim.runners.base import Answer, Description
from crossoptim.runners.campaign import DEFAULT_MODES, RECORDABLE, Campaign
from crossoptim.runners.kinds import kind_of
from crossoptim.runners.registry import get_implementation, local_runner
from crossoptim.runners.request import Mode, read_trajectory

FOREIGN = ("r-torch", "r-torch-ignite")
INDEX = "r-torch/sgd/weight-decay-adds-index"
SOME = ("sgd/decay-ravine-f32", "adam/extreme_infinite-infinite-f64", "adamw/groups-injected_1d-f32")


@cache
def trajectory(case_id: str) -> Trajectory:
    """The golden trajectory of a case."""
    return golden(get_case(case_id))


def pairs(*case_ids: str) -> list[tuple[Case, Trajectory]]:
    """Cases with their golden trajectories."""
    return [(get_case(case_id), trajectory(case_id)) for case_id in case_ids]


def folder(implementation: str) -> Path:
    """The newest committed recording."""
    return recorded.folders(fixture.root(), implementation)[-1]


def modes(case: Case) -> set[str]:
    """The modes in which a case can be run without golden state."""
    return set(kind_of(case).modes(case, DEFAULT_MODES))


# What is committed


def test_r_torch_0_17_is_recorded_with_what_decides_its_numbers() -> None:
    for implementation in FOREIGN:
        about = read(folder(implementation) / "about.json")
        assert about["version"].startswith("0.17") and about["platform"]
        assert {"libtorch", "R", "default_dtype", "threads"} <= set(about["details"])
    assert set(FOREIGN) == set(RECORDABLE)


@pytest.mark.parametrize("implementation", FOREIGN)
def test_every_case_that_the_library_can_run_is_recorded_in_both_modes(implementation: str) -> None:
    home = folder(implementation)
    supported = {case_id for case_id, case in all_cases().items() if not get_implementation(implementation).unsupported(case)}
    others = {i for i, case in every_case().items() if not kind_of(case).unsupported(get_implementation(implementation), case)}
    assert {p.relative_to(home).with_suffix("").as_posix() for p in home.rglob("*.json")} - {"about"} == supported | others
    for case_id in supported:
        case = get_case(case_id)
        answers = recorded.load(home, case, trajectory(case_id))
        assert set(answers) == modes(case)
        for mode, answer in answers.items():
            if answer["outcome"] == "ok":
                full = read_trajectory(answer, case, f"{case_id} ({mode})")
                assert all(len(rows) == case.steps for rows in full.params.values())


@pytest.mark.parametrize("implementation", FOREIGN)
def test_recordings_are_judged_without_a_surprise(implementation: str) -> None:
    bears = cases_of_quirks(all_cases().values())
    bent = {case_id for quirk, cases in bears.items() if quirk.startswith(f"{implementation}/") for case_id in cases[:3]}
    lacks = {case_id: get_implementation(implementation).unsupported(case) is not None for case_id, case in all_cases().items()}
    runs, cannot = ([case_id for case_id, lacking in lacks.items() if lacking is so] for so in (False, True))
    # a check judges all; here three on which each quirk bears, one in three others, one in ten of what the library has no argument for
    asked = {*bent, *runs[::3], *cannot[::10]}
    results = Campaign(fixture.root(), [implementation], source="recorded").run(pairs(*(c for c in all_cases() if c in asked)))
    assert [r.as_json() for r in results if not r.judgement.expected] == []
    assert {r.source for r in results} == {"recorded"}
    assert {r.judgement.verdict for r in results} <= {"exact", "rounding", "documented", "unsupported"}
    if implementation == "r-torch-ignite":
        assert all(quirk.endswith("-raises") for r in results for quirk in r.judgement.quirks), "its numbers are libtorch's own"
    assert all(r.case in bears[quirk] for r in results for quirk in r.judgement.quirks)
    for r in results:
        if r.optimizer == "sgd" and r.judgement.verdict != "unsupported" and implementation == "r-torch":
            decays = any(m.setting.h.weight_decay for members in get_case(r.case).timeline for m in members.values())
            assert decays or INDEX not in r.judgement.quirks, r.case


def test_without_the_quirk_weight_decay_diverges_at_its_first_step() -> None:
    """What a maintainer sees who does not know yet: in float32 and float64, replay and closed loop."""
    cases = [c for c in all_cases() if c.startswith("sgd/decay-")]
    assert {get_case(c).dtype for c in cases} == {"float32", "float64"}
    known = Campaign(fixture.root(), ["r-torch"], source="recorded").run(pairs(*cases))
    assert {(r.judgement.verdict, r.judgement.quirks) for r in known} == {("documented", (INDEX,))}
    unknown = Campaign(fixture.root(), ["r-torch"], source="recorded", ignored_quirks=[INDEX]).run(pairs(*cases))
    for result in unknown:
        found = result.judgement.finding
        assert (result.judgement.verdict, result.judgement.expected) == ("diverges", False)
        assert found is not None and found.step == 1 and found.tensor.startswith("params/")


# Reading


def test_a_row_that_equals_the_golden_one_is_written_as_such() -> None:
    case, truth = pairs("sgd/plain-ravine-f64")[0]
    answer = answered(case, "replay")
    text = recorded.record_text(case, truth, {"replay": answer})
    body = json.loads(text)["runs"]["replay"]["trajectory"]
    assert body["params"]["x"] == body["gradients"]["x"] == ["="] * case.steps


def answered(case: Case, mode: Mode) -> Answer:
    """What the reference answers."""
    return local_runner("reference").run(get_implementation("reference").request(case, trajectory(case.id), mode))


@pytest.mark.parametrize(
    "case_id",
    [*SOME, "adam/none-first-injected-f64", "sgd/group-added-injected-f32", "adam/extreme_empty-empty-f64", "sgd/accumulate-ravine-f64"],
)
def test_a_recording_gives_back_what_was_answered(case_id: str, tmp_path: Path) -> None:
    case, truth = pairs(case_id)[0]
    answers = {mode: answered(case, mode) for mode in ("replay", "closed") if mode in modes(case)}
    file = tmp_path / f"{case_id}.json"
    file.parent.mkdir()
    file.write_text(recorded.record_text(case, truth, answers), encoding="utf-8")
    loaded = recorded.load(tmp_path, case, truth)
    assert set(loaded) == set(answers)
    for mode, answer in answers.items():
        given, back = read_trajectory(answer, case, ""), read_trajectory(loaded[mode], case, "")
        assert back.digest() == given.digest() == truth.digest()
        assert {k: list(map(_bits, back.after(k))) for k in back.params} == {k: list(map(_bits, given.after(k))) for k in given.params}
        assert Judge(case, truth).judge(back, mode).verdict == "exact"


def _bits(row: Any) -> bytes:
    return b"" if row is None else row.tobytes()


@pytest.mark.parametrize("case_id", ["sgd/plain-ravine-f32", "sgd/plain-ravine-f64", "adam/extreme_infinite-infinite-f64"])
@settings(max_examples=40)
@given(row=st.lists(st.floats(width=32) | st.integers(-5, 5), min_size=2, max_size=2))
@example(row=[-0.0, 0.0])
@example(row=[1, -5])
def test_whatever_is_answered_is_given_back_to_the_last_bit(case_id: str, row: list[float]) -> None:
    """A float stands for itself, an integer for so many numbers up or down from the golden value."""
    case, truth = pairs(case_id)[0]
    answer = json.loads(compact(answered(case, "replay")))
    name = case.problem.params[0].name
    near = np.ravel(truth.params[name][7])[:2]  # type: ignore[call-overload]
    got = [_away(a, by) if isinstance(by, int) else by for a, by in zip(near, row, strict=True)]
    rest = answer["trajectory"]["params"][name][7][2:]
    answer["trajectory"]["params"][name][7] = json.loads(compact([*map(float, got), *rest]))
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{case_id}.json"
        file.parent.mkdir()
        file.write_text(recorded.record_text(case, truth, {"replay": answer}), encoding="utf-8")
        back = recorded.load(Path(folder), case, truth)["replay"]
    assert read_trajectory(back, case, "").digest() == read_trajectory(answer, case, "").digest()


def _away(value: Any, by: int) -> Any:
    for _ in range(abs(by)):
        value = np.nextafter(value, value.dtype.type(np.copysign(np.inf, by)))
    return value


def test_errors_and_refusals_are_recorded_too(tmp_path: Path) -> None:
    case, truth = pairs(SOME[0])[0]
    answers: dict[str, dict[str, Any]] = {
        "replay": {"outcome": "error", "class": "simpleError", "message": "no", "traceback": "somewhere on this machine"},
        "closed": {"outcome": "unsupported", "reason": "no argument"},
    }
    (tmp_path / "sgd").mkdir()
    (tmp_path / f"{case.id}.json").write_text(recorded.record_text(case, truth, answers), encoding="utf-8")
    del answers["replay"]["traceback"]
    assert recorded.load(tmp_path, case, truth) == answers


def test_a_case_that_was_not_recorded_has_no_answers(tmp_path: Path) -> None:
    assert recorded.load(tmp_path, *pairs(SOME[0])[0]) == {}


def _params(rows: list[Any]) -> dict[str, Any]:
    return {"runs": {"replay": {"outcome": "ok", "trajectory": {"params": {"x": rows}, "gradients": {}, "state": {}, "loss": []}}}}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"golden": "0" * 64}, "recorded against another golden trajectory (record again: crossoptim record)"),
        ({"schema": "crossoptim/recorded/2"}, "schema 'crossoptim/recorded/2' (expected 'crossoptim/recorded/1')"),
        ({"runs": []}, "runs: [] is not of type 'object'"),
        ({"runs": {"replay": {}}}, "runs/replay: {} is not valid under any of the given schemas"),
        ({"case": 1}, "case: 1 is not of type 'string'"),
        (_params(["one two"]), "runs/replay/trajectory/params/x/0: 'one two' does not match"),
        (_params(["1 2 3"]), "params/x, step 1: '1 2 3' does not fit the golden row"),
        (_params(["="] * 31), "params/x, step 31: '=' does not fit the golden row"),
        (_params(["="] * 29), "replay: params/x: 29 rows (expected 30 rows, one a step)"),
        (_params(["="] * 30), "replay: gradients: [] (expected the parameters ['x'])"),
        (_params(["1 99999999999999999999"]), "not a recording: "),
        (None, "is it truncated?"),
    ],
)
def test_an_unusable_recording_is_refused_in_one_line(tmp_path: Path, change: Mapping[str, Any] | None, message: str) -> None:
    case, truth = pairs(SOME[0])[0]
    committed = (folder("r-torch") / f"{case.id}.json").read_text(encoding="utf-8")
    file = tmp_path / f"{case.id}.json"
    file.parent.mkdir()
    file.write_text(committed[:900] if change is None else json.dumps({**json.loads(committed), **change}), encoding="utf-8")
    with pytest.raises(FixtureError) as caught:
        recorded.load(tmp_path, case, truth)
    assert str(caught.value).startswith(f"{file}: ") and message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("spoilt", ["about.json", "sgd/decay-ravine-f32.json"])
def test_a_recording_that_was_changed_by_hand_is_refused(live: type[Revenant], tmp_path: Path, spoilt: str) -> None:
    one(tmp_path).record(pairs(*SOME))
    file = recorded.folders(tmp_path, "r-torch")[-1] / spoilt
    data = read(file)
    if spoilt == "about.json":
        del data["platform"]
    else:
        data["runs"]["replay"]["trajectory"]["params"]["x"][3] = "5 5"
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(FixtureError) as caught:
        Campaign(tmp_path, ["r-torch"], source="recorded").run(pairs(*SOME))
    reason = "top level: 'platform' is a required property" if spoilt == "about.json" else "its sha256 is not the manifest's"
    assert str(caught.value).startswith(f"{file}: {reason}")


def test_a_row_without_order_keeps_its_digits() -> None:
    """Where the golden row or the answer holds NaN there is no distance to write."""
    case, truth = pairs("adam/extreme_not_a_number-not_a_number-f64")[0]
    name, step = next((n, s) for n, rows in truth.params.items() for s, row in enumerate(rows) if row is not None and np.isnan(row).any())
    answer = json.loads(compact(answered(case, "replay")))
    row = answer["trajectory"]["params"][name][step]
    answer["trajectory"]["params"][name][step] = [7.0 if value == "NaN" else value for value in row]
    text = recorded.record_text(case, truth, {"replay": answer})
    assert json.loads(text)["runs"]["replay"]["trajectory"]["params"][name][step] == answer["trajectory"]["params"][name][step]


def test_a_recording_against_another_trajectory_is_refused() -> None:
    case, _ = pairs("sgd/plain-ravine-f64")[0]
    other = golden(get_case("sgd/momentum-ravine-f64"))
    with pytest.raises(FixtureError, match="recorded against another golden trajectory"):
        recorded.load(folder("r-torch"), case, other)


def test_the_newest_version_is_the_last_folder(tmp_path: Path) -> None:
    for version in ("0.9.1", "0.17.0.9000", "0.17.0", "0.10.0"):
        about = {"implementation": "r-torch", "version": version, "platform": "", "details": {}}
        recorded.write_about(recorded.folder_for(tmp_path, about), about)
    other = {"implementation": "r-torch-ignite", "version": "9.9", "platform": "", "details": {}}
    recorded.write_about(recorded.folder_for(tmp_path, other), other)
    names = [p.name.removeprefix("r-torch-") for p in recorded.folders(tmp_path, "r-torch")]
    assert names == ["0.9.1", "0.10.0", "0.17.0", "0.17.0.9000"]


# Recording and verifying


class Revenant:
    """Stands for every live implementation and answers what was recorded, after ``change`` has seen it."""

    change = staticmethod(lambda case_id, mode, answer: answer)

    def __init__(self, transport: str = "") -> None:
        self.name = ""

    def __enter__(self) -> Revenant:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getitem__(self, name: str) -> Revenant:
        self.name = name
        return self

    def describe(self) -> Description:
        about = read(folder(self.name) / "about.json")
        return Description(self.name, about["version"], about["platform"], about["details"])

    def run(self, request: dict[str, Any], timeout: float = 0) -> Answer:
        case_id, mode = request["case"], request["mode"]
        answer = recorded.load(folder(self.name), get_case(case_id), trajectory(case_id))[mode]
        return type(self).change(case_id, mode, json.loads(compact(answer)))  # type: ignore[no-any-return]


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> type[Revenant]:
    """R torch comes back to life for the campaign."""

    class Living(Revenant):
        pass

    monkeypatch.setattr(campaign, "Runners", Living)
    return Living


def one(fixtures: Path) -> Campaign:
    return Campaign(fixtures, ["r-torch"], transport="rscript", source="live")


def contents(home: Path) -> dict[str, bytes]:
    return {p.relative_to(home).as_posix(): p.read_bytes() for p in sorted(home.rglob("*.json"))}


def test_what_a_library_answers_is_recorded_byte_for_byte_and_verifies(live: type[Revenant], tmp_path: Path) -> None:
    written = one(tmp_path).record(pairs(*SOME))
    said = " ".join(_said(written).split())
    assert written.different == 0 and "3 cases, 3 files written, 0 unchanged" in said
    assert said.endswith(str(recorded.folders(tmp_path, "r-torch")[-1]))
    about, *_ = home = recorded.folders(tmp_path, "r-torch")
    assert len(home) == 1
    committed = contents(folder("r-torch"))
    assert contents(about) == {name: committed[name] for name in ("about.json", *(f"{c}.json" for c in SOME))}
    assert set(read(tmp_path / "MANIFEST.json")["files"]) == {f"recorded/{about.name}/{name}" for name in contents(about)}
    assert one(tmp_path).verify(pairs(*SOME)).different == 0


def _said(recording: campaign.Recording) -> str:
    out = StringIO()
    recording.print(Console(file=out, width=200))
    return out.getvalue()


def test_verifying_notices_one_bit_and_writes_nothing(live: type[Revenant], tmp_path: Path) -> None:
    one(tmp_path).record(pairs(*SOME))
    before = contents(tmp_path)

    def flip(case_id: str, mode: str, answer: Answer) -> Answer:
        if (case_id, mode) == (SOME[0], "closed"):
            row = answer["trajectory"]["params"]["x"][17]
            row[1] = float(np.nextafter(np.float32(row[1]), np.float32(np.inf)))
        return answer

    live.change = staticmethod(flip)  # type: ignore[assignment]
    found = one(tmp_path).verify(pairs(*SOME))
    assert found.different == 1
    assert found.as_json() == {
        "schema": "crossoptim/record/1",
        "verify": True,
        "implementations": [
            {"implementation": "r-torch", "version": found.lines[0]["version"], "cases": 3, "different": ["sgd/decay-ravine-f32"]}
        ],
    }
    assert "3 cases, 1 differs from the recording" in _said(found) and "sgd/decay-ravine-f32" in _said(found)
    assert contents(tmp_path) == before


def test_verifying_what_was_never_recorded_says_so(live: type[Revenant], tmp_path: Path) -> None:
    with pytest.raises(CrossoptimError, match=r"^r-torch has no recording \(recorded: nothing\)$"):
        one(tmp_path).verify(pairs(*SOME))
    assert contents(tmp_path) == {}
    about = {"implementation": "r-torch", "version": "0.9", "platform": "", "details": {}}
    recorded.write_about(recorded.folder_for(tmp_path, about), about)
    with pytest.raises(CrossoptimError, match=r"^r-torch-0\.17\S+ has no recording \(recorded: r-torch-0\.9\)$"):
        one(tmp_path).verify(pairs(*SOME))


def test_an_answer_that_is_no_trajectory_is_not_recorded(live: type[Revenant], tmp_path: Path) -> None:
    def shorten(case_id: str, mode: str, answer: Answer) -> Answer:
        answer["trajectory"]["params"]["x"].pop()
        return answer

    live.change = staticmethod(shorten)  # type: ignore[assignment]
    with pytest.raises(Exception, match=r"r-torch, sgd/decay-ravine-f32 \(replay\): params/x: 29 rows \(expected 30 rows, one a step\)"):
        one(tmp_path).record(pairs(SOME[0]))
    assert contents(tmp_path) == {}
