"""Cases of AdaBelief."""

from crossoptim.golden.cases.standard import standard_cases
from crossoptim.golden.cases.variants import add_for_each_equation

adabelief = standard_cases("adabelief")

adabelief.topic("eps", "EpsilonPlacement")
add_for_each_equation(adabelief, "eps-felt", "an eps that is felt", problem="anisotropic", eps=0.05, beta1=0.6, beta2=0.9)

adabelief.topic("rectify", "Amsgrad", "Rectification")
adabelief.add(
    "amsgrad-rectify",
    "the largest second moment is divided by when the steps are rectified too",
    problem="injected",
    amsgrad=True,
    rectify=True,
    beta2=0.8,
)
adabelief.add(
    "waiting-eps-zero",
    "steps that are left out divide by nothing: no gradient but zero before the first step that is rectified",
    problem="late",
    eps=0.0,
    weight_decay=0.2,
    amsgrad=True,
    rectify=True,
    beta2=0.9,
    until_rectified="nothing",
)
