"""Rosenbrock's curved valley, with its two coordinates as two 0-d parameters."""

from crossoptim.spec.model import Problem, ProblemParam

rosenbrock = Problem(
    name="rosenbrock",
    title="(1 - x)^2 + 100 (y - x^2)^2",
    source="Rosenbrock 1960, doi:10.1093/comjnl/3.3.175",
    params=(ProblemParam("x", (), (-1.5,)), ProblemParam("y", (), (2.0,))),
    value=lambda xp, p, d: (1 - p.x) * (1 - p.x) + 100 * (p.y - p.x * p.x) * (p.y - p.x * p.x),
    gradient=lambda xp, p, d: {
        "x": -2 * (1 - p.x) - 400 * p.x * (p.y - p.x * p.x),
        "y": 200 * (p.y - p.x * p.x),
    },
    minimum={"x": (1.0,), "y": (1.0,)},
)
