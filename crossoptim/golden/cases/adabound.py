"""Cases of AdaBound."""

from crossoptim.golden.case import Event
from crossoptim.golden.cases.standard import standard_cases
from crossoptim.golden.cases.variants import add_for_each_equation

adabound = standard_cases("adabound")

adabound.topic("bounds", "RateBounds", "LearningRateZero")
add_for_each_equation(
    adabound,
    "bounds",
    "the learning rate grows from zero and is halved later: final_lr belongs to the first one that was not zero",
    problem="injected",
    lr=0.0,
    final_lr=0.15,
    gamma=0.4,
    beta2=0.8,
    events=(Event("set", 3, hyper={"lr": 0.2}), Event("set", 7, hyper={"lr": 0.1})),
)
