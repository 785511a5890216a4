"""QHAdam: Adam whose moments are weighted averages with the current gradient and its square."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "qhadam",
    title="QHAdam",
    kind="elementwise",
    sources=["Ma & Yarats 2019, arXiv:1810.06801, the QHAdam update rule; facebookresearch/qhoptim, qhoptim/pyt/qhadam.py"],
    hyper=[
        Real("lr", 1e-3, "[0, inf)", "learning rate", example=0.12),
        Real("beta1", 0.9, "[0, 1)", "decay of the first moment", example=0.7),
        Real("beta2", 0.999, "[0, 1)", "decay of the second moment", example=0.95),
        Real("nu1", 1.0, "[0, 1]", "weight of the first moment; the gradient has the rest", example=0.6, symbol=r"\nu_1"),
        Real("nu2", 1.0, "[0, 1]", "weight of the second moment; the squared gradient has the rest", example=0.85, symbol=r"\nu_2"),
        Real("eps", 1e-8, "[0, inf)", "keeps the denominator from zero", example=0.03),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, or the rate of decoupled decay", example=0.2),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("m", doc="first moment: moving average of the gradient"),
        StateVar("v", doc="second moment: moving average of the squared gradient"),
    ],
    switches=[
        Switch(
            "decay",
            ("coupled", "decoupled"),
            "weight decay enters the gradient, or shrinks the parameter directly",
            sources={"coupled": "qhoptim QHAdam", "decoupled": "qhoptim QHAdam with decouple_weight_decay (QHAdamW)"},
            witness={
                "coupled": "tests/witness/qhadam.py: pytorch_optimizer_qhadam",
                "decoupled": "tests/witness/qhadam.py: pytorch_optimizer_qhadam",
            },
        )
    ],
    witness="tests/witness/qhadam.py: pytorch_optimizer_qhadam",
)
class QHAdam:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        c = {
            "mix1": 1 - h.beta1,
            "mix2": 1 - h.beta2,
            "bias1": 1 - h.beta1**t,
            "bias2": 1 - h.beta2**t,
            "rest1": 1 - h.nu1,
            "rest2": 1 - h.nu2,
        }
        if h.weight_decay and h.decay == "decoupled":
            c["shrink"] = 1 - h.lr * h.weight_decay
        return c

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay and h.decay == "decoupled":
            p = p * c.shrink
        if h.weight_decay and h.decay == "coupled":
            g = g + h.weight_decay * p

        square = g * g
        m = h.beta1 * s.m + c.mix1 * g
        v = h.beta2 * s.v + c.mix2 * square
        numerator = h.nu1 * (m / c.bias1) + c.rest1 * g
        denominator = xp.sqrt(h.nu2 * (v / c.bias2) + c.rest2 * square) + h.eps
        return p - h.lr * numerator / denominator, {"m": m, "v": v}
