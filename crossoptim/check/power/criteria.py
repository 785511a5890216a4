"""What two libraries ask of their optimizers in their own tests, as criteria of the same mutants.

*The loss halves*: R torch, ``tests/testthat/helper-optim.R``, ``expect_optim_works``: linear regression with 100 rows and 10 columns of
normal numbers, 200 steps, passed where the mean squared error is at most half of what it was. There the numbers are drawn anew in each
run; here once, from a seed.

*The baseline*: PyTorch, ``test/cpp/api/optim.cpp``, ``check_exact_values``: a network of 2, 3 and 1 sigmoid units with given weights,
1001 steps in float64 on three rows, the loss being the sum of the outputs, passed where the parameters after steps 1, 101, …, 1001 are
within 1e-3 of the expected ones relatively plus 5e-4. There the expected numbers were computed by PyTorch; here by the rule itself, which
differs from them by rounding alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from crossoptim.check.power.compiled import Compiled
from crossoptim.check.power.mutants import Mutant
from crossoptim.errors import HyperError
from crossoptim.golden.trajectory import Array
from crossoptim.spec.model import Setting
from crossoptim.spec.rules import resolve
from crossoptim.spec.trace import trace

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Criterion:
    """A way to test optimizers: which options it runs, and whether a run passes."""

    name: str
    runs: tuple[tuple[str, Options], ...]
    passes: Callable[[Setting, Mutant | None], bool]

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that it runs."""
        return tuple(resolve(name, dict(options)) for name, options in self.runs)

    def covers(self, equation: str) -> bool:
        """Whether it runs an equation at all."""
        return any(trace(setting).id == equation for setting in self.settings)

    def catches(self, mutant: Mutant) -> bool:
        """Whether one of its runs fails with the mutant."""
        return any(not self._passes(setting, mutant) for setting in self.settings if trace(setting).id == mutant.original)

    def _passes(self, setting: Setting, mutant: Mutant) -> bool:
        try:
            with np.errstate(all="ignore"):
                return self.passes(setting, mutant)
        except HyperError:
            return True
        except (ArithmeticError, ValueError, TypeError):
            return False


@cache
def _regression() -> tuple[Array, Array, Array]:
    """Data, answers and start, as ``torch_randn`` would draw them: normal, in float32."""
    draw = np.random.Generator(np.random.PCG64(821))
    x, truth, start = (draw.standard_normal(shape).astype(np.float32) for shape in ((100, 10), 10, 10))
    return x, np.asarray(x @ truth), start


def _halves(setting: Setting, mutant: Mutant | None) -> bool:
    x, y, start = _regression()
    optimizer = Compiled(setting, mutant, start.copy(), np.ones(10))

    def residual() -> Array:
        return np.asarray(x @ optimizer.param - y)

    before = np.mean(residual() ** 2)
    for _ in range(200):
        optimizer.step(np.asarray(np.float32(2 / len(y)) * (residual() @ x)))
    return bool(np.mean(residual() ** 2) <= before / 2)


_INPUT = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
_START = np.array([-0.2109, -0.4976, -0.1413, -0.3420, -0.2524, 0.6976, -0.1085, -0.2979, 0.6892, -0.0508, -0.3941, -0.2843, -0.0711])
_INDEX = np.array([1] * 6 + [2] * 3 + [3] * 3 + [4])
_STEPS, _EVERY = 1001, 100


def network_gradient(params: Array) -> Array:
    """The gradient of the sum of the network's outputs; 13 numbers: weights (3, 2), biases (3), weights (3), bias."""
    w1, b1, w2, b2 = params[:6].reshape(3, 2), params[6:9], params[9:12], params[12]
    hidden = 1 / (1 + np.exp(-(_INPUT @ w1.T + b1)))
    out = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    d_out = out * (1 - out)
    d_hidden = np.outer(d_out, w2) * hidden * (1 - hidden)
    return np.concatenate([(d_hidden.T @ _INPUT).ravel(), d_hidden.sum(0), d_out @ hidden, [d_out.sum()]])


def _samples(setting: Setting, mutant: Mutant | None, expected: Array | None = None) -> Array | None:
    """The parameters at every hundredth step; None as soon as they are not the expected ones."""
    optimizer = Compiled(setting, mutant, _START.copy(), _INDEX)
    found = []
    for i in range(_STEPS):
        optimizer.step(network_gradient(optimizer.param))
        if i % _EVERY == 0:
            found.append(optimizer.param)
            if expected is not None and not np.allclose(optimizer.param, expected[len(found) - 1], rtol=1e-3, atol=5e-4):
                return None
    return np.stack(found)


@cache
def baseline(setting: Setting) -> Array:
    """What the network's parameters should be at the sampled steps, shape (11, 13)."""
    found = _samples(setting, None)
    assert found is not None
    return found


def _near_baseline(setting: Setting, mutant: Mutant | None) -> bool:
    return _samples(setting, mutant, baseline(setting)) is not None


LOSS_HALVES = Criterion(
    "loss halves",
    (
        ("sgd", {"lr": 0.1}),
        ("sgd", {"lr": 0.1, "momentum": 0.1}),
        ("sgd", {"lr": 0.1, "momentum": 0.1, "nesterov": True}),
        ("sgd", {"lr": 0.1, "weight_decay": 0.1}),
        ("sgd", {"lr": 0.1, "momentum": 0.1, "dampening": 0.2}),
        ("adam", {"lr": 0.1}),
        ("adam", {"lr": 0.1, "weight_decay": 1e-5}),
        ("adam", {"lr": 0.1, "weight_decay": 1e-5, "amsgrad": True}),
        ("adamw", {"lr": 0.1}),
        ("adamw", {"lr": 0.1, "weight_decay": 1e-5}),
        ("adamw", {"lr": 0.1, "weight_decay": 1e-5, "amsgrad": True}),
        ("asgd", {"lr": 0.1}),
        ("asgd", {"lr": 0.1, "alpha": 0.7}),
        ("asgd", {"lr": 0.1, "alpha": 0.7, "t0": 1e5}),
        ("asgd", {"lr": 0.1, "weight_decay": 1e-5}),
        ("rprop", {"lr": 0.1}),
        ("rprop", {"lr": 0.1, "eta_minus": 0.6, "eta_plus": 1.1}),
        ("rprop", {"lr": 0.1, "eta_minus": 0.6, "eta_plus": 1.1, "step_size_min": 1e-6, "step_size_max": 30.0}),
        ("rmsprop", {"lr": 0.1}),
        ("rmsprop", {"lr": 0.1, "alpha": 0.8}),
        ("rmsprop", {"lr": 0.1, "momentum": 0.1}),
        ("rmsprop", {"lr": 0.1, "weight_decay": 0.1}),
        ("rmsprop", {"lr": 0.1, "momentum": 0.1, "centered": True}),
        ("adagrad", {"lr": 0.1}),
        ("adagrad", {"lr": 0.1, "weight_decay": 1e-5}),
        ("adagrad", {"lr": 0.1, "weight_decay": 1e-5, "lr_decay": 1e-2}),
        ("adagrad", {"lr": 0.1, "weight_decay": 1e-5, "lr_decay": 1e-2, "initial_accumulator_value": 1.0}),
        ("adadelta", {}),
        ("adadelta", {"rho": 0.9}),
        ("adadelta", {"rho": 0.9, "weight_decay": 1e-5}),
    ),
    _halves,
)

CPP_BASELINE = Criterion(
    "PyTorch C++ baseline",
    (
        ("adam", {"lr": 1.0}),
        ("adam", {"lr": 1.0, "weight_decay": 1e-2}),
        ("adam", {"lr": 1.0, "weight_decay": 1e-6, "amsgrad": True}),
        ("adamw", {"lr": 1.0}),
        ("adamw", {"lr": 1.0, "weight_decay": 0.0}),
        ("adamw", {"lr": 1.0, "amsgrad": True}),
        ("adagrad", {"lr": 1.0}),
        ("adagrad", {"lr": 1.0, "weight_decay": 1e-2}),
        ("adagrad", {"lr": 1.0, "weight_decay": 1e-6, "lr_decay": 1e-3}),
        ("rmsprop", {"lr": 0.1}),
        ("rmsprop", {"lr": 0.1, "weight_decay": 1e-2}),
        ("rmsprop", {"lr": 0.1, "weight_decay": 1e-6, "centered": True}),
        ("rmsprop", {"lr": 0.1, "weight_decay": 1e-6, "centered": True, "momentum": 0.9}),
        ("sgd", {"lr": 0.1}),
        ("sgd", {"lr": 0.1, "weight_decay": 1e-2}),
        ("sgd", {"lr": 0.1, "weight_decay": 1e-2, "momentum": 0.9}),
        ("sgd", {"lr": 0.1, "weight_decay": 1e-6, "momentum": 0.9, "nesterov": True}),
    ),
    _near_baseline,
)
CRITERIA = (LOSS_HALVES, CPP_BASELINE)
