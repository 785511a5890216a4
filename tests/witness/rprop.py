"""Rprop as others wrote it: element by element, with the names of Igel & Huesken 2000."""

from __future__ import annotations

from typing import Any

import numpy as np

from witness.forms import Gradient, transcribes

_NOTATION = {"delta_0": "lr", "eta_minus": "eta_minus", "eta_plus": "eta_plus", "delta_min": "step_size_min", "delta_max": "step_size_max"}


@transcribes("rprop", {"sign_change": "backtrack"}, **_NOTATION)
def rprop_plus(
    w: Any, gradient: Gradient, steps: int, *, delta_0: Any, eta_minus: float, eta_plus: float, delta_min: float, delta_max: float
) -> list[Any]:
    """Riedmiller & Braun 1993, the pseudo-code with weight-backtracking (eq. 6)."""
    w, path = w.copy(), []
    delta = [_first(delta_0)] * w.size
    step = [0.0] * w.size
    before = [0.0] * w.size
    for t in range(1, steps + 1):
        now = np.ravel(gradient(w, t)).tolist()
        for i in range(w.size):
            if before[i] * now[i] > 0:
                delta[i] = min(delta[i] * eta_plus, delta_max)
                step[i] = -np.sign(now[i]) * delta[i]
                before[i] = now[i]
            elif before[i] * now[i] < 0:
                delta[i] = max(delta[i] * eta_minus, delta_min)
                step[i] = -step[i]
                before[i] = 0.0
            else:
                delta[i] = min(max(delta[i], delta_min), delta_max)  # the start lies between the bounds
                step[i] = -np.sign(now[i]) * delta[i]
                before[i] = now[i]
            w.flat[i] += step[i]
        path.append(w.copy())
    return path


@transcribes("rprop", {"sign_change": "step"}, **_NOTATION)
def rprop_minus(
    w: Any, gradient: Gradient, steps: int, *, delta_0: Any, eta_minus: float, eta_plus: float, delta_min: float, delta_max: float
) -> list[Any]:
    """Rprop without weight-backtracking: Riedmiller 1994, "Rprop-" of Igel & Huesken 2000."""
    w, path = w.copy(), []
    delta = [_first(delta_0)] * w.size
    before = [0.0] * w.size
    for t in range(1, steps + 1):
        now = np.ravel(gradient(w, t)).tolist()
        for i in range(w.size):
            if before[i] * now[i] > 0:
                delta[i] = min(delta[i] * eta_plus, delta_max)
            elif before[i] * now[i] < 0:
                delta[i] = max(delta[i] * eta_minus, delta_min)
            else:
                delta[i] = min(max(delta[i], delta_min), delta_max)  # the start lies between the bounds
            w.flat[i] += -np.sign(now[i]) * delta[i]
            before[i] = now[i]
        path.append(w.copy())
    return path


@transcribes("rprop", {"sign_change": "skip"}, **_NOTATION)
def irprop_minus(
    w: Any, gradient: Gradient, steps: int, *, delta_0: Any, eta_minus: float, eta_plus: float, delta_min: float, delta_max: float
) -> list[Any]:
    """Igel & Huesken 2000, "iRprop-": as Rprop-, but the derivative is set to zero where its sign has changed."""
    w, path = w.copy(), []
    delta = [_first(delta_0)] * w.size
    before = [0.0] * w.size
    for t in range(1, steps + 1):
        now = np.ravel(gradient(w, t)).tolist()
        for i in range(w.size):
            if before[i] * now[i] > 0:
                delta[i] = min(delta[i] * eta_plus, delta_max)
            elif before[i] * now[i] < 0:
                delta[i] = max(delta[i] * eta_minus, delta_min)
                now[i] = 0.0
            else:
                delta[i] = min(max(delta[i], delta_min), delta_max)  # the start lies between the bounds
            w.flat[i] += -np.sign(now[i]) * delta[i]
            before[i] = now[i]
        path.append(w.copy())
    return path


def _first(value: Any) -> float:
    return float(value(1) if callable(value) else value)
