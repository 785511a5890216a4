"""Cases of averaged stochastic gradient descent: averaging has begun."""

from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.events import add_events
from crossoptim.golden.cases.standard import STEPS, add_standard, all_options

asgd = Cases("asgd", steps=STEPS, dtypes="f64")
add_standard(asgd)
# R torch raises once averaging has begun: its events are judged before
add_events(asgd, named="{}_before_t0", **{**all_options("asgd"), "t0": 100.0})

asgd.topic("maximize", "Maximize", "IterateAverage")
asgd.add("maximize_averaged", "ascent, averaged from the third step on", problem="injected", maximize=True, t0=2.0, lambd=0.5)
asgd.topic("lambd", "IterateAverage")
asgd.add("lambd_cancels", "the decay takes nearly all of the parameter", problem="zeros", dtypes="f32", lr=0.3, lambd=3.3333)
asgd.topic("alpha", "IterateAverage")
asgd.add(
    "alpha_overflows", "the power by which the step size falls leaves the range", problem="injected", steps=4, lambd=10.0, alpha=1000.0
)
asgd.topic("extremes", "NonFinite")
asgd.add("infinite_before_t0", "infinite gradients long before averaging begins", problem="infinite", steps=25, lambd=0.5)
