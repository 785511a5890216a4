"""The oracle in high precision (mpmath, 60 digits): scalars, losses and gradients, rounded once.

What IEEE 754 does not fix (powers, exponentials, sums, matrix products) is evaluated here, so that it is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType, SimpleNamespace
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from crossoptim.golden.reference import DTYPES
from crossoptim.spec.expr import Expr, evaluate, name, parse, walk
from crossoptim.spec.model import Problem, Setting
from crossoptim.spec.trace import NEW, Equation, trace

Array = NDArray[Any]
MP = mpmath.MPContext()
MP.dps = 60
NOTHING: Mapping[str, float] = MappingProxyType({})


def _each(function: Any) -> Any:
    def apply(x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            return function(x)
        with np.errstate(invalid="ignore"):  # mpmath compares a NaN on its way in
            return np.vectorize(function, otypes=[object])(x) if x.size else x

    return apply


def _real_log(x: Any) -> Any:
    return MP.nan if x < 0 else MP.log(x)


class Oracle:
    """The namespace on numbers of 60 digits: scalars, or NumPy arrays of objects."""

    sqrt = staticmethod(_each(MP.sqrt))
    exp = staticmethod(_each(MP.exp))
    log = staticmethod(_each(_real_log))
    tanh = staticmethod(_each(MP.tanh))
    cos = staticmethod(_each(MP.cos))
    floor = staticmethod(_each(MP.floor))
    pi = +MP.pi

    @staticmethod
    def where(condition: bool, a: Any, b: Any) -> Any:
        """Select on a scalar condition."""
        return a if condition else b

    @staticmethod
    def maximum(a: Any, b: Any) -> Any:
        """The larger one of two scalars."""
        return a if a > b else b

    @staticmethod
    def sum(x: Any) -> Any:
        """The sum of all elements."""
        return np.sum(x)

    @staticmethod
    def sum_rows(x: Array) -> Array:
        """The sum of each row, as a column."""
        return np.asarray(np.sum(x, axis=-1, keepdims=True))

    @staticmethod
    def sum_columns(x: Array) -> Array:
        """The sum of each column, as a vector."""
        return np.asarray(np.sum(x, axis=0))

    @staticmethod
    def matmul(a: Array, b: Array) -> Array:
        """Matrix product."""
        return np.asarray(a @ b)

    @staticmethod
    def transpose(x: Array) -> Array:
        """Transpose of a matrix."""
        return x.swapaxes(-1, -2)


def lift(values: Any) -> Array:
    """Exact numbers as an array of high-precision ones."""
    array = np.asarray(values)
    out = np.empty(array.shape, dtype=object)
    out[...] = _each(lambda v: MP.mpf(float(v)))(array) if array.size else array
    return out


def round_to(values: Any, dtype: str) -> Array:
    """Round once to ``dtype``: correctly, ties to even, through no intermediate precision."""
    array = np.asarray(values, dtype=object)
    if dtype == "float64":
        flat = [float(v) for v in array.ravel()]
    else:
        flat = [_round_float32(v) for v in array.ravel()]
    with np.errstate(over="ignore"):
        return np.asarray(flat, dtype=DTYPES[dtype]).reshape(array.shape)


def _round_float32(value: Any) -> float:
    """Round to odd in double first, so that the second rounding to float32 is the only one that counts."""
    near = float(value)
    exact = MP.mpf(near)
    if exact == value or not np.isfinite(near):
        return near
    low = near if exact < value else float(np.nextafter(near, -np.inf))
    high = float(np.nextafter(low, np.inf))
    return low if int(np.float64(low).view(np.int64)) & 1 else high


def step_scalars(
    equation: Equation, reals: Mapping[str, float], t: int, kept: Mapping[str, float], memo: dict[int, Any] | None = None
) -> dict[str, Any]:
    """The scalars of step ``t`` in high precision; ``kept`` holds the kept numbers as they were before it, ``memo`` known nodes."""
    env = {**{k: MP.mpf(v) for k, v in (*reals.items(), *kept.items())}, "t": MP.mpf(t)}
    memo = {} if memo is None else memo
    return {key: evaluate(root, env, Oracle, memo, literal=MP.mpf) for key, root in equation.scalars.items()}


FAITHFUL = ("**", "sqrt")
"""What vectorised libraries round faithfully: to one of the two neighbours, not always to the nearer one."""


def faithful_operations(root: Expr) -> int:
    """How many operations of a graph are only faithful in float32."""
    return sum(node.op in FAITHFUL for node in walk(root))


def float32_scalar(root: Expr, env: Mapping[str, float], ulps: Sequence[int]) -> float:
    """A scalar as a program computes it that holds each operand and rounds each operation in float32.

    A number as exponent stays in double: so PyTorch takes it (aten/src/ATen/native/cpu/PowKernel.cpp, pow_tensor_scalar_kernel).
    ``ulps`` says for each faithful operation by how many ulps its result is off the correctly rounded one.
    """
    given = {key: MP.mpf(value) for key, value in env.items()}
    env = {key: MP.mpf(_round_float32(value)) for key, value in given.items()}
    off, memo = iter(ulps), dict[int, Any]()
    for node in walk(root):
        operands = {str(i): memo[id(arg)] for i, arg in enumerate(node.args)}
        if node.op == "**" and node.args[1].op == "name":
            operands["1"] = given[node.args[1].label]
        exact = evaluate(
            Expr(node.op, tuple(name(key) for key in operands), node.label, node.value), {**env, **operands}, Oracle, literal=MP.mpf
        )
        if isinstance(exact, bool):
            memo[id(node)] = exact
            continue
        rounded = round_to(exact, "float32")[()]
        steps = next(off) if node.op in FAITHFUL else 0
        for _ in range(abs(steps)):
            rounded = np.nextafter(rounded, np.float32(np.inf * steps))
        memo[id(node)] = MP.mpf(float(rounded))
    return float(memo[id(root)])


def float32_store(root: Expr, env: Mapping[str, float]) -> float:
    """A scalar as a program computes it in double and then holds it in float32."""
    exact = evaluate(root, {key: MP.mpf(value) for key, value in env.items()}, Oracle, literal=MP.mpf)
    with np.errstate(over="ignore"):
        return float(np.float32(float(exact)))


def initial_kept(setting: Setting) -> dict[str, float]:
    """The kept numbers before the first step."""
    env = {key: MP.mpf(value) for key, value in setting.reals.items()}
    return {var.name: float(evaluate(parse(var.init), env, Oracle, literal=MP.mpf)) for var in setting.rule.kept}


def rounded_scalars(setting: Setting, t: int, kept: Mapping[str, float] = NOTHING) -> dict[str, float]:
    """The numbers that step ``t`` reads and keeps, rounded once to double: what a fixture stores.

    ``kept`` holds the kept numbers as they were before; they are among the result, beside what is kept of them (``…_new``).
    """
    made = step_scalars(trace(setting), setting.reals, t, kept)
    return {**kept, **{key: float(value) for key, value in made.items()}}


def kept_after(scalars: Mapping[str, float]) -> dict[str, float]:
    """What a step's scalars keep for the next one."""
    return {key.removesuffix(NEW): value for key, value in scalars.items() if key.endswith(NEW)}


@lru_cache(maxsize=64)
def _data(problem: Problem, dtype: str) -> SimpleNamespace:
    return SimpleNamespace(**{key: lift(np.asarray(value, dtype=DTYPES[dtype])) for key, value in problem.data.items()})


def loss(problem: Problem, params: dict[str, Array], dtype: str) -> float:
    """The objective at ``params`` (exact), rounded once to ``dtype``."""
    assert problem.value is not None
    p = SimpleNamespace(**{key: _objects(value) for key, value in params.items()})
    return float(round_to(problem.value(Oracle, p, _data(problem, dtype)), dtype))


def gradient(problem: Problem, params: dict[str, Array], dtype: str) -> dict[str, Array]:
    """The exact gradient at ``params``, rounded once to ``dtype``; data are rounded to ``dtype`` before use."""
    assert problem.gradient is not None
    shapes = {key: value.shape for key, value in params.items()}
    p = SimpleNamespace(**{key: _objects(value) for key, value in params.items()})
    exact = problem.gradient(Oracle, p, _data(problem, dtype))
    return {key: round_to(exact[key], dtype).reshape(shape) for key, shape in shapes.items()}


def _objects(value: Array) -> Any:
    return MP.mpf(float(value)) if value.ndim == 0 else lift(value)
