"""How libraries go on from the rate that they find: PyTorch's chainable forms, which R torch took over; to predict departures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from crossoptim.spec.schedule import BASE, LR, Recursion, ScheduleRun, ScheduleSetting, Values
from crossoptim.spec.schedules.one_cycle import along

CHAINABLE = ("step", "multi_step", "constant", "linear", "exponential", "polynomial", "cosine_annealing")
"""Schedules that a library computes from the rate that it finds."""
CLOSED = ("lambda", "cosine_warm_restarts")
"""Schedules of one rate that a library computes from the base rate, whatever it finds."""


def step_on(run: ScheduleRun, t: int, lr: Any) -> Any:
    """The rate after step ``t`` from the rate that is there before it."""
    h, v, xp, lift = run.h, run.setting.values, run.xp, run.lift
    match run.setting.schedule.name:
        case "step":
            return lr * h.gamma if t % v["step_size"] == 0 else lr
        case "multi_step":
            for _ in range(v["milestones"].count(t)):
                lr = lr * h.gamma
            return lr
        case "constant":
            return lr * (1 / h.factor) if t == v["total_iters"] else lr
        case "exponential":
            return lr * h.gamma
        case "linear":
            span = h.end_factor - h.start_factor
            return lr if t > v["total_iters"] else lr * (1 + span / (h.total_iters * h.start_factor + (t - 1) * span))
        case "polynomial":
            left = v["total_iters"] - t
            return lr if left < 0 else lr * (lift(left) / (left + 1)) ** h.power if left else lr * 0
        case "cosine_annealing":
            if (t - 1 - v["T_max"]) % (2 * v["T_max"]) == 0:
                return lr + (h.base_lr - h.eta_min) * (1 - xp.cos(xp.pi / h.T_max)) / 2
            now, before = (1 + xp.cos(xp.pi * lift(step) / h.T_max) for step in (t, t - 1))
            return now / before * (lr - h.eta_min) + h.eta_min
        case "chained":
            for child in children(run):
                lr = step_on(child, t, lr)
            return lr
        case _:
            return run.exact(t)[LR]


def children(run: ScheduleRun) -> list[ScheduleRun]:
    """The runs of a composite's children, each with the composite's base rate."""
    base = {BASE.name: run.setting.values[BASE.name]}
    settings = [ScheduleSetting(child.schedule, {**child.values, **base}) for child in run.setting.values["schedules"]]
    return [replace(run, setting=setting) for setting in settings]


def begin_chain(run: ScheduleRun) -> Any:
    """The rate at step 0: each child begins on what it finds, or overwrites it."""
    lr = run.h.base_lr
    for child in children(run):
        if child.setting.schedule.name == "chained":
            lr = begin_chain(child)
        elif child.setting.schedule.name in CLOSED:
            lr = child.exact(0)[LR]
        else:
            setting = child.setting
            lr = setting.schedule.equation(run.xp, setting.h(run.xp, run.lift, base_lr=lr), run.lift(0))
    return lr


def _go_on(run: ScheduleRun, t: int, before: Values) -> Values:
    if run.setting.schedule.name == "chained" and t == 0:
        return {LR: begin_chain(run)}
    return {LR: step_on(run, t, before[LR])} if t else before


goes_on = Recursion(_go_on)
"""From the rate that is found, whoever set it."""


def rebuilt_steps_twice(twice: Callable[[ScheduleRun, int, Any], Any]) -> Recursion:
    """A scheduler that is built with ``last_epoch`` takes the step before once more; ``twice(run, t, lr)`` is what that step does."""

    def go_on(run: ScheduleRun, t: int, before: Values) -> Values:
        if t == 0:
            return before
        lr = before[LR]
        if t in run.rebuilt:
            lr = twice(run, t - 1, lr)
        return {LR: twice(run, t, lr)}

    return Recursion(go_on)


def _off_the_end(run: ScheduleRun, t: int, before: Values) -> Values:
    out: Values = along(run.xp, run.h, run.lift(t))
    return {key: out[key] for key in before}


off_the_end = Recursion(_off_the_end)
"""The 1cycle policy whose last phase goes on past its end."""


def multiply(run: ScheduleRun, t: int, lr: Any) -> Any:
    """A step of the multiplicative schedule."""
    return lr * run.h.factor(run.lift(t))
