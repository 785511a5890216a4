"""Cases of Adagrad: the standard ones, and groups whose sums start elsewhere."""

from typing import Any

from crossoptim.golden.case import Event, Group
from crossoptim.golden.cases.standard import standard_cases

adagrad = standard_cases("adagrad")

adagrad.topic("initial_accumulator_value", "StateStart")
adagrad.add(
    "start_groups",
    "each group's sum starts elsewhere",
    problem="injected",
    dtypes="f32 f64",
    groups=(Group(("matrix",), {"initial_accumulator_value": 0.5}), Group(("vector", "scalar"), {"initial_accumulator_value": 2.0})),
)
adagrad.add(
    "start_group-added",
    "a group joins, and its sum starts elsewhere",
    problem="injected",
    events=(Event("add_group", 4, params=("scalar",), hyper={"initial_accumulator_value": 2.0}),),
)
for option, value in {"weight_decay": 0.15, "maximize": True, "eps_placement": "inside"}.items():
    hyper: dict[str, Any] = {option: value, "initial_accumulator_value": 0.4}
    adagrad.add(f"start_{option}", f"a sum that starts above zero, {option}", steps=2, **hyper)
adagrad.topic("lr_decay", "StepCount")
adagrad.add(
    "lr_decay_late",
    "lr_decay counts the steps of each parameter, also those before it was set",
    problem="injected",
    events=(Event("none", 1, params=("vector",)), Event("set", 5, hyper={"lr_decay": 0.5})),
)
