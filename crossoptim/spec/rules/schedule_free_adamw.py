"""Schedule-Free AdamW: the gradient is taken between Adam's iterate and the average of its iterates, which takes the schedule's place."""

from crossoptim.spec.model import Flag, Kept, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "schedule_free_adamw",
    title="Schedule-Free AdamW",
    kind="elementwise",
    sources=[
        "Defazio et al. 2024, arXiv:2405.15682, Algorithm 1",
        "facebookresearch/schedule_free 1.4.1, adamw_schedulefree_reference.py (weights of the average, where decay is taken)",
    ],
    hyper=[
        Real("lr", 2.5e-3, "[0, inf)", "learning rate", example=0.12),
        Real("beta1", 0.9, "[0, 1]", "how near to the average the gradient is taken", example=0.7),
        Real("beta2", 0.999, "[0, 1)", "decay of the second moment", example=0.9),
        Real("eps", 1e-8, "[0, inf)", "keeps the denominator from zero", example=0.03),
        Real("weight_decay", 0.0, "[0, inf)", "rate of decoupled decay", example=0.2),
        Real("warmup_steps", 0.0, "[0, inf)", "over how many steps the learning rate grows to its value", example=4.0, symbol="T"),
        Real("r", 0.0, "[0, inf)", "power of the step count in the weights of the average", example=0.5),
        Real("weight_lr_power", 2.0, "[0, inf)", "power of the learning rate in the weights of the average", example=1.5, symbol=r"\rho"),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("z", init="p", doc="base iterate: what takes Adam's steps"),
        StateVar("y", init="p", doc="between the base iterate and the average: where the gradient is taken", gradient_point=True),
        StateVar("v", doc="second moment: moving average of the squared gradient"),
    ],
    kept=[
        Kept("lr_max", "0", "the largest learning rate so far", symbol=r"\eta^{\max}"),
        Kept("weight_sum", "0", "the sum of the weights of the average", symbol="W"),
    ],
    switches=[
        Switch(
            "bias_correction",
            ("denominator", "learning_rate"),
            "the second moment's correction is in the denominator, or in the learning rate and so in the weights of the average",
            sources={
                "denominator": "facebookresearch/schedule_free, AdamWScheduleFree",
                "learning_rate": "Defazio et al. 2024, Algorithm 1; AdamWScheduleFreePaper",
            },
            witness={
                "denominator": "tests/witness/schedule_free_adamw.py: schedulefree_reference",
                "learning_rate": "tests/witness/schedule_free_adamw.py: schedulefree_paper",
            },
        ),
        Switch(
            "weight_rate",
            ("largest", "current"),
            "the weights of the average are made from the largest learning rate so far, or from the current one",
            sources={"largest": "facebookresearch/schedule_free", "current": "Defazio et al. 2024, Algorithm 1"},
            witness={
                "largest": "tests/witness/schedule_free_adamw.py: schedulefree_reference",
                "current": "tests/witness/schedule_free_adamw.py: schedule_free_algorithm_1",
            },
        ),
        Switch(
            "decay_at",
            ("gradient_point", "base_iterate"),
            "weight decay shrinks by the point where the gradient is taken, or by the base iterate",
            sources={
                "gradient_point": "Defazio et al. 2024, Algorithm 1; AdamWScheduleFree",
                "base_iterate": "AdamWScheduleFreeReference, decay_at_z = True",
            },
            witness={
                "gradient_point": "tests/witness/schedule_free_adamw.py: schedulefree_reference",
                "base_iterate": "tests/witness/schedule_free_adamw.py: schedulefree_reference",
            },
        ),
    ],
    witness="tests/witness/schedule_free_adamw.py: schedulefree_reference",
)
class ScheduleFreeAdamW:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        bias2 = 1 - h.beta2**t
        rate = h.lr * (t / xp.maximum(t, h.warmup_steps)) if h.warmup_steps else h.lr
        if h.bias_correction == "learning_rate":
            rate = rate * xp.sqrt(bias2)
        largest = xp.maximum(k.lr_max, rate) if h.weight_rate == "largest" else k.lr_max
        weight = t**h.r * (largest if h.weight_rate == "largest" else rate) ** h.weight_lr_power
        total = k.weight_sum + weight
        share = weight / xp.where(total > 0, total, 1)
        return {
            "rate": rate,
            "lr_max": largest,
            "weight_sum": total,
            "share": share,
            "rest": 1 - share,
            "lean": 1 - h.beta1,
            "mix2": 1 - h.beta2,
            "bias2": bias2,
        }

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        v = h.beta2 * s.v + c.mix2 * g * g
        direction = g / (xp.sqrt(v / c.bias2 if h.bias_correction == "denominator" else v) + h.eps)
        if h.weight_decay:
            direction = direction + h.weight_decay * (s.y if h.decay_at == "gradient_point" else s.z)
        z = s.z - c.rate * direction
        p = p * c.rest + c.share * z
        return p, {"z": z, "y": h.beta1 * p + c.lean * z, "v": v}
