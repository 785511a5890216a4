"""Decay by a factor at every step."""

from crossoptim.spec.schedule import Number
from crossoptim.spec.schedules import schedule


@schedule(
    "exponential",
    title="Exponential decay",
    sources=["torch.optim.lr_scheduler.ExponentialLR"],
    options=[Number("gamma", "[0, inf)", doc="the factor")],
    witness="torch.optim.lr_scheduler.ExponentialLR",
)
def exponential(xp, h, t):
    """The base rate, multiplied by gamma at every step."""
    return h.base_lr * h.gamma**t
