"""Cases of ADOPT."""

from crossoptim.golden.cases.standard import standard_cases
from crossoptim.golden.cases.variants import add_for_each_equation

adopt = standard_cases("adopt")

adopt.topic("clipping", "UpdateClipping")
add_for_each_equation(adopt, "clipped", "a least denominator that is felt, gradients beyond it", problem="injected", beta2=0.45, eps=0.75)
add_for_each_equation(adopt, "eps-zero", "no least denominator and zero gradients: NaN after the first step", problem="zeros", eps=0.0)
