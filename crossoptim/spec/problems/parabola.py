"""y = 4 x² from x = 2: the first example of learning-rate tutorials."""

from crossoptim.spec.model import Problem, ProblemParam

parabola = Problem(
    name="parabola",
    title="y = 4 x^2",
    source="learning-rate tutorials for PyTorch (the minimum is reached in one step at lr = 0.125)",
    params=(ProblemParam("x", (1,), (2.0,)),),
    value=lambda xp, p, d: xp.sum(4 * p.x * p.x),
    gradient=lambda xp, p, d: {"x": 8 * p.x},
    minimum={"x": (0.0,)},
)
