"""Mutants of schedules that are none: text and mutant side by side in 60 digits, with other options than the cases have.

As :mod:`~crossoptim.check.power.equivalence` does for rules: options, milestones, lengths and metrics are drawn from few round numbers, so
that ties, ends of phases and steps past the end are frequent. Rate and momentum must agree to 1e-40 at each step of each run. The steps
are whole, but for a schedule that some case sends to fractions of an epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from itertools import accumulate
from random import Random
from typing import Any

from crossoptim.check.power.equivalence import PARTIAL, near
from crossoptim.check.power.schedules import ScheduleMutant, Statements, mutants, run, statements, texts
from crossoptim.errors import HyperError
from crossoptim.golden.oracle import MP
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.cases import all_schedule_cases, get_schedule_case
from crossoptim.golden.schedules.rates import Exact
from crossoptim.spec.expr import Expr, operate, walk
from crossoptim.spec.schedule import BASE, OUTPUTS, Children, Number, ScheduleSetting, Steps, Whole

RUNS, FEWEST, STEPS = 32, 8, 18
_NUMBERS = (0.0, 0.0625, 0.125, 0.25, 0.375, 0.5, 0.75, 0.875, 1.0, 1.5, 2.0, 3.0)
_WHOLE = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12)
_KEPT = 0.5  # of the options keep what a case gives them, so that most runs are such as somebody would make
_MOVES = (-0.75, -0.5, -0.25, 0.0, 0.0, 0.25, 0.5, 0.75)  # of a metric
Rows = list[dict[str, Any]]


def disagreement(same: Sequence[ScheduleMutant]) -> str | None:
    """Where a schedule and what is wrong about it differ, as the options and the step of a run; None where they agree in all runs.

    Args:
        same: the mistake in each text of the schedule that has the place for it.
    """
    count = max(FEWEST, RUNS // len(same))  # of runs with each text
    for mutant in same:
        seen = 0
        for case, truth, wrong in _runs(mutant.schedule, mutant.original, count):
            for instead in wrong.get(mutant.wrong, ()):
                seen += 1
                if (step := _apart(case, truth, instead)) is not None:
                    said = ", ".join(f"{key}={value}" for key, value in case.settings[0].as_json().items())
                    return f"step {step} with {said}"
        if not seen:
            return "no options were found that leave the place for it"
    return None


@cache
def _runs(schedule: str, original: Statements, count: int) -> list[tuple[ScheduleCase, Rows, dict[str, list[Statements]]]]:
    """Runs with other options of the schedule that a text is of: what is due, and each mistake's texts."""
    random = Random(str(original))  # the same runs each time
    out = []
    for _ in range(count):
        case = _drawn(get_schedule_case(random.choice(texts()[original])), random)
        lines = statements(case)
        out.append((case, _rows(lines, case), _mistakes(lines, schedule)))
    return out


@lru_cache(maxsize=4)
def _mistakes(original: Statements, schedule: str) -> dict[str, list[Statements]]:
    """The wrong texts by what is wrong; options leave the text alone, but for those of a schedule's parts."""
    found: dict[str, list[Statements]] = {}
    for mutant in mutants(original, schedule):
        found.setdefault(mutant.wrong, []).append(mutant.statements)
    return found


def _drawn(case: ScheduleCase, random: Random) -> ScheduleCase:
    """The case's schedule with other numbers and metrics, and no events."""
    setting = case.settings[0]
    for _ in range(200):
        try:
            setting = _other(case.settings[0], random)
            break
        except HyperError:
            continue
    values = dict(setting.values)
    group = {BASE.name: values.pop(BASE.name)}
    metrics = tuple(accumulate((random.choice(_MOVES) for _ in range(STEPS)), initial=1.0))[1:] if case.metrics else ()
    positions = tuple(random.randrange(8 * STEPS) / 4 for _ in range(STEPS)) if _fractional(case.schedule) else ()
    return replace(case, hyper=values, groups=(group,), steps=STEPS, metrics=metrics, positions=positions, events=())


def _other(setting: ScheduleSetting, random: Random) -> ScheduleSetting:
    values = dict(setting.values)
    for option in (BASE, *setting.schedule.options):
        if values[option.name] is None or random.random() < _KEPT:
            continue
        if isinstance(option, Number):
            values[option.name] = random.choice(_NUMBERS)
        elif isinstance(option, Whole) and not option.structural:
            values[option.name] = random.choice(_WHOLE)
        elif isinstance(option, Steps):
            values[option.name] = sorted(random.choice(_WHOLE[1:]) for _ in values[option.name])
        elif isinstance(option, Children):
            values[option.name] = [_other(child, random) for child in values[option.name]]
    return setting.schedule.resolve(values)


@cache
def _fractional(schedule: str) -> bool:
    return any(place % 1 for case in all_schedule_cases().values() if case.schedule == schedule for place in case.positions)


def _apart(case: ScheduleCase, truth: Rows, wrong: Statements) -> int | None:
    """The step at which a mistake shows."""
    for step, (was, now) in enumerate(zip(truth, _rows(wrong, case), strict=True)):
        if not all(near(was[key], now[key]) for key in OUTPUTS if key in was):
            return step
    return None


def _rows(lines: Statements, case: ScheduleCase) -> Rows:
    return run(lines, case, 0, _lift, _evaluated)


def _lift(value: Any) -> Any:
    return MP.mpf(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _evaluated(root: Expr, env: dict[str, Any]) -> Any:
    env, memo = {"pi": Exact.pi, **env}, dict[int, Any]()
    for node in walk(root):
        args = [memo[id(arg)] for arg in node.args]
        memo[id(node)] = PARTIAL[node.op](*args) if node.op in PARTIAL else operate(node, args, env, Exact, MP.mpf)
    return memo[id(root)]
