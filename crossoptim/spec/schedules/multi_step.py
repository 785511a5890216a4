"""Decay by a factor, at given steps."""

from crossoptim.spec.schedule import Number, Steps
from crossoptim.spec.schedules import schedule


@schedule(
    "multi_step",
    title="Decay at milestones",
    sources=["torch.optim.lr_scheduler.MultiStepLR"],
    options=[
        Steps("milestones", "the steps at which it decays; one that is named twice counts twice"),
        Number("gamma", "[0, inf)", 0.1, "the factor"),
    ],
    witness="torch.optim.lr_scheduler.MultiStepLR",
)
def multi_step(xp, h, t):
    """The base rate, multiplied by gamma at each milestone."""
    lr = h.base_lr
    for milestone in h.milestones:
        lr = xp.where(t >= milestone, h.gamma * lr, lr)
    return lr
