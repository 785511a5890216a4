"""LARS: momentum, with a learning rate for each parameter tensor by the ratio of its norm to that of its gradient."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "lars",
    title="LARS",
    kind="reducing",
    sources=[
        "You, Gitman & Ginsburg 2017, arXiv:1708.03888, Algorithm 1",
        "pytorch-optimizer LARS: the trust ratio is 1 where a norm is zero, of which the paper says nothing",
    ],
    hyper=[
        Real("lr", 1e-2, "[0, inf)", "learning rate", example=0.1),
        Real("momentum", 0.9, "[0, 1)", "momentum coefficient", example=0.6),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, added to the gradient, and its norm to the gradient's", example=0.3),
        Real(
            "trust_coefficient",
            1e-3,
            "[0, inf)",
            "how far to trust a tensor to change in a step",
            example=0.2,
            symbol=r"\eta_{\mathrm{trust}}",
        ),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[StateVar("velocity", when=lambda h: h.momentum != 0, doc="the accumulated step")],
    switches=[
        Switch(
            "momentum_form",
            ("lr_inside", "gradient_sum"),
            "whether the learning rate enters the velocity or multiplies it; they part when the learning rate changes",
            sources={"lr_inside": "You et al. 2017, Algorithm 1", "gradient_sum": "pytorch-optimizer LARS, timm Lars"},
            witness={
                "lr_inside": "tests/witness/lars.py: lars_algorithm_1",
                "gradient_sum": "tests/witness/lars.py: pytorch_optimizer_lars",
            },
        ),
    ],
    witness="tests/witness/lars.py: lars_algorithm_1",
)
class LARS:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        return {}

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        size, slope = _norm(xp, p), _norm(xp, g)
        if h.weight_decay:
            slope = slope + h.weight_decay * size
            g = g + h.weight_decay * p
        trust = h.trust_coefficient * size / slope
        if not h.weight_decay:
            trust = xp.where(slope > 0, trust, 1)
        d = xp.where(size > 0, trust, 1) * g
        if not h.momentum:
            return p - h.lr * d, {}
        if h.momentum_form == "lr_inside":
            velocity = h.momentum * s.velocity + h.lr * d
            return p - velocity, {"velocity": velocity}
        velocity = h.momentum * s.velocity + d
        return p - h.lr * velocity, {"velocity": velocity}


def _norm(xp, x):  # type: ignore[no-untyped-def]
    return xp.sqrt(xp.sum(x * x))
