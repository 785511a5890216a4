"""Objectives in one dimension that are hard on line searches."""

from crossoptim.spec.model import Problem, ProblemParam


def _fourth(x):
    return x * x * x * x


tail = Problem(
    name="tail",
    title="-x / (x^2 + 2): beyond the minimum it is nearly flat",
    source="Moré & Thuente 1994, doi:10.1145/192115.192132, equation 5.1",
    params=(ProblemParam("x", (1,), (0.0,)),),
    value=lambda xp, p, d: xp.sum(-p.x / (p.x * p.x + 2)),
    gradient=lambda xp, p, d: {"x": (p.x * p.x - 2) / ((p.x * p.x + 2) * (p.x * p.x + 2))},
)

quintic = Problem(
    name="quintic",
    title="(x + 0.004)^5 - 2 (x + 0.004)^4: nearly flat before the minimum, steep beyond",
    source="Moré & Thuente 1994, doi:10.1145/192115.192132, equation 5.2",
    params=(ProblemParam("x", (1,), (0.0,)),),
    data={"shift": [0.004]},
    value=lambda xp, p, d: xp.sum(_fourth(p.x + d.shift) * (p.x + d.shift) - 2 * _fourth(p.x + d.shift)),
    gradient=lambda xp, p, d: {
        "x": 5 * _fourth(p.x + d.shift) - 8 * (p.x + d.shift) * (p.x + d.shift) * (p.x + d.shift),
    },
)

ledge = Problem(
    name="ledge",
    title="40 tanh(x / 4) - x: it falls steadily, but for a step up at zero",
    source="this project (a trial beyond the step is lower than the start, higher than the trial before it, and still falls)",
    params=(ProblemParam("x", (1,), (-70.0,)),),
    value=lambda xp, p, d: xp.sum(40 * xp.tanh(p.x / 4) - p.x),
    gradient=lambda xp, p, d: {"x": 10 * (1 - xp.tanh(p.x / 4) * xp.tanh(p.x / 4)) - 1},
)

kink = Problem(
    name="kink",
    title="1000 sqrt(x^2 + 1e-24): no point of its neighbourhood is flat enough",
    source="this project (smoothed absolute value: a bracket around zero shrinks to nothing)",
    params=(ProblemParam("x", (1,), (1.0,)),),
    data={"width": [1e-24]},
    value=lambda xp, p, d: xp.sum(1000 * xp.sqrt(p.x * p.x + d.width)),
    gradient=lambda xp, p, d: {"x": 1000 * p.x / xp.sqrt(p.x * p.x + d.width)},
    minimum={"x": (0.0,)},
)
