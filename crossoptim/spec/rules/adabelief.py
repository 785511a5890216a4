"""AdaBelief: Adam that divides by the deviation of the gradient from its own average, the "belief", instead of by its size."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "adabelief",
    title="AdaBelief",
    kind="elementwise",
    sources=[
        "Zhuang et al. 2020, arXiv:2010.07468, Algorithm 2",
        "juntang-zhuang/Adabelief-Optimizer, adabelief_pytorch 0.2.0 (weight decay, amsgrad, rectification)",
        "Liu et al. 2020, arXiv:1908.03265, Algorithm 2 (rectification)",
    ],
    hyper=[
        Real("lr", 1e-3, "[0, inf)", "learning rate", example=0.12),
        Real("beta1", 0.9, "[0, 1)", "decay of the first moment", example=0.7),
        Real("beta2", 0.999, "[0, 1)", "decay of the second moment", example=0.9),
        Real("eps", 1e-16, "[0, inf)", "keeps the denominator from zero, and the second moment too", example=0.05),
        Real("weight_decay", 0.0, "[0, inf)", "rate of decay, or L2 penalty", example=0.2),
        Flag("amsgrad", "divide by the largest second moment so far"),
        Flag("rectify", "hold the adaptive step back while the variance of the second moment is large, as RAdam does"),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("m", doc="first moment: moving average of the gradient"),
        StateVar("s", doc="second moment: moving average of the squared deviation of the gradient from m"),
        StateVar("s_max", when=lambda h: h.amsgrad, doc="the largest second moment so far", symbol=r"s^{\max}"),
    ],
    switches=[
        Switch(
            "eps_in_moment",
            ("kept", "passing", "absent"),
            "eps is added to the second moment at each step and stays there, is added under the root only, or in the denominator only",
            sources={
                "kept": "Zhuang et al. 2020 (NeurIPS), Algorithm 2; adabelief_pytorch, pytorch_optimizer",
                "passing": "arXiv:2010.07468v2, Algorithm 2, and the appendix of the later versions",
                "absent": "arXiv:2010.07468v1, Algorithm 2",
            },
            witness={
                "kept": "tests/witness/adabelief.py: pytorch_optimizer_adabelief",
                "passing": "tests/witness/adabelief.py: adabelief_version_2",
                "absent": "tests/witness/adabelief.py: adabelief_version_1",
            },
        ),
        Switch(
            "decay",
            ("decoupled", "fixed", "coupled"),
            "weight decay shrinks the parameter at a rate times the learning rate, or at the rate itself, or enters the gradient",
            sources={
                "decoupled": "adabelief_pytorch, weight_decouple = True",
                "fixed": "adabelief_pytorch, fixed_decay = True",
                "coupled": "adabelief_pytorch, weight_decouple = False",
            },
            witness={
                "decoupled": "tests/witness/adabelief.py: pytorch_optimizer_adabelief",
                "fixed": "tests/witness/adabelief.py: pytorch_optimizer_adabelief",
                "coupled": "tests/witness/adabelief.py: pytorch_optimizer_adabelief",
            },
        ),
        Switch(
            "until_rectified",
            ("momentum", "nothing"),
            "the steps before the variance can be rectified follow the first moment, or are left out",
            sources={
                "momentum": "adabelief_pytorch, degenerated_to_sgd = True",
                "nothing": "adabelief_pytorch, degenerated_to_sgd = False",
            },
            witness={
                "momentum": "tests/witness/adabelief.py: pytorch_optimizer_adabelief",
                "nothing": "tests/witness/adabelief.py: pytorch_optimizer_adabelief",
            },
        ),
    ],
    witness="tests/witness/adabelief.py: pytorch_optimizer_adabelief",
)
class AdaBelief:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        bias2 = 1 - h.beta2**t
        c = {
            "mix1": 1 - h.beta1,
            "mix2": 1 - h.beta2,
            "step_size": h.lr / (1 - h.beta1**t),
            "root_bias2": xp.sqrt(bias2),
        }
        if h.rectify:
            longest = 2 / (1 - h.beta2) - 1
            length = longest - 2 * t * h.beta2**t / bias2
            ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            c["rectification"] = xp.sqrt(xp.where(length >= 5, bias2 * ratio, 0))
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
        deviation = g - m
        moment = h.beta2 * s.s + c.mix2 * deviation * deviation
        if h.eps_in_moment == "kept":
            moment = moment + h.eps
        state = {"m": m, "s": moment}
        top = moment
        if h.amsgrad:
            top = state["s_max"] = xp.maximum(s.s_max, moment)
        root = xp.sqrt(top + h.eps if h.eps_in_moment == "passing" else top)

        if not h.rectify:
            return p - c.step_size * m / (root / c.root_bias2 + h.eps), state
        # the rectification has the bias correction of the second moment in it
        adaptive = p - c.step_size * c.rectification * m / (root + h.eps)
        early = p - c.step_size * m if h.until_rectified == "momentum" else p
        return xp.where(c.rectification > 0, adaptive, early), state
