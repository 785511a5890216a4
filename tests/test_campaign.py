"""A campaign goes on, whatever a runner does; and says what it lacks."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from crossoptim.check.result import Result, report
from crossoptim.errors import CrossoptimError, UnavailableError, UnknownNameError
from crossoptim.golden import fixture
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.runners import campaign, r
from crossoptim.runners.campaign import Campaign
from crossoptim.runners.child import Child
from crossoptim.runners.command import CommandRunner
from crossoptim.runners.registry import IMPLEMENTATIONS, Runners

FAKE = Path(__file__).parent / "fakes" / "wrong_answers.py"
CASES = ("sgd/plain-ravine-f64", "sgd/momentum-ravine-f32", "adam/plain-ravine-f64")
SPOILED = CASES[1]


@cache
def trajectory(case_id: str) -> Trajectory:
    """The golden trajectory of a case."""
    return golden(get_case(case_id))


def pairs(*case_ids: str) -> list[tuple[Case, Trajectory]]:
    """Cases with their golden trajectories."""
    return [(get_case(case_id), trajectory(case_id)) for case_id in case_ids]


def command(**vices: str) -> str:
    """A runner that is the reference but for its vices: case → vice."""
    return shlex.join([sys.executable, str(FAKE), *(f"{case}={vice}" for case, vice in vices.items())])


def judged(*case_ids: str, **options: Any) -> list[Result]:
    """Run a campaign in replay."""
    return Campaign(fixture.root(), **{"modes": ["replay"], **options}).run(pairs(*case_ids))


@pytest.fixture(autouse=True)
def _children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children find the package."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))


# A runner that goes wrong


@pytest.mark.parametrize(
    "vice, verdict, reason",
    [
        ("crash", "raises", r"ended without an answer (exit code 3); stderr: Error: all is lost"),
        ("killed", "raises", "ended without an answer (killed by SIGSEGV)"),
        ("hang", "raises", "no answer within 5 s, killed; stderr: thinking with"),
        ("rubbish", "raises", "answered 'Hello, I am a banner' (expected one JSON object)"),
        ("no outcome", "raises", "outcome None (expected one of ok, unsupported, error)"),
        ("wrong shape", "raises", f"{SPOILED}: step 4, params/x: 1 numbers (expected 2, shape [2])"),
        ("words", "raises", "step 4, params/x: 'one' is not a number"),
        ("nothing", "raises", "step 4, params/x: nothing (expected [2])"),
        ("a step short", "raises", "params/x: 29 rows (expected 30 rows, one a step)"),
        ("no trajectory", "raises", "the answer holds no trajectory"),
        ("error", "raises", "ValueError: step 3: no such argument"),
        ("no gradient", "diverges", "step 4, grads/x: no gradient where the case has one"),
        ("NaN where finite", "diverges", "step 4, params/x[0]: nan (expected "),
    ],
)
def test_the_run_goes_on_and_says_what_happened(vice: str, verdict: str, reason: str) -> None:
    before, spoiled, after = judged(*CASES, commands=[command(**{SPOILED: vice})], timeout=5.0)
    assert (spoiled.judgement.verdict, spoiled.judgement.expected) == (verdict, False)
    assert reason in spoiled.judgement.reason and "\n" not in spoiled.judgement.reason
    assert before.judgement.verdict == after.judgement.verdict == "exact"
    assert report([before, spoiled, after])["summary"]["unexpected"] == 1


def test_a_child_that_fails_three_times_in_a_row_is_not_asked_any_more() -> None:
    cases = [c for c in all_cases() if c.startswith("sgd/plain-") and all_cases()[c].problem.value is not None]
    assert len(cases) >= 4
    results = judged(*cases, commands=[command(**dict.fromkeys(cases[:3], "crash"))])
    assert {r.judgement.verdict for r in results} == {"raises"} and not any(r.judgement.expected for r in results)
    given_up = [r for r in results if "not asked any more after 3 failures in a row, the last one: " in r.judgement.reason]
    assert [r.case for r in given_up] == cases[3:]
    assert all("Error: all is lost" in r.judgement.reason for r in results)


def test_two_failures_and_an_answer_are_no_reason_to_give_up() -> None:
    cases = [c for c in all_cases() if c.startswith("sgd/plain-")][:5]
    vices = dict.fromkeys([*cases[:2], *cases[3:]], "rubbish")
    results = judged(*cases, commands=[command(**vices)])
    assert [r.judgement.verdict for r in results] == ["raises", "raises", "exact", "raises", "raises"]
    assert not any("not asked any more" in r.judgement.reason for r in results)


def test_what_a_child_said_before_it_went_wrong_is_kept() -> None:
    crashed, failed = judged(CASES[0], SPOILED, commands=[command(**{CASES[0]: "crash", SPOILED: "traced error"})])
    assert crashed.as_json()["details"].endswith("Error: all is lost\n")
    assert failed.as_json()["details"] == "in line 7"
    assert "details" not in judged(CASES[0], implementations=["reference"])[0].as_json()


def test_what_is_unsupported_is_no_surprise() -> None:
    found = judged(SPOILED, commands=[command(**{SPOILED: "unsupported"})])[0].judgement
    assert (found.verdict, found.expected, found.reason) == ("unsupported", True, "no argument for momentum")


def test_a_command_that_crashes_when_it_describes_itself_is_one_line() -> None:
    with pytest.raises(CrossoptimError, match="ended without an answer") as caught:
        judged(SPOILED, commands=[command(describe="crash")])
    assert "\n" not in str(caught.value)


def test_a_library_that_crashes_when_it_describes_itself_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "r_child", lambda transport: _crashing())
    monkeypatch.setattr("crossoptim.runners.registry.r_child", lambda transport: _crashing())
    results = judged(SPOILED, implementations=["reference", "base-r"])
    found = {result.implementation: result.judgement for result in results}
    assert found["reference"].verdict == "exact"
    assert (found["base-r"].verdict, found["base-r"].expected) == ("raises", False)
    assert "ended without an answer (exit code 3); stderr: Error: all is lost" in found["base-r"].reason


def _crashing() -> Child:
    return Child("R (Rscript)", shlex.split(command(describe="crash")))


def test_two_commands_need_two_names() -> None:
    """A program is called as it calls itself, here reference, or as it is told."""
    for options in ({"commands": [command(), command()]}, {"implementations": ["reference"], "commands": [command()]}):
        with pytest.raises(CrossoptimError, match=r"--command: two columns would be called 'reference' \(name one of them"):
            judged(SPOILED, **options)
    both = judged(SPOILED, implementations=["crossoptim"], commands=[command(), f"mine={command()}"])
    assert [result.implementation for result in both] == ["crossoptim", "reference", "mine"]


@pytest.mark.parametrize(
    "line, name",
    [
        ("./my-runner --fast", "my-runner"),
        ("python3 adapters/rust.py --lr=1", "rust"),
        ("Rscript --vanilla harness.R", "harness"),
        ("python -m my_adapter", "my_adapter"),
        ("node -e 'serve()'", "node"),
        ("mine=python3 adapter.py", "mine"),
        ("./odd=name/run", "run"),
    ],
)
def test_until_it_says_otherwise_a_program_is_called_after_its_file(line: str, name: str) -> None:
    assert CommandRunner.of(line).name == name


# Order, progress, modes


def test_results_come_by_column_then_case_then_mode_and_every_case_ticks() -> None:
    ticks: list[str] = []
    lines: list[str] = []
    asked = Campaign(fixture.root(), ["crossoptim", "reference"], commands=[f"mine={command()}"])
    results = asked.run(pairs(*CASES[:2]), ticks.append, lines.append)
    assert lines[0] == "judging 3 implementations on 2 cases"
    assert sorted(line.split(":")[0] for line in lines[1:]) == ["crossoptim", "mine", "reference"]
    assert "reference: 4 exact" in lines
    assert [(r.case, r.mode) for r in results] == [(c, m) for c in CASES[:2] for m in ("replay", "closed")] * 3
    assert list(dict.fromkeys(r.implementation for r in results))[:2] == ["crossoptim", "reference"]
    assert len(ticks) == asked.size(pairs(*CASES[:2])) == 6
    assert {r.source for r in results} == {"live"} and all(r.version for r in results)


@pytest.mark.parametrize("name", [name for name, i in IMPLEMENTATIONS.items() if i.module and not i.imitates])
def test_what_lives_in_this_process_is_exact_or_rounding_in_every_case(name: str) -> None:
    cases = list(all_cases())[list(IMPLEMENTATIONS).index(name) % 8 :: 8]  # a check judges all
    results = Campaign(fixture.root(), [name]).run(pairs(*cases))
    assert [r.as_json() for r in results if not r.judgement.expected] == []
    verdicts = {r.judgement.verdict for r in results if not r.judgement.quirks}
    assert verdicts == ({"exact"} if name == "reference" else verdicts & {"exact", "rounding", "unsupported"})
    assert IMPLEMENTATIONS[name].ecosystem or not any(r.judgement.quirks for r in results)
    if name == "crossoptim":
        elementwise = [r for r in results if r.mode == "replay" and get_case(r.case).base.rule.kind == "elementwise"]
        assert {r.judgement.verdict for r in elementwise} == {"exact"}, "kernels keep the written order"


@pytest.mark.parametrize("name", [name for name, i in IMPLEMENTATIONS.items() if i.module and not i.imitates])
def test_lockstep_starts_each_step_from_the_golden_state(name: str) -> None:
    cases = ("sgd/accumulate-ravine-f64", "adam/group-added-injected-f32", "adamw/resume-injected_1d-f64", "adam/plain-rosenbrock-f32")
    results = judged(*cases, implementations=[name], modes=["lockstep"])
    assert {r.judgement.verdict for r in results} <= {"exact", "rounding"}
    assert all(r.judgement.drift is not None and r.judgement.drift <= 64 for r in results), "nothing adds up"


def test_what_a_class_has_no_argument_for_is_named() -> None:
    found = judged("sgd/maximize-ravine-f64", implementations=["r-torch"], source="recorded")[0].judgement
    assert (found.verdict, found.expected, found.reason) == ("unsupported", True, "optim_sgd has no argument for maximize")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"implementations": ["r-trch"]}, "runner 'r-trch' does not exist (did you mean 'r-torch'?)"),
        ({"modes": ["reply"]}, "mode 'reply' does not exist (did you mean 'replay'?)"),
        ({"transport": "rpy"}, "transport 'rpy' does not exist (did you mean 'rpy2'?)"),
        ({"source": "record"}, "source 'record' does not exist (did you mean 'recorded'?)"),
        ({"ignored_quirks": ["r-torch/sgd/weight-decay-adds-indx"]}, "did you mean 'r-torch/sgd/weight-decay-adds-index'?"),
        ({"ignored_quirks": ["x"]}, "quirk 'x' does not exist (see: crossoptim list quirks)"),
    ],
)
def test_a_name_that_does_not_exist_is_refused_before_anything_runs(options: dict[str, Sequence[str]], message: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        Campaign(fixture.root(), **options)  # type: ignore[arg-type]
    assert message in str(caught.value)


# Without R


@pytest.fixture
def no_r(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without R."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("R_HOME", raising=False)


NO_R = "R is not installed: no Rscript on PATH or in R_HOME (apt install r-base, or see cran.r-project.org)"


@pytest.mark.usefixtures("no_r")
@pytest.mark.parametrize("transport", ["auto", "rscript"])
def test_without_r_recordings_speak_for_r_torch_and_base_r_is_not_run(transport: str) -> None:
    results = judged(*CASES, implementations=["base-r", "r-torch", "r-torch-ignite"], transport=transport)
    by = {name: [r for r in results if r.implementation == name] for name in ("base-r", "r-torch", "r-torch-ignite")}
    assert {(r.judgement.verdict, r.judgement.expected, r.judgement.reason) for r in by["base-r"]} == {("not run", False, NO_R)}
    for name in ("r-torch", "r-torch-ignite"):
        assert {(r.source, r.judgement.expected) for r in by[name]} == {("recorded", True)}
        assert {r.judgement.verdict for r in by[name]} <= {"exact", "rounding"}
        assert by[name][0].version.startswith("0.17")


@pytest.mark.usefixtures("no_r")
def test_what_was_not_asked_for_by_name_may_be_missing() -> None:
    plain = [r.judgement for r in judged(SPOILED) if r.implementation == "base-r"]
    named = [r.judgement for r in judged(SPOILED, implementations=["base-r"])]
    assert [(j.verdict, j.expected) for j in plain + named] == [("not run", True), ("not run", False)]


def test_recordings_alone_are_judged_where_only_recordings_are_wanted() -> None:
    assert {r.implementation for r in judged(SPOILED, source="recorded")} == {"r-torch", "r-torch-ignite"}


def test_a_campaign_that_would_judge_nothing_is_refused() -> None:
    with pytest.raises(CrossoptimError, match="nothing to judge: 1 case without an objective"):
        judged("sgd/decay-injected-f64", implementations=["reference"], modes=["closed"])


@pytest.mark.usefixtures("no_r")
def test_who_asks_for_live_gets_no_recording() -> None:
    found = judged(SPOILED, implementations=["r-torch"], source="live")[0]
    assert (found.judgement.verdict, found.judgement.reason, found.source) == ("not run", NO_R, "")


def test_who_asks_for_recorded_starts_no_r(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "Runners", _Refusing)
    found = judged(SPOILED, implementations=["r-torch"], source="recorded", transport="rscript")[0]
    assert found.source == "recorded"


class _Refusing(Runners):
    def __getitem__(self, name: str) -> Any:
        raise AssertionError(f"{name} was started")


def test_lockstep_is_not_in_the_recordings() -> None:
    for modes, expected in ((["lockstep"], False), (["replay", "lockstep"], True)):
        found = judged(SPOILED, implementations=["r-torch"], source="recorded", modes=modes)[-1].judgement
        assert (found.verdict, found.expected, found.reason) == ("not run", expected, "lockstep was not recorded")


@pytest.mark.usefixtures("no_r")
def test_recording_without_the_library_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        Campaign(tmp_path, ["r-torch"], source="live").record(pairs(SPOILED))
    assert str(caught.value) == NO_R
    assert list(tmp_path.iterdir()) == []


def test_r_without_jsonlite_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "Rscript"
    script.write_text("#!/bin/sh\necho '4.2.2 FALSE missing'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    found = judged(SPOILED, implementations=["base-r"])[0].judgement
    assert (found.verdict, found.reason) == ("not run", 'R: the package jsonlite is not installed (in R: install.packages("jsonlite"))')


# Transports


@pytest.mark.parametrize("asked, works, used", [("auto", True, "rpy2"), ("auto", False, "rscript"), ("rscript", True, "rscript")])
def test_auto_means_rpy2_and_else_rscript(monkeypatch: pytest.MonkeyPatch, asked: str, works: bool, used: str) -> None:
    taken: list[str] = []

    def make(transport: str) -> Child:
        if not works:
            raise UnavailableError("rpy2 is not installed")
        return Child("R", ["Rscript"])

    class Noting(Runners):
        def __init__(self, transport: Any = "rscript") -> None:
            taken.append(transport)
            super().__init__(transport)

    monkeypatch.setattr(campaign, "r_child", make)
    monkeypatch.setattr(campaign, "Runners", Noting)
    judged(SPOILED, implementations=["reference"], transport=asked)
    assert taken == [used]


def test_who_insists_on_rpy2_is_told_that_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(r, "find_spec", lambda name: None)
    found = judged(SPOILED, implementations=["base-r"], transport="rpy2")[0].judgement
    assert (found.verdict, found.reason) == ("not run", "rpy2 is not installed (pip install 'crossoptim[r]')")
