"""Lion: the sign of an interpolated momentum gives the direction, the learning rate the length of every element's step."""

from crossoptim.spec.model import Flag, Real, StateVar
from crossoptim.spec.rules import rule


@rule(
    "lion",
    title="Lion",
    kind="elementwise",
    sources=["Chen et al. 2023, arXiv:2302.06675, Algorithm 2; google/automl, lion/lion_pytorch.py"],
    hyper=[
        Real("lr", 1e-4, "[0, inf)", "learning rate: how far each element moves", example=0.1),
        Real("beta1", 0.9, "[0, 1)", "weight of the momentum in the direction", example=0.6),
        Real("beta2", 0.99, "[0, 1)", "decay of the momentum", example=0.8),
        Real("weight_decay", 0.0, "[0, inf)", "rate of decoupled decay", example=0.25),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[StateVar("m", doc="momentum: moving average of the gradient")],
    witness="tests/witness/lion.py: pytorch_optimizer_lion",
)
class Lion:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        c = {"mix1": 1 - h.beta1, "mix2": 1 - h.beta2}
        if h.weight_decay:
            c["shrink"] = 1 - h.lr * h.weight_decay
        return c

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay:
            p = p * c.shrink
        direction = h.beta1 * s.m + c.mix1 * g
        m = h.beta2 * s.m + c.mix2 * g
        # the learning rate times the sign
        return xp.where(direction > 0, p - h.lr, xp.where(direction < 0, p + h.lr, p)), {"m": m}
