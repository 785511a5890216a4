"""Diagnosis: from foreign numbers back to the change that made them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from crossoptim.check.diagnosis.closure_candidates import named_numbers
from crossoptim.check.diagnosis.diagnose import Diagnosis, Explainer, diagnose
from crossoptim.check.power import lbfgs
from crossoptim.check.power.mutants import Mutant, mutants
from crossoptim.check.power.replay import replayed
from crossoptim.golden.case import Case
from crossoptim.golden.cases import get_case
from crossoptim.golden.fixture import root
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.runners.recorded import folders, load
from crossoptim.runners.request import read_trajectory
from crossoptim.spec.edit import apply
from crossoptim.spec.model import Edit
from crossoptim.spec.rules import get_rule
from crossoptim.spec.trace import trace

SECONDS = 60.0  # a loaded machine may be slow; what is asked is whether it is found


def explained(case_id: str, find: str, instead: str) -> Diagnosis:
    """The diagnosis of an implementation whose equation has ``instead`` where ours has ``find``."""
    case = get_case(case_id)
    equation = trace(case.base)
    wrong = apply(equation, (Edit(find, instead),))
    return diagnose(case, golden(case), replayed(case, Mutant(equation.id, "", wrong)), "replay", seconds=SECONDS)


def test_a_trajectory_inside_its_bounds_needs_no_explanation() -> None:
    case = get_case("adam/plain-ravine-f64")
    found = diagnose(case, golden(case), golden(case), "replay")
    assert found.sentence() == "nothing to explain: the verdict is exact"
    assert found.tried == 0


def test_numbers_that_no_change_gives_are_not_explained() -> None:
    case = get_case("sgd/plain-ravine-f64")
    truth = golden(case)
    params = {key: [row * (1 + 1e-3 * np.sin(7 * t)) for t, row in enumerate(rows)] for key, rows in truth.params.items()}
    got = replace(truth, params=params)
    found = diagnose(case, truth, got, "replay", seconds=SECONDS)
    assert not found.explanations
    assert found.complete
    assert found.sentence() == f"no change of {found.tried} explains it"


@pytest.mark.parametrize(
    "case_id, find, instead, after",
    [
        ("sgd/decay-injected-f32", "weight_decay * p", "weight_decay * index", "p_new = p - lr * (g + weight_decay * index)"),
        ("sgd/decay-injected-f64", "g + weight_decay * p", "g - weight_decay * p", "p_new = p - lr * (g - weight_decay * p)"),
        ("adam/plain-injected-f64", "1 - beta2 ** t", "1 - beta2 ** (t + 1)", "root_bias2 = sqrt(1 - beta2 ** (t + 1))"),
        ("adam/plain-injected-f64", "m + mix1 * (g - m)", "m + mix2 * (g - m)", "m_new = m + mix2 * (g - m)"),
        ("adam/plain-ravine-f64", "sqrt(A) / B", "sqrt(A) * B", "p_new = p - step_size * m_new / (sqrt(v_new) * root_bias2 + eps)"),
        ("rmsprop/plain-ravine-f64", "sqrt(A)", "A", "p_new"),
        ("nadam/plain-injected-f64", "m + A * (g - m)", "m - A * (g - m)", "m_new = m - "),
    ],
)
def test_a_single_edit_is_found_by_the_numbers_alone(case_id: str, find: str, instead: str, after: str) -> None:
    found = explained(case_id, find, instead)
    assert found.judgement.verdict == "diverges"
    assert any(line.startswith(after) for explanation in found.explanations for line in explanation.after), found.sentence()


@pytest.mark.parametrize(
    "case_id, values, sentence",
    [
        ("adam/plain-injected-f64", {"eps_placement": "inside"}, "eps_placement is 'inside'"),
        ("adam/plain-injected-f64", {"eps": 0.0}, "eps is 0: its term is missing"),
        ("adam/amsgrad-injected-f64", {"amsgrad": False}, "amsgrad is false"),
        ("rmsprop/all_options-injected-f64", {"alpha": 0.99}, "alpha keeps its default 0.99: the option is not heeded"),
        ("sgd/decay-injected-f64", {"weight_decay": 0.0}, "weight_decay keeps its default 0.0: the option is not heeded"),
    ],
)
def test_a_variant_and_an_option_that_is_not_heeded_are_named(case_id: str, values: dict[str, Any], sentence: str) -> None:
    case = get_case(case_id)
    got = golden(replace(case, hyper={**case.hyper, **values}))
    found = diagnose(case, golden(case), got, "replay", seconds=SECONDS)
    assert found.explanations[0].sentence.startswith(sentence), found.sentence()


def test_two_options_at_once_are_named_where_no_single_change_explains() -> None:
    case = get_case("rmsprop/all_options-injected-f64")
    got = golden(replace(case, hyper={**case.hyper, "alpha": 0.99, "eps_placement": "inside"}))
    found = diagnose(case, golden(case), got, "replay", seconds=SECONDS)
    assert "eps_placement is 'inside'" in found.explanations[0].sentence
    assert "alpha keeps its default 0.99" in found.explanations[0].sentence


def test_an_operation_that_is_wrong_at_one_of_two_places_is_found() -> None:
    case = get_case("sgd/lr_inside_nesterov-ravine-f64")
    wrong = next(mutant for mutant in mutants(trace(case.base).id) if mutant.wrong == "lr * g [2] -> lr * p")
    found = diagnose(case, golden(case), replayed(case, wrong), "replay", seconds=SECONDS)
    assert "the gradient in lr * g is replaced by the parameter, at one place" in found.explanations[0].sentence


def test_a_conversation_that_decides_otherwise_is_found() -> None:
    case = get_case("lbfgs/optimal_start-ravine-f64")
    got = lbfgs.run(case, lbfgs.conversation(*lbfgs.MUTANTS["tolerance_grad not asked at the start"]))
    found = diagnose(case, golden(case), got, "closed", seconds=SECONDS)
    assert any("in converse" in e.sentence and e.candidates[0].before for e in found.explanations), found.sentence()


def test_a_search_that_runs_out_of_time_says_so() -> None:
    case, truth, got = recorded("lbfgs/ledge_third-ledge-f64")
    found = diagnose(case, truth, got, "closed", seconds=0.0)
    assert not found.complete
    assert found.sentence().endswith("the search ran out of time")


def test_what_explained_one_case_is_tried_first_on_the_next() -> None:
    explainer = Explainer(searches=1)
    sentences = []
    for case_id in ("sgd/decay-injected-f32", "sgd/decay-injected-f64"):
        case = get_case(case_id)
        wrong = apply(trace(case.base), (Edit("weight_decay * p", "weight_decay * index"),))
        got: Trajectory = replayed(case, Mutant(trace(case.base).id, "", wrong))
        sentences.append(explainer.sentence("somebody's", case, golden(case), got, "replay", ()))
    assert all("replaced by the parameter's 1-based index in its group" in sentence for sentence in sentences)


def test_when_no_search_is_left_the_command_is_named() -> None:
    case = get_case("sgd/decay-injected-f32")
    wrong = apply(trace(case.base), (Edit("weight_decay * p", "weight_decay * index"),))
    got = replayed(case, Mutant(trace(case.base).id, "", wrong))
    said = Explainer(searches=0).sentence("r-torch", case, golden(case), got, "replay", ())
    assert said == "crossoptim diagnose sgd/decay-injected-f32 -r r-torch looks for the reason"


def recorded(case_id: str, mode: str = "closed") -> tuple[Case, Trajectory, Trajectory]:
    """A case, its golden trajectory, and what R torch did."""
    case = get_case(case_id)
    truth = golden(case)
    answers = load(folders(root(), "r-torch")[-1], case, truth)
    return case, truth, read_trajectory(answers[mode], case, case_id)


def test_what_an_optimizer_that_chooses_its_points_does_otherwise_is_found() -> None:
    case, truth, got = recorded("lbfgs/curvature_kept-ravine-f64")
    found = diagnose(case, truth, got, "closed", seconds=SECONDS)
    assert "rho, alpha, beta, weight are held in float32" in [explanation.sentence for explanation in found.explanations]


def test_two_changes_are_found_one_after_the_other() -> None:
    case, truth, got = recorded("lbfgs/ledge_third-ledge-f64")
    found = diagnose(case, truth, got, "closed", seconds=SECONDS)
    assert found.explanations[0].sentence.endswith("are held in float32, and line search limit is 25"), found.sentence()


def test_the_numbers_that_a_rule_names_are_read_off_its_text() -> None:
    names = named_numbers(get_rule("lbfgs"))
    assert ("rho", "alpha", "beta", "weight") in names and ("cubic",) in names
