"""PyTorch's ``torch.optim.lr_scheduler`` (read and run: 2.13.0)."""

import math
from collections.abc import Mapping
from typing import Any

from crossoptim.spec.ecosystems.recursions import CHAINABLE, CLOSED, children, goes_on, off_the_end, rebuilt_steps_twice, step_on
from crossoptim.spec.model import Binding, Raises
from crossoptim.spec.schedule import LR, Recursion, ScheduleQuirk, ScheduleRun, ScheduleSite, Values
from crossoptim.spec.schedules.one_cycle import total_steps

_FILE = "torch/optim/lr_scheduler.py"
_SOURCE = f"torch 2.13.0: {_FILE}"


def _binding(name: str, schedule: str, *same: str, **defaults: object) -> Binding:
    return Binding(name, rule=schedule, args={k: k for k in (*same, *defaults)}, defaults=defaults, state={}, source=f"{_FILE}: {name}")


SCHEDULES = (
    Binding("LambdaLR", rule="lambda", args={"lr_lambda": "factor"}, defaults={}, state={}, source=f"{_FILE}: LambdaLR"),
    Binding(
        "MultiplicativeLR", rule="multiplicative", args={"lr_lambda": "factor"}, defaults={}, state={}, source=f"{_FILE}: MultiplicativeLR"
    ),
    _binding("StepLR", "step", "step_size", gamma=0.1),
    _binding("MultiStepLR", "multi_step", "milestones", gamma=0.1),
    _binding("ConstantLR", "constant", factor=1 / 3, total_iters=5),
    _binding("LinearLR", "linear", start_factor=1 / 3, end_factor=1.0, total_iters=5),
    _binding("ExponentialLR", "exponential", "gamma"),
    _binding("PolynomialLR", "polynomial", total_iters=5, power=1.0),
    _binding("CosineAnnealingLR", "cosine_annealing", "T_max", eta_min=0.0),
    Binding(
        "CosineAnnealingWarmRestarts",
        rule="cosine_warm_restarts",
        args={"T_0": "T_0", "T_mult": "T_mult", "eta_min": "eta_min"},
        defaults={"T_mult": 1, "eta_min": 0.0},
        state={},
        switches={"positions": "step(epoch)"},
        source=f"{_FILE}: CosineAnnealingWarmRestarts",
    ),
    Binding(
        "ChainedScheduler", rule="chained", args={"schedulers": "schedules"}, defaults={}, state={}, source=f"{_FILE}: ChainedScheduler"
    ),
    Binding(
        "SequentialLR",
        rule="sequential",
        args={"schedulers": "schedules", "milestones": "milestones"},
        defaults={},
        state={},
        source=f"{_FILE}: SequentialLR",
    ),
    _binding(
        "ReduceLROnPlateau",
        "reduce_on_plateau",
        mode="min", factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel", cooldown=0, min_lr=0.0, eps=1e-8,
    ),
    Binding(
        "CyclicLR",
        rule="cyclic",
        args={
            "scale_fn" if key == "scale" else key: key
            for key in (
                "base_lr", "max_lr", "step_size_up", "step_size_down", "mode", "gamma", "scale", "scale_mode", "cycle_momentum",
                "base_momentum", "max_momentum",
            )
        },
        defaults={
            "step_size_up": 2000, "step_size_down": None, "mode": "triangular", "gamma": 1.0, "scale_fn": None, "scale_mode": "cycle",
            "cycle_momentum": True, "base_momentum": 0.8, "max_momentum": 0.9,
        },
        state={},
        source=f"{_FILE}: CyclicLR",
    ),
    _binding(
        "OneCycleLR",
        "one_cycle",
        "max_lr",
        total_steps=None, epochs=None, steps_per_epoch=None, pct_start=0.3, anneal_strategy="cos", cycle_momentum=True,
        base_momentum=0.85, max_momentum=0.95, div_factor=25.0, final_div_factor=1e4, three_phase=False,
    ),
)  # fmt: skip
_CLASS = {binding.rule: binding.name for binding in SCHEDULES}


def _names(site: ScheduleSite) -> list[str]:
    return [child.schedule.name for child in site.values.schedules]


def _length(site: ScheduleSite) -> int:
    return int(total_steps(site.values))


def _stays_scaled(run: ScheduleRun, t: int, before: Values) -> Values:
    return before if t else {LR: run.h.base_lr * run.h.factor}


def _chain_ahead(run: ScheduleRun, t: int, before: Values) -> Values:
    """The chain at the head of a sequence takes a whole step when it is built, where its children should only begin."""
    if t >= run.setting.values["milestones"][0]:
        return run.exact(t)
    chain = children(run)[0]
    lr = before[LR] if t else run.h.base_lr
    for child in children(chain):
        begins = t == 0 and child.setting.schedule.name in ("constant", "linear")
        first = child.setting.h(run.xp, run.lift, base_lr=lr)
        lr = child.setting.schedule.equation(run.xp, first, run.lift(0)) if begins else step_on(child, t, lr)
    return {LR: lr}


def _missed_restart(run: ScheduleRun, t: float, _: Values) -> Values:
    """At the epoch that begins a cycle, the logarithm falls short of a whole number, and the cycle before gets one epoch more: its end."""
    h, v = run.h, run.setting.values
    if not t or not _misses(v, t):
        return run.exact(t)
    return {LR: h.eta_min + (h.base_lr - h.eta_min) * (1 + run.xp.cos(run.xp.pi)) / 2}


def _misses(v: Mapping[str, Any], epoch: float) -> bool:
    begun = epoch / v["T_0"] * (v["T_mult"] - 1) + 1
    cycle = round(math.log(begun, v["T_mult"])) if v["T_mult"] > 1 else 0
    return cycle > 0 and begun == v["T_mult"] ** cycle and int(math.log(begun, v["T_mult"])) < cycle


QUIRKS = (
    ScheduleQuirk(
        id="pytorch/schedules/goes-on-from-the-rate-found",
        title="the next rate is made from the one that is found, so that a change from outside stays; other schedules overwrite it",
        bindings=tuple(_CLASS[name] for name in CHAINABLE),
        applies=lambda site: "set" in site.events,
        departs=goes_on,
        upstream=f"{_SOURCE}:658 (StepLR; likewise every get_lr() that reads group['lr'])",
        kind="choice",
        versions="2.13.0",
        advice="change base_lrs, or build the scheduler anew, where the schedule itself should go on from another rate",
    ),
    ScheduleQuirk(
        id="pytorch/schedules/rebuilt-steps-twice",
        title="built with last_epoch, it takes the step of that epoch once more: a decay that has been made is made again",
        bindings=("StepLR", "MultiStepLR", "ConstantLR"),
        applies=lambda site: "rebuild" in site.events,
        departs=rebuilt_steps_twice(step_on),
        upstream=f"{_SOURCE}:656, 746, 850 (get_lr() does not ask _is_initial, as ExponentialLR's and others' do)",
        kind="defect",
        versions="2.13.0",
        advice="resume with state_dict() and load_state_dict()",
    ),
    ScheduleQuirk(
        id="pytorch/constant/no-steps-stays-scaled",
        title="with total_iters = 0 the rate is multiplied by factor for ever, where it should never be",
        bindings=("ConstantLR",),
        applies=lambda site: site.values.total_iters == 0,
        departs=Recursion(_stays_scaled),
        upstream=f"{_SOURCE}:847-850 (step 0 multiplies, and total_iters is passed before it is compared)",
        kind="defect",
        versions="2.13.0",
        advice="leave the scheduler out where it has no steps",
    ),
    ScheduleQuirk(
        id="pytorch/constant/factor-zero-raises",
        title="a factor of zero raises at total_iters, where the rate is divided by it",
        bindings=("ConstantLR",),
        applies=lambda site: site.values.factor == 0 and 0 < site.values.total_iters <= site.steps,
        effects=(Raises("division by zero"),),
        upstream=f"{_SOURCE}:854",
        kind="defect",
        versions="2.13.0",
        advice="use a small factor, or LambdaLR",
    ),
    ScheduleQuirk(
        id="pytorch/one_cycle/one-step-more-goes-on",
        title="the step after the last one is let through, and the last phase goes on: the rate rises again, or is negative along a line",
        bindings=("OneCycleLR",),
        applies=lambda site: site.steps == _length(site),
        departs=off_the_end,
        upstream=f"{_SOURCE}:2576 (> where the last step is total_steps - 1)",
        kind="defect",
        versions="2.13.0",
        advice="do not call step() after the last batch",
    ),
    ScheduleQuirk(
        id="pytorch/one_cycle/over-run-raises",
        title="two steps past the end of the cycle raise, where the last rate could stay",
        bindings=("OneCycleLR",),
        applies=lambda site: site.steps > _length(site),
        effects=(Raises("The specified number of total steps is"),),
        upstream=f"{_SOURCE}:2577",
        kind="choice",
        versions="2.13.0",
        advice="give the right total_steps",
    ),
    ScheduleQuirk(
        id="pytorch/chained/closed-form-overwrites",
        title="a child that computes its rate from the base rate overwrites what the children before it did",
        bindings=("ChainedScheduler",),
        applies=lambda site: any(name in CLOSED for name in _names(site)[1:]),
        departs=goes_on,
        upstream=f"{_SOURCE}:464 (LambdaLR), 2203 (CosineAnnealingWarmRestarts)",
        kind="choice",
        versions="2.13.0",
        advice="put such a scheduler first, or use MultiplicativeLR instead of LambdaLR",
    ),
    ScheduleQuirk(
        id="pytorch/chained/cosine-restarts-from-base",
        title="past T_max a cosine adds its own first step up from the base rate, and forgets what the other children did",
        bindings=("ChainedScheduler",),
        applies=lambda site: any(c.schedule.name == "cosine_annealing" and c.values["T_max"] < site.steps for c in site.values.schedules),
        departs=goes_on,
        upstream=f"{_SOURCE}:1440-1447",
        kind="defect",
        versions="2.13.0",
        advice="end a chain with a cosine at T_max",
    ),
    ScheduleQuirk(
        id="pytorch/chained/cosine-eta-min-of-decayed-rate",
        title="a cosine with eta_min shrinks what the other children leave above eta_min, not the rate as a whole",
        bindings=("ChainedScheduler",),
        applies=lambda site: any(c.schedule.name == "cosine_annealing" and c.values["eta_min"] > 0 for c in site.values.schedules),
        departs=goes_on,
        upstream=f"{_SOURCE}:1448-1454",
        kind="choice",
        versions="2.13.0",
        advice="chain a cosine with eta_min=0 only, or put it into a SequentialLR",
    ),
    ScheduleQuirk(
        id="pytorch/sequential/chain-at-head-is-ahead",
        title="a ChainedScheduler at the head of a sequence steps when the sequence is built: its children are one step ahead",
        bindings=("SequentialLR",),
        applies=lambda site: _names(site)[0] == "chained",
        departs=Recursion(_chain_ahead),
        upstream=f"{_SOURCE}:1169 (_initial_step() of the chain, which does not mark its children as initial)",
        kind="defect",
        versions="2.13.0",
        advice="chain sequences instead of putting a chain into a sequence",
    ),
    ScheduleQuirk(
        id="pytorch/sequential/chain-later-raises",
        title="a ChainedScheduler that is not at the head raises NotImplementedError at its milestone",
        bindings=("SequentialLR",),
        applies=lambda site: "chained" in _names(site)[1:],
        effects=(Raises("NotImplementedError"),),
        upstream=f"{_SOURCE}:1192 (_update_lr(0) asks the chain for get_lr(), which it has not)",
        kind="defect",
        versions="2.13.0",
        advice="chain sequences instead of putting a chain into a sequence",
    ),
    ScheduleQuirk(
        id="pytorch/cosine_warm_restarts/logarithm-misses-restart",
        title="step(epoch) at the epoch that begins a cycle may take it for the end of the one before: the rate is eta_min",
        bindings=("CosineAnnealingWarmRestarts",),
        applies=lambda site: any(_misses(vars(site.values), epoch) for epoch in site.positions),
        departs=Recursion(_missed_restart),
        upstream=f"{_SOURCE}:2254-2258 (int(math.log(…)) of a whole power)",
        kind="defect",
        versions="2.13.0",
        advice="call step() without an epoch",
    ),
)
