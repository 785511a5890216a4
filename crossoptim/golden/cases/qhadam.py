"""Cases of QHAdam."""

from crossoptim.golden.cases.standard import standard_cases
from crossoptim.golden.cases.variants import add_for_each_equation

qhadam = standard_cases("qhadam")

qhadam.topic("nu1 and nu2", "RuleOption")
add_for_each_equation(qhadam, "nus", "the gradient and its square have their own weight", problem="ravine", nu1=0.6, nu2=0.85)
