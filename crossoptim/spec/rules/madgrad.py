"""MADGRAD: dual averaging with momentum, divided by the cube root of the sum of squared gradients."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "madgrad",
    title="MADGRAD",
    kind="elementwise",
    sources=[
        "Defazio & Jelassi 2021, arXiv:2101.11075, Algorithm 1",
        "facebookresearch/madgrad, madgrad/madgrad.py (weight decay; without momentum the start is found anew at each step)",
    ],
    hyper=[
        Real("lr", 1e-2, "[0, inf)", "learning rate", example=0.12),
        Real("momentum", 0.9, "[0, 1)", "how much of the parameter is kept", example=0.6),
        Real("eps", 1e-6, "[0, inf)", "keeps the denominator from zero", example=0.03),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, or the rate of decoupled decay", example=0.2),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("s", doc="weighted sum of the gradients"),
        StateVar("v", doc="weighted sum of the squared gradients"),
        StateVar("x0", init="p", when=lambda h: h.momentum != 0, doc="where the parameter started", symbol=r"\theta^{(0)}"),
    ],
    switches=[
        Switch(
            "lr_offset",
            ("none", "eps"),
            "the learning rate is taken as it is, or with eps added",
            sources={"none": "Defazio & Jelassi 2021, Algorithm 1", "eps": "facebookresearch/madgrad"},
            witness={
                "none": "tests/witness/madgrad.py: madgrad_algorithm_1",
                "eps": "tests/witness/madgrad.py: pytorch_optimizer_madgrad",
            },
        ),
        Switch(
            "decay",
            ("coupled", "decoupled"),
            "weight decay enters the gradient, or shrinks the parameter directly",
            sources={"coupled": "facebookresearch/madgrad", "decoupled": "facebookresearch/madgrad, decouple_decay = True"},
            witness={
                "coupled": "tests/witness/madgrad.py: pytorch_optimizer_madgrad",
                "decoupled": "tests/witness/madgrad.py: pytorch_optimizer_madgrad",
            },
        ),
    ],
    witness="tests/witness/madgrad.py: madgrad_algorithm_1",
)
class MADGRAD:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        rate = h.lr + h.eps if h.lr_offset == "eps" and h.eps else h.lr
        return {"weight": rate * xp.sqrt(t), "mix": 1 - h.momentum, "fade": rate * h.weight_decay}

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        def averaged(total, squares):  # type: ignore[no-untyped-def]
            root = xp.power(squares, 1 / 3)
            # without eps, an element that has seen no gradient stays where it is
            return total / (root + h.eps) if h.eps else xp.where(root > 0, total / root, total)

        if h.maximize:
            g = -g
        if h.weight_decay and h.decay == "coupled":
            g = g + h.weight_decay * p

        total = s.s + c.weight * g
        squares = s.v + c.weight * g * g
        if h.momentum:
            new = h.momentum * p + c.mix * (s.x0 - averaged(total, squares))
        else:
            new = p + averaged(s.s, s.v) - averaged(total, squares)
        if h.weight_decay and h.decay == "decoupled":
            new = new - c.fade * p
        state = {"s": total, "v": squares}
        return new, {**state, "x0": s.x0} if h.momentum else state
