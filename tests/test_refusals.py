"""Invalid input: what must be refused follows from the rules, and what each library makes of it is known, probe by probe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from crossoptim.check.refusals import Reaction, RefusalJudge
from crossoptim.check.verdict import Judgement
from crossoptim.cli import app
from crossoptim.errors import FixtureError, HyperError
from crossoptim.golden.export import AnyCase, export
from crossoptim.golden.fixture import root, validate
from crossoptim.golden.json_text import compact
from crossoptim.golden.refusals.case import RefusalCase, ScheduleRefusalCase, all_refusal_cases
from crossoptim.golden.refusals.fixture import load, to_text
from crossoptim.runners import recorded, refusals, schedules
from crossoptim.runners.base import Answer
from crossoptim.runners.campaign import Campaign
from crossoptim.runners.registry import IMPLEMENTATIONS, Implementation, Runners, local_runner
from crossoptim.runners.serve import Server
from crossoptim.spec.ecosystems import all_ecosystems, get_ecosystem
from crossoptim.spec.model import Binding, Constraint, Flag, Real, Rule
from crossoptim.spec.refusals import ADMISSIBLE, UNKNOWN, InputQuirk, Probe, companions, probes
from crossoptim.spec.rules import all_rules, get_rule, resolve
from crossoptim.spec.schedule import REQUIRED
from crossoptim.spec.schedules import get_schedule

CASES = list(all_refusal_cases().values())
OPTIMIZERS = [case for case in CASES if not isinstance(case, ScheduleRefusalCase)]
SCHEDULES = [case for case in CASES if isinstance(case, ScheduleRefusalCase)]
LOCAL = [i for i in IMPLEMENTATIONS.values() if i.module]
FOREIGN = [i for i in IMPLEMENTATIONS.values() if i.ecosystem]
OUTSIDE = [i for i in FOREIGN if not i.module]
R_TORCH = [i for i in OUTSIDE if not i.adapter]
MADE_HERE = ("unknown", "empty", "twice")  # kinds whose sentence does not come from a rule's values

by_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.topic)
by_optimizer = pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.topic)
by_schedule = pytest.mark.parametrize("case", SCHEDULES, ids=lambda case: case.topic)


@cache
def reactions(name: str, topic: str) -> Mapping[str, Reaction]:
    """What an implementation in this process made of an optimizer's probes."""
    return refusals.react(IMPLEMENTATIONS[name], all_refusal_cases()[f"refusals/{topic}"], local_runner(name).run)


def judged(implementation: Implementation, case: RefusalCase, found: Mapping[str, Reaction], without: str = "") -> Judgement:
    return refusals.judge_of(implementation, case, {without}).judge(found)


def input_quirks(ecosystem: str) -> list[InputQuirk]:
    return [quirk for quirk in get_ecosystem(ecosystem).quirks if isinstance(quirk, InputQuirk)]


# What is tried.


@by_optimizer
def test_the_specification_refuses_what_it_says_and_nothing_else(case: RefusalCase) -> None:
    switches = {s.name: case.base.values[s.name] for s in case.base.rule.switches}
    for probe in case.probes:
        if probe.kind in ADMISSIBLE:
            assert case.base.rule.resolve({**switches, **probe.values}) and not probe.refusal
        else:
            assert probe.refusal.startswith(f"{case.base.rule.name}: "), probe.id
        if probe.refusal and probe.kind not in MADE_HERE:
            values = {**switches, **probe.values, **{k: v for _, own in probe.groups for k, v in own.items()}}
            with pytest.raises(HyperError) as refused:
                case.base.rule.resolve(values)
            assert str(refused.value) == probe.refusal


@by_optimizer
def test_a_sentence_names_rule_hyperparameter_value_and_interval(case: RefusalCase) -> None:
    intervals = {option.name: option.interval for option in case.base.rule.hyper if isinstance(option, Real)}
    for probe in case.probes:
        if probe.option in intervals and probe.kind in ("outside", "infinite", "not a number"):
            assert probe.refusal == f"{case.base.rule.name}: {probe.option} = {probe.value} is outside {intervals[probe.option]}"
        elif probe.kind in ("text", "boolean"):
            assert f"{probe.option} = {probe.value!r} is not a number" in probe.refusal and intervals[probe.option] in probe.refusal


@by_optimizer
def test_every_option_and_every_constraint_is_tried(case: RefusalCase) -> None:
    refused = [probe for probe in case.probes if probe.refusal]
    assert {probe.option for probe in refused} >= {option.name for option in case.base.rule.options()} | {UNKNOWN}
    for constraint in case.base.rule.constraints:
        assert any(probe.kind == "constraint" and constraint.text in probe.refusal for probe in refused), constraint.text
    assert len({probe.id for probe in case.probes}) == len(case.probes)


@by_schedule
def test_a_schedule_is_refused_by_name_too(case: ScheduleRefusalCase) -> None:
    schedule = get_schedule(case.example.schedule)
    values = {**case.given, **case.example.groups[0]}
    assert {"unknown"} <= {probe.kind for probe in case.probes}
    assert schedule.resolve(values)
    for probe in case.probes:
        if probe.kind in ADMISSIBLE:
            assert schedule.resolve({**values, **probe.values}) and not probe.refusal
            continue
        left = {key: value for key, value in values.items() if probe.kind != "missing" or key != probe.option}
        with pytest.raises(HyperError) as refused:
            schedule.resolve({**left, **probe.values})
        assert str(refused.value) == probe.refusal and f"{schedule.name}: " in probe.refusal and probe.option in probe.refusal
    required = {option.name for option in schedule.options if option.default is REQUIRED}
    assert {probe.option for probe in case.probes if probe.kind == "missing"} == required


def test_both_halves_of_a_constraint_are_broken() -> None:
    broken = {probe.id for probe in probes("sgd") if probe.kind == "constraint"}
    assert "nesterov=true" in broken and any("momentum" in name and "dampening" in name for name in broken)


def test_open_and_closed_ends_are_told_apart() -> None:
    tried = {probe.id: bool(probe.refusal) for probe in (*probes("rprop"), *probes("adadelta"))}
    assert [tried[name] for name in ("eta_minus=0", "eta_minus=1", "eta_plus=1", "rho=0", "rho=1", "rho=2")] == [1, 1, 1, 0, 0, 1]


def test_a_constraint_that_no_example_meets_is_an_error() -> None:
    sgd = get_rule("sgd")
    impossible = replace(sgd, constraints=(Constraint("no flags", "nesterov <= 0"),))
    assert companions(sgd, "nesterov") == {"momentum": sgd.examples()["momentum"]}
    with pytest.raises(HyperError, match="sgd: no example of another option makes nesterov = True admissible"):
        companions(impossible, "nesterov")


# The fixtures.


def cases_in(folder: Path, *topics: str) -> list[RefusalCase]:
    chosen: list[AnyCase] = [RefusalCase(topic) for topic in topics]
    export(folder, chosen)
    return [RefusalCase(topic) for topic in topics]


@by_case
def test_a_fixture_follows_its_schema_and_comes_back_whole(case: RefusalCase, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(to_text(case))
    validate(json.loads(path.read_text()), "refusals", path)
    assert load(path) == (case, None)


def test_a_fixture_that_was_changed_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sgd.json"
    text = to_text(RefusalCase("sgd"))
    for change, message in (
        ((text, text[:200]), "not JSON"),
        (("crossoptim/refusals/1", "crossoptim/refusals/0"), "schema 'crossoptim/refusals/0'"),
        (('"kind": "outside", ', ""), "'kind' is a required property"),
        (("momentum=-1", "momentum=-2"), "not what the specification refuses"),
    ):
        path.write_text(text.replace(*change))
        with pytest.raises(FixtureError, match=message):
            load(path)
    path.write_text(text)
    with pytest.raises(FixtureError, match="not the manifest's"):
        load(path, "0" * 64)


# Live: our own implementations and PyTorch's three paths.


@by_case
@pytest.mark.parametrize("implementation", LOCAL, ids=lambda i: i.name)
def test_every_reaction_is_expected(case: RefusalCase, implementation: Implementation) -> None:
    if refusals.unsupported(implementation, case):
        assert not refusals.binding_of(implementation, case) or implementation.name not in schedules.SPEAKERS
        return
    verdict = judged(implementation, case, reactions(implementation.name, case.topic))
    assert verdict.expected, verdict.reason
    assert verdict.verdict in (("exact", "documented", "unsupported") if implementation.ecosystem else ("exact",))


def test_torch_is_predicted_to_the_word() -> None:
    for case in CASES:
        judge = refusals.judge_of(IMPLEMENTATIONS["torch-single"], case)
        for probe in case.probes if judge.binding else ():
            assert not judge.predict(probe).refused or judge.predict(probe).message, f"{case.id}: {probe.id}"


def test_what_becomes_of_accepted_input_is_said() -> None:
    found = reactions("torch-single", "adam")
    assert found["lr=inf"] == Reaction("accepted", later="x is not finite after step 1")
    assert found["weight_decay=true"].later.startswith("RuntimeError: step 1, step(): Boolean alpha")
    assert found["amsgrad=text"] == Reaction("accepted")
    assert found["lr=-1"] == Reaction("refused", "ValueError: Invalid learning rate: -1.0")


# Libraries in processes of their own: recorded, and live where they are installed (tests/test_adapters.py for those with an adapter).


@pytest.mark.parametrize("implementation", OUTSIDE, ids=lambda i: i.name)
def test_every_recorded_reaction_is_expected(implementation: Implementation) -> None:
    folder = recorded.folders(root(), implementation.name)[-1]
    seen: set[str] = set()
    for case in CASES:
        found = refusals.load_recorded(folder / f"{case.id}.json")
        assert (found is None) == bool(refusals.unsupported(implementation, case)), case.id
        if found is not None:
            verdict = judged(implementation, case, found)
            assert verdict.expected, f"{case.id}: {verdict.reason}"
            seen |= set(verdict.quirks)
    assert seen == {quirk.id for quirk in input_quirks(str(implementation.ecosystem))}


@pytest.mark.parametrize("implementation", R_TORCH, ids=lambda i: i.name)
def test_r_torch_still_reacts_as_recorded_over_both_transports(
    implementation: Implementation, r_transports: Mapping[str, Runners]
) -> None:
    folder = recorded.folders(root(), implementation.name)[-1]
    for runners in r_transports.values():
        for case in (RefusalCase("sgd"), RefusalCase("adamw"), all_refusal_cases()["refusals/schedules/step"]):
            if refusals.unsupported(implementation, case):
                continue
            live = refusals.react(implementation, case, runners[implementation.name].run)
            assert live == refusals.load_recorded(folder / f"{case.id}.json")


def test_a_recording_is_checked_on_the_way_in(tmp_path: Path) -> None:
    case, path = RefusalCase("adam"), tmp_path / "adam.json"
    assert refusals.load_recorded(path) is None
    path.write_text(refusals.record_text(case, reactions("torch-single", "adam")))
    assert refusals.load_recorded(path) == reactions("torch-single", "adam")
    path.write_text(path.read_text().replace('"accepted"', '"welcomed"'))
    with pytest.raises(FixtureError, match="welcomed"):
        refusals.load_recorded(path)
    with pytest.raises(FixtureError, match="record again"):
        refusals.load_recorded(path, "0" * 64)


# Nothing passes unseen.


def recorded_or_live(ecosystem: str, case: RefusalCase) -> tuple[Implementation, Mapping[str, Reaction] | None]:
    implementation = next(i for i in FOREIGN if i.ecosystem == ecosystem)
    if refusals.unsupported(implementation, case):
        return implementation, None
    if implementation.module:
        return implementation, reactions(implementation.name, case.topic)
    return implementation, refusals.load_recorded(recorded.folders(root(), implementation.name)[-1] / f"{case.id}.json")


@pytest.mark.parametrize("quirk", [q for e in all_ecosystems() for q in input_quirks(e)], ids=lambda q: q.id)
def test_without_a_quirk_its_input_is_reported(quirk: InputQuirk) -> None:
    ecosystem = next(name for name in all_ecosystems() if quirk in input_quirks(name))
    missed = []
    for case in CASES:
        implementation, found = recorded_or_live(ecosystem, case)
        binding = refusals.binding_of(implementation, case)
        if binding and binding.name in quirk.bindings:
            assert found is not None
            missed.append(judged(implementation, case, found, without=quirk.id))
    assert any(verdict.verdict == "diverges" and not verdict.expected for verdict in missed)


def with_reaction(found: Mapping[str, Reaction], probe: Probe, reaction: Reaction) -> dict[str, Reaction]:
    return {**found, probe.id: reaction}


@pytest.mark.parametrize("name", ["reference", "torch-single"])
@pytest.mark.parametrize("topic", ["sgd", "rprop", "adam", "schedules/one_cycle"])
def test_every_turned_reaction_is_noticed(name: str, topic: str) -> None:
    case, implementation, found = all_refusal_cases()[f"refusals/{topic}"], IMPLEMENTATIONS[name], reactions(name, topic)
    assert judged(implementation, case, found).expected
    for probe in case.probes:
        was = found[probe.id]
        if was.outcome == "unsupported":
            continue
        turned = Reaction("refused", "ValueError: something else") if was.outcome == "accepted" else Reaction("accepted")
        verdict = judged(implementation, case, with_reaction(found, probe, turned))
        assert not verdict.expected and probe.id in verdict.reason, probe.id


def test_a_refusal_for_another_reason_is_noticed() -> None:
    case, found = RefusalCase("adam"), reactions("torch-single", "adam")
    probe = next(probe for probe in case.probes if probe.id == "beta1=2")
    wrong = with_reaction(found, probe, Reaction("refused", "TypeError: unexpected keyword argument 'betas'"))
    verdict = judged(IMPLEMENTATIONS["torch-single"], case, wrong)
    assert verdict == Judgement("diverges", False, verdict.reason, quirks=verdict.quirks)
    assert verdict.reason == (
        "beta1=2: refused with \"TypeError: unexpected keyword argument 'betas'\""
        " (expected a message with 'Invalid beta parameter at index 0')"
    )


def rebound(binding: Binding, **bounds: str) -> Binding:
    return replace(binding, bounds={**binding.bounds, **bounds})


@pytest.mark.parametrize("bounds", [{"alpha": "[0, 1)"}, {"lr": "(0, inf)"}, {"momentum": "(-inf, inf)"}], ids=str)
def test_wrong_bounds_are_noticed(bounds: dict[str, str]) -> None:
    case, found = RefusalCase("rmsprop"), reactions("torch-single", "rmsprop")
    judge = refusals.judge_of(IMPLEMENTATIONS["torch-single"], case)
    assert judge.binding and judge.judge(found).expected
    every = [replace(quirk, bindings=(judge.binding.name,)) for quirk in input_quirks("pytorch") if quirk.id != "pytorch/sgd/not-a-number"]
    wrong = RefusalJudge(case, rebound(judge.binding, **bounds), every, judge.messages)
    assert not wrong.judge(found).expected


def test_a_mended_library_is_noticed() -> None:
    case = RefusalCase("sgd")
    reaction = {probe.id: Reaction("refused", probe.refusal) if probe.refusal else Reaction("accepted") for probe in case.probes}
    judge = refusals.judge_of(IMPLEMENTATIONS["torch-single"], case)
    verdict = RefusalJudge(case, judge.binding, judge.quirks).judge(reaction)
    assert verdict.verdict == "exact" and not verdict.expected
    assert "lr=inf: as specified, although pytorch/input/infinity predicts otherwise: mended upstream?" in verdict.reason


def test_a_program_without_checks_diverges_and_one_without_the_optimizer_is_unsupported() -> None:
    program = Implementation("mine", "mine", evaluates_specification=True)
    case = RefusalCase("sgd")

    def careless(request: Mapping[str, Any]) -> Answer:
        rows = [[1.0, 2.0, 3.0, 4.0]] * request["steps"]
        return {"outcome": "ok", "trajectory": {"params": {"x": rows, "y": rows}}}

    verdict = judged(program, case, refusals.react(program, case, careless))
    assert verdict.verdict == "diverges" and verdict.reason.startswith("lr=-1: accepted, although sgd: lr = -1.0 is outside [0, inf); ")

    def empty(_: Mapping[str, Any]) -> Answer:
        return {"outcome": "unsupported", "reason": "no sgd"}

    assert judged(program, case, refusals.react(program, case, empty)) == Judgement("unsupported", True, "no sgd")
    assert judged(program, case, {}).verdict == "diverges"


def test_a_program_may_answer_that_it_lacks_an_unknown_option() -> None:
    case = RefusalCase("sgd")
    probe = next(probe for probe in case.probes if probe.kind == "unknown")

    def lacks(_: Mapping[str, Any]) -> Answer:
        return {"outcome": "unsupported", "reason": f"it has no argument {UNKNOWN}"}

    program = Implementation("mine", "mine", evaluates_specification=True)
    assert refusals.react(program, case, lacks)[probe.id] == Reaction("refused", f"it has no argument {UNKNOWN}")
    assert refusals.react(program, case, lacks)["lr=-1"].outcome == "unsupported"


# Over the protocol, and through the command line.


def test_numbers_that_are_not_finite_are_numbers_on_the_wire() -> None:
    case = RefusalCase("sgd")
    found = {}
    server = Server()
    for probe in case.probes:
        request = compact(refusals.request(IMPLEMENTATIONS["reference"], case, probe))
        validate(json.loads(request), "protocol", probe.id)
        answer = json.loads(str(server.line(request)))
        found[probe.id] = Reaction("accepted") if answer["outcome"] == "ok" else Reaction("refused", answer["message"])
    assert judged(IMPLEMENTATIONS["reference"], case, found) == Judgement("exact", True)


def test_check_judges_refusals_as_other_cases(tmp_path: Path) -> None:
    folder = tmp_path / "fixtures"
    chosen = [(case, None) for case in cases_in(folder, "sgd", "lion")]
    results = Campaign(folder, ["reference", "torch-single", "base-r"]).run(chosen)
    found = {(r.implementation, r.topic): r.judgement.verdict for r in results}
    assert found["reference", "sgd"] == "exact" and found["torch-single", "sgd"] == "documented"
    assert found["torch-single", "lion"] == found["base-r", "sgd"] == "unsupported"
    assert {r.mode for r in results} == {"replay"} and {r.optimizer for r in results} == {"refusals"}
    ignoring = Campaign(folder, ["torch-single"], ignored_quirks=["pytorch/input/infinity"]).run(chosen)
    assert [r.judgement.verdict for r in ignoring] == ["diverges", "unsupported"]


def test_a_schedule_request_follows_the_protocol() -> None:
    for case in SCHEDULES:
        for probe in case.probes:
            request = compact(refusals.request(IMPLEMENTATIONS["r-torch"], case, probe))
            validate(json.loads(request), "protocol", f"{case.id}: {probe.id}")


def test_show_prints_what_each_library_makes_of_each_probe(capsys: pytest.CaptureFixture[str]) -> None:
    app(["show", "refusals/adam", "--json", "-"], standalone_mode=False)
    shown = json.loads(capsys.readouterr().out)
    assert shown["probes"]["beta1=1"] == {
        "refusal": "adam: beta1 = 1.0 is outside [0, 1)",
        "pytorch": {"refused": True, "message": "Invalid beta parameter at index 0"},
        "r_torch": {"refused": False, "quirk": "r-torch/input/beta-one"},
        "r_torch_ignite": {"refused": True, "message": "Invalid beta parameter at index 0: 1"},
        **{name: {"refused": False, "quirk": f"{name}/input/unchecked"} for name in ("keras", "optax", "tfjs")},
    }
    app(["show", "refusals/adam"], standalone_mode=False)
    out = capsys.readouterr().out
    assert "beta1=1" in out and "r-torch/input/beta-one" in out


def test_flags_are_probed_where_they_are_admissible() -> None:
    for rule in all_rules().values():
        for name in flags(rule):
            probe = next(p for p in probes(rule.name) if p.option == name and p.kind == "not a flag")
            assert resolve(rule.name, {**probe.values, name: True}), probe.id


def flags(rule: Rule) -> list[str]:
    return [option.name for option in rule.hyper if isinstance(option, Flag)]
