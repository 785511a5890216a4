"""Axis-parallel quadratics a1 x1² + a2 x2² + b in two dimensions: the ravine and two paraboloids."""

from crossoptim.spec.model import Problem, ProblemParam


def _quadratic(name: str, title: str, source: str, curvature: tuple[float, float], level: float, start: tuple[float, float]) -> Problem:
    def value(xp, p, d):  # type: ignore[no-untyped-def]
        total = xp.sum(d.curvature * p.x * p.x)
        return total + level if level else total

    return Problem(
        name=name,
        title=title,
        source=source,
        params=(ProblemParam("x", (2,), start),),
        data={"curvature": list(curvature)},
        value=value,
        gradient=lambda xp, p, d: {"x": 2 * d.curvature * p.x},
        minimum={"x": (0.0, 0.0)},
    )


ravine = _quadratic("ravine", "0.1 x1^2 + 2 x2^2", "Dive into Deep Learning, section on momentum", (0.1, 2.0), 0.0, (-5.0, -2.0))
isotropic = _quadratic(
    "isotropic",
    "0.2 x1^2 + 0.2 x2^2 - 5",
    "Keydana, Deep Learning and Scientific Computing with R torch, chapter 8",
    (0.2, 0.2),
    -5.0,
    (6.0, 6.0),
)
anisotropic = _quadratic(
    "anisotropic",
    "0.2 x1^2 + 2 x2^2 - 5",
    "Keydana, Deep Learning and Scientific Computing with R torch, chapter 8",
    (0.2, 2.0),
    -5.0,
    (6.0, 6.0),
)
