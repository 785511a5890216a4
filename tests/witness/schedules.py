"""Learning-rate schedules, transcribed in plain floats from papers and from the formulas in PyTorch's documentation."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise


def step(t, lr, step_size, gamma=0.1):
    """StepLR: "decays the learning rate of each parameter group by gamma every step_size epochs"."""
    return lr * gamma ** (t // step_size)


def multi_step(t, lr, milestones, gamma=0.1):
    """MultiStepLR: "by gamma once the number of epoch reaches one of the milestones"."""
    return lr * gamma ** bisect_right(sorted(milestones), t)


def constant(t, lr, factor=1 / 3, total_iters=5):
    """ConstantLR: "until the number of epoch reaches a pre-defined milestone: total_iters"."""
    return lr * factor if t < total_iters else lr


def linear(t, lr, start_factor=1 / 3, end_factor=1.0, total_iters=5):
    """LinearLR: the factor goes from start_factor to end_factor in total_iters steps."""
    share = min(t, total_iters) / total_iters
    return lr * ((1 - share) * start_factor + share * end_factor)


def exponential(t, lr, gamma):
    """ExponentialLR: "by gamma every epoch"."""
    return lr * math.prod([gamma] * t)


def polynomial(t, lr, total_iters=5, power=1.0):
    """PolynomialLR: "using a polynomial function in the given total_iters"."""
    return lr * (max(total_iters - t, 0) / total_iters) ** power


def cosine_annealing(t, lr, T_max, eta_min=0.0):  # noqa: N803
    """Loshchilov & Hutter 2017, eq. 5, without restarts."""
    return eta_min + 0.5 * (lr - eta_min) * (1 + math.cos(math.pi * t / T_max))


def cosine_warm_restarts(t, lr, T_0, T_mult=1, eta_min=0.0):  # noqa: N803
    """Loshchilov & Hutter 2017, eq. 5 and section 3: "T_i is multiplied by T_mult at every restart"."""
    length = T_0
    while t >= length:
        t, length = t - length, length * T_mult
    return eta_min + 0.5 * (lr - eta_min) * (1 + math.cos(math.pi * t / length))


def cyclic(t, lr, max_lr, step_size_up=2000, step_size_down=None, mode="triangular", gamma=1.0):
    """Smith 2017, section 3.2 and appendix: a way up, a way down; the height constant, halved, or gamma ** iterations."""
    down = step_size_up if step_size_down is None else step_size_down
    cycle, place = divmod(t, step_size_up + down)
    share = place / step_size_up if place <= step_size_up else (step_size_up + down - place) / down
    height = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": gamma**t}[mode]
    return lr + (max_lr - lr) * share * height


def one_cycle(
    t, lr, max_lr, total_steps, pct_start=0.3, anneal_strategy="cos", div_factor=25.0, final_div_factor=1e4, three_phase=False
):  # fmt: skip
    """Smith & Topin 2018: up to max_lr, down again, then far below where it began. ``lr`` plays no part."""
    points = [(0.0, max_lr / div_factor), (pct_start * total_steps - 1, max_lr)]
    if three_phase:
        points.append((2 * pct_start * total_steps - 2, max_lr / div_factor))
    points.append((total_steps - 1.0, max_lr / div_factor / final_div_factor))
    for (left, low), (right, high) in pairwise(points):
        if t <= right + 1e-9:
            share = (t - left) / (right - left)
            return high + (low - high) * ((1 + math.cos(math.pi * share)) / 2 if anneal_strategy == "cos" else 1 - share)
    return points[-1][1]


def reduce_on_plateau(
    metrics, lr, mode="min", factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel", cooldown=0, min_lr=0.0, eps=1e-8
):  # fmt: skip
    """ReduceLROnPlateau, as its documentation words the arguments. Returns the rate after each metric."""
    sign = 1 if mode == "min" else -1
    best, bad, resting, out = math.inf, 0, 0, []
    for metric in metrics:
        if threshold_mode == "abs":
            target = best - threshold
        else:
            target = best * (1 - sign * threshold) if math.isfinite(best) else best
        better = sign * metric < target if mode == "min" or threshold_mode == "abs" else -metric < -(-best * (1 + threshold))
        if better:
            best = sign * metric
        bad = 0 if better else bad + 1
        if resting:
            resting, bad = resting - 1, 0
        if bad > patience:
            lower = max(lr * factor, min_lr)
            lr = lower if lr - lower > eps else lr
            resting, bad = cooldown, 0
        out.append(lr)
    return out
