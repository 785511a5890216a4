"""A factor that is given as a function of the step."""

from crossoptim.spec.schedule import Formula
from crossoptim.spec.schedules import schedule


@schedule(
    "lambda",
    title="Base rate times a function",
    sources=["torch.optim.lr_scheduler.LambdaLR", "R torch lr_lambda"],
    options=[Formula("factor", "the factor of the base rate after t steps")],
    witness="torch.optim.lr_scheduler.LambdaLR",
)
def lambda_factor(xp, h, t):
    """The base rate times a function of the step."""
    return h.base_lr * h.factor(t)
