"""Cases of NAdam: a second moment that overflows when its bias is corrected, and not before."""

from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.standard import STEPS, add_standard

nadam = Cases("nadam", steps=STEPS, dtypes="f64")
add_standard(nadam)

nadam.topic("extremes", "RangeEnds", "BiasCorrection")
nadam.add("correction_overflows", "a long second memory: gradients times 2^70", problem="huge", dtypes="f32", beta2=0.9999)
