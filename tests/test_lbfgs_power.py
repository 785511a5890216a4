"""The L-BFGS cases bite: a port with a wrong constant, a wrong order or a forgotten decision diverges in at least one of them."""

from __future__ import annotations

import pytest

from crossoptim.check.judge import Judge
from crossoptim.check.power.lbfgs import MUTANTS, cases, caught_by, run
from crossoptim.check.power.replay import trajectory
from crossoptim.spec.rules import get_rule


@pytest.mark.parametrize("wrong", MUTANTS)
def test_a_wrong_port_is_caught(wrong: str) -> None:
    assert caught_by(*MUTANTS[wrong]) is not None


def test_the_rule_itself_is_not_caught() -> None:
    converse = get_rule("lbfgs").converse
    assert converse is not None
    assert {Judge(case, trajectory(case.id)).judge(run(case, converse), "closed").verdict for case in cases()} == {"exact"}
