"""One cycle up and down, then far down."""

from typing import Any

from crossoptim.spec.model import Flag
from crossoptim.spec.schedule import Choice, Condition, Number, Whole
from crossoptim.spec.schedules import schedule


def total_steps(h: Any) -> Any:
    """The length of the cycle."""
    return h.total_steps if h.total_steps is not None else h.epochs * h.steps_per_epoch


def along(xp: Any, h: Any, t: Any) -> Any:
    """The phases at any t; past the end the last one goes on."""
    first = h.max_lr / h.div_factor
    last = first / h.final_div_factor
    total = total_steps(h)
    peak = h.pct_start * total - 1
    start, top, end = (first, h.max_momentum), (h.max_lr, h.base_momentum), (last, h.max_momentum)
    phases = [(peak, start, top)]
    if h.three_phase:
        phases += [(2 * h.pct_start * total - 2, top, start), (total - 1, start, end)]
    else:
        phases += [(total - 1, top, end)]

    def way(a, b, x):
        return b + (a - b) / 2 * (1 + xp.cos(xp.pi * x)) if h.anneal_strategy == "cos" else (b - a) * x + a

    begins = [0, *(phase[0] for phase in phases)]
    rows = []
    for begin, (until, low, high) in zip(begins, phases, strict=False):
        x = (t - begin) / (until - begin)
        rows.append((until, way(low[0], high[0], x), way(low[1], high[1], x)))
    _, lr, momentum = rows.pop()
    for until, rate, beta in reversed(rows):
        lr, momentum = xp.where(t <= until, rate, lr), xp.where(t <= until, beta, momentum)
    return {"lr": lr, "momentum": momentum} if h.cycle_momentum else {"lr": lr}


@schedule(
    "one_cycle",
    title="1cycle policy",
    sources=[
        "Smith & Topin 2018, arXiv:1708.07120",
        "fast.ai (two phases, cosine)",
        "torch.optim.lr_scheduler.OneCycleLR",
        "R torch lr_one_cycle",
    ],
    options=[
        Number("max_lr", "[0, inf)", doc="the rate at the top", per_group=True),
        Whole("total_steps", "[1, inf)", None, "length of the cycle; else epochs and steps_per_epoch"),
        Whole("epochs", "[1, inf)", None, "number of epochs"),
        Whole("steps_per_epoch", "[1, inf)", None, "steps of an epoch"),
        Number("pct_start", "[0, 1]", 0.3, "the share of the cycle in which the rate goes up"),
        Choice("anneal_strategy", ("cos", "linear"), "along a cosine or a line"),
        Flag("cycle_momentum", "momentum goes down while the rate goes up", default=True),
        Number("base_momentum", "[0, 1)", 0.85, "the lowest momentum", per_group=True),
        Number("max_momentum", "[0, 1)", 0.95, "the highest momentum", per_group=True),
        Number("div_factor", "(0, inf)", 25.0, "max_lr over the first rate"),
        Number("final_div_factor", "(0, inf)", 1e4, "the first rate over the last one"),
        Flag("three_phase", "up, down by as many steps, then far down; else far down at once"),
    ],
    witness="torch.optim.lr_scheduler.OneCycleLR",
    nests=False,
    constraints=[
        Condition(
            "total_steps is missing (expected total_steps, or epochs and steps_per_epoch)",
            lambda h: h.total_steps is not None or (h.epochs is not None and h.steps_per_epoch is not None),
        ),
        Condition(
            "pct_start * total_steps is 1: the way up has no step (expected another pct_start)",
            lambda h: abs(h.pct_start * total_steps(h) - 1) > 1e-9,
        ),
        Condition(
            "pct_start * total_steps leaves no step for the way down (expected a smaller pct_start)",
            lambda h: (2 * h.pct_start * total_steps(h) - 1 if h.three_phase else h.pct_start * total_steps(h)) < total_steps(h),
        ),
    ],
)
def one_cycle(xp, h, t):
    """From max_lr / div_factor up to max_lr, down to the first rate / final_div_factor; past total_steps - 1 it stays there."""
    last = total_steps(h) - 1
    return along(xp, h, xp.where(t < last, t, last))
