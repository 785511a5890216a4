"""Half a cosine down, half a cosine up, and so on."""

from crossoptim.spec.schedule import Number, Whole
from crossoptim.spec.schedules import schedule


@schedule(
    "cosine_annealing",
    title="Cosine annealing",
    sources=[
        "Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5",
        "torch.optim.lr_scheduler.CosineAnnealingLR",
        "R torch lr_cosine_annealing",
    ],
    options=[
        Whole("T_max", "[1, inf)", doc="steps from the highest to the lowest rate"),
        Number("eta_min", "[0, inf)", 0.0, "the lowest rate"),
    ],
    witness="torch.optim.lr_scheduler.CosineAnnealingLR",
)
def cosine_annealing(xp, h, t):
    """Along a cosine from the base rate to eta_min and back; past T_max it goes up again."""
    return h.eta_min + (h.base_lr - h.eta_min) * (1 + xp.cos(xp.pi * t / h.T_max)) / 2
