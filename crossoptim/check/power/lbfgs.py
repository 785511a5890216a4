"""L-BFGS chooses where to evaluate and has no graph: its mutants are ports with a wrong constant, order or decision."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from crossoptim.check.judge import Judge
from crossoptim.check.power.replay import trajectory
from crossoptim.errors import CrossoptimError
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases
from crossoptim.golden.closure import ReferenceStepper
from crossoptim.golden.evaluations import Evaluations
from crossoptim.golden.trajectory import Trajectory, initial_params, objective
from crossoptim.spec.model import Setting
from crossoptim.spec.rules import lbfgs as rule_file

_ENOUGH = 200  # evaluations a step
SOURCE = inspect.getsource(rule_file)

MUTANTS = {
    "oldest pair first in the first loop": ("reversed([*zip(pairs, rhos, strict=True)])", "[*zip(pairs, rhos, strict=True)]"),
    "newest pair first in the second loop": (
        "zip(pairs, rhos, reversed(alphas), strict=True)",
        "reversed([*zip(pairs, rhos, reversed(alphas))])",
    ),
    "no scaling of the first Hessian": ("d = q * (xp.dot(y, s) / xp.dot(y, y))", "d = q"),
    "scaling by s's": ("(xp.dot(y, s) / xp.dot(y, y))", "(xp.dot(s, s) / xp.dot(y, s))"),
    "scaling by the oldest pair": ("y, s = pairs[-1]", "y, s = pairs[0]"),
    "scaling before the first loop": (
        "    q = -g\n    if not pairs:\n        return q\n",
        "    q = -g\n    if not pairs:\n        return q\n    q = q * (xp.dot(*pairs[-1]) / xp.dot(pairs[-1][0], pairs[-1][0]))\n",
    ),
    "second loop without alpha": ('xp.named("weight", alpha - beta)', "(-beta)"),
    "curvature not checked": ("if not xp.holds(xp.dot(y, s) > xp.number(CURVATURE_FLOOR)):", "if False:"),
    "curvature floor zero": ("CURVATURE_FLOOR = 1e-10", "CURVATURE_FLOOR = 0.0"),
    "curvature floor 1e-8": ("CURVATURE_FLOOR = 1e-10", "CURVATURE_FLOOR = 1e-8"),
    "history one pair too long": ("[-history_size:]", "[-history_size - 1 :]"),
    "the newest pair goes": ("(*memory.pairs, (y, s))[-history_size:]", "(*memory.pairs, (y, s))[:history_size]"),
    "step without its length": ("memory.direction * memory.length, memory.travel", "memory.direction, memory.travel"),
    "pairs forgotten between steps": ("        lengths: list[Any] = []\n", "        lengths: list[Any] = []\n        memory.pairs = ()\n"),
    "every step starts anew": ("        lengths: list[Any] = []\n", "        lengths: list[Any] = []\n        memory.iterations = 0\n"),
    "first length not divided by the gradient": ("first_length(xp, at.gradient) * lr", "lr"),
    "first length not held below one": ("return inverse if xp.holds(inverse < one) else one", "return inverse"),
    "first length by the largest element": ("xp.number(1) / xp.total(g)", "xp.number(1) / xp.largest(g)"),
    "first length in every step": ("if memory.iterations == 1:", "if iteration == 1:"),
    "later steps of length one": ("memory.pairs, at.gradient), lr", "memory.pairs, at.gradient), xp.number(1)"),
    "tolerance_grad not asked at the start": (
        '        if xp.holds(xp.largest(at.gradient) <= tolerance_grad):\n            return Outcome(at.point, "tolerance_grad at start")',
        "        pass",
    ),
    "tolerance_grad on the sum": (
        "            if xp.holds(xp.largest(at.gradient) <= tolerance_grad):\n                return",
        "            if xp.holds(xp.total(at.gradient) <= tolerance_grad):\n                return",
    ),
    "tolerance_grad never asked again": (
        "            if xp.holds(xp.largest(at.gradient) <= tolerance_grad):\n                return",
        "            if False:\n                return",
    ),
    "slope not checked": ("if xp.holds(slope > -tolerance_change):", "if False:"),
    "step size not checked": ("if xp.holds(xp.largest(d * t) <= tolerance_change):", "if False:"),
    "step size without t": ("xp.largest(d * t)", "xp.largest(d)"),
    "loss change not checked": ("if xp.holds(abs(at.loss - before.loss) < tolerance_change):", "if False:"),
    "max_eval off by one": ("if spent >= max_eval:", "if spent > max_eval:"),
    "max_eval not asked": ("if spent >= max_eval:", "if False:"),
    "max_eval's default not rounded down": ("h.max_iter * 5 // 4", "-(-h.max_iter * 5 // 4)"),
    "a line search of its own budget": ("max_eval - spent if", "25 if"),
    "a line search one trial longer": ("max_eval - spent if", "max_eval - spent + 1 if"),
    "the first trial not counted": ("spent += trials", "spent += trials - 1"),
    "an evaluation in the last iteration": ("elif iteration < h.max_iter:", "elif True:"),
    "c1 = 0.1": ("1e-4, 0.9", "0.1, 0.9"),
    "c1 = 0": ("1e-4, 0.9", "0.0, 0.9"),
    "c2 = 0.5": ("1e-4, 0.9", "1e-4, 0.5"),
    "c2 = 0.99": ("1e-4, 0.9", "1e-4, 0.99"),
    "weak Wolfe": ("xp.holds(abs(new.slope) <= enough)", "xp.holds(-new.slope <= enough)"),
    "Armijo without the length": ("xp.number(SUFFICIENT_DECREASE) * new.t * slope", "xp.number(SUFFICIENT_DECREASE) * slope"),
    "Armijo against the trial before": ("start.loss + xp.number(SUFFICIENT_DECREASE)", "previous.loss + xp.number(SUFFICIENT_DECREASE)"),
    "previous loss from the second trial on": ("count > 1 and", "count > 0 and"),
    "previous loss never": ("(count > 1 and xp.holds(new.loss >= previous.loss))", "False"),
    "a rising slope does not bracket": ("if xp.holds(new.slope >= xp.number(0)):", "if False:"),
    "extrapolation at least 0.1": ("xp.number(0.01) * (new.t - previous.t)", "xp.number(0.1) * (new.t - previous.t)"),
    "extrapolation at most 2": ("new.t * xp.number(10)", "new.t * xp.number(2)"),
    "a search that runs out takes its last trial": ("        bracket = [origin, new]\n", "        return new, count + 1\n"),
    "a bracket of any length": ("if xp.holds(abs(b.t - a.t) * xp.largest(d) < xp.number(SMALLEST_BRACKET)):", "if False:"),
    "bracket length without the direction": ("abs(b.t - a.t) * xp.largest(d)", "abs(b.t - a.t)"),
    "bisection": ("    return held(xp.clipped(", "    return (low + high) / xp.number(2)\n    return held(xp.clipped("),
    "cubic with a 2": ("xp.number(3) * (a.loss - b.loss)", "xp.number(2) * (a.loss - b.loss)"),
    "cubic kept below ten times its bound": ("held(ratio))), low, high))", "held(ratio))), low, xp.number(10) * high))"),
    "cubic not kept above its bound": ("held(ratio))), low, high))", "held(ratio))), -high, high))"),
    "a margin of a fifth": ("margin = xp.number(0.1)", "margin = xp.number(0.2)"),
    "no margin": ("t, close = away_from_the_ends(xp, t, left, right, close)", "close = False"),
    "moved away at once": ("if not (close or", "if not (True or"),
    "closeness forgotten": ("        return t, True\n", "        return t, False\n"),
    "moved from the farther end": ("abs(t - right) < abs(t - left)", "abs(t - right) > abs(t - left)"),
    "the higher end stays": ("            bracket[high] = bracket[low]\n", "            pass\n"),
    "the higher end always moves": ("if xp.holds(new.slope * (bracket[high].t - bracket[low].t) >= xp.number(0)):", "if True:"),
    "a trial above the lower end becomes it": ("too_high(new) or xp.holds(new.loss >= bracket[low].loss)", "too_high(new)"),
    "the lower end is not sought anew": (
        "            low, high = order(xp, strict, bracket)\n            continue",
        "            continue",
    ),
    "the higher end is the result": ("return bracket[low], count + 1", "return bracket[high], count + 1"),
    "NaN is low enough": ("not xp.holds(new.loss <= ceiling) if strict", "xp.holds(new.loss > ceiling) if strict"),
    "an infinite loss is interpolated": ("or (strict and xp.holds(square >= xp.number(inf)))", ""),
}
"""What is wrong, and where: a part of the rule's source with what stands there instead."""


def conversation(old: str, new: str) -> Callable[..., Any]:
    """The conversation of the rule's source with one part replaced."""
    if SOURCE.count(old) != 1:
        raise CrossoptimError(f"{old!r} stands {SOURCE.count(old)} times in the rule (expected once)")
    names: dict[str, Any] = {"__name__": rule_file.__name__}
    exec(compile(SOURCE.replace(old, new), "mutant", "exec"), names)  # noqa: S102
    converse: Callable[..., Any] = names["LBFGS"].converse
    return converse


def run(case: Case, converse: Callable[..., Any]) -> Trajectory:
    """What a port with that conversation answers; its sums and evaluations are exact, rounded once.

    Raises:
        RuntimeError: where a step does not come to an end.
    """
    params = initial_params(case)
    stepper = ReferenceStepper({n: p.shape for n, p in params.items()}, case.dtype)
    out = Trajectory(params={n: [] for n in params}, grads={n: [] for n in params}, state={n: {} for n in params})
    for step, members in enumerate(case.timeline, 1):
        seen, skipped = Evaluations.of(list(params)), case.without_gradient(step)

        def evaluate(point: Any, step: int = step, seen: Evaluations = seen, skipped: set[str] = skipped) -> Any:
            if len(seen.loss) >= _ENOUGH:
                raise RuntimeError(f"{case.id}: step {step} has evaluated {_ENOUGH} times")
            fresh, value = objective(case, step, point)
            grads = {n: None if n in skipped else fresh[n] for n in fresh}
            seen.add(point, float(value or 0.0), grads)
            return value, grads

        setting = next(iter(members.values())).setting
        params, _ = stepper.step(Setting(replace(setting.rule, converse=converse), setting.values), params, evaluate)
        out.evaluations.append(seen)
        out.loss.append(seen.loss[0])
        for n in params:
            out.params[n].append(params[n])
            out.grads[n].append(seen.grads[n][0])
    return out


def cases() -> list[Case]:
    """The cases, float64 first."""
    return sorted((c for c in all_cases().values() if c.optimizer == "lbfgs"), key=lambda c: c.dtype, reverse=True)


def caught_by(old: str, new: str) -> str | None:
    """The first case that tells the mutant from the rule."""
    converse = conversation(old, new)
    for case in cases():
        if Judge(case, trajectory(case.id)).judge(run(case, converse), "closed").verdict == "diverges":
            return case.id
    return None
