"""Diagnosis of schedules: from foreign rates back to what makes them."""

from __future__ import annotations

from typing import Any

import pytest

from crossoptim.check.diagnosis.diagnose import Diagnosis
from crossoptim.check.diagnosis.schedule_port import PLAIN, Count, Port
from crossoptim.check.diagnosis.schedules import diagnose_schedule
from crossoptim.check.schedules import ScheduleJudge
from crossoptim.golden.fixture import root
from crossoptim.golden.schedules.cases import get_schedule_case
from crossoptim.golden.schedules.rates import Rates, golden
from crossoptim.runners.kinds import Judged, kind_of
from crossoptim.runners.recorded import folders
from crossoptim.runners.registry import IMPLEMENTATIONS, local_runner
from crossoptim.spec.ecosystems import all_quirks

SECONDS = 60.0
LINEAR = "base_lr * (start_factor + (end_factor - start_factor) * where(t < total_iters, t, total_iters) / total_iters)"


def explained(case_id: str, port: Port) -> Diagnosis:
    """The diagnosis of a library that computes a schedule as the port does."""
    case = get_schedule_case(case_id)
    truth = golden(case)
    columns = [port.column(case, group, PLAIN) for group in range(len(case.groups))]
    got = Rates({key: [[float(c[t][key]) for c in columns] for t in range(case.steps + 1)] for key in columns[0][0]})
    return diagnose_schedule(case, got, ScheduleJudge(case, truth).judge(got), SECONDS)


def test_rates_inside_their_bounds_need_no_explanation() -> None:
    found = explained("schedules/step/halves", Port())
    assert found.judgement.verdict in ("exact", "rounding")
    assert found.tried == 0


def test_rates_that_no_change_gives_are_not_explained() -> None:
    case = get_schedule_case("schedules/exponential/long")
    truth = golden(case)
    got = Rates({key: [[v * (1 + 1e-3 * (t % 3)) for v in row] for t, row in enumerate(c)] for key, c in truth.columns.items()})
    found = diagnose_schedule(case, got, ScheduleJudge(case, truth).judge(got), SECONDS)
    assert found.complete
    assert not found.explanations, found.sentence()


@pytest.mark.parametrize(
    "case_id, port, sentence",
    [
        ("schedules/step/halves", Port({"step_size": 4}), "step_size is one higher"),
        ("schedules/step/halves", Port({"gamma": 0.1}), "gamma keeps its default 0.1: the option is not heeded"),
        ("schedules/exponential/long", Port(count=Count(-1)), "the step count is one behind"),
        ("schedules/linear/resume", Port(count=Count(after="resume", restarts=True)), "the step count begins anew after it was resumed"),
        ("schedules/one_cycle/cosine", Port({"anneal_strategy": "linear"}), "anneal_strategy is 'linear'"),
        ("schedules/one_cycle/cosine", Port({"pct_start": 0.3, "three_phase": True}), "three_phase is true"),
        (
            "schedules/linear/warm-up",
            Port(edit=(LINEAR, LINEAR.replace("end_factor - ", "end_factor + "))),
            "end_factor - start_factor adds",
        ),
        ("schedules/reduce_on_plateau/min", Port(edit=("x2 > patience", "x2 >= patience")), "patience is one lower"),
    ],
)
def test_what_is_done_otherwise_is_named(case_id: str, port: Port, sentence: str) -> None:
    found = explained(case_id, port)
    assert found.judgement.verdict == "diverges"
    assert any(sentence in explanation.sentence for explanation in found.explanations), found.sentence()


@pytest.mark.parametrize(
    "name, case_id, sentence",
    [
        ("torch-single", "schedules/cosine_annealing/changed-outside", "the next rate is made from the one that is found"),
        ("torch-single", "schedules/one_cycle/one-step-more", "1 is missing from total_steps - 1"),
        ("torch-single", "schedules/chained/cosine-over-run", "each part goes on from the rate that it finds"),
        ("torch-single", "schedules/cosine_warm_restarts/jumps", "0.5 is missing from floor(t) + 0.5"),
        ("r-torch", "schedules/multiplicative/rebuilt", "it makes the step of that epoch once more"),
    ],
)
def test_the_departures_of_libraries_are_found(name: str, case_id: str, sentence: str) -> None:
    implementation, case = IMPLEMENTATIONS[name], get_schedule_case(case_id)
    kind, truth = kind_of(case), golden(case)
    held: Any = {} if implementation.module else kind.load(folders(root(), name)[-1], case, truth, None)
    answer = held.get("replay") or kind.ask(implementation, case, truth, "replay", local_runner(name).run)
    found = kind.diagnose(implementation, case, truth, Judged(answer, "replay", all_quirks()), SECONDS)
    assert found is not None
    assert sentence in found.explanations[0].sentence, found.sentence()
