"""Adadelta: the step is the gradient times the ratio of the root mean squares of past steps and of gradients."""

from crossoptim.spec.model import Flag, Real, StateVar
from crossoptim.spec.rules import rule


@rule(
    "adadelta",
    title="Adadelta",
    kind="elementwise",
    sources=["Zeiler 2012, arXiv:1212.5701, Algorithm 1", "PyTorch Adadelta (lr, weight_decay)"],
    hyper=[
        Real("lr", 1.0, "[0, inf)", "what the step is multiplied with; the paper has none", example=2.0),
        Real("rho", 0.9, "[0, 1]", "decay of both mean squares", example=0.7, symbol=r"\rho"),
        Real("eps", 1e-6, "[0, inf)", "added under both roots; the size of the first step", example=0.03),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, added to the gradient", example=0.2),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("v", doc="moving average of the squared gradient"),
        StateVar("u", doc="moving average of the squared step, before the learning rate"),
    ],
    witness="torch.optim.Adadelta",
)
class Adadelta:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        return {"mix": 1 - h.rho}

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay:
            g = g + h.weight_decay * p
        v = s.v * h.rho + c.mix * g * g
        step = xp.sqrt(s.u + h.eps) / xp.sqrt(v + h.eps) * g
        u = s.u * h.rho + c.mix * step * step
        return p - h.lr * step, {"v": v, "u": u}
