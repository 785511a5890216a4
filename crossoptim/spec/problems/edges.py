"""Objectives that end somewhere: beyond an edge the loss is NaN, or infinite. What a line search does there is a decision of its own."""

from crossoptim.spec.model import Problem, ProblemParam

barrier = Problem(
    name="barrier",
    title="sum of x - 4 log x: below zero the loss is NaN",
    source="the logarithmic barrier of interior-point methods (Nocedal & Wright 2006, section 19.6)",
    params=(ProblemParam("x", (2,), (12.0, 2.25)),),
    value=lambda xp, p, d: xp.sum(p.x - 4 * xp.log(p.x)),
    gradient=lambda xp, p, d: {"x": 1 - 4 / p.x},
    minimum={"x": (4.0, 4.0)},
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
