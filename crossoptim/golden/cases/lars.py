"""LARS: the standard cases, and norms of zero under each of its equations."""

from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.standard import STEPS, add_standard, again

cases = Cases("lars", steps=STEPS, dtypes="f64")
add_standard(cases)
cases.topic("zero norms", "TrustRatio")
again(cases, ["zero_norms"], "where a norm is zero the trust ratio is 1", steps=4)
