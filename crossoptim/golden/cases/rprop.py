"""Cases of Rprop: the standard ones, and each form under options that the signs of its gradients make felt."""

from crossoptim.golden.cases.standard import all_options, standard_cases

rprop = standard_cases("rprop")
together = all_options("rprop")

rprop.topic("sign changes", "SignChange")
rprop.add("signs", "many changes of sign: both bounds are reached", problem="injected", dtypes="f32 f64", steps=30, **together)
rprop.add("sparse", "a zero gradient leaves the step size alone, and no sign", problem="sparse", steps=20, **together)
for form, what in (("step", "the smaller step at once"), ("backtrack", "the last step is taken back")):
    more = {"sign_change": form, **together}
    rprop.add(f"{form}_signs", f"many changes of sign: {what}", problem="injected", dtypes="f32 f64", steps=30, **more)
    rprop.add(f"{form}_zeros", f"zero gradients leave no sign; else {what}", problem="zeros", steps=20, **more)
rprop.topic("maximize", "Maximize", "SignChange")
rprop.add("maximize_signs", "ascent along changing signs", problem="injected", steps=30, maximize=True, **together)
rprop.add("maximize_grows", "ascent with ever larger steps, up to the largest", maximize=True, **together)
