"""Half a cosine down, then a jump back; the cycles may grow."""

from crossoptim.spec.schedule import Number, Whole
from crossoptim.spec.schedules import schedule


@schedule(
    "cosine_warm_restarts",
    title="Cosine annealing with warm restarts",
    sources=["Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5", "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts"],
    options=[
        Whole("T_0", "[1, inf)", doc="steps of the first cycle"),
        Whole("T_mult", "[1, inf)", 1, "how many times longer each cycle is than the one before", structural=True),
        Number("eta_min", "[0, inf)", 0.0, "the rate towards which each cycle goes"),
    ],
    witness="torch.optim.lr_scheduler.CosineAnnealingWarmRestarts",
)
def cosine_warm_restarts(xp, h, t):
    """Along a cosine from the base rate towards eta_min, again and again, each cycle T_mult times as long."""
    if h.T_mult == 1:
        start, length = h.T_0 * xp.floor(t / h.T_0), h.T_0
    else:
        # no cycle begins at half a step, so that rounding cannot take it for another cycle
        cycle = xp.floor(xp.log((xp.floor(t) + 0.5) / h.T_0 * (h.T_mult - 1) + 1) / xp.log(xp.number(h.T_mult)))
        growth = h.T_mult**cycle
        start, length = h.T_0 * (growth - 1) / (h.T_mult - 1), h.T_0 * growth
    return h.eta_min + (h.base_lr - h.eta_min) * (1 + xp.cos(xp.pi * (t - start) / length)) / 2
