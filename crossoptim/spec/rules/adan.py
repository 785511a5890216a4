"""Adan: Adam with Nesterov's momentum by the difference of successive gradients, so that one gradient a step is enough."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "adan",
    title="Adan",
    kind="elementwise",
    sources=[
        "Xie, Zhou, Li, Lin & Yan 2022, arXiv:2208.06677, Algorithm 1, with 1 - beta for the paper's beta",
        "sail-sg/Adan, adan.py (without its clipping of the norm of all gradients)",
    ],
    hyper=[
        Real("lr", 1e-3, "[0, inf)", "learning rate", example=0.12),
        Real("beta1", 0.98, "[0, 1)", "decay of the gradient's average", example=0.7),
        Real("beta2", 0.92, "[0, 1)", "decay of the difference's average", example=0.6),
        Real("beta3", 0.99, "[0, 1)", "decay of the second moment", example=0.9, symbol=r"\beta_3"),
        Real("eps", 1e-8, "[0, inf)", "keeps the denominator from zero", example=0.03),
        Real("weight_decay", 0.0, "[0, inf)", "rate of decay", example=0.2),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("m", doc="moving average of the gradient"),
        StateVar("v", doc="moving average of the difference from the gradient before"),
        StateVar("n", doc="second moment: moving average of the squared gradient with Nesterov's correction"),
        StateVar("previous", init="g", doc="the last gradient", symbol=r"\tilde{g}"),
    ],
    switches=[
        Switch(
            "decay",
            ("proximal", "decoupled"),
            "weight decay divides the parameter after the step, or shrinks it before",
            sources={"proximal": "Xie et al. 2022, Algorithm 1", "decoupled": "sail-sg/Adan, no_prox = True"},
            witness={
                "proximal": "tests/witness/adan.py: pytorch_optimizer_adan",
                "decoupled": "tests/witness/adan.py: pytorch_optimizer_adan",
            },
        ),
        Switch(
            "moments_start",
            ("zero", "first_gradient"),
            "the averages start at zero and are corrected for it, or start as the first gradient, difference and square",
            sources={"zero": "sail-sg/Adan", "first_gradient": "Xie et al. 2022, Algorithm 1"},
            witness={
                "zero": "tests/witness/adan.py: pytorch_optimizer_adan",
                "first_gradient": "tests/witness/adan.py: adan_algorithm_1",
            },
        ),
    ],
    witness="tests/witness/adan.py: pytorch_optimizer_adan",
)
class Adan:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        if h.moments_start == "zero":
            c = {
                "keep1": h.beta1,
                "keep2": h.beta2,
                "keep3": h.beta3,
                "step_size": h.lr / (1 - h.beta1**t),
                "difference_step": h.lr * h.beta2 / (1 - h.beta2**t),
                "root_bias3": xp.sqrt(1 - h.beta3**t),
            }
        else:
            c = {
                "keep1": xp.where(t < 2, 0, h.beta1),
                "keep2": xp.where(t < 3, 0, h.beta2),  # the second gradient makes the first difference
                "keep3": xp.where(t < 2, 0, h.beta3),
                "step_size": h.lr,
                "difference_step": h.lr * h.beta2,
            }
        c |= {"mix1": 1 - c["keep1"], "mix2": 1 - c["keep2"], "mix3": 1 - c["keep3"]}
        if h.weight_decay:
            c["shrink"] = 1 - h.lr * h.weight_decay
            c["growth"] = 1 + h.lr * h.weight_decay
        return c

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        state = {"previous": g}
        difference = g - s.previous
        if h.maximize:
            g, difference = -g, -difference
        if h.weight_decay and h.decay == "decoupled":
            p = p * c.shrink

        m = state["m"] = c.keep1 * s.m + c.mix1 * g
        v = state["v"] = c.keep2 * s.v + c.mix2 * difference
        ahead = g + h.beta2 * difference
        n = state["n"] = c.keep3 * s.n + c.mix3 * ahead * ahead

        root = xp.sqrt(n)
        denominator = (root / c.root_bias3 if h.moments_start == "zero" else root) + h.eps
        p = p - c.step_size * m / denominator - c.difference_step * v / denominator
        if h.weight_decay and h.decay == "proximal":
            p = p / c.growth
        return p, state
