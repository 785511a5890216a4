"""Our optimizers for R torch, live: every rule's function on golden cases, where R torch is installed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.fixture import root
from crossoptim.golden.refusals.case import all_refusal_cases
from crossoptim.golden.trajectory import golden
from crossoptim.runners.campaign import RECORDABLE, Campaign
from crossoptim.runners.kinds import kind_of
from crossoptim.runners.registry import IMPLEMENTATIONS, Runners
from crossoptim.runners.request import Mode
from crossoptim.spec.expr import walk
from crossoptim.spec.trace import trace

OURS = IMPLEMENTATIONS["r-crossoptim"]
OPTIMIZERS = list(dict.fromkeys(case.optimizer for case in all_cases().values() if not case.base.rule.converse))
LOOKAHEAD = ("sgd/lookahead", "schedule_free_sgd/plain", "schedule_free_adamw/plain")


@pytest.fixture
def runners(r_transports: Mapping[str, Runners]) -> Runners:
    return r_transports["rscript"]


def spread(optimizer: str) -> list[Case]:
    """Cases of an optimizer: both dtypes, all its options, 0-d parameters, groups, a resumed run, gradients that are not numbers."""
    cases = [case for case in all_cases().values() if case.optimizer == optimizer]
    wanted = ("all_options-injected-f32", "plain-injected-f64", "f32", "resume", "group", "not_a_number")
    found = (next((case for case in cases if part in case.id), None) for part in wanted)
    return list({case.id: case for case in found if case}.values())


def verdict(runners: Runners, case: Case, mode: Mode) -> str:
    truth, kind = golden(case), kind_of(case)
    assert OURS.unsupported(case) is None, case.id
    judgement = kind.judge(OURS, case, truth, ())(kind.ask(OURS, case, truth, mode, runners[OURS.name].run), mode)
    assert judgement.verdict in ("exact", "rounding"), f"{case.id}, {mode}: {judgement.verdict}: {judgement.reason}"
    return judgement.verdict


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_rule_follows_the_golden_trajectories(runners: Runners, optimizer: str) -> None:
    cases = spread(optimizer)
    assert len(cases) >= 4 and {case.dtype for case in cases} == {"float32", "float64"}
    for case in cases:
        found = verdict(runners, case, "replay")
        operations = {node.op for spell in case.spells for node in walk(*trace(spell.setting).outputs.values())}
        # R torch's square root, sums and powers are not rounded once; Schedule-Free's weights come near ties
        if not operations & {"sqrt", "sum", "sum_rows", "matmul", "**"} and "share" not in trace(case.base).scalars:
            assert found == "exact", case.id


@pytest.mark.parametrize("optimizer", ["nadam", "asgd", "adafactor"])
def test_each_step_is_right_from_the_golden_state(runners: Runners, optimizer: str) -> None:
    verdict(runners, spread(optimizer)[0], "lockstep")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_rule_trains_with_r_torchs_own_gradients(runners: Runners, optimizer: str) -> None:
    closed = [case for case in all_cases().values() if case.optimizer == optimizer and case.problem.value is not None]
    verdict(runners, closed[0], "closed")


@pytest.mark.parametrize("start", LOOKAHEAD)
def test_gradients_are_taken_where_the_rule_wants_them(runners: Runners, start: str) -> None:
    case = next(case for case in all_cases().values() if case.id.startswith(start) and case.problem.value is not None)
    assert case.base.gradient_point
    assert verdict(runners, case, "closed") in ("exact", "rounding")


@pytest.mark.parametrize("name", ["refusals/adam", "refusals/muon", "refusals/rprop", "refusals/nadam", "refusals/sgd"])
def test_bad_input_is_refused(runners: Runners, name: str) -> None:
    case = all_refusal_cases()[name]
    kind = kind_of(case)
    judgement = kind.judge(OURS, case, None, ())(kind.ask(OURS, case, None, "replay", runners[OURS.name].run), "replay")
    assert judgement.verdict == "exact", judgement.reason


def test_a_case_that_must_fail_fails(runners: Runners) -> None:
    """The gradients of one case, judged by the golden trajectory of another that differs in one option."""
    case, other = get_case("nadam/plain-ravine-f32"), get_case("nadam/beta1-ravine-f64")
    asked = OURS.request(case, golden(case), "replay")
    groups = OURS.request(other, golden(other), "replay")["optimizer"]["groups"]
    answer = runners[OURS.name].run({**asked, "optimizer": {**asked["optimizer"], "groups": groups}})
    assert kind_of(case).judge(OURS, case, golden(case), ())(answer, "replay").verdict == "diverges"


def test_it_is_judged_only_where_it_is_named() -> None:
    assert OURS.name not in [implementation.name for implementation in Campaign(root()).implementations]
    assert [i.name for i in Campaign(root(), [OURS.name]).implementations] == [OURS.name]
    assert OURS.name not in RECORDABLE
