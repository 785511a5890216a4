"""Why some mutants are the same function: each reason in a sentence. The machine checks every mutant that a reason speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Reason:
    """A sentence about the mutants that fit: patterns as in file names."""

    original: str
    wrong: str
    sentence: str

    def fits(self, original: str, wrong: str) -> bool:
        """Whether it speaks of a mutant."""
        return fnmatchcase(original, self.original) and fnmatchcase(wrong, self.wrong)


_TIE = "Where both sides are equal, both branches give the same number."
_ZERO_START = "The first step multiplies what it starts from by zero."
_ZERO_FIRST = "They are the same number, except where what they multiply is zero: in the first step, or the first two."
_STILL = "It is zero, or multiplied by zero: in this phase the momentum stands still."
_SIGN = "Only its sign is used."
_SQUARED = "Only the square of the difference is used."
_NO_ROOT = (
    "They are equal only where (t - 3) b**(t + 1) - (t - 2) b**t + 3 b - 2 = 0 for b = beta2. The numerator of a rational root divides 2, "
    "and the denominator of a double is a power of two: b <= 1/2, where the left side is below 3."
)
_NO_ROOT_OF_4 = (
    "They are equal only where (2 t - 5) b**(t + 1) - (2 t - 3) b**t + 5 b - 3 = 0 for b = beta2. The denominator of a rational root "
    "divides 2 t - 5, which is odd, and that of a double is a power of two: there is none between 0 and 1."
)
_WHOLE = "For whole t the comparisons differ only at the end itself, where both branches give the same number."
_FROM_ZERO = "The number is where the first phase begins: 0."
_HEIGHT = "The number is the height of a triangular cycle: 1."
_EVEN = "It is the angle of a cosine, which is even."
_TURNS = "It is the angle of a cosine, and the two differ by whole turns."
_UNREAD = "Past the end the rate is 0, whatever this is there."
_NO_LENGTH = "Where the direction has no length, its factor does not matter."
_RATIO = "Only the ratio of a weight to the sum of weights is used, and both are multiplied alike."
_NO_WEIGHT = "Where the sum of weights is zero, so is the weight: their ratio is zero whatever divides it."

REASONS = (
    Reason("*[[]*", "size(*) -> size(*)", "Both have as many elements."),
    Reason("muon*", "columns(*) -> columns(*)", "Both have rows of one length."),
    Reason("*[[]*", "epsilon(*) -> epsilon(*)", "It depends on the dtype alone, which all operands share."),
    Reason("*[[]*", "* - m_new -> m_new - *", _SQUARED),
    Reason("*[[]*", "*beta2 ** t* > 5 -> * >= 5", _NO_ROOT),
    Reason("*[[]*", "*beta2 ** t* >= 5 -> * > 5", _NO_ROOT),
    Reason("*[[]*", "*beta2 ** t* > 4 -> * >= 4", _NO_ROOT_OF_4),
    Reason("*[[]*", "where(*beta2 ** t*, 0) -> where(*, -1)", "Where it is not positive, only its sign is asked for."),
    Reason(
        "adabound*", "where(*base_lr > 0*, 1) -> where(*base_lr > 0*", "Where neither rate is positive, lr is zero, and so is the step."
    ),
    Reason("schedule_free*", "t ** r * * -> t ** r * * * 2", _RATIO),
    Reason("schedule_free*", "t ** r * * -> t ** r * * * 0.5", _RATIO),
    Reason("schedule_free*", "where(weight_sum + * > 0, *, 1) -> where(weight_sum + * > 0, *", _NO_WEIGHT),
    Reason("lamb*", "where(* > 0, where(*), 1) -> where(* > 0, where(*", _NO_LENGTH),
    Reason("lars*", "where(* > 0, *, 1) -> where(* > 0, *", _NO_LENGTH),
    Reason("lion*", "beta1 * m + mix1 * * -> * * 2", _SIGN),
    Reason("lion*", "beta1 * m + mix1 * * -> * * 0.5", _SIGN),
    Reason(
        "madgrad*",
        "where(* > 0, *, s_new) -> where(* > 0, *, s)",
        "Without eps, a root is zero where every gradient was: so is s, then and now.",
    ),
    Reason("*[[]*", "* > * -> * >= *", _TIE),
    Reason("*[[]*", "* < * -> * <= *", _TIE),
    Reason("*[[]*", "* >= * -> * > *", _TIE),
    Reason("*[[]*", "* <= * -> * < *", _TIE),
    Reason("rprop*", "* * previous -> * * 2", _SIGN),
    Reason("rprop*", "* * previous -> * * 0.5", _SIGN),
    Reason("rprop*", "move starts as *", "It is read where the gradient changed its sign: never in the first step."),
    Reason("asgd*", "ax starts as *", "The first step replaces it: its weight is 1."),
    Reason("adafactor*", "* starts as *", _ZERO_START),
    Reason("schedules/linear", "t < total_iters -> t <= total_iters", _TIE),
    Reason("schedules/linear", "t < total_iters -> t - # < total_iters", _WHOLE),
    Reason("schedules/one_cycle", "(max_momentum - max_momentum) *", _STILL),
    Reason("schedules/one_cycle", "max_momentum + (max_momentum - max_momentum) *", _STILL),
    Reason("schedules/one_cycle", "max_momentum - max_momentum *", _STILL),
    Reason("schedules/one_cycle", "t < * - # -> t <= * - #", _TIE),
    Reason("schedules/one_cycle", "t < * - # -> t - # < * - #", _WHOLE),
    Reason("schedules/one_cycle", "t < total_steps - # -> t < total_steps", _WHOLE),
    Reason(
        "schedules/one_cycle", "where(t < * - #, t, * - #) - # -> t - #", "It is read in the first phase only: t is not past the end there."
    ),
    Reason("schedules/one_cycle", "* - #) - # -> where(t < * - #, t, * - #)", _FROM_ZERO),
    Reason("schedules/one_cycle", "* - #) - # -> where(t < * - #, t, * - #) + #", _FROM_ZERO),
    Reason("schedules/one_cycle", "pct_start * * - # - # -> pct_start * * - #", _FROM_ZERO),
    Reason("schedules/one_cycle", "pct_start * * - # - # -> pct_start * * - # + #", _FROM_ZERO),
    Reason(
        "schedules/one_cycle",
        "where(t < * - #, t, * - #) <= * -> t <= *",
        "A phase before the last ends before the cycle does: past the cycle's end, both are false.",
    ),
    Reason("schedules/one_cycle", "where(t < * - #, t, * - #) <= * -> where(t < * - #, t, * - #) < *", _TIE),
    Reason(
        "schedules/one_cycle",
        "where(where(*) <= pct_start * - #, *cos(*), where(*)) -> where(where(*) <= # * pct_start * - #, *cos(*))",
        "The way down is as long as the way up, along the same cosine, which is even: read before the top, it is the way up.",
    ),
    Reason("schedules/cyclic", "# + t / * <= * -> # + t / * < *", _TIE),
    Reason("schedules/cyclic", "where(*) [*] # -> where(*)", _HEIGHT),
    Reason("schedules/cyclic", "where(*) [*] # -> where(*) / #", _HEIGHT),
    Reason("schedules/c*", "t - * floor(*) -> * floor(*) - t", _EVEN),
    Reason("schedules/cosine_warm_restarts", "t - * floor(*) / # -> * floor(*) / # - t", _EVEN),
    Reason("schedules/sequential", "where(*) - # * floor(*) -> # * floor(*) - where(*)", _EVEN),
    Reason("schedules/c*", "t - * floor(*) -> t + * floor(*)", _TURNS),
    Reason("schedules/sequential", "where(*) - # * floor(*) -> where(*) + # * floor(*)", _TURNS),
    Reason(
        "schedules/cosine_warm_restarts",
        "floor(t / T_0) -> floor(t / T_0) * floor(t / T_0)",
        "A whole number and its square differ by an even one: the angles differ by whole turns.",
    ),
    Reason(
        "schedules/cosine_warm_restarts",
        "floor(t) + # with a number halved",
        "Cycles begin at whole steps: floor(t) plus anything between 0 and 1 is in the same cycle.",
    ),
    Reason("schedules/polynomial", "where(t < total_iters, # - t / total_iters, #) *", _UNREAD),
    Reason("schedules/sequential", "where(where(t >= #, t - #, #) < #, # - where(t >= #, t - #, #) / #, #) *", _UNREAD),
    Reason("schedules/sequential", "where(t >= #, t - #, #) -> *", "What a schedule gives before its milestone is not read."),
    Reason("schedules/sequential", "where(t >= #, t - #, #) with *", "What a schedule gives before its milestone is not read."),
    Reason("schedules/reduce_on_plateau", "lr * factor > min_lr -> lr * factor >= min_lr", _TIE),
    Reason(
        "schedules/reduce_on_plateau",
        "where(cooling > #, cooling - #, cooling) -> cooling - #",
        "Only whether it is above zero is read, and from zero on it only falls.",
    ),
    Reason("adopt*", "* starts as *", "The first step only replaces it by the squared gradient."),
    Reason("adopt*", "keep2 * v -> beta2 * v", _ZERO_FIRST),
    Reason("adopt*", "where(steps > 0.5, *, m) -> *", "In the first step m is zero, and so is what stands for it."),
    Reason("adopt*", "*steps > 0.5* -> clip > 0.5", "A whole number's fourth root is above one half where the number is."),
    Reason("adopt*", "*steps > 0.5* -> steps > 0.25", "It is a whole number."),
    Reason("adopt*", "t - 1 -> *", "Only whether it is above one half is asked for."),
    Reason("adan*", "keep? * * -> beta? * *", _ZERO_FIRST),
    Reason("adan*", "beta2 * * -> keep2 * *", "Averages that start at zero are kept by beta2 in every step."),
    Reason("adan*", "step_size * * -> lr * *", "Without a correction the step size is lr."),
    Reason("adan*", "* starts as *", _ZERO_START),
    Reason("adamax*", "u starts as *", "Times beta2, which is below 1, it is no larger than the first gradient, with eps in the norm."),
    Reason("muon*", "transpose(p) -> *", "Only its shape is used."),
    Reason("schedule_free*", "rate * * -> lr * *", "Without a warm-up the rate is lr."),
    Reason("adabelief*", "s_max starts as eps", "Each second moment has eps added to it: the maximum is never below."),
)


def reason(original: str, wrong: str) -> str | None:
    """The sentence about a mutant; None where there is none."""
    return next((r.sentence for r in REASONS if r.fits(original, wrong)), None)
