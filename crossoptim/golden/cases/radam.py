"""Cases of RAdam: long enough that the step becomes adaptive, which with usual memories is at the sixth."""

from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.standard import STEPS, add_standard

radam = Cases("radam", steps=STEPS, dtypes="f64")
add_standard(radam)

radam.topic("eps", "Rectification", "ZeroGradients")
radam.add("eps_zero_gradients_zero", "no eps, and gradients that are zero until the step is adaptive", problem="zeros", steps=6, eps=0.0)

radam.topic("rectify_above", "Rectification")
for label, decay in {"": 0.0, "_decay": 0.2}.items():
    radam.add(
        f"never_rectified{label}", "a second memory so short that its length stays below four", problem="parabola", rectify_above="four",
        beta2=0.5625, weight_decay=decay,
    )  # fmt: skip
