"""Tensors whose norm is zero, or whose gradient's is: there a ratio of norms means nothing."""

from crossoptim.spec.model import Problem, ProblemParam

_MOVING = (0.25, -0.5, 0.125)


def _gradients(step: int) -> dict[str, tuple[float, ...]]:
    late = _MOVING if step > 2 else (0.0, 0.0, 0.0)
    return {"resting": late, "at_zero": _MOVING, "resting_at_zero": late}


zero_norms = Problem(
    name="zero_norms",
    title="gradients from a table, zero at steps 1-2 for two tensors of three; two tensors start at zero",
    source="this project",
    params=(
        ProblemParam("resting", (3,), (3.0, -1.0, 2.0)),
        ProblemParam("at_zero", (3,), (0.0, 0.0, 0.0)),
        ProblemParam("resting_at_zero", (3,), (0.0, 0.0, 0.0)),
    ),
    gradients=_gradients,
)

opposed = Problem(
    name="opposed",
    title="the same gradient at every step, of minus half the start's size: it takes back what a decay of one half does",
    source="this project",
    params=(ProblemParam("x", (2,), (2.0, -2.0)),),
    gradients=lambda step: {"x": (-1.0, 1.0)},
)
