"""LAMB: the standard cases, and norms of zero under each of its equations."""

from typing import Any

from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.standard import STEPS, add_standard, again

cases = Cases("lamb", steps=STEPS, dtypes="f64")
add_standard(cases)
cases.topic("zero norms", "TrustRatio")
again(cases, ["zero_norms"], "where a norm is zero the trust ratio is 1", steps=4, eps=0.3)
again(cases, ["sparse"], "without eps, elements without a gradient become NaN: no norm is above zero then", steps=1, eps=0.0)
_CANCELLING: dict[str, dict[str, Any]] = {
    "decay_cancels": {},
    "decay_cancels_at_most": {"norm_max": 2.0},
    "decay_cancels_uncorrected": {"bias_correction": "off", "beta1": 0.75, "beta2": 0.9375, "norm_max": 2.0},
}
for label, hyper in _CANCELLING.items():
    cases.add(label, "weight decay takes back the whole direction", problem="opposed", steps=3, eps=0.0, weight_decay=0.5, **hyper)
