"""Schedule-Free SGD: the gradient is taken between a base iterate and the average of base iterates, which takes the schedule's place."""

from crossoptim.spec.model import Flag, Kept, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "schedule_free_sgd",
    title="Schedule-Free SGD",
    kind="elementwise",
    sources=[
        "Defazio et al. 2024, arXiv:2405.15682, section 1 (the iterates y, z and x)",
        "facebookresearch/schedule_free 1.4.1, sgd_schedulefree_reference.py (warm-up, weights of the average, weight decay)",
    ],
    hyper=[
        Real("lr", 1.0, "[0, inf)", "learning rate", example=0.1),
        Real("momentum", 0.9, "[0, 1]", "how near to the average the gradient is taken", example=0.7),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, differentiated where the gradient is taken", example=0.2),
        Real("warmup_steps", 0.0, "[0, inf)", "over how many steps the learning rate grows to its value", example=4.0, symbol="T"),
        Real("r", 0.0, "[0, inf)", "power of the step count in the weights of the average", example=0.5),
        Real("weight_lr_power", 2.0, "[0, inf)", "power of the learning rate in the weights of the average", example=1.5, symbol=r"\rho"),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("z", init="p", doc="base iterate: what takes the gradient steps"),
        StateVar("y", init="p", doc="between the base iterate and the average: where the gradient is taken", gradient_point=True),
    ],
    kept=[
        Kept("lr_max", "0", "the largest learning rate so far", symbol=r"\eta^{\max}"),
        Kept("weight_sum", "0", "the sum of the weights of the average", symbol="W"),
    ],
    switches=[
        Switch(
            "weight_rate",
            ("largest", "current"),
            "the weights of the average are made from the largest learning rate so far, or from the current one",
            sources={"largest": "facebookresearch/schedule_free", "current": "Defazio et al. 2024, Algorithm 1"},
            witness={
                "largest": "tests/witness/schedule_free_sgd.py: schedulefree_reference",
                "current": "tests/witness/schedule_free_sgd.py: schedule_free_weighted",
            },
        ),
        Switch(
            "average_start",
            ("first_step", "start_point"),
            "the average begins with the first step's iterate, or counts the start point with a weight of one",
            sources={
                "first_step": "facebookresearch/schedule_free; Defazio et al. 2024, Algorithm 1",
                "start_point": "Defazio et al. 2024, section 1: c = 1 / (t + 1)",
            },
            witness={
                "first_step": "tests/witness/schedule_free_sgd.py: schedulefree_reference",
                "start_point": "tests/witness/schedule_free_sgd.py: schedule_free_equations",
            },
        ),
    ],
    witness="tests/witness/schedule_free_sgd.py: schedulefree_reference",
)
class ScheduleFreeSGD:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        rate = h.lr * (t / xp.maximum(t, h.warmup_steps)) if h.warmup_steps else h.lr
        largest = xp.maximum(k.lr_max, rate) if h.weight_rate == "largest" else k.lr_max
        weight = t**h.r * (largest if h.weight_rate == "largest" else rate) ** h.weight_lr_power
        total = k.weight_sum + weight
        share = weight / (total + 1 if h.average_start == "start_point" else xp.where(total > 0, total, 1))
        return {"rate": rate, "lr_max": largest, "weight_sum": total, "share": share, "rest": 1 - share, "lean": 1 - h.momentum}

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        if h.weight_decay:
            g = g + h.weight_decay * s.y
        z = s.z - c.rate * g
        p = p * c.rest + c.share * z
        return p, {"z": z, "y": h.momentum * p + c.lean * z}
