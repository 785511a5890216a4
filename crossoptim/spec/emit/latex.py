"""An equation as LaTeX: one aligned line for each scalar and each statement of the update, in the order of evaluation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from crossoptim.spec.expr import Expr, names, parse
from crossoptim.spec.rules import get_rule
from crossoptim.spec.trace import GRAD, NEW, PARAM, STEP, Equation

SYMBOLS = {  # of names that many rules have; a rule's own are with the rule
    PARAM: r"\theta",
    "lr": r"\eta",
    "beta1": r"\beta_1",
    "beta2": r"\beta_2",
    "eps": r"\epsilon",
    "weight_decay": r"\lambda",
    "momentum": r"\mu",
    "dampening": r"\tau",
    "pi": r"\pi",
}
_PRECEDENCE = {"<": 1, ">": 1, "<=": 1, ">=": 1, "+": 2, "-": 2, "*": 3, "/": 3, "neg": 2, "**": 5}
_INFIX = {"+": "+", "-": "-", "*": r"\,", "<": "<", ">": ">", "<=": r"\le", ">=": r"\ge"}
_CALLS = {"exp": r"\exp", "log": r"\log", "tanh": r"\tanh", "cos": r"\cos", "maximum": r"\max"}
_CALLS |= {"sum": r"\sum", "sum_rows": r"\sum_{j}", "sum_columns": r"\sum_{i}"}
_ATOM = 6


def latex(equation: Equation) -> str:
    r"""The equation as an ``aligned`` environment.

    What the step reads has the subscript :math:`t-1`, what it makes the subscript :math:`t`; the gradient is that of step :math:`t`.

    Example:
        >>> from crossoptim.spec.rules import resolve
        >>> from crossoptim.spec.trace import trace
        >>> print(latex(trace(resolve("sgd"))))
        \begin{aligned}
        \theta_{t} &= \theta_{t-1} - \eta \, g_{t}
        \end{aligned}
    """
    return "\\begin{aligned}\n" + " \\\\\n".join(" &= ".join(line) for line in lines(equation)) + "\n\\end{aligned}"


def lines(equation: Equation) -> list[tuple[str, str]]:
    """Left and right sides: the scalars, then the statements of the update."""
    symbols = symbols_of(equation)
    scalars = [(symbols[key], render(value, symbols)) for key, value in equation.scalars.items()]
    return scalars + [(symbols.get(label) or symbol(label), render(parse(source), symbols)) for label, source in equation.statements]


def symbol(name: str, own: Mapping[str, str] = MappingProxyType({})) -> str:
    """A name's symbol: a rule's own, a common one, one letter as it is, a letter and a number with a subscript, anything else upright."""
    if name in own or name in SYMBOLS:
        return own.get(name) or SYMBOLS[name]
    if match := re.fullmatch(r"([A-Za-z])(\d+)", name):
        return f"{match[1]}_{{{match[2]}}}"
    return name if len(name) == 1 else _upright(name)


def _upright(name: str) -> str:
    return r"\mathrm{" + name.replace("_", r"\_") + "}"


def symbols_of(equation: Equation) -> dict[str, str]:
    """Symbols with the time that an equation gives them: state, parameter and kept numbers before and after, scalars of this step."""
    rule = get_rule(equation.rule)
    own = {part.name: text for part in (*rule.hyper, *rule.state, *rule.kept) if (text := getattr(part, "symbol", ""))}
    found = {GRAD: r"g_{t}", f"{GRAD}_new": r"g'_{t}", STEP: "t"}
    found |= {key: symbol(key, own) for key in equation.reals}
    for key in (PARAM, *equation.state, *equation.kept):
        found |= {key: f"{symbol(key, own)}_{{t-1}}", f"{key}{NEW}": f"{symbol(key, own)}_{{t}}"}
    for key, value in equation.scalars.items():
        found.setdefault(key, _upright(key) + ("_{t}" if STEP in names(value) else ""))
    return found


def render(node: Expr, symbols: dict[str, str]) -> str:
    """A graph as LaTeX, bracketed where the layout does not say it."""
    return _render(node, symbols, 0)


def _render(node: Expr, symbols: dict[str, str], parent: int) -> str:
    def inner(arg: Expr, level: int = 0) -> str:
        return _render(arg, symbols, level)

    level = _PRECEDENCE.get(node.op, _ATOM)
    match node.op:
        case "name":
            # a power beside a subscript or superscript needs its base in brackets
            label = symbols.get(node.label) or symbol(node.label)
            return rf"\left({label}\right)" if parent == _ATOM and "^" in label else label
        case "number":
            return _number(node.value)
        case "/":
            out, level = rf"\frac{{{inner(node.args[0])}}}{{{inner(node.args[1])}}}", 4
        case "**":
            out = f"{inner(node.args[0], _ATOM)}^{{{inner(node.args[1])}}}"
        case "neg":
            out = f"-{inner(node.args[0], 3)}"
        case "sqrt":
            return rf"\sqrt{{{inner(node.args[0])}}}"
        case "transpose":
            return rf"{inner(node.args[0], _ATOM)}^{{\top}}"
        case "matmul":
            out, level = rf"{inner(node.args[0], 3)} \cdot {inner(node.args[1], 4)}", 3
        case "where":
            return _cases(node.args, symbols)
        case op if op in _INFIX:
            out = f"{inner(node.args[0], level)} {_INFIX[op]} {inner(node.args[1], level + 1)}"
        case op:
            return rf"{_CALLS.get(op, symbol(op))}\left({', '.join(inner(a) for a in node.args)}\right)"
    return rf"\left({out}\right)" if level < parent else out


def _cases(args: tuple[Expr, ...], symbols: dict[str, str]) -> str:
    condition, yes, no = args
    branches = rf"{render(yes, symbols)} & \text{{if }} {render(condition, symbols)} \\ {render(no, symbols)} & \text{{otherwise}}"
    return rf"\begin{{cases}} {branches} \end{{cases}}"


def _number(value: float) -> str:
    """A literal; powers of ten as such."""
    mantissa, _, exponent = repr(value).partition("e")
    mantissa = mantissa.removesuffix(".0")
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"
