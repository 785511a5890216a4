"""NAdam: Adam with Nesterov's momentum, whose coefficient follows a schedule."""

from crossoptim.spec.model import Flag, Kept, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "nadam",
    title="NAdam",
    kind="elementwise",
    sources=[
        "Dozat 2016, Incorporating Nesterov Momentum into Adam, ICLR workshop (Nadam)",
        "Sutskever, Martens, Dahl & Hinton 2013 (a schedule for the momentum)",
        "Loshchilov & Hutter 2019, arXiv:1711.05101 (decoupled weight decay)",
    ],
    hyper=[
        Real("lr", 2e-3, "[0, inf)", "learning rate", example=0.12),
        Real("beta1", 0.9, "[0, 1)", "decay of the first moment, and the momentum that the schedule tends to", example=0.7),
        Real("beta2", 0.999, "[0, 1)", "decay of the second moment", example=0.95),
        Real("eps", 1e-8, "[0, inf)", "keeps the denominator from zero", example=0.03),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, or the rate of decoupled decay", example=0.2),
        Real("momentum_decay", 4e-3, "[0, inf)", "how fast the momentum grows from a half of beta1 to beta1", example=1.5, symbol=r"\psi"),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("m", doc="first moment: moving average of the gradient"),
        StateVar("v", doc="second moment: moving average of the squared gradient"),
    ],
    kept=[Kept("mu_product", "1", "the product of all momentum coefficients so far", symbol=r"\Pi")],
    switches=[
        Switch(
            "decay",
            ("coupled", "decoupled"),
            "weight decay enters the gradient, or shrinks the parameter directly",
            sources={"coupled": "PyTorch NAdam", "decoupled": "PyTorch NAdam with decoupled_weight_decay (NAdamW)"},
            witness={"coupled": "torch.optim.NAdam", "decoupled": "torch.optim.NAdam"},
        ),
        Switch(
            "momentum_schedule",
            ("growing", "constant"),
            "the momentum grows from a half of beta1 to beta1, or is beta1",
            sources={"growing": "Dozat 2016; PyTorch, Keras", "constant": "Dozat 2016, with one momentum throughout; optax.nadam"},
            witness={"growing": "torch.optim.NAdam", "constant": "tests/witness/nadam.py: optax_nadam"},
        ),
    ],
    witness="torch.optim.NAdam",
)
class NAdam:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        def momentum(t):  # type: ignore[no-untyped-def]
            return h.beta1 * (1 - 0.5 * 0.96 ** (t * h.momentum_decay)) if h.momentum_schedule == "growing" else h.beta1

        mu, mu_next = momentum(t), momentum(t + 1)
        product = k.mu_product * mu
        c = {
            "mix1": 1 - h.beta1,
            "mix2": 1 - h.beta2,
            "bias2": 1 - h.beta2**t,
            "mu_product": product,
            "gradient_rate": h.lr * (1 - mu) / (1 - product),
            "moment_rate": h.lr * mu_next / (1 - product * mu_next),
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
        denominator = xp.sqrt(v / c.bias2) + h.eps
        p = p - c.gradient_rate * g / denominator
        return p - c.moment_rate * m / denominator, {"m": m, "v": v}
