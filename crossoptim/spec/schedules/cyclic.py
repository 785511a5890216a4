"""Up and down between two rates."""

from crossoptim.spec.model import Flag
from crossoptim.spec.schedule import Choice, Formula, Number, Whole
from crossoptim.spec.schedules import schedule


@schedule(
    "cyclic",
    title="Cyclical learning rate",
    sources=["Smith 2017, arXiv:1506.01186, section 3.2", "torch.optim.lr_scheduler.CyclicLR"],
    options=[
        Number("max_lr", "[0, inf)", doc="the rate at the top of the first cycle", per_group=True),
        Whole("step_size_up", "[1, inf)", 2000, "steps of the way up"),
        Whole("step_size_down", "[1, inf)", None, "steps of the way down; as many as up unless given"),
        Choice("mode", ("triangular", "triangular2", "exp_range"), "the height of the cycles: constant, halved each time, or decaying"),
        Number("gamma", "[0, inf)", 1.0, "the decay of exp_range"),
        Formula("scale", "the height instead of the mode's, as a function of the cycle 1, 2, … or the step", None, per_group=False),
        Choice("scale_mode", ("cycle", "iterations"), "what scale is a function of"),
        Flag("cycle_momentum", "momentum goes down while the rate goes up", default=True),
        Number("base_momentum", "[0, 1)", 0.8, "the lowest momentum", per_group=True),
        Number("max_momentum", "[0, 1)", 0.9, "the highest momentum", per_group=True),
    ],
    witness="torch.optim.lr_scheduler.CyclicLR",
    nests=False,
)
def cyclic(xp, h, t):
    """From base_lr up to max_lr and down again, in cycles whose height may shrink."""
    up = h.step_size_up
    length = up + (h.step_size_down if h.step_size_down is not None else up)
    cycle = xp.floor(1 + t / length)
    x = 1 + t / length - cycle
    peak = up / length
    if h.scale is not None:
        height = h.scale(cycle if h.scale_mode == "cycle" else t)
    else:
        height = {"triangular": lambda: 1, "triangular2": lambda: 1 / 2 ** (cycle - 1), "exp_range": lambda: h.gamma**t}[h.mode]()
    way = xp.where(x <= peak, x / peak, (x - 1) / (peak - 1)) * height
    out = {"lr": h.base_lr + (h.max_lr - h.base_lr) * way}
    if h.cycle_momentum:
        out["momentum"] = h.max_momentum - (h.max_momentum - h.base_momentum) * way
    return out
