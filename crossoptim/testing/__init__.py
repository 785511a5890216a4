"""Golden trajectories in other people's tests: is this optimizer the one that the specification describes?"""

from crossoptim.testing.follow import assert_follows_golden, golden_cases, judge_optimizer, runnable_cases
from crossoptim.testing.report import Report
from crossoptim.testing.step_function import StepFunction

__all__ = ["Report", "StepFunction", "assert_follows_golden", "golden_cases", "judge_optimizer", "runnable_cases"]
