"""Mutants that are no mutants: the same function, written otherwise.

Each has a reason in a sentence (:mod:`~crossoptim.check.power.reasons`), and a check by machine: equation and mutant run side by side in
60 digits, from the start, through steps whose gradients and options are drawn from few round numbers, so that equal operands, zeros and
repeated signs are frequent. They must agree to 1e-40 at each step of each run.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import numpy as np

from crossoptim.check.power.mutants import Mutant, settings
from crossoptim.errors import HyperError
from crossoptim.golden.oracle import MP, Oracle, lift
from crossoptim.spec.expr import Expr, evaluate, operate, parse, walk
from crossoptim.spec.model import Real, Setting, Whole
from crossoptim.spec.trace import GRAD, NEW, PARAM, STEP, Equation, trace

RUNS, STEPS = 16, 8
_AGREE = MP.mpf(10) ** -40
_DRAWN = (0.0, 0.0, 0.125, 0.25, 0.5, 0.75, 0.875, 0.9375, 1.0, 1.5, 2.0, 3.0, 8.0)
_GRADIENTS = (0.0, 0.0, 1.0, -1.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 0.1875, -0.375, 3.0, -8.0)
Values = dict[str, Any]


def disagreement(mutant: Mutant) -> str | None:
    """Where equation and mutant differ, as the options and the step of a run; None where they agree in all runs.

    Raises:
        ValueError: where the mutant's shapes do not fit.
    """
    own = settings()[mutant.original][0]
    random = Random(mutant.id)  # the same runs for the same mutant
    for _ in range(RUNS):
        setting = _drawn(own, mutant, random)
        if setting is None:
            continue
        if (step := _apart(setting, mutant, random)) is not None:
            said = ", ".join(f"{key}={value}" for key, value in setting.reals.items())
            return f"step {step} with {said}"
    return None


def _drawn(own: Setting, mutant: Mutant, random: Random) -> Setting | None:
    """The setting with other numbers, such that the same equation holds."""
    for _ in range(200):
        values = {o.name: random.choice(_DRAWN) for o in own.rule.hyper if isinstance(o, Real) and not isinstance(o, Whole)}
        values = {key: value for key, value in values.items() if own.values[key] is not None}
        try:
            setting = own.with_values(**values)
            mutant.setting(setting)
        except HyperError:
            continue
        if trace(setting).id == mutant.original:
            return setting
    return own


class _Arrays(Oracle):
    """The oracle's namespace on arrays of objects, for selections, too."""

    @staticmethod
    def where(condition: Any, a: Any, b: Any) -> Any:
        """Select elementwise."""
        return np.where(condition, a, b)

    @staticmethod
    def maximum(a: Any, b: Any) -> Any:
        """The larger one, elementwise."""
        return np.where(np.asarray(a > b, dtype=bool), a, b)

    @staticmethod
    def power(a: Any, b: Any) -> Any:
        """Each element to a power."""
        return a**b

    @staticmethod
    def size(x: Any) -> Any:
        """How many elements there are."""
        return MP.mpf(int(np.size(x)))

    @staticmethod
    def columns(x: Any) -> Any:
        """How long a row is."""
        return MP.mpf(int(np.shape(x)[-1]))

    @staticmethod
    def epsilon(_: Any) -> Any:
        """Of double precision; all operands have the same dtype."""
        return MP.mpf(2) ** -52


def _quotient(a: Any, b: Any) -> Any:
    if b != 0:
        return a / b
    return MP.nan if a == 0 or MP.isnan(a) else MP.inf if a > 0 else -MP.inf


def _root(a: Any) -> Any:
    return MP.sqrt(a) if a >= 0 else MP.nan


def _power(a: Any, b: Any) -> Any:
    if a == 0 and b < 0:
        return MP.inf
    found = a**b
    return MP.nan if MP.im(found) else MP.re(found)


PARTIAL = {"/": np.frompyfunc(_quotient, 2, 1), "sqrt": np.frompyfunc(_root, 1, 1), "**": np.frompyfunc(_power, 2, 1)}
"""Operations that are not defined everywhere give NaN or infinity, as those of IEEE 754 do."""


def _evaluated(root: Expr, env: Mapping[str, Any], memo: dict[int, Any]) -> Any:
    for node in walk(root):
        if id(node) not in memo:
            args = [memo[id(arg)] for arg in node.args]
            memo[id(node)] = PARTIAL[node.op](*args) if node.op in PARTIAL else operate(node, args, env, _Arrays, MP.mpf)
    return memo[id(root)]


class _Side:
    """Equation or mutant, run in 60 digits."""

    def __init__(self, setting: Setting, equation: Equation, starts: Mapping[str, str], param: Any) -> None:
        self._equation, self._setting, self._starts = equation, setting, starts
        self._reals = {key: MP.mpf(value) for key, value in setting.reals.items()}
        self._kept = {key: evaluate(parse(init), self._reals, Oracle, literal=MP.mpf) for key, init in equation.kept.items()}
        self._state: Values = {}
        self._t = 0
        self.param = param

    def step(self, grad: Any, index: float) -> Values:
        """One update: the new parameter and state."""
        self._t += 1
        if self._t == 1:
            for var in self._setting.rule.state:
                if var.name in self._equation.state:
                    init = evaluate(
                        parse(self._starts.get(var.name, var.init)), {**self._reals, PARAM: self.param, GRAD: grad}, _Arrays, literal=MP.mpf
                    )
                    self._state[var.name] = np.broadcast_to(np.asarray(init, dtype=object), var.shape_for(np.shape(self.param)))
        env = {**self._reals, **self._kept, STEP: MP.mpf(self._t)}
        known: dict[int, Any] = {}
        scalars = {key: _evaluated(root, env, known) for key, root in self._equation.scalars.items()}
        env = {**env, **scalars, **self._state, PARAM: self.param, GRAD: grad, "index": MP.mpf(index)}
        memo: dict[int, Any] = {}
        made = {key: _evaluated(root, env, memo) for key, root in self._equation.outputs.items()}
        shapes = {PARAM: np.shape(self.param), **{key: np.shape(value) for key, value in self._state.items()}}
        made = {key: np.broadcast_to(np.asarray(value, dtype=object), shapes.get(key, np.shape(value))) for key, value in made.items()}
        self.param, self._state = made[PARAM], {key: value for key, value in made.items() if key != PARAM}
        self._kept = {key: scalars[key + NEW] for key in self._kept}
        return made


def _apart(setting: Setting, mutant: Mutant, random: Random) -> int | None:
    """The step at which a run differs."""
    shape = _shape(setting)
    start = lift(np.array([random.choice(_GRADIENTS) for _ in range(int(np.prod(shape)))]).reshape(shape))
    wrong = mutant.setting(setting)
    right = _Side(setting, trace(setting), {}, start)
    other = _Side(wrong, trace(wrong) if mutant.values else mutant.equation, mutant.starts, start)
    index = random.choice((1.0, 2.0, 5.0))
    for step in range(1, STEPS + 1):
        grad = lift(np.array([random.choice(_GRADIENTS) for _ in range(int(np.prod(shape)))]).reshape(shape))
        a, b = (side.step(grad, index) for side in (right, other))
        if any(not near(a[key], b[key]) for key in a if key in b) or not a.keys() <= b.keys():
            return step
    return None


def _shape(setting: Setting) -> tuple[int, ...]:
    if setting.rule.kind != "reducing":
        return (3,)
    for shape in ((2, 3), (3, 2), (2, 2), (3,)):
        try:
            if trace(setting.of(shape)).id == trace(setting).id:
                return shape
        except HyperError:
            continue
    return (2, 2)


def near(a: Any, b: Any) -> bool:
    """Whether two numbers of 60 digits, or arrays of them, agree to 1e-40; NaN agrees with NaN."""
    for x, y in zip(np.ravel(a), np.ravel(b), strict=True):
        x, y = MP.mpmathify(x), MP.mpmathify(y)
        if x != y and not (MP.isnan(x) and MP.isnan(y)) and not abs(x - y) <= _AGREE * max(abs(x), abs(y), 1):
            return False
    return True
