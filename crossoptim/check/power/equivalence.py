"""Mutants that are no mutants: the same function, written otherwise.

Each has a reason in a sentence (:mod:`~crossoptim.check.power.reasons`), and a check by machine: equation and mutant run side by side in
60 digits, from the start, through steps whose gradients and options are drawn from few round numbers, so that equal operands, zeros and
repeated signs are frequent. They must agree to 1e-40 at each step of each run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np

from crossoptim.check.power.mutants import Mutant, settings
from crossoptim.errors import HyperError
from crossoptim.golden.oracle import MP, Oracle, lift
from crossoptim.spec.expr import Expr, evaluate, operate, parse, walk
from crossoptim.spec.model import Real, Setting, Whole
from crossoptim.spec.trace import GRAD, NEW, PARAM, STEP, Equation, trace

RUNS, STEPS = 48, 8
_AGREE = MP.mpf(10) ** -40
_DRAWN = (0.0, 0.0, 0.125, 0.25, 0.5, 0.5625, 0.75, 0.875, 0.9375, 1.0, 1.5, 2.0, 3.0, 8.0)
_GRADIENTS = (0.0, 0.0, 1.0, -1.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 0.1875, -0.375, 3.0, -8.0)
Values = dict[str, Any]


def disagreement(mutant: Mutant) -> str | None:
    """Where equation and mutant differ, as the options and the step of a run; None where they agree in all runs.

    Raises:
        ValueError: where the mutant's shapes do not fit.
    """
    for run in _runs(mutant.original):
        try:
            step = run.apart(mutant)
        except HyperError:  # the mutant's options make no sense beside those of the run
            continue
        if step is not None:
            said = ", ".join(f"{key}={value}" for key, value in run.setting.reals.items())
            return f"step {step} with {said}"
    return None


def _drawn(own: Setting, random: Random) -> Setting:
    """The setting with other numbers, such that the same equation holds."""
    for _ in range(200):
        values = {o.name: random.choice(_DRAWN) for o in own.rule.hyper if isinstance(o, Real) and not isinstance(o, Whole)}
        values = {key: value for key, value in values.items() if own.values[key] is not None}
        try:
            setting = own.with_values(**values)
        except HyperError:
            continue
        if trace(setting).id == trace(own).id:
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

    def step(self, grad: Any, index: float) -> _Step:
        """One update."""
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
        made = _made(self._equation, env, memo)
        self.param, self._state = made[PARAM], {key: value for key, value in made.items() if key != PARAM}
        self._kept = {key: scalars[key + NEW] for key in self._kept}
        return _Step(grad, env, memo, made)


@dataclass(frozen=True)
class _Step:
    """A step: its gradient, everything that the update read, each operation's result by its node, the new parameter and state."""

    grad: Any
    env: Values
    memo: dict[int, Any]
    made: Values


def _made(equation: Equation, env: Mapping[str, Any], memo: dict[int, Any]) -> Values:
    """The new parameter and state."""
    made = {key: np.asarray(_evaluated(root, env, memo), dtype=object) for key, root in equation.outputs.items()}
    return {key: np.broadcast_to(value, np.shape(env[key])) if key in env else value for key, value in made.items()}


@dataclass(frozen=True)
class _Run:
    """Steps of an equation with drawn options and gradients."""

    equation: Equation
    setting: Setting
    index: float
    start: Any
    steps: list[_Step]

    def apart(self, mutant: Mutant) -> int | None:
        """The step at which a mutant differs.

        Raises:
            HyperError: where its options make no sense.
        """
        wrong = mutant.setting(self.setting)
        if not (mutant.values or mutant.starts) and mutant.equation.scalars is self.equation.scalars:
            # as long as they agree, the equation's own state is the mutant's: most results are known
            found = (_made(mutant.equation, step.env, dict(step.memo)) for step in self.steps)
        else:
            side = _Side(wrong, trace(wrong) if mutant.values else mutant.equation, mutant.starts, self.start)
            found = (side.step(step.grad, self.index).made for step in self.steps)
        for number, (step, other) in enumerate(zip(self.steps, found, strict=True), 1):
            if not step.made.keys() <= other.keys() or any(not near(value, other[key]) for key, value in step.made.items()):
                return number
        return None


@lru_cache(maxsize=4)
def _runs(equation: str) -> list[_Run]:
    """The runs beside which each mutant of an equation is put: the same ones each time."""
    own, random = settings()[equation][0], Random(equation)
    return [_run(trace(own), _drawn(own, random), random) for _ in range(RUNS)]


def _run(equation: Equation, setting: Setting, random: Random) -> _Run:
    shape = _shape(setting)

    def tensor() -> Any:
        return lift(np.array([random.choice(_GRADIENTS) for _ in range(int(np.prod(shape)))]).reshape(shape))

    start, index = tensor(), random.choice((1.0, 2.0, 5.0))
    side = _Side(setting, equation, {}, start)
    return _Run(equation, setting, index, start, [side.step(tensor(), index) for _ in range(STEPS)])


def _shape(setting: Setting) -> tuple[int, ...]:
    if setting.rule.kind != "reducing":
        return (5,)
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
