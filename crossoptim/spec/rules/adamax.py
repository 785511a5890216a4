"""Adamax: Adam with the infinity norm of past gradients in place of the second moment."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "adamax",
    title="Adamax",
    kind="elementwise",
    sources=["Kingma & Ba 2015, arXiv:1412.6980, Algorithm 2 (which has no eps: eps = 0)"],
    hyper=[
        Real("lr", 2e-3, "[0, inf)", "learning rate", example=0.12),
        Real("beta1", 0.9, "[0, 1)", "decay of the first moment", example=0.7),
        Real("beta2", 0.999, "[0, 1)", "decay of the infinity norm", example=0.8),
        Real("eps", 1e-8, "[0, inf)", "keeps the denominator from zero", example=0.05),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, added to the gradient", example=0.2),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("m", doc="first moment: moving average of the gradient"),
        StateVar("u", doc="the exponentially weighted infinity norm of the gradient"),
    ],
    switches=[
        Switch(
            "eps_placement",
            ("in_norm", "in_denominator"),
            "eps is added to the size of each gradient that enters the norm, or to the norm where it divides",
            sources={"in_norm": "PyTorch, optax", "in_denominator": "Keras"},
            witness={"in_norm": "torch.optim.Adamax", "in_denominator": "tests/witness/adamax.py: keras_adamax"},
        ),
    ],
    witness="torch.optim.Adamax",
)
class Adamax:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        return {"mix": 1 - h.beta1, "step_size": h.lr / (1 - h.beta1**t)}

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay:
            g = g + h.weight_decay * p

        m = s.m + c.mix * (g - s.m)
        size = xp.where(g < 0, -g, g)
        if h.eps_placement == "in_norm":
            u = xp.maximum(s.u * h.beta2, size + h.eps)
            denominator = u
        else:
            u = xp.maximum(s.u * h.beta2, size)
            denominator = u + h.eps
        return p - c.step_size * m / denominator, {"m": m, "u": u}
