"""Cases of Yogi."""

from crossoptim.golden.cases.standard import standard_cases
from crossoptim.golden.cases.variants import add_for_each_equation

yogi = standard_cases("yogi")

yogi.topic("second moment", "StateStart")
add_for_each_equation(
    yogi, "both-ways", "a second moment that rises and falls", problem="injected", initial_accumulator=0.296875**2, beta2=0.9
)
yogi.add("equal", "a second moment that equals the first squared gradient stays", problem="parabola", initial_accumulator=256.0)
