"""The reference: a rule on NumPy arrays in the case's dtype, each operation rounded in the written order.

Only ``+ - * /``, square root, comparison and selection, which IEEE 754 fixes to the last bit, and sums and powers that are rounded
once: the result is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.errors import CrossoptimError
from crossoptim.golden.exact import exact_power, exact_product, exact_sum
from crossoptim.spec.expr import BINARY, Expr, parsed, walk
from crossoptim.spec.trace import Equation

Array = NDArray[Any]
DTYPES: dict[str, type[np.floating[Any]]] = {"float32": np.float32, "float64": np.float64}


class Reference:
    """The array namespace of the reference."""

    @staticmethod
    def sqrt(x: Array) -> Array:
        """Square root, correctly rounded."""
        return np.asarray(np.sqrt(x))

    @staticmethod
    def maximum(a: Array, b: Array) -> Array:
        """The larger one, the first of two equals (zeros may differ in sign); NaN if either is."""
        return np.asarray(np.where(np.isnan(a) | (a >= b), a, b))

    @staticmethod
    def where(condition: Array, a: Array, b: Array) -> Array:
        """Select; a comparison with NaN is false."""
        return np.asarray(np.where(condition, a, b))

    @staticmethod
    def power(x: Array, exponent: Array | float) -> Array:
        """Each element to a power, rounded once."""
        return exact_power(x, np.asarray(exponent, dtype=x.dtype))

    @staticmethod
    def sum(x: Array) -> Array:
        """The sum of all elements, rounded once."""
        return exact_sum(x)

    @staticmethod
    def sum_rows(x: Array) -> Array:
        """The sum of each row, as a column, each rounded once."""
        return exact_sum(x, axis=-1)

    @staticmethod
    def matmul(a: Array, b: Array) -> Array:
        """Matrix product, each element rounded once."""
        return exact_product(a, b)

    @staticmethod
    def transpose(x: Array) -> Array:
        """Transpose of a matrix."""
        return x.swapaxes(-1, -2)

    @staticmethod
    def size(x: Array) -> Array:
        """How many elements there are."""
        return np.asarray(x.size, dtype=x.dtype)

    @staticmethod
    def columns(x: Array) -> Array:
        """How long a row is."""
        return np.asarray(x.shape[-1], dtype=x.dtype)

    @staticmethod
    def epsilon(x: Array) -> Array:
        """The machine epsilon of the dtype: the distance from 1 to the next number."""
        return np.asarray(np.finfo(x.dtype).eps)


def step(equation: Equation, env: Mapping[str, Array | float], dtype: str, memo: dict[int, Any] | None = None) -> dict[str, Array]:
    """One update.

    Args:
        equation: the graph.
        env: ``p``, ``g``, state (arrays of ``dtype``), hyperparameters and scalars (floats, or arrays of ``dtype`` that broadcast).
        dtype: ``"float32"`` or ``"float64"``; scalars are rounded to it once, before use.
        memo: values of nodes that are known; those that are found are added.

    Returns:
        The outputs of the equation by name: the parameter's shape, or that of the state variable.
    """
    kind = DTYPES[dtype]
    memo = {} if memo is None else memo
    with np.errstate(all="ignore"):
        for node in walk(*equation.outputs.values()):
            if id(node) not in memo:
                memo[id(node)] = _apply(node, memo, env, kind)
    shape = np.shape(env["p"])
    return {
        key: np.broadcast_to(memo[id(root)], np.shape(env[key]) if key in equation.shapes else shape).copy()
        for key, root in equation.outputs.items()
    }


def initial(source: str, env: Mapping[str, Array | float], dtype: str, shape: tuple[int, ...]) -> Array:
    """A state variable before its first step: expression text in ``p``, ``g`` and hyperparameters."""
    root = parsed(source)
    memo: dict[int, Any] = {}
    for node in walk(root):
        memo[id(node)] = _apply(node, memo, env, DTYPES[dtype])
    return np.broadcast_to(memo[id(root)], shape).copy()



def _apply(node: Expr, memo: dict[int, Any], env: Mapping[str, Any], kind: type[np.floating[Any]]) -> Array:
    args = [memo[id(a)] for a in node.args]
    if node.op == "name":
        return np.asarray(env[node.label], dtype=kind)
    if node.op == "number":
        return np.asarray(node.value, dtype=kind)
    if node.op == "neg":
        out = -args[0]
    elif node.op == "**":
        out = Reference.power(*args)
    elif node.op in BINARY:
        out = BINARY[node.op](*args)
    else:
        out = getattr(Reference, node.op)(*args)
    out = np.asarray(out)
    if out.dtype != kind and out.dtype != np.bool_:
        raise CrossoptimError(f"reference: {node.op} gave {out.dtype} (expected {np.dtype(kind)})")
    return out
