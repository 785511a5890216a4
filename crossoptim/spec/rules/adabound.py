"""AdaBound: Adam whose elementwise learning rates are clipped between two bounds that meet at the learning rate of SGD."""

from crossoptim.spec.model import Flag, Kept, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "adabound",
    title="AdaBound",
    kind="elementwise",
    sources=[
        "Luo, Xiong, Liu & Sun 2019, arXiv:1902.09843, Algorithms 2 (AdaBound) and 3 (AMSBound)",
        "Luolc/AdaBound, adabound/adabound.py (bias correction, the bounds' speed gamma, final_lr following lr)",
    ],
    hyper=[
        Real("lr", 1e-3, "[0, inf)", "learning rate of Adam", example=0.2),
        Real("beta1", 0.9, "[0, 1)", "decay of the first moment", example=0.7),
        Real("beta2", 0.999, "[0, 1)", "decay of the second moment", example=0.8),
        Real("final_lr", 0.1, "[0, inf)", "learning rate of SGD, where the bounds meet", example=0.05, symbol=r"\alpha^{\star}"),
        Real("gamma", 1e-3, "(0, inf)", "how fast the bounds meet", example=0.4, symbol=r"\gamma"),
        Real("eps", 1e-8, "[0, inf)", "keeps the denominator from zero", example=0.5),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, or the rate of decay", example=0.13),
        Flag("amsbound", "divide by the largest second moment so far"),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("m", doc="first moment: moving average of the gradient"),
        StateVar("v", doc="second moment: moving average of the squared gradient"),
        StateVar("v_max", when=lambda h: h.amsbound, doc="the largest second moment so far", symbol=r"v^{\max}"),
    ],
    kept=[Kept("base_lr", "0", "the first learning rate that was not zero: final_lr belongs to it", symbol=r"\eta^{(0)}")],
    switches=[
        Switch(
            "bias_correction",
            ("on", "off"),
            "whether the moments are corrected for their start at zero",
            sources={"on": "Luolc/AdaBound", "off": "Luo et al. 2019, Algorithm 2"},
            witness={
                "on": "tests/witness/adabound.py: pytorch_optimizer_adabound",
                "off": "tests/witness/adabound.py: adabound_algorithm_2",
            },
        ),
        Switch(
            "step_decay",
            ("none", "root"),
            "the clipped learning rates are used as they are, or divided by the root of the step count",
            sources={"none": "Luolc/AdaBound", "root": "Luo et al. 2019, Algorithm 2"},
            witness={
                "none": "tests/witness/adabound.py: pytorch_optimizer_adabound",
                "root": "tests/witness/adabound.py: adabound_algorithm_2",
            },
        ),
        Switch(
            "decay",
            ("coupled", "decoupled", "fixed"),
            "weight decay enters the gradient, or shrinks the parameter at a rate times the learning rate, or at the rate itself",
            sources={
                "coupled": "Luolc/AdaBound AdaBound",
                "decoupled": "pytorch_optimizer AdaBound",
                "fixed": "Luolc/AdaBound AdaBoundW; pytorch_optimizer with fixed_decay",
            },
            witness={
                "coupled": "tests/witness/adabound.py: pytorch_optimizer_adabound",
                "decoupled": "tests/witness/adabound.py: pytorch_optimizer_adabound",
                "fixed": "tests/witness/adabound.py: pytorch_optimizer_adabound",
            },
        ),
    ],
    witness="tests/witness/adabound.py: pytorch_optimizer_adabound",
)
class AdaBound:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        base = xp.where(k.base_lr > 0, k.base_lr, h.lr)
        final = h.final_lr * h.lr / xp.where(base > 0, base, 1)
        c = {
            "base_lr": base,
            "mix1": 1 - h.beta1,
            "mix2": 1 - h.beta2,
            "lower": final * (1 - 1 / (h.gamma * t + 1)),
            "upper": final * (1 + 1 / (h.gamma * t)),
            "root_t": xp.sqrt(t),
        }
        if h.bias_correction == "on":
            c["step_size"] = h.lr * xp.sqrt(1 - h.beta2**t) / (1 - h.beta1**t)
        if h.weight_decay and h.decay != "coupled":
            c["shrink"] = 1 - (h.lr * h.weight_decay if h.decay == "decoupled" else h.weight_decay)
        return c

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay:
            if h.decay == "coupled":
                g = g + h.weight_decay * p
            else:
                p = p * c.shrink

        m = s.m + c.mix1 * (g - s.m)
        v = h.beta2 * s.v + c.mix2 * g * g
        state = {"m": m, "v": v}
        top = v
        if h.amsbound:
            top = state["v_max"] = xp.maximum(s.v_max, v)

        rate = (c.step_size if h.bias_correction == "on" else h.lr) / (xp.sqrt(top) + h.eps)
        rate = xp.where(rate < c.lower, c.lower, xp.where(rate > c.upper, c.upper, rate))
        if h.step_decay == "root":
            rate = rate / c.root_t
        return p - rate * m, state
