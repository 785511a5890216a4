"""What libraries on JAX share: how its functions and its compiler depart from operations in the written order."""

from crossoptim.spec.model import Edit

_TINY = 1.1754943508222875e-38  # the smallest normal number of float32

FLUSHED = Edit("g", f"where(g >= {_TINY}, g, where(g <= -{_TINY}, g, where(g < 0, 0 * g, where(g > 0, 0 * g, g))))")
"""XLA's CPU code takes a float32 number that is not normal for zero."""

NAN_SIGN = Edit("where(A > 0, B, where(A < 0, C, D))", "where(A > 0, B, where(A < 0, C, D + 0 * A))")
"""The sign of NaN is NaN."""

SQUARE_FIRST = Edit("A * B * B", "A * (B * B)")
"""The square overflows where its product with a small factor would not."""
