"""Applies a quirk's effects to an equation: the foreign library's graph, made from ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from crossoptim.errors import CrossoptimError
from crossoptim.spec.expr import Expr, parse, rebuild
from crossoptim.spec.model import Edit, Effect, GradientAfter, Precision
from crossoptim.spec.trace import GRAD, Equation


def same(a: Expr, b: Expr) -> bool:
    """Whether two graphs are the same expression."""
    return (
        (a.op, a.label, a.value, len(a.args)) == (b.op, b.label, b.value, len(b.args))
        and all(same(x, y) for x, y in zip(a.args, b.args, strict=True))
    )  # fmt: skip


def apply(equation: Equation, effects: Iterable[Effect]) -> Equation:
    """The equation with graph edits and gradient effects applied; precision and error effects leave the graph alone.

    Raises:
        CrossoptimError: when an edit's pattern does not occur in the equation.
    """
    for effect in effects:
        if isinstance(effect, Edit):
            equation = _substitute(equation, effect)
        elif isinstance(effect, GradientAfter):
            equation = replace(equation, outputs={**equation.outputs, GRAD: parse(effect.expression)})
    return equation


def float32_scalars(effects: Iterable[Effect]) -> frozenset[str]:
    """The scalars that these effects round to float32."""
    return frozenset(name for effect in effects if isinstance(effect, Precision) for name in effect.scalars)


def _substitute(equation: Equation, edit: Edit) -> Equation:
    pattern, found = parse(edit.find), []

    def swap(node: Expr, args: tuple[Expr, ...]) -> Expr | None:
        if same(Expr(node.op, args, node.label, node.value), pattern):
            found.append(node)
            return parse(edit.replace)
        return None

    memo: dict[int, Expr] = {}
    outputs = {key: rebuild(value, swap, memo) for key, value in equation.outputs.items()}
    scalars = {key: rebuild(value, swap, memo) for key, value in equation.scalars.items()}
    if not found:
        raise CrossoptimError(f"{equation.id}: the edit's pattern {edit.find!r} does not occur in the equation")
    return replace(equation, scalars=scalars, outputs=outputs)
