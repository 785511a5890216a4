"""Cases of Adamax: gradients of both signs that shrink, so that both sides of the maximum are taken."""

from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.standard import STEPS, add_standard

adamax = Cases("adamax", steps=STEPS, dtypes="f64")
add_standard(adamax)

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
