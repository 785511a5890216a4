"""The fixtures bite: an implementation in which one thing is wrong diverges in at least one case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossoptim.check.power import criteria, schedule_equivalence, schedules
from crossoptim.check.power.equivalence import disagreement
from crossoptim.check.power.mutants import Mutant, mistakes, mutants, settings
from crossoptim.check.power.reasons import REASONS
from crossoptim.check.power.score import Score, Subject, measured, subjects
from crossoptim.check.power.stack import cases_by_equation, catches, verdict
from crossoptim.cli import app
from crossoptim.spec.model import Setting
from crossoptim.spec.rules import all_rules
from crossoptim.spec.trace import trace

EVERY = 80  # of an equation's mutants, each eightieth; the command takes all
by_equation = pytest.mark.parametrize("equation", sorted(settings()))


@by_equation
def test_what_is_wrong_is_caught(equation: str) -> None:
    found = measured(Subject("equation", equation), every=EVERY)
    assert found.mutants and not found.missed


@pytest.mark.parametrize("schedule", schedules.schedules())
def test_what_is_wrong_about_a_schedule_is_caught(schedule: str) -> None:
    found = measured(Subject("schedule", schedule), every=EVERY)
    assert found.mutants and not found.missed


@by_equation
def test_the_equation_itself_is_not_caught(equation: str) -> None:
    honest = Mutant(equation, "", trace(settings()[equation][0]))
    assert not any(catches(case, honest) for case in cases_by_equation()[equation])
    assert verdict(cases_by_equation()[equation][0], honest) == "exact"


@pytest.fixture(scope="module")
def names() -> list[tuple[str, str]]:
    """All mutants of the rules."""
    return [(equation, wrong) for equation in settings() for wrong in mistakes(equation)]


def test_every_variant_of_every_rule_is_flipped_somewhere(names: list[tuple[str, str]]) -> None:
    wrong = {(equation.split("[")[0], said) for equation, said in names}
    for rule in all_rules().values():
        if not rule.converse:
            assert {(rule.name, f"{s.name} = {value}") for s in rule.switches for value in s.values} <= wrong


def test_each_kind_of_mistake_is_among_an_equations_mutants() -> None:
    wrong = {mutant.wrong for mutant in mutants("adam[]")}
    assert {
        "m + mix1 * (g - m) -> m",  # a term
        "m + mix1 * (g - m) -> m - mix1 * (g - m)",  # a sign
        "g - m -> m - g",  # the order of operands
        "g - m -> g - p",  # another leaf
        "mix1 * (g - m) -> mix2 * (g - m)",
        "1 - beta1 -> 2 - beta1",  # a constant
        "beta1 ** t -> beta1 ** (t - 1)",  # the count of steps
        "step_size * m_new -> step_size * m",  # state before its update
        "eps_placement = inside",  # a variant
        "m starts as g",  # the initial state
    } <= wrong
    assert len(mutants("adam[]")) == len(wrong) > 300


@pytest.mark.parametrize("equation", ["adam[]", "rprop[]", "nadam[]", "sgd[momentum]"])
def test_the_short_way_says_what_the_judge_says_of_the_whole_run(equation: str) -> None:
    case = cases_by_equation()[equation][0]
    for mutant in mutants(equation, 17):
        assert catches(case, mutant) == (verdict(case, mutant) in ("diverges", "raises")), mutant.wrong


def test_a_reason_is_no_proof_where_the_numbers_differ() -> None:
    by_name = {mutant.wrong: mutant for mutant in mutants("adam[]")}
    assert disagreement(by_name["g - m -> m - g"]) is not None
    honest = Mutant("adam[]", "", trace(settings()["adam[]"][0]))
    assert disagreement(honest) is None


@pytest.mark.parametrize("schedule", ["chained", "cosine_warm_restarts", "linear", "polynomial", "reduce_on_plateau"])
def test_nor_where_the_rates_differ(schedule: str) -> None:
    rounded = "floor(t) + # -> floor(t)"  # the same function, but rounding takes a restart for the cycle before
    for wrong, same in list(schedules.mutants_of(schedule).items())[3::31]:
        caught = wrong != rounded and any(schedules.caught_by(mutant) for mutant in same)
        assert caught == (schedule_equivalence.disagreement(same) is not None), wrong


def test_every_reason_speaks_of_some_mutant(names: list[tuple[str, str]]) -> None:
    named = [*((f"schedules/{name}", wrong) for name in schedules.schedules() for wrong in schedules.mutants_of(name)), *names]
    assert [reason.wrong for reason in REASONS if not any(reason.fits(*each) for each in named)] == []


def test_a_score_counts_what_is_real() -> None:
    together = Score(10, 7, {"a": "why"}, ["b", "c"], {"x": (1, 2)}) + Score(2, 2, others={"x": (3, 4), "y": (0, 1)})
    assert (together.mutants, together.caught, together.score) == (12, 9, 9 / 11)
    assert together.others == {"x": (4, 6), "y": (0, 1)}
    assert {subject.kind for subject in subjects()} == {"equation", "port", "schedule"}


# Other criteria.

TORCH: dict[str, Any] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adagrad": torch.optim.Adagrad}
TORCH |= {"rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD}


@pytest.mark.parametrize("name, options", criteria.CPP_BASELINE.runs)
def test_the_baseline_is_what_pytorch_computes(name: str, options: dict[str, Any]) -> None:
    start = [-0.2109, -0.4976, -0.1413, -0.3420, -0.2524, 0.6976], [-0.1085, -0.2979, 0.6892], [-0.0508, -0.3941, -0.2843], [-0.0711]
    w1, b1, w2, b2 = (torch.tensor(values, dtype=torch.float64, requires_grad=True) for values in start)
    optimizer = TORCH[name]([w1, b1, w2, b2], **options)
    rows = torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], dtype=torch.float64)
    found = []
    for i in range(1001):
        optimizer.zero_grad()
        torch.sigmoid(torch.sigmoid(rows @ w1.view(3, 2).T + b1) @ w2 + b2).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if i % 100 == 0:
            found.append(np.concatenate([p.detach().numpy().copy() for p in (w1, b1, w2, b2)]))
    setting = criteria.CPP_BASELINE.settings[criteria.CPP_BASELINE.runs.index((name, options))]
    np.testing.assert_allclose(criteria.baseline(setting), np.stack(found), rtol=1e-9, atol=1e-12)


def passes(criterion: criteria.Criterion) -> list[Setting]:
    return [setting for setting in criterion.settings if criterion.passes(setting, None)]


@pytest.mark.parametrize("criterion", criteria.CRITERIA, ids=lambda criterion: criterion.name)
def test_the_rules_themselves_pass_the_criteria_of_others(criterion: criteria.Criterion) -> None:
    assert passes(criterion) == list(criterion.settings)


def test_what_others_catch_and_what_they_miss() -> None:
    by_name = {mutant.wrong: mutant for mutant in mutants("sgd[weight_decay]")}
    index, ascent = (
        by_name["weight_decay * p -> weight_decay * index"],
        by_name["p - lr * (g + weight_decay * p) -> p + lr * (g + weight_decay * p)"],
    )
    assert criteria.LOSS_HALVES.catches(ascent) and criteria.CPP_BASELINE.catches(ascent)
    assert not criteria.LOSS_HALVES.catches(index)
    assert criteria.CPP_BASELINE.catches(index)


# The command.


def power(*arguments: str) -> tuple[int, str]:
    from typer.testing import CliRunner

    done = CliRunner().invoke(app, ["power", "-j", "1", *arguments])
    return done.exit_code, done.output


def test_the_command_prints_and_writes_the_score(tmp_path: Path) -> None:
    target = tmp_path / "power.json"
    code, out = power("-s", "adadelta", "-s", "schedules/step", "--every", "9", "--others", "--json", str(target))
    found = json.loads(target.read_text(encoding="utf-8"))
    assert code == 0 and found["summary"]["score"] == 1.0 and found["schema"] == "crossoptim/power/1"
    assert set(found["rules"]) == {"adadelta", "schedules/step"}
    assert found["summary"]["mutants"] == found["summary"]["caught"] + found["summary"]["equivalent"] > 50
    assert "loss halves" in out and "100 %" in out


def test_a_name_that_there_is_not_is_refused() -> None:
    from crossoptim.errors import UnknownNameError

    with pytest.raises(UnknownNameError, match="adadelta"):
        app(["power", "-s", "adadleta"], standalone_mode=False)
