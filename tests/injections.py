"""Random runs: a rule, its options anywhere in their intervals, parameters of any shape, gradients that floating point dislikes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from random import Random
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from trials import Trial

from crossoptim.golden.case import Event
from crossoptim.golden.cases.standard import allowed
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.model import Flag, Hyper, Interval, Problem, ProblemParam, Real, Rule, Whole, shape_names
from crossoptim.spec.rules import all_rules

STEPS = 5
SHAPES = ((), (1,), (3,), (5,), (0,), (2, 2), (2, 3), (3, 1), (2, 0), (2, 1, 2))
RULES = tuple(name for name, rule in all_rules().items() if rule.kind != "closure")
_ULP = {"float32": 2.0**-149, "float64": 2.0**-1074}


def _magnitude(low: float, high: float) -> Callable[[Random, str, float], float]:
    return lambda chance, _dtype, _last: chance.choice((-1, 1)) * 10 ** chance.uniform(low, high)


GRADIENTS: dict[str, Callable[[Random, str, float], float]] = {
    "plain": lambda chance, _dtype, _last: chance.uniform(-8, 8),
    "whole": lambda chance, _dtype, _last: float(chance.randint(-2, 2)),
    "small": _magnitude(-30, -15),
    "large": _magnitude(15, 30),
    "any": _magnitude(-30, 30),
    "denormal": lambda chance, dtype, _last: chance.choice((-1, 1)) * chance.randint(1, 2 ** chance.randint(1, 22)) * _ULP[dtype],
    "zero": lambda chance, _dtype, _last: chance.choice((0.0, -0.0)),
    "repeated": lambda _chance, _dtype, last: last,
    "cancelling": lambda _chance, _dtype, last: -last,
}
"""Kinds of gradient: an element from a source of chance, the dtype, and the element's gradient of the step before."""

STARTS: dict[str, Callable[[Random], float]] = {
    "plain": lambda chance: chance.uniform(-3, 3),
    "zero": lambda _: 0.0,
    "any": lambda chance: chance.choice((-1, 1)) * 10 ** chance.uniform(-30, 30),
}


@st.composite
def trials(draw: st.DrawFn, rules: tuple[str, ...] = RULES) -> Trial:
    """A run of some rule that steps once a gradient."""
    rule = all_rules()[draw(st.sampled_from(rules))]
    hyper = {**draw(variants(rule)), **{option.name: draw(values(option)) for option in rule.hyper}}
    assume(allowed(rule.name, hyper))
    dtype = draw(st.sampled_from(("float32", "float64")))
    shapes = [shape for shape in SHAPES if rule.takes is None or rule.takes.met(shape_names(shape))]
    if dtype == "float32":
        assume(all(_inside_in_float32(option, hyper[option.name]) for option in rule.hyper))
    chosen = draw(st.lists(st.sampled_from(shapes), min_size=1, max_size=3))
    steps = draw(st.integers(1, STEPS))
    changes = draw(st.just(()) | st.builds(lambda step, lr: ((step, lr),), st.integers(2, STEPS), values(rule.hyper[0])))
    kinds = draw(st.lists(st.sampled_from((*GRADIENTS, "mixed")), min_size=steps, max_size=steps))
    problem = table(chosen, draw(st.sampled_from(tuple(STARTS))), kinds, dtype, draw(st.integers(0, 2**16)))
    events = tuple(Event("set", step=step, hyper={"lr": lr}) for step, lr in changes if step <= steps)
    return Trial("random", rule.name, hyper, "", dtype, "a random run", steps=steps, events=events, table=problem)


def variants(rule: Rule) -> st.SearchStrategy[dict[str, str]]:
    """Values for the switches: any, or those of one of PyTorch's classes."""
    any_of_them = st.fixed_dictionaries({switch.name: st.sampled_from(switch.values) for switch in rule.switches})
    theirs = [dict(binding.switches) for binding in get_ecosystem("pytorch").bindings if binding.rule == rule.name]
    return st.sampled_from([{}, *theirs]) | any_of_them


def values(option: Hyper) -> st.SearchStrategy[Any]:
    """Values of an option: what is usual, the ends of its interval, anything between."""
    if isinstance(option, Flag):
        return st.booleans()
    assert isinstance(option, Real)
    interval = Interval(option.interval)
    usual = st.sampled_from([option.default, *([] if option.example is None else [option.example]), *interval.ends()])
    if isinstance(option, Whole):
        return usual | st.integers(1, 4)
    sign = st.sampled_from([sign for sign in (1.0, -1.0) if any(sign * size in interval for size in (0.5, 2.0))])
    size = st.floats(-9, 3).map(lambda exponent: 10**exponent) | st.floats(0, 1) | st.integers(1, 16).map(lambda digits: 1 - 10.0**-digits)
    return usual | st.builds(lambda sign, size: sign * size, sign, size).filter(lambda value: value in interval)


def _inside_in_float32(option: Hyper, value: Any) -> bool:
    """Whether a number does not round to an end that its interval leaves out."""
    return not isinstance(option, Real) or value is None or float(np.float32(value)) in Interval(option.interval)


def table(shapes: list[tuple[int, ...]], start: str, kinds: list[str], dtype: str, seed: int) -> Problem:
    """A problem that injects gradients of these kinds, one kind a step, in parameters of these shapes."""
    chance = Random(seed)
    names = [f"p{i}" for i in range(len(shapes))]
    params = tuple(
        ProblemParam(name, shape, tuple(_held(STARTS[start](chance), dtype) for _ in range(prod(shape))))
        for name, shape in zip(names, shapes, strict=True)
    )
    last = {param.name: (1.0,) * len(param.start) for param in params}
    rows: list[dict[str, tuple[float, ...]]] = []
    for kind in kinds:
        drawn = {
            name: tuple(
                _held(GRADIENTS[chance.choice(tuple(GRADIENTS)) if kind == "mixed" else kind](chance, dtype, before), dtype)
                for before in row
            )
            for name, row in last.items()
        }
        rows.append(drawn)
        last = drawn
    title = f"{start} start, gradients {', '.join(kinds)}, seed {seed}"
    return Problem("random", title, params, "this test", gradients=lambda step: rows[step - 1])


def _held(value: float, dtype: str) -> float:
    """The number of the dtype that is nearest."""
    return float(np.float32(value)) if dtype == "float32" else value
