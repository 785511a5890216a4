"""Optimizers of optax, each tested whole: run with pytest."""

import pytest

from crossoptim.testing import assert_follows_golden

optax = pytest.importorskip("optax", exc_type=ImportError, reason="optax is not installed (pip install 'crossoptim[adapters]')")

from optax_step import optax_step  # noqa: E402

NAMES = {"learning_rate": "lr", "b1": "beta1", "b2": "beta2"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adam(dtype):
    adam = optax_step(optax.adam, read=lambda state: {"m": state[0].mu, "v": state[0].nu})
    assert_follows_golden(adam, "adam/plain-*", names=NAMES, dtype=dtype)


def test_yogi_is_the_variant_with_corrected_moments():
    variant = {"bias_correction": "on", "first_moment_start": "accumulator"}
    assert_follows_golden(optax_step(optax.yogi), "yogi/plain-*", names=NAMES, variant=variant)


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="eps stands in the denominator only")
def test_adabelief():
    assert_follows_golden(optax_step(optax.adabelief), "adabelief/eps-ravine-f64", names=NAMES)
