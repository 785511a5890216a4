"""RAdam: Adam whose adaptive step is held back while the variance of its second moment is large."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "radam",
    title="RAdam",
    kind="elementwise",
    sources=[
        "Liu, Jiang, He, Chen, Liu, Gao & Han 2020, arXiv:1908.03265, Algorithm 2 (which has no eps: eps = 0)",
        "Loshchilov & Hutter 2019, arXiv:1711.05101 (decoupled weight decay)",
    ],
    hyper=[
        Real("lr", 1e-3, "[0, inf)", "learning rate", example=0.12),
        Real("beta1", 0.9, "[0, 1)", "decay of the first moment", example=0.7),
        Real("beta2", 0.999, "[0, 1)", "decay of the second moment", example=0.95),
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
            sources={"coupled": "PyTorch RAdam", "decoupled": "the authors' code; PyTorch RAdam with decoupled_weight_decay"},
            witness={"coupled": "torch.optim.RAdam", "decoupled": "torch.optim.RAdam"},
        ),
        Switch(
            "rectify_above",
            ("five", "four"),
            "the length of the moving average above which the step is adaptive",
            sources={"five": "the authors' code; PyTorch", "four": "Liu et al. 2020, Algorithm 2"},
            witness={"five": "torch.optim.RAdam", "four": "tests/witness/radam.py: radam_algorithm_2"},
        ),
    ],
    witness="torch.optim.RAdam",
)
class RAdam:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        bias2 = 1 - h.beta2**t
        longest = 2 / (1 - h.beta2) - 1
        length = longest - 2 * t * h.beta2**t / bias2
        ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        c = {
            "mix1": 1 - h.beta1,
            "mix2": 1 - h.beta2,
            "bias1": 1 - h.beta1**t,
            "root_bias2": xp.sqrt(bias2),
            "rectification": xp.sqrt(xp.where(length > (5 if h.rectify_above == "five" else 4), ratio, 0)),
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

        m = s.m + c.mix1 * (g - s.m)
        v = s.v * h.beta2 + c.mix2 * g * g
        step = m / c.bias1 * h.lr
        adaptive = step * (c.root_bias2 / (xp.sqrt(v) + h.eps)) * c.rectification
        return p - xp.where(c.rectification > 0, adaptive, step), {"m": m, "v": v}
