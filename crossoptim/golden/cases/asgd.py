"""Cases of averaged stochastic gradient descent: averaging has begun."""

from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.standard import STEPS, add_standard

asgd = Cases("asgd", steps=STEPS, dtypes="f64")
add_standard(asgd)

asgd.topic("maximize")
asgd.add("maximize_averaged", "ascent, averaged from the third step on", problem="injected", maximize=True, t0=2.0, lambd=0.5)
asgd.topic("extremes")
asgd.add("infinite_before_t0", "infinite gradients long before averaging begins", problem="infinite", steps=25, lambd=0.5)
