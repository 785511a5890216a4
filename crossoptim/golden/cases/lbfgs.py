"""Cases of L-BFGS. They run in closed loop only: the optimizer chooses where to evaluate."""

from typing import Any

from crossoptim.golden.case import Event
from crossoptim.golden.cases import Cases

lbfgs = Cases("lbfgs", lr=1.0)
wolfe: dict[str, Any] = {"line_search": "strong_wolfe"}

lbfgs.topic("fixed step", "PlainRule")
lbfgs.add("plain", "one short iteration a step, far from converging", dtypes="f64", steps=30, lr=0.1, max_iter=1)
lbfgs.add("fixed", "steps of length lr into a curved valley, with two 0-d parameters", problem="rosenbrock", steps=2, lr=0.5)
lbfgs.add("fixed", "a quadratic: the pairs span the plane after two iterations", steps=3, lr=0.5, max_iter=6)
lbfgs.add("fixed", "a matrix, a vector and a 0-d tensor form one vector", problem="shapes", dtypes="f64", steps=2, lr=0.25, max_iter=12)
lbfgs.add("lr_zero", "learning rate zero: the step is within tolerance_change at once", problem="mtcars", dtypes="f64", steps=2, lr=0.0)
lbfgs.add(
    "first_length", "a small gradient: the first step is lr long, not 1 / |g|", problem="tail", dtypes="f32", steps=1, lr=0.5, max_iter=3
)

lbfgs.topic("strong Wolfe", "LineSearch")
lbfgs.add("wolfe", "a line search through a curved valley", problem="rosenbrock", steps=2, **wolfe)
lbfgs.add("wolfe", "a line search on a quadratic", problem="anisotropic", steps=2, **wolfe)
lbfgs.add("wolfe", "least squares, to the end", problem="mtcars", steps=2, **wolfe)
lbfgs.add("wolfe", "tensors of several shapes under a line search", problem="shapes", dtypes="f64", steps=2, max_iter=10, **wolfe)
lbfgs.add("wolfe", "a network under a line search", problem="iris", dtypes="f32", steps=1, max_iter=5, **wolfe)
lbfgs.add("wolfe_long", "a first trial that is far too long: zoom", problem="ravine", steps=2, lr=40.0, max_iter=6, **wolfe)
lbfgs.add(
    "wolfe_short",
    "a first trial that is far too short: bracketing by extrapolation",
    problem="ravine",
    steps=2,
    lr=1e-3,
    max_iter=6,
    **wolfe,
)
lbfgs.add(
    "wolfe_short_valley",
    "extrapolation over a valley's floor, then zoom",
    problem="rosenbrock",
    dtypes="f64",
    steps=2,
    lr=0.01,
    max_iter=8,
    **wolfe,
)

lbfgs.add(
    "wolfe_tail",
    "interpolation ends near the bracket's ends: trials a tenth away from them",
    problem="tail",
    steps=1,
    lr=100.0,
    max_iter=2,
    max_eval=20,
    **wolfe,
)
lbfgs.add(
    "wolfe_far",
    "a trial that is lower than the start, but not low enough",
    problem="tail",
    dtypes="f64",
    steps=1,
    lr=1000.0,
    max_iter=1,
    max_eval=6,
    **wolfe,
)
lbfgs.add(
    "runs_out",
    "a search that runs out goes back to its origin",
    problem="kink",
    dtypes="f64",
    steps=2,
    lr=0.01,
    max_iter=2,
    max_eval=4,
    **wolfe,
)
lbfgs.add(
    "wolfe_flat",
    "a start that is nearly flat, a minimum far away",
    problem="quintic",
    dtypes="f64",
    steps=2,
    lr=0.85,
    max_iter=3,
    max_eval=10,
    tolerance_change=0.0,
    **wolfe,
)
lbfgs.add(
    "ledge_second",
    "the second trial may be higher than the first",
    problem="ledge",
    dtypes="f64",
    steps=2,
    lr=8.5,
    max_iter=2,
    max_eval=4,
    **wolfe,
)
lbfgs.add(
    "ledge_third",
    "the third trial may not be higher than the second",
    problem="ledge",
    dtypes="f64",
    steps=1,
    lr=0.85,
    max_iter=1,
    max_eval=10,
    **wolfe,
)
lbfgs.add(
    "kink",
    "no point is flat enough: the bracket shrinks to nothing",
    problem="kink",
    dtypes="f64",
    steps=1,
    lr=1000.0,
    max_iter=1,
    max_eval=60,
    **wolfe,
)
lbfgs.add(
    "kink_again",
    "a second search begins where a bracket shrank to nothing",
    problem="kink",
    dtypes="f64",
    steps=2,
    lr=0.3,
    max_iter=1,
    max_eval=20,
    **wolfe,
)

lbfgs.topic("history", "CurvaturePairs")
lbfgs.add(
    "history_one", "one pair: a quasi-Newton method without memory", problem="rosenbrock", dtypes="f64", steps=2, lr=0.25, history_size=1
)
lbfgs.add("history_three", "the oldest of three pairs goes", problem="shapes", steps=1, lr=0.25, history_size=3)
lbfgs.add(
    "history_three_wolfe", "the oldest of three pairs goes, with a line search", problem="rosenbrock", steps=2, history_size=3, **wolfe
)
for label, lr, comment in (("skipped", 2e-6, "below 1e-10 is left out"), ("kept", 1e-5, "just above 1e-10 is kept")):
    lbfgs.add(f"curvature_{label}", f"a pair whose curvature is {comment}", dtypes="f64", steps=1, lr=lr, max_iter=4, tolerance_change=0.0)

lbfgs.topic("stopping", "StoppingRule")
lbfgs.add(
    "one_iteration",
    "one iteration a step: the next step's first evaluation makes the pair",
    problem="rosenbrock",
    steps=8,
    lr=0.25,
    max_iter=1,
)
lbfgs.add(
    "one_iteration_wolfe",
    "one iteration a step, with a line search",
    problem="rosenbrock",
    dtypes="f64",
    steps=6,
    max_iter=1,
    max_eval=10,
    **wolfe,
)
lbfgs.add("max_eval", "the evaluations are spent before the iterations", problem="rosenbrock", dtypes="f64", steps=3, lr=0.25, max_eval=5)
lbfgs.add(
    "max_eval_wolfe", "the evaluations are spent in the middle of a line search", problem="ravine", steps=3, lr=1e-5, max_eval=4, **wolfe
)
lbfgs.add(
    "max_eval_one",
    "one evaluation is allowed: the first trial is taken if it is lower",
    problem="ravine",
    dtypes="f64",
    steps=4,
    max_eval=1,
    **wolfe,
)
lbfgs.add(
    "optimal_start",
    "the gradient is within tolerance_grad at once: nothing moves",
    problem="ravine",
    dtypes="f64",
    steps=2,
    tolerance_grad=100.0,
)
lbfgs.add("tolerance_grad", "the gradient comes within tolerance_grad", problem="mtcars", steps=3, lr=0.5, tolerance_grad=0.01)
lbfgs.add(
    "tolerance_change",
    "the loss changes by less than tolerance_change",
    problem="mtcars",
    dtypes="f64",
    steps=3,
    lr=0.5,
    tolerance_change=0.01,
    **wolfe,
)
lbfgs.add(
    "tolerance_step",
    "the step is within tolerance_change, the loss is not",
    problem="shapes",
    dtypes="f64",
    steps=3,
    lr=1e-3,
    tolerance_change=0.004,
)
lbfgs.add(
    "tolerance_loss",
    "the loss is within tolerance_change, the step and the slope are not",
    dtypes="f64",
    steps=2,
    lr=0.1,
    max_iter=40,
    tolerance_change=0.02,
)
lbfgs.add("slope", "the slope is within tolerance_change", problem="ravine", dtypes="f64", steps=3, lr=0.5, tolerance_change=50.0)

lbfgs.topic("not finite", "LineSearchNaN")
for edge, comment in {
    "barrier": "the first trial lies where the loss is NaN",
    "exponential": "the loss of the first trial overflows",
}.items():
    lbfgs.add(
        "edge",
        f"{comment}: it is too high",
        problem=edge,
        steps=1,
        lr={"barrier": 40.0, "exponential": 4000.0}[edge],
        max_iter=4,
        max_eval=20,
        **wolfe,
    )
lbfgs.add("edge_fixed", "steps of fixed length to where the loss is NaN", problem="barrier", dtypes="f64", steps=1, lr=24.0, max_iter=4)

lbfgs.topic("lr changed")
lbfgs.add(
    "lr-drops",
    "the learning rate drops in mid-run",
    problem="rosenbrock",
    dtypes="f64",
    steps=4,
    lr=0.5,
    max_iter=5,
    events=(Event("set", 3, hyper={"lr": 0.125}),),
)
lbfgs.add(
    "lr-drops-wolfe",
    "a shorter first trial in mid-run",
    problem="rosenbrock",
    dtypes="f32",
    steps=4,
    max_iter=4,
    events=(Event("set", 3, hyper={"lr": 0.25}),),
    **wolfe,
)
lbfgs.topic("no gradient")
lbfgs.add(
    "none",
    "a None gradient counts as zeros: the direction still moves the parameter",
    problem="shapes",
    dtypes="f64",
    steps=4,
    lr=0.125,
    max_iter=3,
    events=(Event("none", 3, params=("vector",)),),
)
lbfgs.add(
    "frozen",
    "a parameter that never has a gradient does not move",
    problem="shapes",
    dtypes="f64",
    steps=2,
    max_iter=6,
    events=(Event("frozen", params=("matrix",)),),
    **wolfe,
)
lbfgs.topic("resume")
lbfgs.add(
    "resume",
    "pairs, direction and length are saved and loaded",
    problem="rosenbrock",
    dtypes="f64",
    steps=5,
    lr=0.25,
    max_iter=4,
    events=(Event("resume", 3),),
)
lbfgs.add("resume-wolfe", "resumed under a line search", problem="rosenbrock", steps=5, max_iter=4, events=(Event("resume", 3),), **wolfe)
