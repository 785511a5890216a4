"""Classes of another library (pytorch-optimizer), each tested whole: run with pytest.

What a class does otherwise stands beside it: an expected failure, which tells when it is mended.
"""

import pytest
import pytorch_optimizer

from crossoptim.testing import assert_follows_golden

DECAY = {
    "names": {"weight_decouple": "decay"},
    "spellings": {"weight_decouple": {"coupled": False, "decoupled": True}},
}


def test_lion():
    # the argument maximize is left out: see below
    assert_follows_golden(pytorch_optimizer.Lion, "lion", names={"maximize": None}, state={"m": "exp_avg"})


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="maximize changes the sign of the gradient in place")
def test_lion_ascends():
    assert_follows_golden(pytorch_optimizer.Lion, "lion/maximize-*", state={"m": "exp_avg"})


@pytest.mark.golden(pytorch_optimizer.Adan, "adan", flags="EpsilonPlacement", mode="closed")
def test_adan_in_a_closed_loop(follows_golden):
    follows_golden()  # one test a case


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="adds 1e-15 under the root of the second moment")
def test_adabound():
    assert_follows_golden(pytorch_optimizer.AdaBound, "adabound/plain-injected-f64", **DECAY)
