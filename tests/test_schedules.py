"""Schedules: the specification against witnesses, its fixtures, its errors, and every way in."""

from __future__ import annotations

import inspect
import json
import math
import warnings
from typing import Any

import pytest
import torch
from test_schemas import errors
from witness import schedules as literal

from crossoptim.check.power.schedules import in_floats
from crossoptim.errors import FixtureError, HyperError, UnknownNameError
from crossoptim.golden.export import read_manifest
from crossoptim.golden.fixture import VERSION, golden_path, root
from crossoptim.golden.json_text import compact, read, write_whole
from crossoptim.golden.schedules.case import ScheduleCase, ScheduleEvent
from crossoptim.golden.schedules.cases import all_schedule_cases, get_schedule_case
from crossoptim.golden.schedules.fixture import as_json, load, to_text
from crossoptim.golden.schedules.rates import golden
from crossoptim.runners import schedules
from crossoptim.runners.registry import IMPLEMENTATIONS, local_runner
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.schedule import REQUIRED
from crossoptim.spec.schedules import all_schedules, get_schedule

CASES = list(all_schedule_cases().values())
LR = torch.optim.lr_scheduler
STEPS = 26
LRS = (0.1, 0.03)
WALK = tuple(1 / (1 + i // 4) + 0.01 * (i % 3) for i in range(STEPS))

by_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def child(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


# What our options are called, and the same in PyTorch: written by hand, not through the bindings.
BY_TORCH = [
    ("lambda", {"factor": "0.9 ** t"}, lambda o: LR.LambdaLR(o, lambda t: 0.9**t)),
    ("multiplicative", {"factor": "1 - 0.5 / (t + 1)"}, lambda o: LR.MultiplicativeLR(o, lambda t: 1 - 0.5 / (t + 1))),
    ("step", {"step_size": 4, "gamma": 0.5}, lambda o: LR.StepLR(o, 4, gamma=0.5)),
    ("multi_step", {"milestones": [3, 7, 7, 11]}, lambda o: LR.MultiStepLR(o, [3, 7, 7, 11])),
    ("constant", {"factor": 0.3}, lambda o: LR.ConstantLR(o, 0.3)),
    ("linear", {"start_factor": 0.25, "end_factor": 0.0, "total_iters": 12}, lambda o: LR.LinearLR(o, 0.25, 0.0, 12)),
    ("exponential", {"gamma": 0.93}, lambda o: LR.ExponentialLR(o, 0.93)),
    ("polynomial", {"total_iters": 9, "power": 2.5}, lambda o: LR.PolynomialLR(o, 9, 2.5)),
    ("cosine_annealing", {"T_max": 7, "eta_min": 0.001}, lambda o: LR.CosineAnnealingLR(o, 7, 0.001)),
    ("cosine_warm_restarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.01}, lambda o: LR.CosineAnnealingWarmRestarts(o, 3, 2, 0.01)),
    ("cosine_warm_restarts", {"T_0": 5}, lambda o: LR.CosineAnnealingWarmRestarts(o, 5)),
    ("cyclic", {"max_lr": 0.5, "step_size_up": 3, "step_size_down": 5}, lambda o: LR.CyclicLR(o, list(LRS), 0.5, 3, 5)),
    ("cyclic", {"max_lr": 0.5, "step_size_up": 3, "mode": "triangular2"}, lambda o: LR.CyclicLR(o, list(LRS), 0.5, 3, mode="triangular2")),
    (
        "cyclic",
        {"max_lr": 0.5, "step_size_up": 3, "mode": "exp_range", "gamma": 0.9},
        lambda o: LR.CyclicLR(o, list(LRS), 0.5, 3, mode="exp_range", gamma=0.9),
    ),
    ("cyclic", {"max_lr": 0.5, "step_size_up": 4, "scale": "1 / t"}, lambda o: LR.CyclicLR(o, list(LRS), 0.5, 4, scale_fn=lambda c: 1 / c)),
    ("one_cycle", {"max_lr": 1.0, "total_steps": 27}, lambda o: LR.OneCycleLR(o, 1.0, 27)),
    (
        "one_cycle",
        {"max_lr": 1.0, "epochs": 3, "steps_per_epoch": 9, "anneal_strategy": "linear", "three_phase": True},
        lambda o: LR.OneCycleLR(o, 1.0, epochs=3, steps_per_epoch=9, anneal_strategy="linear", three_phase=True),
    ),
    (
        "chained",
        {"schedules": [child("constant", factor=0.1, total_iters=5), child("exponential", gamma=0.9)]},
        lambda o: LR.ChainedScheduler([LR.ConstantLR(o, 0.1, 5), LR.ExponentialLR(o, 0.9)]),
    ),
    (
        "sequential",
        {"schedules": [child("linear"), child("cosine_annealing", T_max=12), child("step", step_size=2)], "milestones": [5, 17]},
        lambda o: LR.SequentialLR(o, [LR.LinearLR(o), LR.CosineAnnealingLR(o, 12), LR.StepLR(o, 2)], [5, 17]),
    ),
    (
        "reduce_on_plateau",
        {"factor": 0.5, "patience": 2, "cooldown": 1, "min_lr": 0.001, "threshold": 0.02},
        lambda o: LR.ReduceLROnPlateau(o, "min", 0.5, 2, 0.02, "rel", 1, 0.001),
    ),
    (
        "reduce_on_plateau",
        {"mode": "max", "factor": 0.5, "patience": 1, "threshold": 0.2, "threshold_mode": "abs"},
        lambda o: LR.ReduceLROnPlateau(o, "max", 0.5, 1, 0.2, "abs"),
    ),
]


def by_torch(make: Any, metrics: tuple[float, ...] = ()) -> dict[str, list[list[float]]]:
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in LRS]
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = make(optimizer)
        rows = []
        for t in range(STEPS + 1):
            if t:
                optimizer.step()
                scheduler.step(*metrics[t - 1 : t])
            rows.append([(group["lr"], group["momentum"]) for group in optimizer.param_groups])
    return {"lr": [[g[0] for g in row] for row in rows], "momentum": [[g[1] for g in row] for row in rows]}


@pytest.mark.parametrize("name, options, make", BY_TORCH, ids=lambda value: value if isinstance(value, str) else "")
def test_every_schedule_is_what_pytorch_computes(name: str, options: dict[str, Any], make: Any) -> None:
    metrics = WALK if get_schedule(name).metric else ()
    case = ScheduleCase("schedules/x/y", name, options, tuple({"base_lr": lr} for lr in LRS), STEPS, "a test", metrics=metrics)
    ours, theirs = golden(case).columns, by_torch(make, metrics)
    for key, rows in ours.items():
        for t, row in enumerate(rows):
            assert row == pytest.approx(theirs[key][t], rel=1e-11, abs=1e-15), f"{key} after {t} steps"


def test_every_schedule_of_pytorch_and_its_every_option_that_changes_numbers_is_there() -> None:
    assert {name for name, _, _ in BY_TORCH} == set(all_schedules())
    bound = {b.name: b for b in get_ecosystem("pytorch").schedules}
    assert set(bound) == set(LR.__all__) - {"LRScheduler"}
    for name, binding in bound.items():
        arguments = set(inspect.signature(getattr(LR, name)).parameters) - {"optimizer", "last_epoch"}
        assert set(binding.args) == arguments, name


def test_the_defaults_are_pytorchs() -> None:
    for binding in get_ecosystem("pytorch").schedules:
        given = {k: p.default for k, p in inspect.signature(getattr(LR, binding.name)).parameters.items() if k in binding.args}
        assert dict(binding.defaults) == {k: v for k, v in given.items() if v is not inspect.Parameter.empty}, binding.name
        options = {o.name: o for o in get_schedule(binding.rule).options}
        for foreign, ours in binding.args.items():
            if ours in options:
                default = options[str(ours)].default
                assert binding.defaults.get(foreign, REQUIRED) == default, f"{binding.name}: {foreign}"


@by_case
def test_golden_rates_are_what_the_formulas_of_papers_and_documentation_give(case: ScheduleCase) -> None:
    formula = getattr(literal, case.schedule, None)
    if formula is None:
        assert case.schedule in ("lambda", "multiplicative", "chained", "sequential")
        return
    known = set(inspect.signature(formula).parameters)
    for group, setting in enumerate(case.settings):
        values = {key: value for key, value in setting.values.items() if key in known and value is not None}
        if case.schedule == "one_cycle" and setting.values["total_steps"] is None:
            values["total_steps"] = setting.values["epochs"] * setting.values["steps_per_epoch"]
        if setting.values.get("scale"):
            return
        lr, rows = setting.values["base_lr"], [row[group] for row in golden(case).columns["lr"]]
        if case.metrics:
            if any(event.kind == "set" for event in case.events):
                return
            wanted = [lr, *formula(case.metrics, lr, **values)]
        else:
            wanted = [formula(t, lr, **values) for t in (0, *(case.positions or range(1, case.steps + 1)))]
        assert rows == pytest.approx(wanted, rel=1e-11, abs=1e-16), case.id


# Expression text.


@by_case
def test_the_text_of_the_equation_gives_the_golden_rates(case: ScheduleCase) -> None:
    for group, setting in enumerate(case.settings):
        rows = in_floats(setting.text(), case, group)
        for key, column in golden(case).columns.items():
            assert [row[key] for row in rows] == pytest.approx([row[group] for row in column], rel=1e-11, abs=1e-16), case.id


# Fixtures.


@by_case
def test_each_fixture_on_disk_is_what_the_specification_gives(case: ScheduleCase) -> None:
    path = root() / VERSION / golden_path(case.id)
    assert path.read_text(encoding="utf-8") == to_text(case, golden(case))
    assert errors(read(path), "schedule") == []
    loaded, rates = load(path)
    assert compact(as_json(loaded, rates)) == compact(as_json(case, golden(case)))


def test_the_manifest_lists_exactly_the_cases() -> None:
    listed = {name for name in read_manifest(root()) if name.startswith("golden/schedules/")}
    assert listed == {golden_path(case.id) for case in CASES}


def test_every_schedule_has_cases_with_groups_and_a_resumed_run() -> None:
    for name in all_schedules():
        mine = [case for case in CASES if case.schedule == name]
        assert any(len(case.groups) > 1 for case in mine) and any(e.kind == "resume" for case in mine for e in case.events), name


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda d: d.update(schema="crossoptim/schedule/2"), "schema 'crossoptim/schedule/2'"),
        (lambda d: d["rates"]["lr"].pop(), "20 rows"),
        (lambda d: d["rates"]["lr"][3].append(1.0), "lr, step 3: 2 numbers"),
        (lambda d: d["settings"][0]["equation"].append(["lr", "base_lr"]), "its equation is not the specification's"),
        (lambda d: d.update(schedule="stairs"), "schedule 'stairs' does not exist"),
        (lambda d: d["hyper"].update(gamma=-1.0), "gamma = -1.0 is outside"),
        (lambda d: d.pop("events"), "'events' is a required property"),
    ],
)
def test_a_spoiled_fixture_is_refused_with_the_place(tmp_path: Any, spoil: Any, message: str) -> None:
    case = get_schedule_case("schedules/step/halves")
    data = json.loads(to_text(case, golden(case)))
    spoil(data)
    write_whole(tmp_path / "bad.json", json.dumps(data))
    with pytest.raises(FixtureError, match=r"bad\.json") as caught:
        load(tmp_path / "bad.json")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_fixture_that_was_changed_by_hand_is_refused() -> None:
    path = root() / VERSION / golden_path("schedules/step/halves")
    with pytest.raises(FixtureError, match="not the manifest's"):
        load(path, "0" * 64)


# Bad input.


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("exponential", {}, "exponential: gamma is missing"),
        ("exponential", {"gamma": -0.1}, "exponential: gamma = -0.1 is outside [0, inf)"),
        ("exponential", {"gamma": "0.9"}, "exponential: gamma = '0.9' is not a number"),
        ("exponential", {"gamma": True}, "exponential: gamma = True is not a number"),
        ("exponential", {"gamma": math.nan}, "exponential: gamma = nan is outside"),
        ("exponential", {"gamma": 0.9, "gama": 1}, "exponential: 'gama' is not an option (expected one of base_lr, gamma)"),
        ("step", {"step_size": 0}, "step: step_size = 0 is outside [1, inf)"),
        ("step", {"step_size": 2.5}, "step: step_size = 2.5 is not a whole number"),
        ("multi_step", {"milestones": [7, 3]}, "multi_step: milestones = [7, 3] is not in rising order"),
        ("multi_step", {"milestones": [0, 3]}, "multi_step: milestones = [0, 3] is not a list of steps"),
        ("multi_step", {"milestones": 3}, "multi_step: milestones = 3 is not a list of steps"),
        ("constant", {"factor": 1.5}, "constant: factor = 1.5 is outside [0, 1]"),
        ("linear", {"start_factor": 0.0}, "linear: start_factor = 0.0 is outside (0, 1]"),
        ("one_cycle", {"max_lr": 1.0}, "one_cycle: total_steps is missing (expected total_steps, or epochs and steps_per_epoch)"),
        ("one_cycle", {"max_lr": 1.0, "epochs": 3}, "one_cycle: total_steps is missing"),
        ("one_cycle", {"max_lr": 1.0, "total_steps": 10, "pct_start": 0.1}, "one_cycle: pct_start * total_steps is 1"),
        ("one_cycle", {"max_lr": 1.0, "total_steps": 10, "pct_start": 1.0}, "leaves no step for the way down"),
        ("one_cycle", {"max_lr": 1.0, "total_steps": 10, "anneal_strategy": "cosine"}, "anneal_strategy = 'cosine' is not a variant"),
        ("cosine_warm_restarts", {"T_0": 3, "T_mult": 0}, "T_mult = 0 is outside"),
        ("reduce_on_plateau", {"factor": 1.0}, "reduce_on_plateau: factor = 1.0 is outside [0, 1)"),
        ("reduce_on_plateau", {"mode": "least"}, "mode = 'least' is not a variant (expected one of min, max)"),
        ("lambda", {"factor": "0.9 ** epoch"}, "lambda: factor = '0.9 ** epoch' reads 'epoch' (expected t and pi only)"),
        ("lambda", {"factor": "__import__('os')"}, "outside the grammar"),
        ("lambda", {"factor": 0.9}, "lambda: factor = 0.9 is not expression text"),
        ("chained", {"schedules": []}, "chained: schedules = [] is not a list of schedules"),
        ("chained", {"schedules": [child("reduce_on_plateau")]}, "chained: reduce_on_plateau cannot be one of schedules (it keeps a state"),
        (
            "chained",
            {"schedules": [child("one_cycle", max_lr=1.0, total_steps=9)]},
            "one_cycle cannot be one of schedules (it sets the rate",
        ),
        ("chained", {"schedules": [child("step", step_size=0)]}, "step: step_size = 0 is outside"),
        ("sequential", {"schedules": [child("linear")], "milestones": [3]}, "sequential: milestones do not fit the schedules"),
    ],
)
def test_bad_options_give_one_clear_error(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(HyperError) as caught:
        get_schedule(name).resolve({"base_lr": 0.1, **options})
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"groups": ({"base_lr": -0.1},)}, "step: base_lr = -0.1 is outside"),
        ({"groups": ({},)}, "step: base_lr is missing"),
        ({"groups": ({"base_lr": 0.1, "gamma": 0.2},)}, "gamma is one for all groups"),
        ({"metrics": (1.0, 1.0, 1.0)}, "3 metrics (expected none)"),
        ({"positions": (1.0,)}, "1 positions (expected 3)"),
        ({"events": (ScheduleEvent("set", 9, lr=0.1),)}, "set at step 9, group 0: there is none such"),
        ({"events": (ScheduleEvent("set", 2, group=1, lr=0.1),)}, "set at step 2, group 1: there is none such"),
    ],
)
def test_a_case_that_does_not_hold_together_is_refused(change: dict[str, Any], message: str) -> None:
    fields = {"hyper": {"step_size": 2}, "groups": ({"base_lr": 0.1},), "steps": 3, "comment": "a test", **change}
    with pytest.raises(HyperError) as caught:
        _ = ScheduleCase("schedules/step/x", "step", **fields).settings
    assert message in str(caught.value)


def test_an_unknown_schedule_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'exponential'"):
        get_schedule("exponental")


# The protocol.


@pytest.mark.parametrize("name", ["reference", "torch-single", "r-torch"])
def test_requests_follow_their_schema(name: str) -> None:
    for case in CASES:
        if not schedules.unsupported(IMPLEMENTATIONS[name], case):
            assert errors(json.loads(compact(schedules.request(IMPLEMENTATIONS[name], case))), "protocol", "request") == [], case.id


@by_case
def test_the_reference_answers_a_request_with_the_golden_rates(case: ScheduleCase) -> None:
    request = json.loads(compact(schedules.request(IMPLEMENTATIONS["reference"], case)))
    answer = json.loads(compact(local_runner("reference").run(request)))
    assert errors(answer, "protocol", "answer") == []
    assert answer["outcome"] == "ok"
    assert compact(answer["rates"]) == compact(golden(case).columns)


def test_runners_without_schedules_say_so() -> None:
    case = get_schedule_case("schedules/step/halves")
    answer = local_runner("crossoptim").run(schedules.request(IMPLEMENTATIONS["crossoptim"], case))
    assert answer == {"outcome": "unsupported", "reason": "crossoptim has no schedules"}
    assert schedules.unsupported(IMPLEMENTATIONS["torch-fused"], case) == f"schedules are asked of {', '.join(schedules.SPEAKERS)}"


@pytest.mark.parametrize(
    "change, outcome, message",
    [
        ({"schedule": {"name": "StairLR", "arguments": {}}}, "unsupported", "has no class 'StairLR'"),
        ({"schedule": {"name": "StepLR", "arguments": {"gama": 1}}}, "error", "constructing: "),
        (
            {"schedule": {"name": "LambdaLR", "arguments": {"lr_lambda": {"formula": "1 / (t - 2)"}}}},
            "error",
            "step 2: float division by zero",
        ),
        ({"steps": None}, "error", ""),
    ],
)
def test_what_goes_wrong_in_torch_becomes_an_answer(change: dict[str, Any], outcome: str, message: str) -> None:
    request = schedules.request(IMPLEMENTATIONS["torch-single"], get_schedule_case("schedules/step/halves"))
    answer = local_runner("torch-single").run({**request, **change})
    assert answer["outcome"] == outcome and message in (answer.get("reason") or answer.get("message"))
