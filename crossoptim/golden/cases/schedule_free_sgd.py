"""Cases of Schedule-Free SGD."""

from crossoptim.golden.case import Event
from crossoptim.golden.cases.standard import standard_cases
from crossoptim.golden.cases.variants import add_for_each_equation

schedule_free_sgd = standard_cases("schedule_free_sgd")

schedule_free_sgd.topic("average", "IterateAverage", "LearningRateZero")
add_for_each_equation(
    schedule_free_sgd,
    "weights",
    "the learning rate grows from zero and falls again: steps at zero have no weight in the average",
    problem="ravine",
    lr=0.0,
    r=0.5,
    weight_lr_power=1.5,
    events=(Event("set", 3, hyper={"lr": 0.1}), Event("set", 5, hyper={"lr": 0.2}), Event("set", 8, hyper={"lr": 0.05})),
)
