"""Cases of Adamax: gradients of both signs that shrink, so that both sides of the maximum are taken."""

from typing import Any

from crossoptim.golden.case import Event
from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.standard import STEPS, add_standard

adamax = Cases("adamax", steps=STEPS, dtypes="f64")
add_standard(adamax)

adamax.topic("the norm's start", "StateStart", "ZeroGradients")
forms: dict[str, dict[str, Any]] = {
    "": {},
    "_maximize": {"maximize": True},
    "_in_denominator": {"eps_placement": "in_denominator", "eps": 4.0},
}
for label, hyper in forms.items():
    adamax.add(f"starts{label}", "a zero gradient: the norm starts at zero", problem="zeros", steps=1, **hyper)
    if label != "_maximize":
        adamax.add(
            f"starts_decay{label}",
            "a first gradient that weight decay makes smaller: the norm starts at zero",
            problem="injected",
            steps=3,
            weight_decay=0.5,
            beta2=0.9,
            events=(Event("none", 1, params=("matrix", "vector")), Event("none", 2, params=("matrix",))),
            **hyper,
        )
adamax.topic("maximize", "Maximize")
adamax.add("maximize_short", "ascent with a short memory of the norm", problem="injected", maximize=True, beta2=0.5)
adamax.topic("eps_placement", "EpsilonPlacement")
adamax.add(
    "eps_in_denominator_short",
    "eps where it divides, with a short memory of the norm",
    problem="injected",
    eps_placement="in_denominator",
    eps=0.1,
    beta2=0.5,
)
