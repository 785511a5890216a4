"""A parameter that takes no part in a loss: what zero_grad() leaves, and what the judge says of it."""

from dataclasses import replace

import numpy as np

from crossoptim.check.judge import Judge
from crossoptim.check.verdict import Judgement
from crossoptim.golden.case import Case, Event
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.spec.model import LeavesZeros, Quirk

UNUSED = Event("unused", 12, params=("matrix",))
CASE = Case("sgd/unused", "sgd", {"lr": 0.1, "momentum": 0.5}, "zeros", "float64", "", steps=15, events=(UNUSED,))
GOLDEN = golden(CASE)
LEFT_ZEROS = golden(replace(CASE, events=()))  # this problem's gradients at steps 12 to 14 are zeros: what zero_grad() leaves
QUIRK = Quirk("leaves-zeros", "", ("SGD",), lambda site: True, (LeavesZeros(),), "upstream:1", "choice", "1.0")


def judged(got: Trajectory, *quirks: Quirk) -> Judgement:
    return Judge(CASE, GOLDEN, quirks).judge(got, "replay")


def test_by_the_specification_it_stands_still() -> None:
    assert GOLDEN.grads["matrix"][11] is None
    for rows in (GOLDEN.params["matrix"], GOLDEN.state["matrix"]["velocity"]):
        np.testing.assert_array_equal(rows[11], rows[10])
    assert not np.array_equal(GOLDEN.params["vector"][11], GOLDEN.params["vector"][10])  # type: ignore[arg-type]


def test_zeros_that_are_left_are_documented_where_a_quirk_says_so_and_diverge_otherwise() -> None:
    known = judged(LEFT_ZEROS, QUIRK)
    assert (known.verdict, known.expected, known.quirks) == ("documented", True, ("leaves-zeros",))
    alone = judged(LEFT_ZEROS)
    assert (alone.verdict, alone.expected) == ("diverges", False)
    assert alone.finding is not None and (alone.finding.step, alone.finding.tensor) == (12, "grads/matrix")


def test_zeros_that_a_quirk_predicts_but_that_are_not_left_are_unexpected() -> None:
    found = judged(GOLDEN, QUIRK)
    assert (found.verdict, found.expected) == ("exact", False)
    assert "leaves-zeros predicts other numbers" in found.reason


def test_a_quirk_that_leaves_zeros_excuses_no_other_gradient_and_no_wrong_step() -> None:
    other = golden(replace(CASE, events=()))
    rows = other.grads["matrix"]
    rows[11] = np.full_like(rows[10], 1e-300)
    assert judged(other, QUIRK).verdict == "diverges"
    still = golden(replace(CASE, events=()))
    still.params["matrix"][11] = still.params["matrix"][10]
    assert judged(still, QUIRK).verdict == "diverges"


def test_before_its_first_gradient_there_is_nothing_to_leave() -> None:
    case = replace(CASE, events=(Event("unused", 1, params=("matrix",)),))
    assert Judge(case, golden(case), [QUIRK]).judge(golden(case), "replay").expected
