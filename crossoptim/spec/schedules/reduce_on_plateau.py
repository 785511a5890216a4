"""Decay when a metric stops getting better."""

import math

from crossoptim.spec.schedule import Choice, Number, Whole
from crossoptim.spec.schedules import schedule


@schedule(
    "reduce_on_plateau",
    title="Reduce on plateau",
    sources=["torch.optim.lr_scheduler.ReduceLROnPlateau", "R torch lr_reduce_on_plateau"],
    options=[
        Choice("mode", ("min", "max"), "whether the metric should fall or rise"),
        Number("factor", "[0, 1)", 0.1, "the factor of the rate"),
        Whole("patience", "[0, inf)", 10, "bad steps that are borne"),
        Number("threshold", "[0, inf)", 1e-4, "how much better counts as better"),
        Choice("threshold_mode", ("rel", "abs"), "whether the threshold is a share of the best metric"),
        Whole("cooldown", "[0, inf)", 0, "steps after a reduction in which nothing is counted"),
        Number("min_lr", "[0, inf)", 0.0, "the rate never goes below", per_group=True),
        Number("eps", "[0, inf)", 1e-8, "a smaller change of the rate is not made"),
    ],
    witness="torch.optim.lr_scheduler.ReduceLROnPlateau",
    start=lambda h: {"lr": h.base_lr, "best": math.inf if h.mode == "min" else -math.inf, "bad": 0, "cooling": 0},
    metric=True,
)
def reduce_on_plateau(xp, h, t, s):
    """The last rate, multiplied by factor after more than patience steps without a better metric."""
    if h.mode == "min":
        better = s.metric < (s.best * (1 - h.threshold) if h.threshold_mode == "rel" else s.best - h.threshold)
    else:
        better = s.metric > (s.best * (1 + h.threshold) if h.threshold_mode == "rel" else s.best + h.threshold)
    bad = xp.where(s.cooling > 0, 0, xp.where(better, 0, s.bad + 1))
    cooling = xp.where(s.cooling > 0, s.cooling - 1, s.cooling)
    plateau = bad > h.patience
    reduced = xp.where(s.lr * h.factor > h.min_lr, s.lr * h.factor, h.min_lr)
    return {
        "lr": xp.where(plateau, xp.where(s.lr - reduced > h.eps, reduced, s.lr), s.lr),
        "best": xp.where(better, s.metric, s.best),
        "bad": xp.where(plateau, 0, bad),
        "cooling": xp.where(plateau, h.cooldown, cooling),
    }
