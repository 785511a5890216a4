"""The schedule cases, schedule by schedule. A case's id is ``schedules/<schedule>/<label>``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from crossoptim.golden.flags import known_flags
from crossoptim.golden.schedules.case import FOLDER, ScheduleCase, ScheduleEvent
from crossoptim.spec.model import lookup

_ONE = ({"base_lr": 0.1},)
_TWO = ({"base_lr": 0.1}, {"base_lr": 0.03})
_RESUME = (ScheduleEvent("resume", 4), ScheduleEvent("resume", 11))
_REBUILD = (ScheduleEvent("rebuild", 7),)
_REBUILD_8 = (ScheduleEvent("rebuild", 8),)
_SET = (ScheduleEvent("set", 5, lr=0.07),)


class _Cases:
    """Collects cases; ``about`` names the schedule that the following ones belong to, with its usual options."""

    def __init__(self) -> None:
        self.collected: dict[str, ScheduleCase] = {}
        self._schedule, self._usual = "", dict[str, Any]()

    def about(self, schedule: str, **usual: Any) -> None:
        """Start a schedule."""
        self._schedule, self._usual = schedule, usual

    def add(
        self,
        label: str,
        comment: str,
        *,
        steps: int = 20,
        groups: tuple[Mapping[str, Any], ...] = _ONE,
        events: tuple[ScheduleEvent, ...] = (),
        metrics: tuple[float, ...] = (),
        optimizer: Literal["sgd", "adam"] = "sgd",
        positions: tuple[float, ...] = (),
        flags: tuple[str, ...] = (),
        **hyper: Any,
    ) -> None:
        """Add a case."""
        steps = len(metrics) or len(positions) or steps
        case_id = f"{FOLDER}/{self._schedule}/{label}"
        options, flags = {**self._usual, **hyper}, known_flags(("ScheduleFormula", *flags))
        self.collected[case_id] = ScheduleCase(
            case_id, self._schedule, options, groups, steps, comment, optimizer, events, metrics, positions, flags
        )

    def add_events(self, rebuild: tuple[ScheduleEvent, ...] = _REBUILD) -> None:
        """What happens to every schedule alike."""
        self.add("groups", "two groups with their own base rates", groups=_TWO)
        self.add("resume", "saved and loaded before steps 4 and 11", groups=_TWO, events=_RESUME, flags=("Resume",))
        self.add("changed-outside", "something else sets the rate before step 5", events=_SET, flags=("ChangedOutside",))
        self.add("rebuilt", "built anew in mid-run, told by last_epoch where it is", events=rebuild, flags=("LastEpoch",))


@cache
def all_schedule_cases() -> dict[str, ScheduleCase]:
    """Every schedule case by id."""
    cases = _Cases()
    for add in (_decays, _warm_ups, _cosines, _cycles, _composites, _plateaus):
        add(cases)
    return cases.collected


def get_schedule_case(case_id: str) -> ScheduleCase:
    """The case of that id; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("case", all_schedule_cases(), case_id)


def _decays(cases: _Cases) -> None:
    cases.about("lambda", factor="0.95 ** t")
    cases.add("power", "a power of the step")
    cases.add("inverse-root", "warm-up, then the inverse root of the step", factor="where(t < 4, (t + 1) / 4, sqrt(4 / (t + 1)))")
    cases.add("per-group", "each group has its own function", groups=({"base_lr": 0.1}, {"base_lr": 0.03, "factor": "floor(t / 5)"}))
    cases.add("to-zero", "the factor is zero from step 10 on, and comes back", factor="where(t < 10, 1 - t / 10, where(t > 15, 1, 0))")
    cases.add_events()

    cases.about("multiplicative", factor="0.9")
    cases.add("constant-factor", "the same factor at every step")
    cases.add("first-step", "the factor depends on the step: step 1 is the first to be multiplied", factor="1 - 0.5 / (t + 1)")
    cases.add("grows", "a factor above one", factor="1 + 1 / t", steps=12)
    cases.add_events()

    cases.about("step", step_size=3, gamma=0.5)
    cases.add("halves", "halved at steps 3, 6, 9, …")
    cases.add("defaults", "gamma has its default", step_size=6, gamma=0.1)
    cases.add("every-step", "a step size of one", step_size=1, gamma=0.9)
    cases.add("gamma-zero", "a factor of zero", gamma=0.0, steps=8)
    cases.add_events()

    cases.about("multi_step", milestones=[3, 7, 12], gamma=0.3)
    cases.add("three", "three milestones")
    cases.add("twice", "one milestone is named twice: both count", milestones=[5, 5, 9])
    cases.add("beyond", "the last milestone is never reached", milestones=[1, 99])
    cases.add_events(_REBUILD_8)

    cases.about("exponential", gamma=0.93)
    cases.add("long", "many steps", steps=60)
    cases.add("one", "a factor of one: the rate stays", gamma=1.0, steps=6)
    cases.add_events()

    cases.about("polynomial", total_iters=9, power=2.0)
    cases.add("square", "past the end it is zero")
    cases.add("line", "defaults: a line over five steps", total_iters=5, power=1.0)
    cases.add("root", "a power below one falls steeply at the end", power=0.5)
    cases.add("one-step", "nothing is left after one step", total_iters=1, steps=4)
    cases.add_events()


def _warm_ups(cases: _Cases) -> None:
    cases.about("constant", factor=0.3, total_iters=6)
    cases.add("plain", "the base rate from step 6 on")
    cases.add("defaults", "a third, for five steps", factor=1 / 3, total_iters=5)
    cases.add("factor-zero", "a factor of zero: what is multiplied by it does not come back by division", factor=0.0, steps=10)
    cases.add("no-steps", "total_iters is zero: the base rate holds from the start", total_iters=0, steps=6)
    cases.add_events()

    cases.about("linear", start_factor=0.25, end_factor=1.0, total_iters=8)
    cases.add("warm-up", "past the end the base rate holds")
    cases.add("defaults", "from a third, over five steps", start_factor=1 / 3, total_iters=5)
    cases.add("to-zero", "down to zero", start_factor=1.0, end_factor=0.0, total_iters=10)
    cases.add("one-step", "a line of one step", total_iters=1, steps=5)
    cases.add_events()


def _cosines(cases: _Cases) -> None:
    cases.about("cosine_annealing", T_max=8)
    cases.add("down", "to zero at T_max", steps=8)
    cases.add("over-run", "three times past T_max: up, down, up again", steps=34, flags=("OverRun",))
    cases.add("eta-min", "a lowest rate above zero", T_max=10, eta_min=0.01, steps=25)
    cases.add("long", "a hundred steps: rounding adds up in a recursion", T_max=50, steps=110)
    cases.add("one-step", "half a period of one step", T_max=1, steps=6)
    cases.add("floor-above", "a lowest rate above the base rate: it goes up first", eta_min=0.2, steps=18)
    cases.add_events()

    cases.about("cosine_warm_restarts", T_0=4)
    cases.add("equal-cycles", "every cycle as long as the first")
    cases.add("doubling", "each cycle twice as long", T_0=3, T_mult=2, steps=46)
    cases.add("tripling", "powers of three, at which a logarithm misses by a bit", T_0=1, T_mult=3, eta_min=0.001, steps=45)
    cases.add("fractional", "told to go to fractions of an epoch", T_mult=2, positions=tuple(i / 4 for i in range(1, 61)))
    cases.add("eta-min", "a lowest rate above zero", eta_min=0.01, steps=9)
    jumps = (2.0, 4.0, 13.0, 40.0, 120.0, 121.0, 122.0, 364.0, 1093.0)
    cases.add("jumps", "told to go to the epochs at which a cycle begins", T_0=1, T_mult=3, positions=jumps)
    cases.add(
        "back", "told to go back, as after a restart of the training", T_0=3, T_mult=2, positions=(1.0, 2.0, 3.0, 10.0, 4.0, 2.0, 0.0, 21.0)
    )
    cases.add_events()


def _cycles(cases: _Cases) -> None:
    cases.about("cyclic", max_lr=0.5, step_size_up=4)
    cases.add("triangular", "two cycles and a half", steps=22)
    cases.add("halving", "triangular2: half the height each cycle", mode="triangular2", steps=26)
    cases.add("decaying", "exp_range: the height decays at every step", mode="exp_range", gamma=0.97, steps=26)
    cases.add("uneven", "a short way up, a long way down", step_size_up=2, step_size_down=7, steps=30)
    cases.add("scaled-by-cycle", "a height of one's own, by cycle", scale="1 / t", steps=26)
    cases.add("scaled-by-step", "a height of one's own, by step", scale="0.9 ** t", scale_mode="iterations", steps=26)
    cases.add("low", "a small way up", max_lr=0.25, cycle_momentum=False, steps=8)
    cases.add("adam", "Adam's beta1 moves instead of a momentum", optimizer="adam", base_momentum=0.7, max_momentum=0.95)
    cases.add("no-momentum", "momentum stays", cycle_momentum=False)
    two = ({"base_lr": 0.1, "max_lr": 0.4, "base_momentum": 0.7}, {"base_lr": 0.03, "max_lr": 0.2, "max_momentum": 0.95})
    cases.add("groups", "each group has its own bounds", groups=two)
    cases.add("resume", "saved and loaded before steps 4 and 11", groups=two, events=_RESUME, flags=("Resume",))
    cases.add("changed-outside", "something else sets the rate before step 5", events=_SET, flags=("ChangedOutside",))

    cases.about("one_cycle", max_lr=1.0, total_steps=20)
    cases.add("cosine", "two phases along cosines", steps=19)
    cases.add("linear", "two phases along lines", anneal_strategy="linear", steps=19)
    cases.add("three-phase", "up, down, far down", three_phase=True, steps=19)
    cases.add("three-phase-linear", "three phases along lines", three_phase=True, anneal_strategy="linear", pct_start=0.4, steps=19)
    cases.add("epochs", "the length as epochs times steps", total_steps=None, epochs=4, steps_per_epoch=6, steps=23)
    lines: dict[str, Any] = {"epochs": 2, "steps_per_epoch": 4, "pct_start": 0.4, "anneal_strategy": "linear"}
    cases.add("epochs-linear", "the same along lines", total_steps=None, steps=7, **lines)
    cases.add("no-warm-up", "pct_start is zero", pct_start=0.0, steps=19)
    cases.add("fraction", "the top lies between two steps", total_steps=17, pct_start=0.25, steps=16)
    cases.add("factors", "factors of one's own", div_factor=10.0, final_div_factor=100.0, steps=19)
    cases.add("adam", "Adam's beta1 moves instead of a momentum", optimizer="adam", steps=19)
    cases.add("no-momentum", "momentum stays", cycle_momentum=False, steps=19)
    cases.add("one-step-more", "as many steps of the scheduler as total_steps: one more than the cycle has", flags=("OverRun",))
    cases.add("one-step-more-linear", "the same along a line", anneal_strategy="linear", flags=("OverRun",))
    cases.add(
        "one-step-more-epochs",
        "the same, the length as epochs times steps",
        total_steps=None,
        epochs=2,
        steps_per_epoch=4,
        pct_start=0.5,
        steps=8,
        flags=("OverRun",),
    )
    short: dict[str, Any] = {"total_steps": 8, "pct_start": 0.4, "steps": 8}
    cases.add("one-step-more-three-phase", "the same in the third phase", three_phase=True, flags=("OverRun",), **short)
    cases.add("over-run", "two steps more than the cycle has", steps=21, flags=("OverRun",))
    own = ({"base_lr": 0.1, "max_lr": 1.0}, {"base_lr": 0.1, "max_lr": 0.5})
    cases.add("groups-no-momentum", "each group has its own top", groups=own, cycle_momentum=False, steps=19)
    cases.add("groups", "two groups and one pair of momenta", groups=own, steps=19)
    moved = ({**own[0], "base_momentum": 0.8}, {**own[1], "base_momentum": 0.7})
    cases.add("groups-own-momenta", "each group has its own lowest momentum", groups=moved, steps=19)
    cases.add("resume", "saved and loaded before steps 4 and 11", events=_RESUME, steps=19, flags=("Resume",))
    cases.add("changed-outside", "something else sets the rate before step 5", events=_SET, steps=19, flags=("ChangedOutside",))
    cases.add("rebuilt", "built anew in mid-run, told by last_epoch where it is", events=_REBUILD, steps=19, flags=("LastEpoch",))


def _child(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def _composites(cases: _Cases) -> None:
    warm_up, decay = _child("linear", start_factor=0.1, total_iters=5), _child("exponential", gamma=0.9)
    cases.about("chained", schedules=[_child("constant", factor=0.1, total_iters=6), decay])
    cases.add("two", "a constant factor and a decay at once")
    cases.add("three", "three at once", schedules=[warm_up, decay, _child("multi_step", milestones=[8, 13], gamma=0.5)])
    cases.add(
        "nested",
        "a chain in a chain",
        schedules=[{"name": "chained", "arguments": {"schedules": [warm_up, decay]}}, _child("step", step_size=6)],
    )
    cases.add("cosine", "a cosine and a decay, up to T_max", schedules=[decay, _child("cosine_annealing", T_max=10)], steps=10)
    cases.add(
        "cosine-over-run", "a cosine and a decay, past T_max", schedules=[decay, _child("cosine_annealing", T_max=6)], flags=("OverRun",)
    )
    cases.add(
        "low-cosine",
        "a cosine that ends above zero and a decay, up to T_max",
        schedules=[decay, _child("cosine_annealing", T_max=8, eta_min=0.01)],
        steps=8,
    )
    cases.add("function", "a decay, then a function of the step", schedules=[decay, _child("lambda", factor="1 / (t + 1)")])
    cases.add("restarts", "a decay under warm restarts", schedules=[decay, _child("cosine_warm_restarts", T_0=5)])
    low_cosine = _child("cosine_annealing", T_max=4, eta_min=0.01)
    cases.add("lowest-rate", "a decay, then a cosine with a lowest rate", schedules=[decay, low_cosine], steps=9, flags=("OverRun",))
    low_restarts = _child("cosine_warm_restarts", T_0=4, eta_min=0.01)
    cases.add("lowest-rate-restarts", "a decay under warm restarts with a lowest rate", schedules=[decay, low_restarts], steps=9)
    cases.add("groups", "two groups with their own base rates", groups=_TWO)
    cases.add("resume", "saved and loaded before steps 4 and 11", groups=_TWO, events=_RESUME, flags=("Resume",))

    cases.about("sequential", schedules=[warm_up, _child("cosine_annealing", T_max=12)], milestones=[5])
    cases.add("warm-up-cosine", "a warm-up, then a cosine")
    cases.add("three", "three in turn", schedules=[warm_up, _child("constant", factor=0.5, total_iters=4), decay], milestones=[5, 11])
    cases.add("restarts", "a warm-up, then warm restarts", schedules=[warm_up, _child("cosine_warm_restarts", T_0=4)])
    cases.add(
        "steps", "a constant rate, then milestones of its own", schedules=[_child("constant"), _child("multi_step", milestones=[4, 8])]
    )
    cases.add(
        "step-by-step",
        "a function, then a step decay",
        schedules=[_child("lambda", factor="(t + 1) / 5"), _child("step", step_size=3, gamma=0.5)],
    )
    cases.add("polynomial", "a warm-up, then down to zero", schedules=[warm_up, _child("polynomial", total_iters=8, power=1.5)])
    cases.add(
        "chained-first", "a chain, then a decay", schedules=[{"name": "chained", "arguments": {"schedules": [warm_up, decay]}}, decay]
    )
    cases.add(
        "chained-later", "a warm-up, then a chain", schedules=[warm_up, {"name": "chained", "arguments": {"schedules": [warm_up, decay]}}]
    )
    cases.add("late", "the warm-up ends before the second schedule begins", schedules=[warm_up, low_cosine], milestones=[7], steps=10)
    early = _child("constant", factor=0.5, total_iters=3)
    cases.add("late-constant", "the same with a constant factor", schedules=[early, low_restarts], milestones=[5], steps=10)
    cases.add("groups", "two groups with their own base rates", groups=_TWO)
    cases.add("resume", "saved and loaded before steps 4 and 11", groups=_TWO, events=_RESUME, flags=("Resume",))


_FALLING = (1.0, 0.8, 0.7, 0.71, 0.72, 0.705, 0.75, 0.6, 0.61, 0.62, 0.63, 0.64, 0.65, 0.66, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
_TIES = (1.0, 0.75, 0.75, 0.5, 0.25, 0.25, 0.0, 0.0, -0.25, -0.25, -0.5, -0.5)
_COOLING = (2.0, 2.0, 1.25, 2.5, 4.0, 3.0, 1.0, 1.5, 3.0, 0.25, 2.0, 4.0, 2.0, 2.0, 1.5, 4.0)


def _plateaus(cases: _Cases) -> None:
    cases.about("reduce_on_plateau", factor=0.5, patience=2)
    cases.add("min", "the metric should fall", metrics=_FALLING)
    cases.add("defaults", "a tenth, after ten bad steps", factor=0.1, patience=10, metrics=(1.0,) * 25)
    cases.add("max", "the metric should rise", mode="max", metrics=tuple(1 - m for m in _FALLING))
    cases.add(
        "absolute",
        "a threshold of a quarter, met exactly: as good is not better",
        threshold=0.25,
        threshold_mode="abs",
        patience=0,
        metrics=_TIES,
    )
    rising = tuple(-m for m in _TIES)
    cases.add("absolute-max", "the same upwards", mode="max", threshold=0.25, threshold_mode="abs", patience=0, metrics=rising)
    quarter: dict[str, Any] = {"threshold": 0.25, "threshold_mode": "abs"}
    cases.add("absolute-patience", "the count of bad steps begins anew after a reduction", metrics=(1.0, 0.5) + (0.25,) * 6, **quarter)
    cases.add("absolute-patience-max", "the same upwards", mode="max", metrics=(-1.0, -0.5) + (-0.25,) * 6, **quarter)
    cases.add(
        "absolute-cooldown", "steps of a cooldown do not count, but a better one does", patience=1, cooldown=2, metrics=_COOLING, **quarter
    )
    higher = tuple(-m for m in _COOLING)
    cases.add("absolute-cooldown-max", "the same upwards", mode="max", patience=1, cooldown=2, metrics=higher, **quarter)
    cases.add("relative", "better by half counts", threshold=0.5, patience=1, metrics=(8.0, 4.0, 3.0, 2.0, 1.0, 1.5, 0.4, 0.3, 0.2, 0.1))
    cases.add(
        "relative-max",
        "better by half again counts",
        mode="max",
        threshold=0.5,
        patience=1,
        metrics=(1.0, 1.5, 1.6, 2.5, 3.0, 3.5, 4.0, 4.5, 9.0),
    )
    cases.add(
        "relative-negative",
        "a relative threshold on negative metrics works the other way",
        threshold=0.25,
        patience=0,
        metrics=(-1.0, -0.8, -0.7, -2.0, -1.9, -1.5, -1.4),
    )
    cases.add("patience-zero", "reduced at the first bad step", patience=0, metrics=_FALLING)
    cases.add("cooldown", "three steps after a reduction do not count", patience=1, cooldown=3, metrics=_FALLING)
    cases.add("min-lr", "not below min_lr", patience=0, min_lr=0.02, metrics=(1.0,) * 8)
    cases.add(
        "cooldown-max",
        "two steps after a reduction do not count, where the metric should rise by half",
        mode="max",
        threshold=0.5,
        patience=1,
        cooldown=2,
        metrics=(1.0, 1.5, 0.25, 0.25, 0.25, 1.25, 4.0, 1.5, 2.5, 2.0, 1.5, 2.0, 0.5, 0.5),
    )
    cases.add(
        "eps-tie",
        "a change of just eps is not made, though the rate is far above it",
        groups=({"base_lr": 0.25},),
        factor=0.75,
        patience=0,
        eps=0.046875,
        metrics=(1.0,) * 5,
    )
    cases.add("eps", "a change smaller than eps is not made", patience=0, eps=0.02, metrics=(1.0,) * 8)
    cases.add("infinite", "an infinite metric is a bad one", patience=1, metrics=(2.0, float("inf"), float("inf"), 1.0, float("inf"), 1.5))
    cases.add("not-a-number", "a NaN is a bad metric", patience=1, metrics=(2.0, float("nan"), float("nan"), 1.0, float("nan"), 0.5))
    lowest = ({"base_lr": 0.1, "min_lr": 0.02}, {"base_lr": 0.03, "min_lr": 0.01})
    cases.add("groups", "two groups with their own base rates", groups=_TWO, metrics=_FALLING)
    cases.add("groups-min-lr", "each group has its own min_lr", groups=lowest, patience=0, metrics=(1.0,) * 8)
    cases.add("resume", "saved and loaded before steps 4 and 11", groups=_TWO, events=_RESUME, metrics=_FALLING, flags=("Resume",))
    cases.add("changed-outside", "something else sets the rate before step 5", events=_SET, metrics=_FALLING, flags=("ChangedOutside",))
