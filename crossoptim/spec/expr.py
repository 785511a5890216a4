"""The expression graph: what a rule becomes when it runs on symbols, and the text that Python and R both parse.

An :class:`Expr` is a node with identity, so that a value used twice is one node. The text form uses only ``+ - * / ** < > <= >=`` and
calls, with no chained comparison, and means the same in Python and in R. :func:`parse` reads that text back.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from math import copysign, isfinite
from typing import Any

from crossoptim.errors import CrossoptimError

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
CALLS: tuple[str, ...] = ("sqrt", "maximum", "where", "exp", "log", "tanh", "cos", "floor", "epsilon")
CALLS += ("sum", "sum_rows", "sum_columns", "matmul", "transpose", "size", "columns")
_PRECEDENCE = {"<": 1, ">": 1, "<=": 1, ">=": 1, "+": 2, "-": 2, "*": 3, "/": 3, "neg": 4, "**": 5}


@dataclass(frozen=True, eq=False)
class Expr:
    """One operation of the graph.

    ``op`` is ``"name"``, ``"number"``, ``"neg"``, a key of :data:`BINARY` or one of :data:`CALLS`. ``label`` is the name of a leaf,
    ``value`` a literal. ``truth`` lets a hyperparameter stand in an ``if`` while it is traced; ``on_truth`` is told that it did.
    """

    op: str
    args: tuple[Expr, ...] = ()
    label: str = ""
    value: float = 0.0
    truth: bool | None = None
    on_truth: Callable[[str], None] | None = None

    def __bool__(self) -> bool:
        if self.truth is None:
            raise CrossoptimError(f"trace: {text(self)!r} was used as a condition (expected a hyperparameter; use where())")
        if self.on_truth:
            self.on_truth(self.label)
        return self.truth

    def __add__(self, other: Operand) -> Expr:
        return call("+", self, other)

    def __radd__(self, other: Operand) -> Expr:
        return call("+", other, self)

    def __sub__(self, other: Operand) -> Expr:
        return call("-", self, other)

    def __rsub__(self, other: Operand) -> Expr:
        return call("-", other, self)

    def __mul__(self, other: Operand) -> Expr:
        return call("*", self, other)

    def __rmul__(self, other: Operand) -> Expr:
        return call("*", other, self)

    def __truediv__(self, other: Operand) -> Expr:
        return call("/", self, other)

    def __rtruediv__(self, other: Operand) -> Expr:
        return call("/", other, self)

    def __pow__(self, other: Operand) -> Expr:
        return call("**", self, other)

    def __rpow__(self, other: Operand) -> Expr:
        return call("**", other, self)

    def __neg__(self) -> Expr:
        return call("neg", self)

    def __lt__(self, other: Operand) -> Expr:
        return call("<", self, other)

    def __gt__(self, other: Operand) -> Expr:
        return call(">", self, other)

    def __le__(self, other: Operand) -> Expr:
        return call("<=", self, other)

    def __ge__(self, other: Operand) -> Expr:
        return call(">=", self, other)

    def __repr__(self) -> str:
        return f"Expr({text(self)})"


Operand = Expr | float | int


def name(label: str) -> Expr:
    """A leaf that stands for a tensor or a scalar."""
    return Expr("name", label=label)


def number(value: float) -> Expr:
    """A literal."""
    return Expr("number", value=float(value))


def call(op: str, *args: Operand) -> Expr:
    """Apply ``op`` to operands, turning Python numbers into literals."""
    return Expr(op, tuple(a if isinstance(a, Expr) else number(a) for a in args))


class Symbols:
    """The namespace that rules, schedules and problems run on when they are traced."""

    pi = name("pi")
    number = staticmethod(number)

    @staticmethod
    def power(x: Operand, exponent: Operand) -> Expr:
        """``x ** exponent`` of tensors, which a namespace of arrays rounds once."""
        return call("**", x, exponent)

    def __getattr__(self, op: str) -> Callable[..., Expr]:
        if op not in CALLS:
            raise AttributeError(f"the namespace has no {op!r} (it has {', '.join(CALLS)})")
        return lambda *args: call(op, *args)


def walk(*roots: Expr) -> tuple[Expr, ...]:
    """Every node below ``roots``, operands before their users, each once."""
    return _order(roots)


@lru_cache(maxsize=4096)  # an equation is walked at every step
def _order(roots: tuple[Expr, ...]) -> tuple[Expr, ...]:
    seen: set[int] = set()
    out: list[Expr] = []

    def visit(node: Expr) -> None:
        if id(node) not in seen:
            seen.add(id(node))
            for arg in node.args:
                visit(arg)
            out.append(node)

    for root in roots:
        visit(root)
    return tuple(out)


def names(*roots: Expr) -> list[str]:
    """The labels of all leaves below ``roots``, in order of first use."""
    return list(dict.fromkeys(n.label for n in walk(*roots) if n.op == "name"))


def rebuild(root: Expr, replace: Callable[[Expr, tuple[Expr, ...]], Expr | None], memo: dict[int, Expr] | None = None) -> Expr:
    """Copy the graph bottom-up; ``replace(node, new_args)`` returns a substitute or None to keep the node. Sharing is kept."""
    memo = {} if memo is None else memo
    for node in walk(root):
        if id(node) not in memo:
            args = tuple(memo[id(a)] for a in node.args)
            new = replace(node, args)
            if new is None:
                new = node if all(a is b for a, b in zip(args, node.args, strict=True)) else Expr(node.op, args, node.label, node.value)
            memo[id(node)] = new
    return memo[id(root)]


def evaluate(
    root: Expr, env: Mapping[str, Any], xp: Any, memo: dict[int, Any] | None = None, literal: Callable[[float], Any] = lambda value: value
) -> Any:
    """Evaluate a graph on any number type: operators come from the values, functions from the namespace ``xp``."""
    memo = {} if memo is None else memo
    for node in walk(root):
        if id(node) not in memo:
            memo[id(node)] = operate(node, [memo[id(a)] for a in node.args], env, xp, literal)
    return memo[id(root)]


def operate(node: Expr, args: list[Any], env: Mapping[str, Any], xp: Any, literal: Callable[[float], Any]) -> Any:
    """One node's value from those of its operands."""
    match node.op:
        case "name":
            return env[node.label]
        case "number":
            return literal(node.value)
        case "neg":
            return -args[0]
    return BINARY[node.op](*args) if node.op in BINARY else getattr(xp, node.op)(*args)


def text(root: Expr, named: Mapping[int, str] | None = None) -> str:
    """Expression text that Python and R both parse. ``named`` maps ``id(node)`` to the variable that already holds it."""
    named = named or {}

    def render(node: Expr, parent: int) -> str:
        if id(node) in named:
            return named[id(node)]
        if node.op == "name":
            return node.label
        if node.op == "number":
            return f"({literal_text(node.value)})" if parent and copysign(1.0, node.value) < 0 else literal_text(node.value)
        if node.op in CALLS:
            return f"{node.op}({', '.join(render(a, 0) for a in node.args)})"
        level = _PRECEDENCE[node.op]
        if node.op == "neg":
            out = f"-{render(node.args[0], level)}"
        else:
            # left-associative operators keep the written order; the right operand binds tighter
            left, right = (level + 1, level) if node.op == "**" else (level, level + 1)
            out = f"{render(node.args[0], left)} {node.op} {render(node.args[1], right)}"
        return f"({out})" if level < parent or (level == 1 and parent == 1) else out

    return render(root, 0)


def literal_text(value: float) -> str:
    """A finite literal without trailing ``.0``, with the digits that read back exactly."""
    if not isfinite(value):
        raise CrossoptimError(f"expression: {value} has no literal (expected a finite number)")
    if value == 0 and copysign(1.0, value) < 0:
        return "-0.0"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.17g}"


def parse(source: str, leaf: Callable[[str], Expr] = name) -> Expr:
    """Read expression text back into a graph; raises :class:`CrossoptimError` on anything outside the grammar."""
    ops = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.Lt: "<", ast.Gt: ">", ast.LtE: "<=", ast.GtE: ">="}

    def build(node: ast.expr) -> Expr:
        match node:
            case ast.Name(id=label):
                return leaf(label)
            case ast.Constant(value=value) if isinstance(value, int | float):
                return number(value)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return call("neg", build(inner))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ops:
                return call(ops[type(op)], build(left), build(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in ops:
                return call(ops[type(op)], build(left), build(right))
            case ast.Call(func=ast.Name(id=function), args=args, keywords=[]) if function in CALLS:
                return call(function, *(build(a) for a in args))
        raise CrossoptimError(f"expression {source!r}: {ast.unparse(node)!r} is outside the grammar")

    try:
        return build(ast.parse(source, mode="eval").body)
    except SyntaxError as error:
        raise CrossoptimError(f"expression {source!r}: {error.msg}") from error


@cache
def parsed(source: str) -> Expr:
    """As :func:`parse`, each text read once: the same text is the same graph."""
    return parse(source)
