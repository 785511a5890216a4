"""Yogi: Adam whose second moment moves towards the squared gradient by an amount that does not depend on how far away it is."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "yogi",
    title="Yogi",
    kind="elementwise",
    sources=["Zaheer, Reddi, Sachan, Kale & Kumar 2018, Adaptive Methods for Nonconvex Optimization, NeurIPS, Algorithm 2"],
    hyper=[
        Real("lr", 1e-2, "[0, inf)", "learning rate", example=0.12),
        Real("beta1", 0.9, "[0, 1)", "decay of the first moment", example=0.7),
        Real("beta2", 0.999, "[0, 1)", "one less the rate of the second moment", example=0.9),
        Real("eps", 1e-3, "[0, inf)", "keeps the denominator from zero", example=0.25),
        Real("initial_accumulator", 1e-6, "[0, inf)", "the second moment before the first step", example=0.5, symbol=r"\tau"),
        Real("weight_decay", 0.0, "[0, inf)", "rate of decoupled decay, or L2 penalty", example=0.2),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("m", doc="first moment: moving average of the gradient"),
        StateVar("v", init="initial_accumulator", doc="second moment"),
    ],
    switches=[
        Switch(
            "bias_correction",
            ("off", "on"),
            "whether the moments are corrected as if they had started at zero",
            sources={"off": "Zaheer et al. 2018, Algorithm 2", "on": "TensorFlow Addons, optax, pytorch_optimizer"},
            witness={
                "off": "tests/witness/yogi.py: yogi_algorithm_2",
                "on": "tests/witness/yogi.py: pytorch_optimizer_yogi",
            },
        ),
        Switch(
            "first_moment_start",
            ("zero", "accumulator"),
            "the first moment starts at zero, or at the initial value of the second",
            sources={"zero": "Zaheer et al. 2018, Algorithm 2; TensorFlow Addons", "accumulator": "optax, pytorch_optimizer"},
            witness={
                "zero": "tests/witness/yogi.py: yogi_algorithm_2",
                "accumulator": "tests/witness/yogi.py: pytorch_optimizer_yogi",
            },
        ),
        Switch(
            "decay",
            ("decoupled", "coupled"),
            "weight decay shrinks the parameter directly, or enters the gradient",
            sources={"decoupled": "pytorch_optimizer", "coupled": "torch_optimizer; pytorch_optimizer with weight_decouple = False"},
            witness={
                "decoupled": "tests/witness/yogi.py: pytorch_optimizer_yogi",
                "coupled": "tests/witness/yogi.py: pytorch_optimizer_yogi",
            },
        ),
    ],
    witness="tests/witness/yogi.py: yogi_algorithm_2",
)
class Yogi:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        c = {"mix1": 1 - h.beta1, "mix2": 1 - h.beta2}
        if h.weight_decay and h.decay == "decoupled":
            c["shrink"] = 1 - h.lr * h.weight_decay
        if h.first_moment_start == "accumulator":
            c["start"] = xp.where(t < 2, h.initial_accumulator, 0)
        if h.bias_correction == "on":
            c["step_size"] = h.lr / (1 - h.beta1**t)
            c["root_bias2"] = xp.sqrt(1 - h.beta2**t)
        return c

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay and h.decay == "decoupled":
            p = p * c.shrink
        if h.weight_decay and h.decay == "coupled":
            g = g + h.weight_decay * p

        square = g * g
        amount = c.mix2 * square
        m = s.m + c.start if h.first_moment_start == "accumulator" else s.m
        m = m + c.mix1 * (g - m)
        # the amount times a sign, which is zero where both are equal; NaN goes through
        v = s.v - xp.where(s.v > square, amount, 0) + xp.where(s.v >= square, 0, amount)
        root = xp.sqrt(v)
        if h.bias_correction == "on":
            return p - c.step_size * m / (root / c.root_bias2 + h.eps), {"m": m, "v": v}
        return p - h.lr * m / (root + h.eps), {"m": m, "v": v}
