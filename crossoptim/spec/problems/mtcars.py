"""Least squares on R's mtcars, standardised."""

from crossoptim.spec.model import Problem, ProblemParam
from crossoptim.spec.problems.tables import columns, read


def _build() -> Problem:
    rows = read("mtcars")

    def residual(xp, p, d):  # type: ignore[no-untyped-def]
        return xp.matmul(d.features, p.w) - d.target

    def value(xp, p, d):  # type: ignore[no-untyped-def]
        r = residual(xp, p, d)
        return xp.sum(r * r) / len(rows)

    return Problem(
        name="mtcars",
        title="least squares: miles per gallon on weight, horsepower and quarter-mile time, standardised",
        source="R's mtcars (Henderson & Velleman 1981, from Motor Trend 1974)",
        params=(ProblemParam("w", (3, 1), (0.5, -1.0, 1.5)),),
        data={"features": columns(rows, ["wt", "hp", "qsec"]), "target": columns(rows, ["mpg"])},
        value=value,
        gradient=lambda xp, p, d: {"w": 2 * xp.matmul(xp.transpose(d.features), residual(xp, p, d)) / len(rows)},
    )


mtcars = _build()
