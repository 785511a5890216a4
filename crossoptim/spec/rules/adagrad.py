"""Adagrad: each step is divided by the root of the sum of all squared gradients."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "adagrad",
    title="Adagrad",
    kind="elementwise",
    sources=[
        "Duchi, Hazan & Singer 2011, JMLR 12:2121-2159, the diagonal form",
        "PyTorch Adagrad (lr_decay, weight_decay, initial_accumulator_value)",
    ],
    hyper=[
        Real("lr", 1e-2, "[0, inf)", "learning rate", example=0.3),
        Real(
            "lr_decay", 0.0, "[0, inf)", "the learning rate is divided by 1 + lr_decay for each step taken", example=0.1, symbol=r"\delta"
        ),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, added to the gradient", example=0.2),
        Real("initial_accumulator_value", 0.0, "[0, inf)", "where the sum of squares starts", example=0.4, symbol=r"\tau"),
        Real("eps", 1e-10, "[0, inf)", "keeps the denominator from zero", example=0.03),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[StateVar("v", init="initial_accumulator_value", doc="the sum of squared gradients")],
    switches=[
        Switch(
            "eps_placement",
            ("outside", "inside"),
            "eps is added to the root of the sum of squares, or under it",
            sources={
                "outside": "Duchi, Hazan & Singer 2011, figure 1; Keydana 2023, eq. 8.4; PyTorch",
                "inside": "hand-written forms in tutorials: sqrt(v + eps); the formula in R torch's documentation",
            },
            witness={"outside": "torch.optim.Adagrad", "inside": "tests/witness/adagrad.py: sgd_adagrad"},
        )
    ],
    witness="torch.optim.Adagrad",
)
class Adagrad:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        return {"rate": h.lr / (1 + (t - 1) * h.lr_decay)} if h.lr_decay else {}

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay:
            g = g + h.weight_decay * p
        v = s.v + g * g
        denominator = xp.sqrt(v + h.eps) if h.eps_placement == "inside" else xp.sqrt(v) + h.eps
        return p - (c.rate if h.lr_decay else h.lr) * g / denominator, {"v": v}
