"""Decay to zero along a power of the steps that are left."""

from crossoptim.spec.schedule import Number, Whole
from crossoptim.spec.schedules import schedule


@schedule(
    "polynomial",
    title="Polynomial decay",
    sources=["torch.optim.lr_scheduler.PolynomialLR"],
    options=[
        Whole("total_iters", "[1, inf)", 5, "the step from which the rate is zero"),
        Number("power", "(0, inf)", 1.0, "the power; 1 is a line"),
    ],
    witness="torch.optim.lr_scheduler.PolynomialLR",
)
def polynomial(xp, h, t):
    """The base rate times a power of the share of steps that are left; zero from total_iters on."""
    left = xp.where(t < h.total_iters, 1 - t / h.total_iters, 1)
    return xp.where(t < h.total_iters, h.base_lr * left**h.power, 0)
