"""RMSprop: each step is divided by a moving root mean square of the gradient, or by its moving standard deviation."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "rmsprop",
    title="RMSprop",
    kind="elementwise",
    sources=[
        "Hinton, Srivastava & Swersky 2012, Neural Networks for Machine Learning, lecture 6",
        "Graves 2013, arXiv:1308.0850, eqs. 38-41 (centered, momentum)",
    ],
    hyper=[
        Real("lr", 1e-2, "[0, inf)", "learning rate", example=0.1),
        Real("alpha", 0.99, "[0, 1)", "decay of the mean square", example=0.8, symbol=r"\alpha"),
        Real("eps", 1e-8, "[0, inf)", "keeps the denominator from zero", example=0.03),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, added to the gradient", example=0.15),
        Real("momentum", 0.0, "[0, inf)", "momentum coefficient", example=0.6),
        Flag("centered", "divide by the standard deviation instead of the root mean square"),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("v", doc="moving average of the squared gradient"),
        StateVar("velocity", when=lambda h: h.momentum != 0, doc="the accumulated steps"),
        StateVar("mean", when=lambda h: h.centered, doc="moving average of the gradient", symbol=r"\bar{g}"),
    ],
    switches=[
        Switch(
            "eps_placement",
            ("outside", "inside"),
            "eps is added to the root of the mean square, or under it",
            sources={
                "outside": "Keydana 2023, eq. 8.6; PyTorch",
                "inside": "Graves 2013, eq. 40; TensorFlow; hand-written forms in tutorials: sqrt(v + eps)",
            },
            witness={"outside": "torch.optim.RMSprop", "inside": "tests/witness/rmsprop.py: rmsprop_by_hand"},
        ),
        Switch(
            "momentum_form",
            ("gradient_sum", "lr_inside"),
            "whether the learning rate multiplies the velocity or enters it; they part when the learning rate changes",
            sources={"gradient_sum": "PyTorch", "lr_inside": "Graves 2013, eqs. 40-41; TensorFlow"},
            witness={"gradient_sum": "torch.optim.RMSprop", "lr_inside": "tests/witness/rmsprop.py: graves"},
        ),
    ],
    witness="torch.optim.RMSprop",
)
class RMSprop:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        return {"mix": 1 - h.alpha}

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay:
            g = g + h.weight_decay * p

        v = s.v * h.alpha + c.mix * g * g
        state, spread = {"v": v}, v
        if h.centered:
            mean = state["mean"] = s.mean + c.mix * (g - s.mean)
            spread = v - mean * mean
        denominator = xp.sqrt(spread + h.eps) if h.eps_placement == "inside" else xp.sqrt(spread) + h.eps

        inside = h.momentum_form == "lr_inside"
        if not h.momentum:
            return p - h.lr * g / denominator, state
        velocity = state["velocity"] = s.velocity * h.momentum + (h.lr * g if inside else g) / denominator
        return p - (velocity if inside else h.lr * velocity), state
