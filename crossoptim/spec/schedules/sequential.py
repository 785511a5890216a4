"""Several schedules, one after another."""

from crossoptim.spec.schedule import Children, Condition, Steps
from crossoptim.spec.schedules import schedule


@schedule(
    "sequential",
    title="Schedules one after another",
    sources=["torch.optim.lr_scheduler.SequentialLR"],
    options=[Children("schedules", "in their order"), Steps("milestones", "the step at which each but the first begins")],
    witness="torch.optim.lr_scheduler.SequentialLR",
    constraints=[
        Condition("milestones do not fit the schedules (expected one milestone less)", lambda h: len(h.milestones) == len(h.schedules) - 1)
    ],
)
def sequential(xp, h, t):
    """Each schedule in its turn, from the base rate and counting its own steps."""
    lr = h.schedules[0](h.base_lr, t)
    for child, begin in zip(h.schedules[1:], h.milestones, strict=True):
        lr = xp.where(t >= begin, child(h.base_lr, xp.where(t >= begin, t - begin, 0)), lr)
    return lr
