"""Cases of Lion."""

from crossoptim.golden.cases.standard import standard_cases
from crossoptim.golden.cases.variants import add_for_each_equation

lion = standard_cases("lion")

lion.topic("sign", "ZeroGradients")
add_for_each_equation(lion, "sign", "zero gradients from the first step: the sign of zero is zero", problem="zeros", beta1=0.6, beta2=0.8)
