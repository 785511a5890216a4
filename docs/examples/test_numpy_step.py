"""An optimizer that is a function on arrays, tested whole: run with pytest."""

import numpy as np

from crossoptim.testing import StepFunction, assert_follows_golden


def adam(p, g, state, *, lr, beta1, beta2, eps, weight_decay):
    """Adam as anybody would write it."""
    m, v, t = (state["m"], state["v"], state["t"] + 1) if state else (0 * p, 0 * p, 1)
    g = g + weight_decay * p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    root = np.sqrt(v) / np.sqrt(1 - beta2**t)
    return np.asarray(p - lr / (1 - beta1**t) * m / (root + eps), p.dtype), {"m": np.asarray(m), "v": np.asarray(v), "t": t}


def test_adam():
    assert_follows_golden(StepFunction(adam), "adam", dtype="float64")


def test_adam_with_gradients_at_its_own_points():
    assert_follows_golden(StepFunction(adam), "adam", dtype="float64", mode="closed")
