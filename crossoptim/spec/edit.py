"""Applies a quirk's effects to an equation: the foreign library's graph, made from ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from crossoptim.errors import CrossoptimError
from crossoptim.spec.expr import Expr, name, parse, rebuild, walk
from crossoptim.spec.model import Edit, Effect, GradientAfter, HalfPrecision, Precision, Swap
from crossoptim.spec.trace import GRAD, PARAM, Equation


def match(node: Expr, pattern: Expr, bound: dict[str, Expr]) -> bool:
    """Whether ``node`` is the expression ``pattern``; names in capitals match any operand, which ``bound`` then holds."""
    if node is pattern:  # a graph has far fewer nodes than its text
        return True
    if pattern.op == "name" and pattern.label.isupper():
        return match(node, bound.setdefault(pattern.label, node), {})
    return (node.op, node.label, node.value, len(node.args)) == (pattern.op, pattern.label, pattern.value, len(pattern.args)) and all(
        match(a, b, bound) for a, b in zip(node.args, pattern.args, strict=True)
    )


def apply(equation: Equation, effects: Iterable[Effect]) -> Equation:
    """The equation with graph edits and gradient effects applied; precision and error effects leave the graph alone.

    Raises:
        CrossoptimError: when an edit's pattern does not occur in the equation, or the operation to swap is none of its.
    """
    return _applied(equation, tuple(effects))


@cache  # one object for one edited equation: what is cached by equation stays cached
def _applied(equation: Equation, effects: tuple[Effect, ...]) -> Equation:
    for effect in sorted(effects, key=lambda effect: not isinstance(effect, Swap)):  # before any edit makes new nodes
        if isinstance(effect, Swap):
            equation = _swapped(equation, effect)
        elif isinstance(effect, Edit):
            equation = _substitute(equation, effect)
        elif isinstance(effect, GradientAfter):
            equation = replace(equation, outputs={**equation.outputs, GRAD: parse(effect.expression)})
    return equation


def _swapped(equation: Equation, swap: Swap) -> Equation:
    if not any(node is swap.node for node in walk(*equation.scalars.values(), *equation.outputs.values())):
        raise CrossoptimError(f"{equation.id}: the operation to replace is not one of the equation's")
    memo = {id(swap.node): swap.instead}
    outputs = {key: rebuild(root, lambda *_: None, memo) for key, root in equation.outputs.items()}
    return replace(equation, outputs=outputs, scalars={key: rebuild(root, lambda *_: None, memo) for key, root in equation.scalars.items()})


def float32_scalars(effects: Iterable[Effect]) -> dict[str, str]:
    """The scalars that these effects make float32 numbers, each with which of its operations are."""
    return {name: effect.operations for effect in effects if isinstance(effect, Precision) for name in effect.scalars}


def half_precision(equation: Equation, effects: Iterable[Effect]) -> frozenset[int]:
    """The ids of the nodes that these effects make with bfloat16 numbers."""
    found: set[int] = set()
    for effect in effects:
        if isinstance(effect, HalfPrecision):
            root = equation.outputs[PARAM]
            first = next((a for node in walk(root) if (a := _operand(node, effect.first)) is not None), None)
            last = _operand(root, effect.last)
            if first is None or last is None:
                raise CrossoptimError(f"{equation.id}: the pattern {effect.first!r} or {effect.last!r} does not occur in the equation")
            inside = {id(first)}
            for node in walk(last):  # operands come before their users
                if any(id(arg) in inside for arg in node.args):
                    inside.add(id(node))
            found |= inside
    return frozenset(found)


def _operand(node: Expr, pattern: str) -> Expr | None:
    bound: dict[str, Expr] = {}
    return bound["A"] if match(node, parse(pattern), bound) else None


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
