"""A smaller rate at the beginning."""

from crossoptim.spec.schedule import Number, Whole
from crossoptim.spec.schedules import schedule


@schedule(
    "constant",
    title="Constant factor at the beginning",
    sources=["torch.optim.lr_scheduler.ConstantLR"],
    options=[
        Number("factor", "[0, 1]", 1 / 3, "the factor before total_iters"),
        Whole("total_iters", "[0, inf)", 5, "the step from which the base rate holds"),
    ],
    witness="torch.optim.lr_scheduler.ConstantLR",
)
def constant(xp, h, t):
    """The base rate times a factor, up to total_iters; then the base rate."""
    return xp.where(t < h.total_iters, h.base_lr * h.factor, h.base_lr)
