"""LAMB: Adam's direction, as long for each parameter tensor as the tensor's own norm says."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "lamb",
    title="LAMB",
    kind="reducing",
    sources=[
        "You et al. 2020, arXiv:1904.00962v5, Algorithm 2; phi(z) = z or min(z, gamma_u) as in section 3, there with a lower bound as well",
        "You et al. 2019, arXiv:1904.00962v3 (no bias correction)",
        "pytorch-optimizer Lamb, optax lamb: the trust ratio is 1 where a norm is zero, of which the paper says nothing",
    ],
    hyper=[
        Real("lr", 1e-3, "[0, inf)", "learning rate", example=0.05),
        Real("beta1", 0.9, "[0, 1)", "decay of the first moment", example=0.6),
        Real("beta2", 0.999, "[0, 1)", "decay of the second moment", example=0.9),
        Real("eps", 1e-6, "[0, inf)", "keeps the denominator from zero", example=0.3),
        Real("weight_decay", 0.0, "[0, inf)", "rate of weight decay, inside the trust ratio", example=0.25),
        Real(
            "norm_max", 0.0, "[0, inf)", "a larger norm of the parameter counts as this; 0 for no limit", example=5.0, symbol=r"\gamma_{u}"
        ),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("m", doc="first moment: moving average of the gradient"),
        StateVar("v", doc="second moment: moving average of the squared gradient"),
    ],
    switches=[
        Switch(
            "bias_correction",
            ("on", "off"),
            "whether the moments are corrected for their start at zero",
            sources={"on": "You et al. 2020, v5, Algorithm 2", "off": "You et al. 2019, v3; pytorch-optimizer Lamb"},
            witness={"on": "tests/witness/lamb.py: lamb_algorithm_2", "off": "tests/witness/lamb.py: lamb_without_bias_correction"},
        ),
    ],
    witness="tests/witness/lamb.py: lamb_algorithm_2",
)
class LAMB:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        c = {"mix1": 1 - h.beta1, "mix2": 1 - h.beta2}
        if h.bias_correction == "on":
            c["bias1"] = 1 - h.beta1**t
            c["bias2"] = 1 - h.beta2**t
        return c

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        m = h.beta1 * s.m + c.mix1 * g
        v = h.beta2 * s.v + c.mix2 * g * g
        if h.bias_correction == "on":
            d = m / c.bias1 / (xp.sqrt(v / c.bias2) + h.eps)
        else:
            d = m / (xp.sqrt(v) + h.eps)
        if h.weight_decay:
            d = d + h.weight_decay * p

        size, length = _norm(xp, p), _norm(xp, d)
        if h.norm_max:
            size = xp.where(size > h.norm_max, h.norm_max, size)
        trust = xp.where(length > 0, xp.where(size > 0, size / length, 1), 1)
        return p - h.lr * trust * d, {"m": m, "v": v}


def _norm(xp, x):  # type: ignore[no-untyped-def]
    return xp.sqrt(xp.sum(x * x))
