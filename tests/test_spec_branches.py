"""spec.json alone is enough to find a setting's equation, in any language: exactly one has its conditions met, and it is the right one."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crossoptim.errors import HyperError
from crossoptim.golden.cases import all_cases
from crossoptim.golden.fixture import root
from crossoptim.golden.json_text import read
from crossoptim.golden.trajectory import equations
from crossoptim.spec.branches import every_equation
from crossoptim.spec.model import Interval, Real, Rule, Setting, Switch, Whole
from crossoptim.spec.rules import all_rules, get_rule
from crossoptim.spec.trace import trace

SPEC = read(root() / "v1" / "spec.json")
by_rule = pytest.mark.parametrize("rule", all_rules().values(), ids=lambda rule: rule.name)


@cache
def exported(rule: str) -> dict[str, Any]:
    return {key: equation for key, equation in SPEC["equations"].items() if equation["rule"] == rule}


def met(when: dict[str, Any], values: dict[str, Any], types: dict[str, str]) -> bool:
    """Whether the conditions hold, as the schema explains them."""

    def one(wanted: Any, value: Any, kind: str) -> bool:
        if kind not in ("real", "whole") or not isinstance(wanted, str):
            return bool(wanted == value)
        if wanted in ("none", "number"):
            return (value is None) == (wanted == "none")
        assert wanted in ("zero", "nonzero")
        return (value == 0) == (wanted == "zero")

    return all(one(wanted, values[key], types.get(key, "")) for key, wanted in when.items())


def matching(setting: Setting) -> list[str]:
    """The ids of the exported equations whose conditions a setting meets."""
    types = {option["name"]: option["type"] for option in SPEC["rules"][setting.rule.name]["hyper"]}
    return [key for key, equation in exported(setting.rule.name).items() if met(equation["when"], vars(setting.h), types)]


def values_of(rule: Rule, option: Any) -> st.SearchStrategy[Any]:
    """Values of an option, at which the branches may part; of a whole number on which the graph depends, those that are exported."""
    if isinstance(option, Switch):
        return st.sampled_from(option.values)
    if not isinstance(option, Real):
        return st.booleans()
    known = {equation["when"].get(option.name) for equation in exported(rule.name).values()}
    if isinstance(option, Whole) and option.default is not None and known != {None}:
        return st.sampled_from(sorted(known))
    numbers = [0, 1, 3] if isinstance(option, Whole) else [0.0, -0.0, 1e-300, 0.25, 0.5, 1.0, 1.5, -0.75, 40.0]
    inside = [v for v in (*numbers, option.example, option.default) if v is not None and v in Interval(option.interval)]
    return st.sampled_from([*inside, None] if option.default is None else inside)


@st.composite
def settings_of(draw: st.DrawFn, rule: Rule) -> Setting:
    """Any admissible setting, for a parameter of any shape."""
    try:
        setting = rule.resolve({option.name: draw(values_of(rule, option)) for option in rule.options()})
    except HyperError:
        assume(False)
    shape = tuple(draw(st.lists(st.integers(0, 4), min_size=2 if rule.takes else 0, max_size=2 if rule.takes else 3)))
    return setting.of(shape)


@by_rule
@given(data=st.data())
def test_exactly_one_equation_is_a_settings_and_it_says_what_the_rule_does(rule: Rule, data: st.DataObject) -> None:
    setting = data.draw(settings_of(rule))
    equation = trace(setting)
    assert matching(setting) == [equation.id]
    found = exported(rule.name)[equation.id]
    assert {**equation.as_json(), "when": found["when"], "sha256": equation.sha256} == found


@by_rule
def test_no_exported_equation_is_stale_or_missing(rule: Rule) -> None:
    whole = {key: {v for e in exported(rule.name).values() if isinstance(v := e["when"].get(key), int)} for key in ("ns_steps",)}
    assert {key: e.sha256 for key, e in every_equation(rule, whole).items()} == {key: e["sha256"] for key, e in exported(rule.name).items()}


def test_every_cases_equations_are_exported_and_its_settings_find_them() -> None:
    seen: dict[str, Setting] = {}
    for case in all_cases().values():
        assert equations(case).keys() <= exported(case.rule).keys(), case.id
        seen |= {trace(spell.setting).id: spell.setting for spell in case.spells}
    assert len(seen) > 200
    assert {key: matching(setting) for key, setting in seen.items()} == {key: [key] for key in seen}


# The same equations, counted by hand.


def test_the_branches_of_gradient_descent() -> None:
    # 8 variants and 2 directions: without momentum, with and without decay (4 of them); with momentum dampening, too, or Nesterov
    assert len(exported("sgd")) == 8 * 2 * (2 + 2 * 2 + 2)


def test_numbers_that_no_branch_asks_for_are_not_named() -> None:
    assert "lr" not in {name for equation in SPEC["equations"].values() for name in equation["when"]}
    plain, dampened = exported("sgd")["sgd[]"]["when"], exported("sgd")["sgd[momentum,dampening]"]["when"]
    assert "dampening" not in plain and plain["momentum"] == "zero" and plain["nesterov"] is False
    assert (dampened["momentum"], dampened["dampening"], dampened["weight_decay"]) == ("nonzero", "nonzero", "zero")


def test_a_number_that_may_be_left_out_is_none_or_given() -> None:
    assert {e["when"]["eps1"] for e in exported("adafactor").values()} == {"none", "number"}
    assert {e["when"]["max_eval"] for e in exported("lbfgs").values()} == {"none", "number"}


# Conditions as text.


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 1e-300, 0.9])
@pytest.mark.parametrize("dampening", [-0.5, -0.0, 0.0, 0.5])
def test_nesterov_needs_momentum_and_no_dampening(nesterov: bool, momentum: float, dampening: float) -> None:
    (constraint,) = get_rule("sgd").constraints
    admissible = momentum > 0 and dampening == 0 if nesterov else True
    assert constraint.met({"nesterov": nesterov, "momentum": momentum, "dampening": dampening}) == admissible


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 2), (3, 2), (2, 3), (0, 2), (2, 0), (2, 3, 2)])
def test_conditions_on_shapes(shape: tuple[int, ...]) -> None:
    muon, adafactor = get_rule("muon"), get_rule("adafactor")
    assert muon.takes is not None
    if len(shape) == 2:
        assert muon.resolve({}).of(shape).facts == {"tall": shape[0] > shape[1]}
    else:
        with pytest.raises(HyperError, match="muon: a parameter has shape"):
            muon.resolve({}).of(shape)
    assert adafactor.resolve({}).of(shape).facts == {"factored": len(shape) >= 2}


def test_conditions_are_exported_as_they_are_evaluated() -> None:
    for rule in all_rules().values():
        data = SPEC["rules"][rule.name]
        assert [c["holds"] for c in data["constraints"]] == [c.holds for c in rule.constraints]
        assert [f["holds"] for f in data["facts"]] == [f.holds for f in rule.facts]
        assert data["takes"]["holds"] == (rule.takes.holds if rule.takes else "axes >= 0")
