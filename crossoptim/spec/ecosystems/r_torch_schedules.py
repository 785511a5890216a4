"""R torch's learning-rate schedulers, ``lr_*`` (read: 0.17.0.9000 at commit e4de110; run: 0.17)."""

import math

from crossoptim.spec.ecosystems.recursions import goes_on, multiply, off_the_end, rebuilt_steps_twice, step_on
from crossoptim.spec.model import Binding, Raises
from crossoptim.spec.schedule import ScheduleQuirk, ScheduleSite
from crossoptim.spec.schedules.one_cycle import total_steps

_FILE = "R/optim-lr_scheduler.R"


def _binding(name: str, schedule: str, *same: str, **defaults: object) -> Binding:
    return Binding(name, rule=schedule, args={k: k for k in (*same, *defaults)}, defaults=defaults, state={}, source=_FILE)


SCHEDULES = (
    Binding("lr_lambda", rule="lambda", args={"lr_lambda": "factor"}, defaults={}, state={}, source=_FILE),
    Binding("lr_multiplicative", rule="multiplicative", args={"lr_lambda": "factor"}, defaults={}, state={}, source=_FILE),
    _binding("lr_step", "step", "step_size", gamma=0.1),
    _binding("lr_cosine_annealing", "cosine_annealing", "T_max", eta_min=0.0),
    _binding(
        "lr_one_cycle",
        "one_cycle",
        "max_lr",
        total_steps=None, epochs=None, steps_per_epoch=None, pct_start=0.3, anneal_strategy="cos", cycle_momentum=True,
        base_momentum=0.85, max_momentum=0.95, div_factor=25.0, final_div_factor=1e4,
    ),
    _binding(
        "lr_reduce_on_plateau",
        "reduce_on_plateau",
        mode="min", factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel", cooldown=0, min_lr=0.0, eps=1e-8,
    ),
)  # fmt: skip

_UPSTREAM = f"github.com/mlverse/torch@e4de110c1df9130acb9ec927cb220720d9957259:{_FILE}"


def _length(site: ScheduleSite) -> int:
    return int(total_steps(site.values))


def _one_momentum(site: ScheduleSite) -> bool:
    """Whether all groups share max_momentum, so that it is given as one number."""
    return len({setting.values["max_momentum"] for setting in site.settings}) == 1


QUIRKS = (
    ScheduleQuirk(
        id="r-torch/schedules/goes-on-from-the-rate-found",
        title="the next rate is made from the one that is found, so that a change from outside stays; other schedules overwrite it",
        bindings=("lr_step", "lr_cosine_annealing"),
        applies=lambda site: "set" in site.events,
        departs=goes_on,
        upstream=f"{_UPSTREAM}:302, 769-778",
        kind="choice",
        versions="0.17.0.9000",
        advice="build the scheduler anew where the schedule itself should go on from another rate",
    ),
    ScheduleQuirk(
        id="r-torch/step/rebuilt-steps-twice",
        title="built with last_epoch, it takes the step of that epoch once more: a decay that has been made is made again",
        bindings=("lr_step",),
        applies=lambda site: "rebuild" in site.events,
        departs=rebuilt_steps_twice(step_on),
        upstream=f"{_UPSTREAM}:50 (initialize() calls step())",
        kind="defect",
        versions="0.17.0.9000",
        advice="resume with state_dict() and load_state_dict()",
    ),
    ScheduleQuirk(
        id="r-torch/multiplicative/rebuilt-steps-twice",
        title="built with last_epoch, it multiplies by the factor of that epoch once more",
        bindings=("lr_multiplicative",),
        applies=lambda site: "rebuild" in site.events,
        departs=rebuilt_steps_twice(multiply),
        upstream=f"{_UPSTREAM}:50 (initialize() calls step())",
        kind="defect",
        versions="0.17.0.9000",
        advice="resume with state_dict() and load_state_dict()",
    ),
    ScheduleQuirk(
        id="r-torch/cosine_annealing/rebuilt-raises",
        title="built with last_epoch, it raises: lapply() calls a function of two arguments with one",
        bindings=("lr_cosine_annealing",),
        applies=lambda site: "rebuild" in site.events,
        effects=(Raises('argument "base_lr" is missing'),),
        upstream=f"{_UPSTREAM}:763",
        kind="defect",
        versions="0.17.0.9000",
        advice="resume with state_dict() and load_state_dict()",
    ),
    ScheduleQuirk(
        id="r-torch/one_cycle/one-step-more-goes-on",
        title="the step after the last one is let through, and the last phase goes on: the rate rises again, or is negative along a line",
        bindings=("lr_one_cycle",),
        applies=lambda site: site.steps == _length(site),
        departs=off_the_end,
        upstream=f"{_UPSTREAM}:527 (> where the last step is total_steps - 1)",
        kind="defect",
        versions="0.17.0.9000",
        advice="do not call step() after the last batch",
    ),
    ScheduleQuirk(
        id="r-torch/one_cycle/over-run-raises",
        title="two steps past the end of the cycle raise, where the last rate could stay",
        bindings=("lr_one_cycle",),
        applies=lambda site: site.steps > _length(site),
        effects=(Raises("The specified number of total steps is"),),
        upstream=f"{_UPSTREAM}:528",
        kind="choice",
        versions="0.17.0.9000",
        advice="give the right total_steps",
    ),
    ScheduleQuirk(
        id="r-torch/one_cycle/second-group-raises",
        title="momentum for several groups raises where max_momentum is one number: the argument is indexed, not what was made of it",
        bindings=("lr_one_cycle",),
        applies=lambda site: site.values.cycle_momentum and len(site.settings) > 1 and _one_momentum(site),
        effects=(Raises("subscript out of bounds"),),
        upstream=f"{_UPSTREAM}:489-494 (max_momentum[[i]], not max_momentums[[i]])",
        kind="defect",
        versions="0.17.0.9000",
        advice="give max_momentum as a list of one number a group",
    ),
    ScheduleQuirk(
        id="r-torch/reduce_on_plateau/nan-raises",
        title="a NaN metric raises: R has no truth for a comparison with NaN",
        bindings=("lr_reduce_on_plateau",),
        applies=lambda site: any(math.isnan(metric) for metric in site.metrics),
        effects=(Raises("missing value where TRUE/FALSE needed"),),
        upstream=f"{_UPSTREAM}:669",
        kind="defect",
        versions="0.17.0.9000",
        advice="do not step on a NaN",
    ),
    ScheduleQuirk(
        id="r-torch/reduce_on_plateau/list-of-min-lr-raises",
        title="a list of min_lr, one a group, raises at the first reduction: it is wrapped in a list once more",
        bindings=("lr_reduce_on_plateau",),
        applies=lambda site: len({setting.values["min_lr"] for setting in site.settings}) > 1,
        effects=(Raises("invalid 'type' (list) of argument"),),
        upstream=f"{_UPSTREAM}:641, 693",
        kind="defect",
        versions="0.17.0.9000",
        advice="give one min_lr for all groups; of a vector c(…), its largest holds for every group",
    ),
)
