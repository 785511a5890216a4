"""Applies a quirk's effects to an equation: the foreign library's graph, made from ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from crossoptim.errors import CrossoptimError
from crossoptim.spec.expr import Expr, name, parse, rebuild
from crossoptim.spec.model import Edit, Effect, GradientAfter, Precision
from crossoptim.spec.trace import GRAD, Equation


def match(node: Expr, pattern: Expr, bound: dict[str, Expr]) -> bool:
    """Whether ``node`` is the expression ``pattern``; names in capitals match any operand, which ``bound`` then holds."""
    if pattern.op == "name" and pattern.label.isupper():
        return match(node, bound.setdefault(pattern.label, node), {})
    return (node.op, node.label, node.value, len(node.args)) == (pattern.op, pattern.label, pattern.value, len(pattern.args)) and all(
        match(a, b, bound) for a, b in zip(node.args, pattern.args, strict=True)
    )


def apply(equation: Equation, effects: Iterable[Effect]) -> Equation:
    """The equation with graph edits and gradient effects applied; precision and error effects leave the graph alone.

    Raises:
        CrossoptimError: when an edit's pattern does not occur in the equation.
    """
    return _applied(equation, tuple(effects))


@cache  # one object for one edited equation: what is cached by equation stays cached
def _applied(equation: Equation, effects: tuple[Effect, ...]) -> Equation:
    for effect in effects:
        if isinstance(effect, Edit):
            equation = _substitute(equation, effect)
        elif isinstance(effect, GradientAfter):
            equation = replace(equation, outputs={**equation.outputs, GRAD: parse(effect.expression)})
    return equation


def float32_scalars(effects: Iterable[Effect]) -> dict[str, str]:
    """The scalars that these effects make float32 numbers, each with which of its operations are."""
    return {name: effect.operations for effect in effects if isinstance(effect, Precision) for name in effect.scalars}


def _substitute(equation: Equation, edit: Edit) -> Equation:
    pattern, found = parse(edit.find), []

    def swap(node: Expr, args: tuple[Expr, ...]) -> Expr | None:
        bound: dict[str, Expr] = {}
        if match(Expr(node.op, args, node.label, node.value), pattern, bound):
            found.append(node)
            return parse(edit.replace, lambda label: bound.get(label, name(label)))
        return None

    memo: dict[int, Expr] = {}
    outputs = {key: rebuild(value, swap, memo) for key, value in equation.outputs.items()}
    scalars = {key: rebuild(value, swap, memo) for key, value in equation.scalars.items()}
    if not found:
        raise CrossoptimError(f"{equation.id}: the edit's pattern {edit.find!r} does not occur in the equation")
    return replace(equation, scalars=scalars, outputs=outputs)
