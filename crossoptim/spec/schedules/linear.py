"""A factor that moves along a line."""

from crossoptim.spec.schedule import Number, Whole
from crossoptim.spec.schedules import schedule


@schedule(
    "linear",
    title="Linear warm-up or decay",
    sources=["torch.optim.lr_scheduler.LinearLR"],
    options=[
        Number("start_factor", "(0, 1]", 1 / 3, "the factor at step 0"),
        Number("end_factor", "[0, 1]", 1.0, "the factor from total_iters on"),
        Whole("total_iters", "[1, inf)", 5, "how many steps the line takes"),
    ],
    witness="torch.optim.lr_scheduler.LinearLR",
)
def linear(xp, h, t):
    """The base rate times a factor that goes along a line from start_factor to end_factor, then stays."""
    done = xp.where(t < h.total_iters, t, h.total_iters)
    return h.base_lr * (h.start_factor + (h.end_factor - h.start_factor) * done / h.total_iters)
