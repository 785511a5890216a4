"""Adam, with AMSGrad and with weight decay coupled (L2) or decoupled (AdamW)."""

from crossoptim.spec.model import Flag, Preset, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "adam",
    title="Adam",
    kind="elementwise",
    sources=[
        "Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1",
        "Reddi, Kale & Kumar 2018, Algorithm 2 (amsgrad)",
        "Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2 (decoupled weight decay)",
    ],
    hyper=[
        Real("lr", 1e-3, "[0, inf)", "learning rate", example=0.1),
        Real("beta1", 0.9, "[0, 1)", "decay of the first moment", example=0.7),
        Real("beta2", 0.999, "[0, 1)", "decay of the second moment", example=0.95),
        Real("eps", 1e-8, "[0, inf)", "keeps the denominator from zero", example=0.03),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, or the rate of decoupled decay", example=0.2),
        Flag("amsgrad", "divide by the largest second moment so far"),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("m", doc="first moment: moving average of the gradient"),
        StateVar("v", doc="second moment: moving average of the squared gradient"),
        StateVar("v_max", when=lambda h: h.amsgrad, doc="the largest second moment so far", symbol=r"v^{\max}"),
    ],
    switches=[
        Switch(
            "decay",
            ("coupled", "decoupled"),
            "weight decay enters the gradient, or shrinks the parameter directly",
            sources={"coupled": "PyTorch Adam", "decoupled": "Loshchilov & Hutter 2019, Algorithm 2; PyTorch AdamW"},
            witness={"coupled": "torch.optim.Adam", "decoupled": "torch.optim.AdamW"},
        ),
        Switch(
            "eps_placement",
            ("outside", "inside"),
            "eps is added to the root of the second moment, or under it",
            sources={"outside": "Kingma & Ba 2015, Algorithm 1", "inside": "hand-written forms in tutorials: sqrt(v + eps)"},
            witness={"outside": "torch.optim.Adam", "inside": "tests/witness/adam.py: adam_eps_inside"},
        ),
        Switch(
            "eps_order",
            ("after", "before"),
            "eps joins after the bias correction of the second moment, or before it",
            sources={"after": "Kingma & Ba 2015, Algorithm 1", "before": "Kingma & Ba 2015, end of section 2 (epsilon hat)"},
            witness={"after": "torch.optim.Adam", "before": "tests/witness/adam.py: adam_epsilon_hat"},
        ),
        Switch(
            "bias_correction",
            ("on", "off"),
            "whether the moments are corrected for their start at zero",
            sources={"on": "Kingma & Ba 2015, Algorithm 1", "off": "R torch book, eqs. 8.7-8.9"},
            witness={"on": "torch.optim.Adam", "off": "tests/witness/adam.py: adam_without_bias_correction"},
        ),
    ],
    presets=[
        Preset(
            "adamw",
            "AdamW",
            switches={"decay": "decoupled"},
            hyper={"weight_decay": 1e-2},
            sources=("Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2",),
        )
    ],
    witness="torch.optim.Adam",
)
class Adam:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        c = {"mix1": 1 - h.beta1, "mix2": 1 - h.beta2}
        if h.weight_decay and h.decay == "decoupled":
            c["shrink"] = 1 - h.lr * h.weight_decay
        if h.bias_correction == "on":
            c["step_size"] = h.lr / (1 - h.beta1**t)
            c["bias2"] = 1 - h.beta2**t
            c["root_bias2"] = xp.sqrt(c["bias2"])
        return c

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay and h.decay == "coupled":
            g = g + h.weight_decay * p
        if h.weight_decay and h.decay == "decoupled":
            p = p * c.shrink

        m = s.m + c.mix1 * (g - s.m)
        v = s.v * h.beta2 + c.mix2 * g * g
        state = {"m": m, "v": v}
        top = v
        if h.amsgrad:
            top = state["v_max"] = xp.maximum(s.v_max, v)

        corrected = h.bias_correction == "on"
        if h.eps_placement == "inside":
            if h.eps_order == "after":
                denominator = xp.sqrt((top / c.bias2 if corrected else top) + h.eps)
            else:
                root = xp.sqrt(top + h.eps)
                denominator = root / c.root_bias2 if corrected else root
        elif h.eps_order == "after":
            root = xp.sqrt(top)
            denominator = (root / c.root_bias2 if corrected else root) + h.eps
        else:
            root = xp.sqrt(top) + h.eps
            denominator = root / c.root_bias2 if corrected else root
        return p - (c.step_size if corrected else h.lr) * m / denominator, state
