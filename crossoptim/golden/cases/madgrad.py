"""Cases of MADGRAD."""

from crossoptim.golden.case import Event
from crossoptim.golden.cases.standard import standard_cases

madgrad = standard_cases("madgrad")

madgrad.topic("eps", "EpsilonPlacement")
madgrad.add(
    "eps-zero",
    "no eps: an element stays where it is until its first gradient, which for one parameter is not zero",
    problem="zeros",
    eps=0.0,
    events=tuple(Event("none", step, params=("vector",)) for step in (1, 2, 3)),
)
madgrad.add("eps-zero-decay", "the same with weight decay", problem="zeros", eps=0.0, weight_decay=0.2)
