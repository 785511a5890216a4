"""LaTeX says what the equation says: read back, it computes the same numbers."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from test_spec_expr import every_equation

from crossoptim.spec.emit.latex import latex, lines, render, symbol, symbols_of
from crossoptim.spec.expr import names, parse, text
from crossoptim.spec.rules import all_rules, resolve
from crossoptim.spec.trace import Equation, trace

equations = pytest.mark.parametrize("equation", every_equation(), ids=lambda e: e.id)


INNER = r"((?:(?!\\begin).)*?)"  # no cases within: the innermost are read first
CASES = rf"\\begin\{{cases\}} {INNER} & \\text\{{if \}} {INNER} \\\\ {INNER} & \\text\{{otherwise\}} \\end\{{cases\}}"


def read_back(source: str, symbols: dict[str, str]) -> str:
    """LaTeX of our layout as Python: symbols to names, fractions and roots to division and calls, juxtaposition to a product."""
    for theirs, ours in REDUCTIONS.items():
        source = source.replace(theirs, ours)
    known = sorted(symbols, key=len, reverse=True)
    pattern = r"(?<![A-Za-z\\])(" + "|".join(map(re.escape, known)) + r")(?![A-Za-z])"
    out = re.sub(pattern, lambda match: symbols[match[1]], source)
    previous = ""
    while previous != out:
        previous = out
        out = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", out)
        out = re.sub(r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)", out)
        out = re.sub(r"\^\{([^{}]*)\}", r"**(\1)", out)
        out = re.sub(CASES, r"where(\2, \1, \3)", out)
    for theirs, ours in (
        (r"\left(", "("),
        (r"\right)", ")"),
        (r"\max", "maximum"),
        (r"\,", "*"),
        (r"\cdot", "*"),
        (r"\le", "<="),
        (r"\ge", ">="),
    ):
        out = out.replace(theirs, ours)
    return out


REDUCTIONS = {
    r"\sum_{j}": "sum_rows",
    r"\sum": "sum",
    r"^{\top}": "^{3}",
    r"\mathrm{columns}": "columns",
    r"\mathrm{size}": "size",
    r"\mathrm{epsilon}": "epsilon",
}
FUNCTIONS: dict[str, Any] = {"sqrt": math.sqrt, "maximum": max, "where": lambda condition, a, b: a if condition else b}
# on numbers, any functions will do that differ from each other
FUNCTIONS |= {"sum": lambda x: 5 * x, "sum_rows": lambda x: 70 * x, "transpose": lambda x: x**3, "matmul": lambda a, b: a * b}
FUNCTIONS |= {"size": lambda x: 11 + x, "columns": lambda x: 13 + x, "epsilon": lambda x: 17 + x}


@equations
def test_read_back_it_computes_the_same_numbers(equation: Equation) -> None:
    labels = [*equation.scalars, *(label for label, _ in equation.statements)]
    leaves = ["t", "p", "g", *equation.state, *equation.kept, *equation.reals]
    # the symbols of what is read, found by rendering each name; those of what is made, on the left of each line
    made = dict(zip((left for left, _ in lines(equation)), labels, strict=True))
    read = {render_name(equation, label): label for label in leaves}
    symbols = {**read, **made}
    assert len(symbols) == len(labels) + len(leaves), "two names share a symbol"

    generator = np.random.default_rng(3)
    env: dict[str, Any] = {label: float(value) for label, value in zip(leaves, generator.uniform(0.1, 0.9, len(leaves)), strict=True)}
    theirs = {**env, "t": 3}
    ours = dict(theirs)
    pairs = [(key, text(root)) for key, root in equation.scalars.items()] + list(equation.statements)
    for (label, source), (_, right) in zip(pairs, lines(equation), strict=True):
        ours[label] = eval(source, {**FUNCTIONS, **ours})
        theirs[label] = eval(read_back(right, symbols), {**FUNCTIONS, **theirs})
        assert theirs[label] == pytest.approx(ours[label], rel=1e-12), f"{label} = {right}"


def render_name(equation: Equation, label: str) -> str:
    """The symbol that the equation's lines use for a name that it reads."""
    return symbols_of(equation).get(label) or symbol(label)


@equations
def test_it_is_one_balanced_environment_with_a_line_for_each_statement(equation: Equation) -> None:
    source = latex(equation)
    assert source.startswith("\\begin{aligned}\n") and source.endswith("\n\\end{aligned}")
    body = source.splitlines()[1:-1]
    assert len(body) == len(equation.scalars) + len(equation.statements)
    assert all(line.count(" &= ") == 1 for line in body)
    assert all(line.endswith(r" \\") for line in body[:-1]) and not body[-1].endswith(r"\\")
    for opening, closing in (("{", "}"), (r"\left(", r"\right)"), (r"\begin", r"\end")):
        assert all(line.count(opening) == line.count(closing) for line in body)
    assert not re.search(r"\*|(?<!\\)_(?!\{)(?!\d)|\bsqrt\(", source), "operators and names are typeset, not spelled"


@equations
def test_every_symbol_of_the_equation_occurs(equation: Equation) -> None:
    source = latex(equation)
    for label in names(*equation.outputs.values(), *equation.scalars.values()):
        assert (label in equation.scalars and label.replace("_", r"\_") in source) or render_name(equation, label) in source, label


@pytest.mark.parametrize(
    "source, typeset",
    [
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("(a + b) * c / d", r"\frac{\left(a + b\right) \, c}{d}"),
        ("a * (b * c)", r"a \, \left(b \, c\right)"),
        ("-(a + b)", r"-\left(a + b\right)"),
        ("a - -b", r"a - \left(-b\right)"),
        ("(a / b) ** 2", r"\left(\frac{a}{b}\right)^{2}"),
        ("beta1 ** t", r"\beta_1^{t}"),
        ("sqrt(a + eps)", r"\sqrt{a + \epsilon}"),
        ("maximum(a, b)", r"\max\left(a, b\right)"),
        ("where(a < 2, 1, b)", r"\begin{cases} 1 & \text{if } a < 2 \\ b & \text{otherwise} \end{cases}"),
        ("x1 * 1e-08", r"x_{1} \, 10^{-8}"),
        ("0.1 * 2.5e-05", r"0.1 \, 2.5 \cdot 10^{-5}"),
        ("my_own", r"\mathrm{my\_own}"),
    ],
)
def test_layout(source: str, typeset: str) -> None:
    assert render(parse(source), {}) == typeset


def test_a_symbol_with_a_superscript_is_bracketed_before_a_power() -> None:
    assert render(parse("v_max ** 2"), {"v_max": r"v^{\max}"}) == r"\left(v^{\max}\right)^{2}"


def test_momentum_reads_as_in_the_books() -> None:
    assert latex(trace(resolve("sgd", {"momentum": 0.9}))) == "\n".join(
        [
            r"\begin{aligned}",
            r"v_{t} &= \mu \, v_{t-1} + g_{t} \\",
            r"\theta_{t} &= \theta_{t-1} - \eta \, v_{t}",
            r"\end{aligned}",
        ]
    )


def test_every_hyperparameter_and_state_variable_has_its_own_symbol() -> None:
    for rule in all_rules().values():
        parts = (*rule.hyper, *rule.state, *rule.kept)
        known = [symbol("p"), *(getattr(part, "symbol", "") or symbol(part.name) for part in parts)]
        assert len(set(known)) == len(known), rule.name
