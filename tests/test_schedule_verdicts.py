"""The judge of schedules: it lets every honest library pass, names each known departure, and catches every mutant."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from test_schedules import CASES, by_case, in_floats

from crossoptim.check.schedules import ScheduleJudge
from crossoptim.check.verdict import Judgement
from crossoptim.cli import app
from crossoptim.errors import FixtureError, HyperError
from crossoptim.golden.export import read_manifest
from crossoptim.golden.fixture import VERSION, root
from crossoptim.golden.json_text import compact, write_whole
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.cases import get_schedule_case
from crossoptim.golden.schedules.rates import Rates, golden, predict
from crossoptim.runners import schedules
from crossoptim.runners.campaign import Campaign
from crossoptim.runners.registry import IMPLEMENTATIONS, Runners, local_runner
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.expr import BINARY, Expr, call, number, parse, rebuild, text, walk
from crossoptim.spec.schedule import ScheduleQuirk

R_RECORDED = root() / VERSION / "recorded" / "r-torch-0.17.0.9000"


GOLDEN = {case.id: golden(case) for case in CASES}


def copied(rates: Rates) -> Rates:
    return Rates({key: [list(row) for row in rows] for key, rows in rates.columns.items()})


@cache
def judge(case_id: str) -> ScheduleJudge:
    case = get_schedule_case(case_id)
    return ScheduleJudge(case, golden(case))


def judged(case: ScheduleCase, rates: Rates, quirks: list[ScheduleQuirk] | None = None) -> Judgement:
    return ScheduleJudge(case, golden(case), quirks).judge(rates) if quirks else judge(case.id).judge(rates)


# Honest libraries.


@by_case
def test_bounds_are_tight(case: ScheduleCase) -> None:
    for group in predict(case):
        for key in group[0]:
            largest = max(abs(float(row[key].value)) for row in group)
            assert all(row[key].bound <= 1e-11 * largest for row in group), key


@cache
def torch_judgement(case_id: str) -> Judgement:
    case, torch_single = get_schedule_case(case_id), IMPLEMENTATIONS["torch-single"]
    answer = local_runner("torch-single").run(json.loads(compact(schedules.request(torch_single, case))))
    return schedules.judgement(case, golden(case), schedules.quirks_of(torch_single, case.schedule), answer, "torch-single")


@by_case
def test_pytorch_is_as_expected(case: ScheduleCase) -> None:
    found = torch_judgement(case.id)
    assert found.expected, found.reason
    assert found.verdict in ("exact", "rounding") or found.quirks


def test_every_quirk_of_pytorch_is_seen() -> None:
    seen = {quirk for case in CASES for quirk in torch_judgement(case.id).quirks}
    assert seen == {q.id for q in get_ecosystem("pytorch").quirks if isinstance(q, ScheduleQuirk)}


def test_every_departure_is_outside_the_bound_where_its_quirk_is_not_known() -> None:
    for case in CASES:
        if torch_judgement(case.id).quirks:
            answer = local_runner("torch-single").run(schedules.request(IMPLEMENTATIONS["torch-single"], case))
            assert not schedules.judgement(case, golden(case), [], answer, "torch-single").expected, case.id


# What a judge must not let pass.


def test_a_departure_that_was_mended_is_reported() -> None:
    quirks = [q for e in ("pytorch", "r_torch") for q in get_ecosystem(e).quirks if isinstance(q, ScheduleQuirk)]
    reported = 0
    for case in CASES:
        for quirk in quirks:
            classes = [b.rule for e in ("pytorch", "r_torch") for b in get_ecosystem(e).schedules if b.name in quirk.bindings]
            if case.schedule in classes and quirk.applies(case.site):
                found = judged(case, golden(case), [quirk])
                if not found.expected:
                    assert found.reason.startswith(f"{quirk.id} predicts") and found.verdict == "exact"
                    reported += 1
    assert reported >= len(quirks)


@by_case
def test_one_wrong_rate_is_caught_wherever_it_is(case: ScheduleCase) -> None:
    largest = max(max(row) for row in golden(case).columns["lr"])
    for t in range(case.steps + 1):
        spoiled = copied(GOLDEN[case.id])
        spoiled.columns["lr"][t][-1] += 1e-9 * largest
        found = judged(case, spoiled)
        assert found.verdict == "diverges" and found.finding and found.finding.step == t


def test_an_error_that_grows_slowly_is_caught_before_it_is_large() -> None:
    case = get_schedule_case("schedules/exponential/long")
    drifting = Rates({"lr": [[value * (1 + 1e-13) ** t for value in row] for t, row in enumerate(golden(case).columns["lr"])]})
    found = judged(case, drifting)
    assert found.verdict == "diverges" and found.finding and found.finding.step <= 40


def test_a_departure_does_not_open_the_door_for_others() -> None:
    case = get_schedule_case("schedules/exponential/changed-outside")
    quirks = schedules.quirks_of(IMPLEMENTATIONS["torch-single"], "exponential")
    answer = local_runner("torch-single").run(schedules.request(IMPLEMENTATIONS["torch-single"], case))
    rates = Rates({"lr": answer["rates"]["lr"]})
    assert judged(case, rates, quirks).verdict == "documented"
    rates.columns["lr"][12:] = golden(case).columns["lr"][12:]
    found = judged(case, rates, quirks)
    assert found.verdict == "diverges" and found.finding and found.finding.step == 12


def test_momentum_is_judged_too() -> None:
    still = get_schedule_case("schedules/step/halves")
    moving = Rates({**golden(still).columns, "momentum": [[0.9]] * still.steps + [[0.8]]})
    found = judged(still, moving)
    assert found.verdict == "diverges" and found.finding and (found.finding.step, found.finding.tensor) == (still.steps, "momentum")
    cycled = get_schedule_case("schedules/one_cycle/cosine")
    assert judged(cycled, Rates({"lr": golden(cycled).columns["lr"]})).verdict == "diverges"
    stuck = Rates({**golden(cycled).columns, "momentum": [[0.95]] * (cycled.steps + 1)})
    assert judged(cycled, stuck).verdict == "diverges"


MUTANTS: dict[str, list[dict[str, Any]]] = {
    "lambda": [{"factor": "0.95 ** (t + 1)"}, {"factor": "0.9500001 ** t"}],
    "multiplicative": [{"factor": "0.9000001"}, {"factor": "1"}],
    "step": [{"step_size": 2}, {"step_size": 4}, {"gamma": 0.5000001}],
    "multi_step": [{"milestones": [3, 7, 13]}, {"milestones": [3, 7]}, {"gamma": 0.30000001}],
    "constant": [{"total_iters": 5}, {"total_iters": 7}, {"factor": 0.30000001}],
    "linear": [{"total_iters": 7}, {"total_iters": 9}, {"start_factor": 0.25000001}, {"end_factor": 0.99999999}],
    "exponential": [{"gamma": 0.93000001}],
    "polynomial": [{"total_iters": 8}, {"total_iters": 10}, {"power": 2.0000001}],
    "cosine_annealing": [{"T_max": 7}, {"T_max": 9}, {"eta_min": 1e-9}],
    "cosine_warm_restarts": [{"T_0": 3}, {"T_0": 5}, {"T_mult": 2}, {"eta_min": 1e-9}],
    "cyclic": [{"step_size_up": 5}, {"step_size_down": 5}, {"mode": "triangular2"}, {"max_lr": 0.50000001}, {"base_momentum": 0.8000001}],
    "one_cycle": [
        {"total_steps": 19}, {"total_steps": 21}, {"pct_start": 0.30001}, {"anneal_strategy": "linear"}, {"three_phase": True},
        {"div_factor": 25.000001}, {"final_div_factor": 1.0001e4}, {"base_momentum": 0.8500001}, {"max_momentum": 0.9500001},
    ],
    "reduce_on_plateau": [{"factor": 0.50000001}, {"patience": 1}, {"patience": 3}, {"cooldown": 3}, {"mode": "max"}, {"min_lr": 0.03}],
}  # fmt: skip


@pytest.mark.parametrize("schedule", list(MUTANTS))
def test_every_changed_option_is_caught(schedule: str) -> None:
    case = next(c for c in CASES if c.schedule == schedule)
    assert judged(case, golden(case)).verdict == "exact"
    for options in MUTANTS[schedule]:
        other = ScheduleCase(case.id, schedule, {**case.hyper, **options}, case.groups, case.steps, "a mutant", metrics=case.metrics)
        found = judged(case, golden(other))
        assert found.verdict == "diverges", f"{schedule} with {options}"


@pytest.mark.parametrize("schedule", sorted({case.schedule for case in CASES}))
def test_one_step_too_early_or_too_late_is_caught(schedule: str) -> None:
    for shift in (-1, 1):
        caught = 0
        for case in (c for c in CASES if c.schedule == schedule):
            rows = golden(case).columns["lr"]
            shifted = [rows[min(max(t + shift, 0), case.steps)] for t in range(case.steps + 1)]
            late = Rates({**golden(case).columns, "lr": shifted})
            caught += judged(case, late).verdict == "diverges"
        assert caught


def mutants(graph: Expr) -> Iterator[Expr]:
    """Each term of an expression changed once: an operation exchanged, a number moved, a branch taken for the other."""
    for node in walk(graph):
        for change in changes(node):
            yield rebuild(graph, lambda n, args, node=node, change=change: change(args) if n is node else None)


def changes(node: Expr) -> list[Callable[[tuple[Expr, ...]], Expr]]:
    other = {"+": "-", "-": "+", "*": "/", "/": "*", "**": "*", "<": ">", ">": "<", "<=": ">", ">=": "<"}
    if node.op in BINARY:
        return [lambda args: call(other[node.op], *args), lambda args: args[0], lambda args: args[1]]
    if node.op == "where":
        return [lambda args: args[1], lambda args: args[2]]
    if node.op == "number":
        return [lambda _: number(node.value + 1)]
    return [lambda args: args[0]] if node.args else []


@cache
def floats(case_id: str, group: int) -> list[dict[str, float]]:
    case = get_schedule_case(case_id)
    return in_floats(case.settings[group].text(), case, group)


def caught(case: ScheduleCase, statements: list[list[str]]) -> bool | None:
    """Whether a case catches a mutant of its first group's equation; None where it moves nothing by more than rounding."""
    keys = list(GOLDEN[case.id].columns)
    try:
        rows = in_floats(statements, case, 0)
    except (ArithmeticError, ValueError, TypeError, KeyError):
        return True
    if any(isinstance(row[key], bool | complex) for row in rows for key in keys):
        return True
    plain = floats(case.id, 0)
    if all(math.isclose(row[key], was[key], rel_tol=1e-9, abs_tol=1e-13) for row, was in zip(rows, plain, strict=True) for key in keys):
        return None
    rates = copied(GOLDEN[case.id])
    for key in keys:
        for t, row in enumerate(rows):
            rates.columns[key][t][0] = float(row[key])
    return judged(case, rates).verdict == "diverges"


@by_case
def test_every_mutant_of_every_term_is_caught_where_it_changes_a_number(case: ScheduleCase) -> None:
    statements = case.settings[0].text()
    found = []
    for place, (key, body) in enumerate(statements):
        for mutant in mutants(parse(body)):
            spoiled = [list(pair) for pair in statements]
            spoiled[place] = [key, text(mutant)]
            found.append((spoiled[place], caught(case, spoiled)))
    assert [statement for statement, verdict in found if verdict is False] == []
    assert any(verdict for _, verdict in found) or case.schedule == "exponential" or case.hyper.get("gamma") == 1.0


# R torch: recorded, and live where it is installed.


@by_case
def test_r_torch_as_recorded_is_as_expected(case: ScheduleCase) -> None:
    r_torch = IMPLEMENTATIONS["r-torch"]
    path = R_RECORDED / f"{case.id}.json"
    if reason := schedules.unsupported(r_torch, case):
        assert reason and not path.exists()
        return
    answer = schedules.load_recorded(path, case, golden(case))
    assert answer is not None
    found = schedules.judgement(case, golden(case), schedules.quirks_of(r_torch, case.schedule), answer, "r-torch")
    assert found.expected, found.reason


def test_every_quirk_of_r_torch_is_seen_in_its_recordings() -> None:
    results = Campaign(root(), ["r-torch"], source="recorded").run([(case, golden(case)) for case in CASES])
    seen = {quirk for r in results for quirk in r.judgement.quirks}
    assert seen == {q.id for q in get_ecosystem("r_torch").quirks if isinstance(q, ScheduleQuirk)}
    assert {r.mode for r in results} == {"replay"} and {r.optimizer for r in results} == {"schedules"}


def test_a_recording_is_checked(tmp_path: Any) -> None:
    case = get_schedule_case("schedules/step/groups")
    answer = {"outcome": "ok", "rates": json.loads(compact(golden(case).columns))}
    answer["rates"]["lr"][4][1] = math.nextafter(answer["rates"]["lr"][4][1], 1)
    path = tmp_path / "groups.json"
    text = schedules.record_text(case, golden(case), answer)
    assert '"0 1"' in text and '"="' in text
    write_whole(path, text)
    assert schedules.load_recorded(path, case, golden(case)) == answer
    with pytest.raises(FixtureError, match="not the manifest's"):
        schedules.load_recorded(path, case, golden(case), "0" * 64)
    for old, new, message in [
        ('"0 1"', '"0 1 2"', "step 4: '0 1 2' does not fit"),
        ("recorded-schedule/1", "recorded/9", "schema 'crossoptim/recorded/9'"),
    ]:
        write_whole(path, text.replace(old, new))
        with pytest.raises(FixtureError, match=r"groups\.json") as caught:
            schedules.load_recorded(path, case, golden(case))
        assert message in str(caught.value)
    assert schedules.load_recorded(tmp_path / "none.json", case, golden(case)) is None


def test_r_torch_live_gives_the_same_bits_by_both_transports_and_these_are_as_expected(r_transports: Mapping[str, Runners]) -> None:
    r_torch = IMPLEMENTATIONS["r-torch"]
    for case in CASES:
        if schedules.unsupported(r_torch, case):
            continue
        request = schedules.request(r_torch, case)
        answers = [runners["r-torch"].run(request) for runners in r_transports.values()]
        without_trace = [{key: value for key, value in answer.items() if key != "traceback"} for answer in answers]
        assert without_trace[0] == without_trace[1], case.id
        found = schedules.judgement(case, golden(case), schedules.quirks_of(r_torch, case.schedule), answers[0], "r-torch")
        assert found.expected, f"{case.id}: {found.reason}"


def test_r_says_what_it_lacks(r_transports: Mapping[str, Runners]) -> None:
    runner = r_transports["rscript"]["r-torch"]
    request = schedules.request(IMPLEMENTATIONS["r-torch"], get_schedule_case("schedules/step/halves"))
    stairs = runner.run({**request, "schedule": {"name": "lr_stairs", "arguments": {}}})
    assert stairs["outcome"] == "unsupported" and "has no lr_stairs" in stairs["reason"]
    named = runner.run({**request, "schedule": {"name": "lr_step", "arguments": {"gama": 1}}})
    assert named == {"outcome": "unsupported", "reason": "lr_step has no argument gama"}
    base = r_transports["rscript"]["base-r"].run(request)
    assert base == {"outcome": "unsupported", "reason": "base-r has no schedules"}


# The command line.


def run(*arguments: str) -> tuple[int, str]:
    from typer.testing import CliRunner

    done = CliRunner().invoke(app, list(arguments))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_check_judges_schedules_by_their_ids() -> None:
    code, out = run("check", "-s", "schedules/cosine_*", "-r", "reference", "-r", "torch-single", "--json", "-")
    report = json.loads(out[out.index("{") : out.rindex("}") + 1])
    expected = [name for name in read_manifest(root()) if name.startswith("golden/schedules/cosine_")]
    assert code == 0 and report["summary"]["results"] == 2 * len(expected) and report["summary"]["unexpected"] == 0
    assert {r["quirk"] for r in report["results"] if "quirk" in r} == {
        "pytorch/cosine_warm_restarts/logarithm-misses-restart", "pytorch/schedules/goes-on-from-the-rate-found",
    }  # fmt: skip


def test_an_ignored_quirk_is_a_divergence() -> None:
    code, out = run(
        "check",
        "-s",
        "schedules/one_cycle/one-step-more",
        "-r",
        "torch-single",
        "--ignore-quirk",
        "pytorch/one_cycle/one-step-more-goes-on",
    )
    assert code == 1 and "step 20, lr[0]" in out


def test_list_and_show_know_schedules() -> None:
    assert "CosineAnnealingWarmRestarts" in run("list", "schedules")[1]
    assert "schedules/one_cycle/over-run" in run("list", "cases")[1]
    code, out = run("show", "schedules/exponential", "--json", "-")
    page = json.loads(out)
    assert code == 0 and page["equation"] == [["lr", "base_lr * gamma ** t"]]
    assert page["ecosystems"]["pytorch"]["classes"].keys() == {"ExponentialLR"}
    code, out = run("show", "schedules/sequential/three")
    assert code == 0 and "three in turn" in out
    code, out = run("show", "one_cycle", "--set", "three_phase=true")
    assert code == 0 and "two steps past the end" in out
    with pytest.raises(HyperError, match="pct_start = 2"):
        app(["show", "one_cycle", "--set", "pct_start=2"], standalone_mode=False)
