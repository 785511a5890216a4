"""A matrix, a vector and a 0-d tensor that depend on each other."""

from crossoptim.spec.model import Problem, ProblemParam


def _value(xp, p, d):
    far = p.vector - p.scalar
    return xp.sum(d.curvature * p.matrix * p.matrix) + xp.sum(far * far * far * far) + (p.scalar - 1) * (p.scalar - 1)


def _gradient(xp, p, d):
    far = p.vector - p.scalar
    cubes = 4 * far * far * far
    return {"matrix": 2 * d.curvature * p.matrix, "vector": cubes, "scalar": 2 * (p.scalar - 1) - xp.sum(cubes)}


shapes = Problem(
    name="shapes",
    title="sum(a * matrix^2) + sum((vector - scalar)^4) + (scalar - 1)^2",
    source="this project",
    params=(
        ProblemParam("matrix", (2, 2), (1.0, -2.0, 0.5, 3.0)),
        ProblemParam("vector", (3,), (0.0, 2.0, 1.5)),
        ProblemParam("scalar", (), (-0.5,)),
    ),
    data={"curvature": [[0.5, 1.0], [2.0, 0.25]]},
    value=_value,
    gradient=_gradient,
)
