"""Cases of RMSprop: the standard ones, options set in mid-run, and a variance that is all rounding."""

from crossoptim.golden.case import Event
from crossoptim.golden.cases.standard import standard_cases

rmsprop = standard_cases("rmsprop")

rmsprop.topic("options set in mid-run")
for option, value in (("momentum", 0.6), ("centered", True)):
    rmsprop.add(
        f"{option}_switched_on",
        f"{option} set in mid-run: its state starts there",
        eps=0.03,
        events=(Event("set", 5, hyper={option: value}),),
    )
rmsprop.add("momentum_switched_off", "momentum set to zero in mid-run", momentum=0.6, events=(Event("set", 5, hyper={"momentum": 0.0}),))
rmsprop.topic("centered", "CenteredVariance")
rmsprop.add(
    "centered_forgetful",
    "no memory: the variance is zero, or what rounding leaves of it, and its root may be NaN",
    problem="injected",
    dtypes="f32 f64",
    centered=True,
    alpha=0.0,
    eps=0.5,
)
