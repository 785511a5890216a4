"""An equation as one Python function on NumPy arrays: as fast as a hand-written optimizer, for runs of a thousand steps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from crossoptim.check.power.mutants import Mutant
from crossoptim.golden import reference
from crossoptim.golden.reference import DTYPES
from crossoptim.golden.trajectory import Array
from crossoptim.spec.expr import parse, text
from crossoptim.spec.model import Setting
from crossoptim.spec.trace import GRAD, NEW, PARAM, STEP, trace

_NAMES = {
    "sqrt": np.sqrt, "maximum": np.maximum, "where": np.where, "exp": np.exp, "log": np.log, "floor": np.floor, "tanh": np.tanh,
}  # fmt: skip


class Compiled:
    """An elementwise rule with a mutant's equation, step by step.

    Args:
        setting: the options.
        mutant: what is wrong, or None.
        param: the start point.
        index: each element's 1-based index of its parameter.
    """

    def __init__(self, setting: Setting, mutant: Mutant | None, param: Array, index: Array) -> None:
        self._setting = mutant.setting(setting) if mutant else setting
        equation = mutant.equation if mutant and not mutant.values else trace(self._setting)
        self.param, self._dtype = param, str(param.dtype)
        self._starts = mutant.starts if mutant else {}
        scalars = tuple((key, text(root)) for key, root in equation.scalars.items())
        self._scalars = _function(scalars, tuple(key for key, _ in scalars))
        self._update = _function(equation.statements, tuple(f"{key}{NEW}" for key in equation.outputs))
        self._outputs = tuple(equation.outputs)
        self._init = {var.name: self._starts.get(var.name, var.init) for var in self._setting.rule.state if var.name in equation.state}
        doubles = {key: np.float64(value) for key, value in self._setting.reals.items()}
        self._kept = {key: _function(((key, text(parse(init))),), (key,))(doubles)[0] for key, init in equation.kept.items()}
        kind = DTYPES[self._dtype]
        self._env: dict[str, Any] = {**{key: kind(value) for key, value in doubles.items()}, "index": index.astype(kind)}
        self._doubles = doubles
        self._kind = kind
        self._t = 0
        self._state: dict[str, Array] = {}

    def step(self, grad: Array) -> None:
        """One update."""
        self._t += 1
        if self._t == 1:
            env: dict[str, Array | float] = {**self._setting.reals, PARAM: self.param, GRAD: grad}
            self._state = {key: reference.initial(init, env, self._dtype, self.param.shape) for key, init in self._init.items()}
        made = self._scalars({**self._doubles, **self._kept, STEP: np.float64(self._t)})
        scalars = dict(zip(self._scalars.names, made, strict=True))
        kind = self._kind
        numbers = {key: kind(value) for key, value in (*self._kept.items(), *scalars.items())}
        found = self._update({**self._env, **numbers, **self._state, PARAM: self.param, GRAD: grad, STEP: kind(self._t)})
        shape = self.param.shape
        new = {key: np.broadcast_to(value, shape) for key, value in zip(self._outputs, found, strict=True)}
        self.param = np.asarray(new.pop(PARAM), dtype=kind)
        self._state = new
        self._kept = {key: scalars[key + NEW] for key in self._kept}


class _Function:
    """Assignments, compiled; called with a table of names, it returns the wanted values."""

    def __init__(self, assignments: tuple[tuple[str, str], ...], names: tuple[str, ...]) -> None:
        lines = [f"{key} = {body}" for key, body in assignments]
        self.names = names
        self._wanted = names
        self._code = compile("\n".join(lines) or "pass", "equation", "exec")

    def __call__(self, env: Mapping[str, Any]) -> tuple[Any, ...]:
        table = {**_NAMES, **env}
        exec(self._code, {"__builtins__": {}}, table)  # noqa: S102 - the text of an expression graph
        return tuple(table[key] for key in self._wanted)


@lru_cache(maxsize=1024)
def _function(assignments: tuple[tuple[str, str], ...], names: tuple[str, ...]) -> _Function:
    return _Function(assignments, names)
