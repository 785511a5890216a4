"""A factor at every step that multiplies what is there."""

from crossoptim.spec.schedule import Formula
from crossoptim.spec.schedules import schedule


@schedule(
    "multiplicative",
    title="Last rate times a function",
    sources=["torch.optim.lr_scheduler.MultiplicativeLR", "R torch lr_multiplicative"],
    options=[Formula("factor", "the factor of the last rate at step t = 1, 2, …")],
    witness="torch.optim.lr_scheduler.MultiplicativeLR",
    start=lambda h: {"lr": h.base_lr},
)
def multiplicative(xp, h, t, s):
    """The last rate times a function of the step."""
    return {"lr": s.lr * h.factor(t)}
