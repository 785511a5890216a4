"""Parameters and gradients of very different sizes, for optimizers that compare a tensor's norm, or its gradient's, with something."""

from crossoptim.spec.model import Problem, ProblemParam

_SHAPES = {"matrix": (2, 3), "vector": (4,)}
_START = (5.0, -7.0, 6.0, -4.5, 8.0, -5.5)
_SLOPE = (1.0, -0.5, 2.0, -1.5, 0.75, -0.25)
_SIZES = {  # of the parameter, of its gradient
    "large": (1.0, 1.0),
    "small": (2.0**-14, 1.0),
    "dim": (1.0, 2.0**-28),
    "faint": (1.0, 2.0**-58),
}


def _gradients(step: int) -> dict[str, tuple[float, ...]]:
    """Growing from step to step; the signs turn at every third element and step."""

    def slope(i: int, size: float) -> float:
        return size * _SLOPE[i] * 2.0 ** (step // 2) * (1.5 if step % 2 else 1.0) * (-1 if (i + step) % 3 == 0 else 1)

    table = {
        f"{name}_{shape}": tuple(slope(i, size) for i in range(6 if shape == "matrix" else 4))
        for name, (_, size) in _SIZES.items()
        for shape in _SHAPES
    }
    return {**table, "lone_matrix": tuple(slope(i, 2.0 ** -(6 * min(i, 1))) for i in range(6))}


uneven = Problem(
    name="uneven",
    title="growing gradients from a table; matrices and vectors with parameters of 6 and 4e-4, gradients of 1, 4e-9, 3e-18, one large",
    source="this project",
    params=(
        *(
            ProblemParam(f"{name}_{label}", shape, tuple(scale * v for v in _START[: 6 if label == "matrix" else 4]))
            for name, (scale, _) in _SIZES.items()
            for label, shape in _SHAPES.items()
        ),
        ProblemParam("lone_matrix", (2, 3), _START),
    ),
    gradients=_gradients,
)
