"""ADOPT: Adam that normalises each gradient by the second moment of the gradients before it, and then takes the momentum."""

from crossoptim.spec.model import Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "adopt",
    title="ADOPT",
    kind="elementwise",
    sources=[
        "Taniguchi et al. 2024, arXiv:2411.02853, the ADOPT algorithm",
        "iShohei220/adopt, src/adopt/adopt.py (clipping, since November 2024, and weight decay)",
    ],
    hyper=[
        Real("lr", 1e-3, "[0, inf)", "learning rate", example=0.12),
        Real("beta1", 0.9, "[0, 1)", "decay of the first moment", example=0.7),
        Real("beta2", 0.9999, "[0, 1)", "decay of the second moment", example=0.95),
        Real("eps", 1e-6, "[0, inf)", "the least denominator", example=0.75),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, or the rate of decoupled decay", example=0.2),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("m", doc="first moment: moving average of the normalised gradient"),
        StateVar("v", doc="second moment: moving average of the squared gradient; the first one makes its start and no step"),
    ],
    switches=[
        Switch(
            "clipping",
            ("growing", "off"),
            "the normalised gradient is clipped at the fourth root of the number of steps, or taken as it is",
            sources={
                "growing": "iShohei220/adopt, clip_lambda = step**0.25, since November 2024",
                "off": "Taniguchi et al. 2024, arXiv:2411.02853v1; clip_lambda = None",
            },
            witness={
                "growing": "tests/witness/adopt.py: pytorch_optimizer_adopt",
                "off": "tests/witness/adopt.py: adopt_algorithm",
            },
        ),
        Switch(
            "decay",
            ("coupled", "decoupled", "decoupled_from_start"),
            "weight decay enters the gradient, or shrinks the parameter at each step, or with the first gradient already",
            sources={
                "coupled": "iShohei220/adopt",
                "decoupled": "iShohei220/adopt, decouple = True",
                "decoupled_from_start": "pytorch_optimizer 4.1.0, optimizer/adopt.py; iShohei220/adopt before November 2024",
            },
            witness={
                "coupled": "tests/witness/adopt.py: pytorch_optimizer_adopt",
                "decoupled": "tests/witness/adopt.py: adopt_of_the_authors",
                "decoupled_from_start": "tests/witness/adopt.py: pytorch_optimizer_adopt",
            },
        ),
    ],
    witness="tests/witness/adopt.py: pytorch_optimizer_adopt",
)
class ADOPT:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        steps = t - 1  # the first gradient makes none
        kept = xp.where(t < 2, 0, h.beta2)
        c = {"steps": steps, "mix1": 1 - h.beta1, "keep2": kept, "mix2": 1 - kept}
        if h.clipping == "growing":
            c["clip"] = steps**0.25
        if h.weight_decay and h.decay != "coupled":
            c["shrink"] = 1 - h.lr * h.weight_decay
            if h.decay == "decoupled":
                c["shrink"] = xp.where(t < 2, 1, c["shrink"])
        return c

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay:
            if h.decay == "coupled":
                g = g + h.weight_decay * p
            else:
                p = p * c.shrink

        normed = g / xp.maximum(xp.sqrt(s.v), h.eps)
        if h.clipping == "growing":
            normed = xp.where(normed > c.clip, c.clip, xp.where(normed < -c.clip, -c.clip, normed))
        m = s.m + c.mix1 * (normed - s.m)
        v = c.keep2 * s.v + c.mix2 * g * g

        # whole numbers on either side, far from the rounding of both
        return xp.where(c.steps > 0.5, p - h.lr * m, p), {"m": xp.where(c.steps > 0.5, m, s.m), "v": v}
