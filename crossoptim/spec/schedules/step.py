"""Decay by a factor, every so many steps."""

from crossoptim.spec.schedule import Number, Whole
from crossoptim.spec.schedules import schedule


@schedule(
    "step",
    title="Step decay",
    sources=["torch.optim.lr_scheduler.StepLR", "R torch lr_step"],
    options=[Whole("step_size", "[1, inf)", doc="steps between two decays"), Number("gamma", "[0, inf)", 0.1, "the factor")],
    witness="torch.optim.lr_scheduler.StepLR",
)
def step(xp, h, t):
    """The base rate, multiplied by gamma once every step_size steps."""
    return h.base_lr * h.gamma ** xp.floor(t / h.step_size)
