"""Averaged stochastic gradient descent."""

from crossoptim.spec.model import Flag, Kept, Real, StateVar
from crossoptim.spec.rules import rule


@rule(
    "asgd",
    title="Averaged stochastic gradient descent",
    kind="elementwise",
    sources=[
        "Polyak & Juditsky 1992, Acceleration of stochastic approximation by averaging",
        "Xu 2011, arXiv:1107.2490 (the falling step size)",
        "Bottou 2012, Stochastic Gradient Descent Tricks (averaging from t0 on)",
        "Lua torch optim.asgd, PyTorch: step size and weight of the average lag by one step",
    ],
    hyper=[
        Real("lr", 1e-2, "[0, inf)", "learning rate at the first step", example=0.1),
        Real(
            "lambd", 1e-4, "[0, inf)", "decay of the parameter, by its own penalty, and of the step size", example=0.5, symbol=r"\lambda'"
        ),
        Real("alpha", 0.75, "[0, inf)", "power with which the step size falls", example=2.0, symbol=r"\alpha"),
        Real("t0", 1e6, "[0, inf)", "step after which averaging begins", example=3.0),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, added to the gradient", example=0.2),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[StateVar("ax", doc="the average of the parameters since t0; before, the parameter", symbol=r"\bar{\theta}")],
    kept=[
        Kept("eta", "lr", "step size of the next step", symbol="e"),
        Kept("mu", "1", "weight of the next parameter in the average", symbol="w"),
    ],
    witness="torch.optim.ASGD",
)
class ASGD:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        return {
            "shrink": 1 - h.lambd * k.eta,
            "eta": h.lr / (1 + h.lambd * h.lr * t) ** h.alpha,
            "mu": 1 / xp.maximum(1, t - h.t0),
        }

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay:
            g = g + h.weight_decay * p

        p = p * c.shrink - c.eta * g
        return p, {"ax": s.ax + (p - s.ax) * c.mu}
