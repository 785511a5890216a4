"""L-BFGS, with steps of fixed length or with a line search for the strong Wolfe conditions."""

from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

from crossoptim.spec.conversation import Evaluation, Outcome
from crossoptim.spec.model import Real, Switch, Whole
from crossoptim.spec.rules import rule

CURVATURE_FLOOR = 1e-10  # a pair with y's no larger is left out: it would spoil positive definiteness
SUFFICIENT_DECREASE, CURVATURE = 1e-4, 0.9  # c1 and c2 of the Wolfe conditions, as Nocedal & Wright suggest for quasi-Newton methods
SMALLEST_BRACKET = 1e-9  # PyTorch does not pass tolerance_change on to its line search


@rule(
    "lbfgs",
    title="L-BFGS",
    kind="closure",
    sources=[
        "Nocedal & Wright 2006, Numerical Optimization, Algorithms 7.4 and 7.5 (two loops, scaling 7.20)",
        "Nocedal & Wright 2006, Algorithms 3.5 and 3.6 (strong Wolfe line search), equation 3.59 (cubic interpolation)",
        "Schmidt 2005, minFunc, by way of Lua torch's optim (lbfgs.lua, lswolfe.lua, polyinterp.lua): first length, safeguards, constants",
        "PyTorch LBFGS: stopping rules, their order, and one budget of evaluations for the whole step; from it also: bracketing compares"
        " with the previous loss from the third trial on (Algorithm 3.5: from the second), and a line search that runs out of evaluations"
        " while bracketing takes the better of its origin and its last trial. Not from it: a loss that is not finite is too high, and"
        " the bracket is halved, as in minFunc",
    ],
    hyper=[
        Real(
            "lr",
            1.0,
            "[0, inf)",
            "length of a step, or the first trial of a line search; in the very first iteration at most 1 / |g|_1 of it",
        ),
        Whole("max_iter", 20, "[1, inf)", "iterations in a step, at most"),
        Whole(
            "max_eval",
            None,
            "[1, inf)",
            "evaluations in a step after which no new iteration begins and a line search ends; None for 5/4 of max_iter, rounded down",
        ),
        Real("tolerance_grad", 1e-7, "[0, inf)", "a step ends where no element of the gradient is larger"),
        Real("tolerance_change", 1e-9, "[0, inf)", "a step ends where parameters, loss or slope would change by less"),
        Whole("history_size", 100, "[1, inf)", "how many pairs of gradient difference and step are kept"),
    ],
    switches=[
        Switch(
            "line_search",
            ("none", "strong_wolfe"),
            "the length of a step is lr, or is searched for",
            sources={"none": "PyTorch LBFGS", "strong_wolfe": "Nocedal & Wright 2006, Algorithms 3.5 and 3.6"},
            witness={"none": "torch.optim.LBFGS", "strong_wolfe": "torch.optim.LBFGS"},
        )
    ],
    witness="torch.optim.LBFGS",
    # trials of one line search, None for what max_eval leaves; whether a loss that is not finite is too high, or compared as it is
    conduct={"line_search_limit": None, "not_finite_is_too_high": True},
)
class LBFGS:
    algorithm = """
    One step from x:
      evaluate f, g at x; stop if max|g| <= tolerance_grad
      repeat max_iter times:
        if it is the first iteration ever:
          d = -g;  t = min(1, 1 / sum|g|) lr
        else:
          y = g - g_last;  s = t_last d_last
          if y's > 1e-10: keep the pair (y, s), at most history_size of them, the oldest goes
          q = -g
          for each pair, newest first: a = s'q / y's;  q = q - a y
          d = q (y's / y'y), with the newest pair
          for each pair, oldest first: b = y'd / y's;  d = d + (a - b) s
          t = lr
        stop if g'd > -tolerance_change
        line_search = none:         x = x + t d;  evaluate f, g there, but not in the last iteration
        line_search = strong_wolfe: t from the search below;  x = x + t d, f and g as found there
        stop after max_iter iterations
        stop if max_eval evaluations are spent
        stop if max|g| <= tolerance_grad
        stop if max|t d| <= tolerance_change
        stop if |f - f_last| < tolerance_change
    Line search along d from f0 and slope g0'd, at most as many further trials as max_eval leaves:
      bracket: from t on, until f > f0 + 1e-4 t g0'd, or f >= the trial before (from the third trial on), or the slope is >= 0:
        the cubic's minimum, no shorter than t + 0.01 (t - t_before), no longer than 10 t; a loss that is NaN is too high, too
        found if |slope| <= -0.9 g0'd
      zoom: until found, or the bracket's length times max|d| is < 1e-9:
        the cubic's minimum between both ends; within a tenth of the bracket from an end for the second time in a row, or not
        between the ends: a tenth of the bracket away from the nearer end
        the new trial replaces the higher end if f > f0 + 1e-4 t g0'd or f >= the lower end, else the lower end, which becomes
        the higher one if the slope points to the old higher end's side
      the lower end is the result; where the cubic has no minimum, or an end's loss is not finite: the middle
    """

    def converse(xp, h, memory, x):  # type: ignore[no-untyped-def]
        lr, tolerance_grad, tolerance_change = xp.number(h.lr), xp.number(h.tolerance_grad), xp.number(h.tolerance_change)
        max_eval = h.max_iter * 5 // 4 if h.max_eval is None else h.max_eval
        lengths: list[Any] = []
        at = yield x
        spent = 1
        if xp.holds(xp.largest(at.gradient) <= tolerance_grad):
            return Outcome(at.point, "tolerance_grad at start")

        for iteration in range(1, h.max_iter + 1):
            memory.iterations += 1
            if memory.iterations == 1:
                d, t = -at.gradient, first_length(xp, at.gradient) * lr
            else:
                memory.pairs = remember(xp, memory, at.gradient, h.history_size)
                d, t = direction(xp, memory.pairs, at.gradient), lr
            memory.gradient, memory.direction, memory.length, memory.travel = at.gradient, d, t, None
            slope = xp.dot(at.gradient, d)
            if xp.holds(slope > -tolerance_change):
                return Outcome(at.point, "slope within tolerance_change", lengths)

            before = at
            if h.line_search == "strong_wolfe":
                limit = max_eval - spent if h.line_search_limit is None else h.line_search_limit
                found, trials = yield from strong_wolfe(xp, h.not_finite_is_too_high, before, d, t, slope, limit)
                if found is None:
                    return Outcome(before.point, "no lower end", lengths)
                at, t = found.at, found.t
                spent += trials
            elif iteration < h.max_iter:
                at = yield before.point + t * d
                spent += 1
            else:
                at = Evaluation(before.point + t * d, None, None)
            memory.length, memory.travel = t, (before.point, at.point)
            lengths.append(t)

            if iteration == h.max_iter:
                return Outcome(at.point, "max_iter", lengths)
            if spent >= max_eval:
                return Outcome(at.point, "max_eval", lengths)
            if xp.holds(xp.largest(at.gradient) <= tolerance_grad):
                return Outcome(at.point, "tolerance_grad", lengths)
            if xp.holds(xp.largest(d * t) <= tolerance_change):
                return Outcome(at.point, "step within tolerance_change", lengths)
            at = Evaluation(at.point, xp.named("loss", at.loss) if h.line_search == "strong_wolfe" else at.loss, at.gradient)
            if xp.holds(abs(at.loss - before.loss) < tolerance_change):
                return Outcome(at.point, "loss within tolerance_change", lengths)


def first_length(xp, g):  # type: ignore[no-untyped-def]
    """Of the first step: no gradient at hand says how long."""
    inverse, one = xp.number(1) / xp.total(g), xp.number(1)
    return inverse if xp.holds(inverse < one) else one


def remember(xp, memory, g, history_size):  # type: ignore[no-untyped-def]
    """The pairs with the last iteration's, unless its curvature is too small."""
    s = xp.seen(memory.direction * memory.length, memory.travel)
    y = g - memory.gradient
    if not xp.holds(xp.dot(y, s) > xp.number(CURVATURE_FLOOR)):
        return memory.pairs
    return (*memory.pairs, (y, s))[-history_size:]


def direction(xp, pairs, g):  # type: ignore[no-untyped-def]
    """Algorithm 7.4: minus the inverse Hessian's approximation times the gradient."""
    q = -g
    if not pairs:
        return q
    rhos = [xp.named("rho", xp.number(1) / xp.dot(y, s)) for y, s in pairs]
    alphas = []
    for (y, s), rho in reversed([*zip(pairs, rhos, strict=True)]):
        alpha = xp.named("alpha", xp.dot(s, q) * rho)
        q = q - alpha * y
        alphas.append(alpha)
    y, s = pairs[-1]
    d = q * (xp.dot(y, s) / xp.dot(y, y))
    for (y, s), rho, alpha in zip(pairs, rhos, reversed(alphas), strict=True):
        beta = xp.named("beta", xp.dot(y, d) * rho)
        d = d + xp.named("weight", alpha - beta) * s
    return d


@dataclass(frozen=True)
class Trial:
    """A step length that was tried: what was found there, and the slope along the direction."""

    t: Any
    at: Evaluation
    slope: Any

    @property
    def loss(self) -> Any:
        """The loss there."""
        return self.at.loss


def strong_wolfe(xp, strict, start, d, t, slope, limit):  # type: ignore[no-untyped-def]
    """Algorithms 3.5 and 3.6: a trial that meets the strong Wolfe conditions, or the best one; and how many were made.

    None for a trial that bracketing comes to rest at although its loss is NaN.
    """
    origin = previous = Trial(xp.number(0), start, slope)
    enough = xp.named("threshold", -(xp.number(CURVATURE) * slope))

    def trial(t):  # type: ignore[no-untyped-def]
        at = yield start.point + t * d
        return Trial(xp.measured(t, d, (start.point, at.point)), at, xp.dot(at.gradient, d))

    def too_high(new):  # type: ignore[no-untyped-def]
        ceiling = xp.named("ceiling", start.loss + xp.number(SUFFICIENT_DECREASE) * new.t * slope)
        return not xp.holds(new.loss <= ceiling) if strict else xp.holds(new.loss > ceiling)

    def flat(new):  # type: ignore[no-untyped-def]
        return xp.holds(abs(new.slope) <= enough)

    new, count = (yield from trial(t)), 0
    while count < limit:
        if too_high(new) or (count > 1 and xp.holds(new.loss >= previous.loss)):
            bracket = [previous, new]
            break
        if flat(new):
            return (new if strict or xp.holds(new.loss <= new.loss) else None), count + 1
        if xp.holds(new.slope >= xp.number(0)):
            bracket = [previous, new]
            break
        t = cubic(xp, strict, previous, new, new.t + xp.number(0.01) * (new.t - previous.t), new.t * xp.number(10))
        previous, new = new, (yield from trial(t))
        count += 1
    else:
        bracket = [origin, new]

    low, high = order(xp, strict, bracket)
    close = False
    while count < limit:
        a, b = bracket
        if xp.holds(abs(b.t - a.t) * xp.largest(d) < xp.number(SMALLEST_BRACKET)):
            break
        left, right = (b.t, a.t) if xp.holds(b.t < a.t) else (a.t, b.t)
        t = cubic(xp, strict, a, b, left, right)
        t, close = away_from_the_ends(xp, t, left, right, close)
        new = yield from trial(t)
        count += 1
        if too_high(new) or xp.holds(new.loss >= bracket[low].loss):
            bracket[high] = new
            low, high = order(xp, strict, bracket)
            continue
        if flat(new):
            return new, count + 1
        if xp.holds(new.slope * (bracket[high].t - bracket[low].t) >= xp.number(0)):
            bracket[high] = bracket[low]
        bracket[low] = new
    return bracket[low], count + 1


def order(xp, strict, bracket):  # type: ignore[no-untyped-def]
    """Which end of a bracket is the lower one, and which the higher."""
    first, second = (end.loss for end in bracket)
    return (0, 1) if (not xp.holds(second < first) if strict else xp.holds(first <= second)) else (1, 0)


def cubic(xp, strict, a, b, low, high):  # type: ignore[no-untyped-def]
    """Equation 3.59: the minimum of the cubic through two trials, inside bounds; the middle where it has none."""
    held = partial(xp.named, "cubic")
    d1 = a.slope + b.slope - xp.number(3) * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not xp.holds(square >= xp.number(0)) or (strict and xp.holds(square >= xp.number(inf))):
        return (low + high) / xp.number(2)
    root = xp.sqrt(square)
    if not xp.holds(a.t <= b.t):
        a, b = b, a
    ratio = held(b.slope + root - d1) / held(held(b.slope - a.slope) + held(xp.number(2) * root))
    return held(xp.clipped(held(held(b.t) - held(held(b.t - a.t) * held(ratio))), low, high))


def away_from_the_ends(xp, t, left, right, close):  # type: ignore[no-untyped-def]
    """A trial that makes progress: not twice in a row within a tenth of the bracket from an end. Also whether this one is that close."""
    margin = xp.number(0.1) * (right - left)
    if not (xp.holds(right - t < margin) or xp.holds(t - left < margin)):
        return t, False
    if not (close or xp.holds(t >= right) or xp.holds(t <= left)):
        return t, True
    return (right - margin if xp.holds(abs(t - right) < abs(t - left)) else left + margin), False
