"""The pytest plugin and the assertions of crossoptim.testing, as a third party uses them."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossoptim.errors import CrossoptimError, UnknownNameError
from crossoptim.golden.cases import get_case
from crossoptim.testing import StepFunction, assert_follows_golden, golden_cases, judge_optimizer, runnable_cases

pytest_plugins = ["pytester"]

DOCS = Path(__file__).parents[1] / "docs"


HEAVY = {"torch", "numpy", "mpmath", "crossoptim.spec", "crossoptim.golden", "crossoptim.check", "crossoptim.testing"}

SGD = """
    from crossoptim.testing import StepFunction, assert_follows_golden

    def plain_sgd(p, g, state, *, lr, weight_decay):
        return (p - lr * (g SIGN weight_decay * p)).astype(p.dtype), None

    SGD = StepFunction(plain_sgd)
"""


def sgd(sign: str = "+") -> str:
    """An optimizer of a third party, in a file of its tests."""
    return SGD.replace("SIGN", sign)


# The plugin


def test_the_plugin_is_announced_to_pytest() -> None:
    assert [e.value for e in entry_points(group="pytest11") if e.name == "crossoptim"] == ["crossoptim.pytest_plugin"]


def test_the_plugin_loads_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"""
    import sys

    def test_nothing():
        assert "crossoptim.pytest_plugin" in sys.modules
        assert set(sys.modules) & {HEAVY} == set()
    """)
    pytester.runpytest_subprocess("-p", "no:hypothesispytest").assert_outcomes(passed=1)


def test_a_whole_test_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        sgd()
        + """
    def test_plain_sgd(follows_golden):
        report = follows_golden(SGD, "sgd")
        assert len(report.judged) == 15 and not report.failures
    """
    )
    pytester.runpytest().assert_outcomes(passed=1)


def test_a_failure_says_where_by_how_much_and_why(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        sgd("-")
        + """
    def test_plain_sgd():
        assert_follows_golden(SGD, "sgd", dtype="float64")
    """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*plain_sgd does not follow sgd (mode replay): * of * cases",
            "*sgd/decay-*-f64: diverges (*",
            "*step 1, params/*: * ulps away",
            "*expected * within *",
            "*it matches if *",
            "*- p_new = *",
            "*+ p_new = *",
            "*likewise: sgd/decay*",
            "*judged: *",
            "*left out: * (plain_sgd has no argument for momentum)",
        ]
    )
    assert "harness.py" not in result.stdout.str()  # the traceback ends in the test


def test_the_marker_makes_one_test_of_each_case(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        sgd()
        + """
    import pytest

    @pytest.mark.golden(SGD, "sgd", dtype="float32", flags="PlainRule")
    def test_plain_sgd(follows_golden):
        follows_golden()
    """
    )
    result = pytester.runpytest("-v", "--strict-markers")
    expected = golden_cases("sgd", dtype="float32", flags="PlainRule")
    result.assert_outcomes(passed=len(expected))
    result.stdout.fnmatch_lines([f"*test_plain_sgd[[]{case}[]] PASSED*" for case in expected])


def test_a_marker_that_leaves_no_case_is_an_error_of_collection(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        sgd()
        + """
    import pytest

    @pytest.mark.golden(SGD, "sgd/nesterov-*")
    def test_plain_sgd(follows_golden):
        follows_golden()
    """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*plain_sgd can run no case of sgd/nesterov-*", "*left out: * (plain_sgd has no argument for momentum)"])


# What is asked


def test_an_unknown_optimizer_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="optimizer 'adan2' does not exist .did you mean 'adan'"):
        assert_follows_golden(torch.optim.Adam, "adan2")


@pytest.mark.parametrize(
    "golden, options, message",
    [
        ("adam/nothing-*", {}, "case 'adam/nothing-\\*' does not exist"),
        ("adam*/plain-ravine-f32", {}, "cases of adam, adamw"),
        ("adam", {"dtype": "float16"}, "dtype 'float16' .expected one of float32, float64"),
        ("adam", {"flags": "Nesterov2"}, "flag 'Nesterov2' does not exist"),
        ("adam", {"flags": "Nesterov"}, "adam: none of .* cases is left"),
        ("adam", {"mode": "lockstep"}, "mode 'lockstep' .expected replay or closed"),
        ("adam", {"names": {"betas": ("beta1", "beta9")}}, "names: adam has no option 'beta9'"),
        ("adam", {"names": {"beta": "beta1"}}, "names: Adam has no argument 'beta' "),
        ("adam", {"state": {"moment": "exp_avg"}}, "state: adam has no variable 'moment' .expected one of m, v, v_max"),
        ("adam", {"variant": {"eps_placement": "below"}}, "eps_placement = 'below' is not a variant"),
        ("adam", {"quirks": ["torch/none"]}, "quirk 'torch/none' does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused(golden: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CrossoptimError, match=message):
        assert_follows_golden(torch.optim.Adam, golden, **options)


def test_a_test_without_a_case_to_run_fails() -> None:
    with pytest.raises(AssertionError, match=r"SGD can run no case of adam/amsgrad-\*.*\n\nleft out: .* has no argument for "):
        assert_follows_golden(torch.optim.SGD, "adam/amsgrad-*")


def test_a_state_variable_that_is_never_there_fails() -> None:
    with pytest.raises(AssertionError, match="state: no case showed m: no state has the key 'exp_average'"):
        assert_follows_golden(torch.optim.Adam, "adam/plain-*-f64", state={"m": "exp_average"})


def test_cases_are_ids() -> None:
    found = golden_cases("adam", dtype="float32", flags="PlainRule")
    assert found and all(get_case(case).dtype == "float32" and "PlainRule" in get_case(case).flags for case in found)
    assert golden_cases("adam/plain-ravine-f32") == ["adam/plain-ravine-f32"]
    runnable = runnable_cases(torch.optim.SGD, "sgd", names={"nesterov": None})
    assert runnable and not any(get_case(case).base.values["nesterov"] for case in runnable)


# What is judged


class IndexDecay(torch.optim.SGD):
    """The mistake of R torch's issue 821."""

    def __init__(self, params: Any, lr: float = 0.1, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for index, p in enumerate(group["params"], 1):
                if p.grad is not None:
                    p.sub_(group["lr"] * (p.grad + group["weight_decay"] * index))


def test_a_known_departure_is_named() -> None:
    with pytest.raises(AssertionError, match="known: r-torch/sgd/weight-decay-adds-index"):
        assert_follows_golden(IndexDecay, "sgd/decay-injected-f64")


def test_a_function_that_makes_an_optimizer_takes_pytorchs_names() -> None:
    report = assert_follows_golden(lambda params, **options: torch.optim.Adam(params, **options), "adam/plain-*")
    assert {r.dtype for r in report.judged} == {"float32", "float64"}
    assert report.arguments["betas"] == ("beta1", "beta2")


def test_an_argument_that_is_not_heeded_is_found() -> None:
    def careless(params: Any, **options: Any) -> torch.optim.Adam:
        return torch.optim.Adam([{**group, "weight_decay": 0.0} for group in params], **options)

    with pytest.raises(AssertionError, match="it matches if weight_decay keeps its default 0.0: the option is not heeded"):
        assert_follows_golden(careless, "adam/decay-ravine-f64")


def test_a_departure_can_be_accepted() -> None:
    case = "nadam/plain-ravine-f64"
    with pytest.raises(AssertionError, match="known: pytorch/nadam/float32-momentum-product"):
        assert_follows_golden(torch.optim.NAdam, case)
    report = assert_follows_golden(torch.optim.NAdam, case, quirks=["pytorch/nadam/float32-momentum-product"])
    assert [r.judgement.verdict for r in report.judged] == ["documented"]


def test_a_known_error_is_named() -> None:
    report = judge_optimizer(torch.optim.Adam, "adam/amsgrad_switched_on-*")
    assert [r.judgement.verdict for r in report.failures] == ["raises"]
    assert "known: pytorch/adam/late-amsgrad-raises" in str(report)


def adam_step(p: Any, g: Any, state: Any, *, lr: float, beta1: float, beta2: float, eps: float) -> Any:
    """Adam with eps under the root."""
    m, v, t = state
    t = t + 1
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    root = np.sqrt(v / (1 - beta2**t) + eps)
    return np.asarray(p - lr / (1 - beta1**t) * m / root, p.dtype), (np.asarray(m), np.asarray(v), t)


STEP = StepFunction(adam_step, start=lambda p, **_: (0 * p, 0 * p, 0), read=lambda s: {"m": s[0], "v": s[1]})


@pytest.mark.parametrize("mode", ["replay", "closed"])
def test_a_step_function_is_judged_in_its_variant(mode: Any) -> None:
    report = assert_follows_golden(STEP, "adam", variant={"eps_placement": "inside"}, dtype="float64", mode=mode)
    assert len(report.judged) > 5
    with pytest.raises(AssertionError, match="it matches if eps_placement is 'inside'"):
        assert_follows_golden(STEP, "adam/plain-ravine-f64", mode=mode)


def test_a_step_function_must_keep_the_dtype() -> None:
    careless = StepFunction(lambda p, g, state, *, lr: (np.float64(p) - lr * g, state))
    with pytest.raises(AssertionError, match=r"returned params/x as float64 of shape \[2\] \(expected float32 of shape \[2\]\)"):
        assert_follows_golden(careless, "sgd/plain-ravine-f32")


# The documentation


def test_the_page_of_other_peoples_optimizers_is_what_the_script_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optax", reason="optax is not installed (pip install 'crossoptim[adapters]')")
    monkeypatch.syspath_prepend(DOCS / "examples")
    import third_party

    text = (DOCS / "third-party.md").read_text(encoding="utf-8")
    subjects = [*third_party.of_pytorch_optimizer(), *third_party.of_optax()]
    assert text.count("\n### ") == len(subjects)
    assert "\n".join(third_party.section(subjects[0])) in text
