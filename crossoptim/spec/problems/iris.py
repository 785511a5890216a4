"""A small network on R's iris: several tensors of different shapes."""

from crossoptim.spec.model import Problem, ProblemParam
from crossoptim.spec.problems.tables import columns, read


def _build() -> Problem:
    rows = read("iris")
    measures = ["Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width"]
    kept = range(0, len(rows), 5)
    species = sorted({row["Species"] for row in rows})
    features = columns(rows, measures)
    n = len(kept)

    def start(count: int, offset: int) -> tuple[float, ...]:
        return tuple(((7 * i + offset) % 11 - 5) / 16 for i in range(count))

    def forward(xp, p, d):  # type: ignore[no-untyped-def]
        hidden = xp.tanh(xp.matmul(d.features, p.w1) + p.b1)
        logits = xp.matmul(hidden, p.w2) + p.b2
        return hidden, logits

    def value(xp, p, d):  # type: ignore[no-untyped-def]
        _, logits = forward(xp, p, d)
        return (xp.sum(xp.log(xp.sum_rows(xp.exp(logits)))) - xp.sum(d.classes * logits)) / n

    def gradient(xp, p, d):  # type: ignore[no-untyped-def]
        hidden, logits = forward(xp, p, d)
        odds = xp.exp(logits)
        error = (odds / xp.sum_rows(odds) - d.classes) / n
        back = xp.matmul(error, xp.transpose(p.w2)) * (1 - hidden * hidden)
        return {
            "w1": xp.matmul(xp.transpose(d.features), back),
            "b1": xp.sum_columns(back),
            "w2": xp.matmul(xp.transpose(hidden), error),
            "b2": xp.sum_columns(error),
        }

    return Problem(
        name="iris",
        title="a 4-3-3 network (tanh, softmax cross-entropy) on every fifth iris",
        source="R's iris (Anderson 1935, Fisher 1936)",
        params=(
            ProblemParam("w1", (4, 3), start(12, 0)),
            ProblemParam("b1", (3,), start(3, 4)),
            ProblemParam("w2", (3, 3), start(9, 8)),
            ProblemParam("b2", (3,), start(3, 2)),
        ),
        data={"features": [features[i] for i in kept], "classes": [[float(rows[i]["Species"] == s) for s in species] for i in kept]},
        value=value,
        gradient=gradient,
    )


iris = _build()
