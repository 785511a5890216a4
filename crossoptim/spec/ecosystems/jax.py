"""What libraries on JAX share: how its functions and its compiler depart from operations in the written order."""

from crossoptim.spec.model import Edit, Quirk

_TINY = 1.1754943508222875e-38  # the smallest normal number of float32

FLUSHED = Edit("g", f"where(g >= {_TINY}, g, where(g <= -{_TINY}, g, where(g < 0, 0 * g, where(g > 0, 0 * g, g))))")
"""XLA's CPU code takes a float32 number that is not normal for zero."""

NAN_SIGN = Edit("where(A > 0, B, where(A < 0, C, D))", "where(A > 0, B, where(A < 0, C, D + 0 * A))")
"""The sign of NaN is NaN."""

SQUARE_FIRST = Edit("A * B * B", "A * (B * B)")
"""The square overflows where its product with a small factor would not."""


def denormals_are_zero(library: str, bindings: tuple[str, ...], versions: str) -> Quirk:
    """The departure of a library whose float32 runs go through XLA's CPU code."""
    return Quirk(
        id=f"{library}/denormals-are-zero",
        title="gradients below 1.2e-38 count as zero in float32 runs: XLA's CPU code flushes numbers that are not normal",
        bindings=bindings,
        when=lambda site: site.dtype == "float32",
        effects=(FLUSHED,),
        upstream="jaxlib 0.10.2: XLA's CPU compiler",
        kind="choice",
        versions=versions,
        advice="scale the loss where gradients are that small",
    )
