"""Several schedules at once."""

from crossoptim.spec.schedule import Children
from crossoptim.spec.schedules import schedule


@schedule(
    "chained",
    title="Schedules at once",
    sources=["torch.optim.lr_scheduler.ChainedScheduler"],
    options=[Children("schedules", "each takes what the one before gives as its base rate")],
    witness="torch.optim.lr_scheduler.ChainedScheduler",
)
def chained(xp, h, t):
    """Each schedule takes the rate of the one before it as its base rate."""
    lr = h.base_lr
    for child in h.schedules:
        lr = child(lr, t)
    return lr
