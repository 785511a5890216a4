"""Objectives that end somewhere: beyond an edge the loss is NaN, or infinite. What a line search does there is a decision of its own."""

from crossoptim.spec.model import Problem, ProblemParam

barrier = Problem(
    name="barrier",
    title="sum of x - log x: below zero the loss is NaN",
    source="the logarithmic barrier of interior-point methods (Nocedal & Wright 2006, section 19.6)",
    params=(ProblemParam("x", (2,), (3.0, 0.5)),),
    value=lambda xp, p, d: xp.sum(p.x - xp.log(p.x)),
    gradient=lambda xp, p, d: {"x": 1 - 1 / p.x},
    minimum={"x": (1.0, 1.0)},
)

exponential = Problem(
    name="exponential",
    title="sum of exp x - x: a long step overflows",
    source="this project",
    params=(ProblemParam("x", (2,), (-3.0, 1.0)),),
    value=lambda xp, p, d: xp.sum(xp.exp(p.x) - p.x),
    gradient=lambda xp, p, d: {"x": xp.exp(p.x) - 1},
    minimum={"x": (0.0, 0.0)},
)
