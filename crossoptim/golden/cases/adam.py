"""Cases of Adam and, as the setting with decoupled weight decay, AdamW."""

from typing import Any

from crossoptim.golden.case import Event, Group
from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.events import add_events, add_extremes

adam = Cases("adam", lr=0.1)
# second moments that fall, from below eps and above it; no two numbers are equal, as lr and 1 - beta1 are elsewhere
falling: dict[str, Any] = {
    "problem": "injected", "dtypes": "f64", "steps": 8, "lr": 0.12, "beta2": 0.8, "eps": 0.05, "amsgrad": True,
}  # fmt: skip

adam.topic("plain", "PlainRule")
adam.add("plain", "Adam in a ravine")
adam.add("plain", "Adam on y = 4x^2", problem="parabola", dtypes="f64")
adam.add(
    "plain", "Adam in a curved valley with two 0-d parameters", problem="rosenbrock", dtypes="f32", flags=("ZeroDimensional",), lr=0.05
)
adam.add("plain", "least squares", problem="mtcars", dtypes="f64")
adam.add("plain", "a network with tensors of several shapes", problem="iris", dtypes="f32")
adam.add("plain", "gradients from a table", problem="injected", dtypes="f64")
adam.add("plain", "the same step in every direction", problem="isotropic", dtypes="f32")
adam.add("plain", "a steep and a flat direction", problem="anisotropic", dtypes="f64")

adam.topic("betas, eps", "MovingAverage")
adam.add("beta1_zero", "no first moment: RMSprop with bias correction", dtypes="f64", beta1=0.0)
adam.add("beta2_zero", "no second moment: the sign of the gradient, almost", dtypes="f64", beta2=0.0)
adam.add("betas", "short memories", beta1=0.5, beta2=0.9)
adam.add("betas_equal", "both memories equal", dtypes="f64", beta1=0.95, beta2=0.95)
adam.add("betas_long", "a long first and a very long second memory", dtypes="f32", flags=("ScalarPrecision",), beta1=0.99, beta2=0.9999)
adam.topic("betas, eps", "EpsilonPlacement")
adam.add("eps_large", "an eps that matters", eps=0.5)
adam.add("eps_zero", "no eps", dtypes="f64", eps=0.0)

adam.topic("weight decay", "WeightDecay", "IndexInsteadOfValue")
adam.add("decay", "weight decay enters the gradient", weight_decay=0.1)
adam.add("decay", "weight decay on three tensors", problem="injected", weight_decay=0.1, dtypes="f64")
adam.add("decay_large", "weight decay that outweighs the gradient", dtypes="f32", weight_decay=10.0)
adam.add(
    "decay_accumulate",
    "weight decay must not stay in the gradient that is accumulated",
    weight_decay=0.5,
    events=tuple(Event("accumulate", s) for s in range(5, 9)),
)
adam.add("decay_switched_on", "weight decay set in mid-run", dtypes="f64", events=(Event("set", 11, hyper={"weight_decay": 0.5}),))

adam.topic("amsgrad", "Amsgrad")
adam.add("amsgrad", "the largest second moment is kept", amsgrad=True, beta2=0.9)
adam.add(
    "amsgrad",
    "the largest second moment is kept, gradients from a table",
    problem="injected",
    dtypes="f64",
    amsgrad=True,
    lr=0.12,
    beta2=0.5,
    eps=0.05,
)
adam.add("amsgrad_decay", "amsgrad with weight decay", dtypes="f64", amsgrad=True, lr=0.12, weight_decay=0.15, beta2=0.8)

adam.add(
    "amsgrad_switched_on",
    "amsgrad set in mid-run: the maximum starts there",
    dtypes="f64",
    beta2=0.9,
    events=(Event("set", 11, hyper={"amsgrad": True}),),
)

adam.topic("maximize", "Maximize")
adam.add("maximize", "ascent", maximize=True, lr=0.01)
adam.add("maximize", "ascent along gradients that shrink", maximize=True, **{**falling, "amsgrad": False})
adam.add("maximize_decay", "weight decay still shrinks while ascending", maximize=True, weight_decay=0.5, **{**falling, "amsgrad": False})
adam.add("maximize_amsgrad", "ascent with amsgrad", maximize=True, **falling)

adam.topic("variants", "PublishedVariant", "EpsilonPlacement")
adam.add("eps_inside", "eps under the root", lr=0.12, eps_placement="inside", eps=0.01)
adam.add(
    "eps_inside_before",
    "eps under the root, before bias correction",
    dtypes="f64",
    lr=0.12,
    eps_placement="inside",
    eps_order="before",
    eps=0.01,
)
adam.add("eps_before", "epsilon hat: eps before bias correction", lr=0.12, eps_order="before", eps=0.01)
adam.topic("variants", "PublishedVariant", "BiasCorrection")
adam.add("uncorrected", "no bias correction", lr=0.12, bias_correction="off")
adam.add(
    "uncorrected_eps_inside",
    "no bias correction, eps under the root",
    dtypes="f64",
    lr=0.12,
    bias_correction="off",
    eps_placement="inside",
    eps=0.01,
)
adam.add(
    "uncorrected_amsgrad",
    "amsgrad as the paper has it, without bias correction",
    bias_correction="off",
    **falling,
)
adam.add("uncorrected_decay", "no bias correction, with weight decay", dtypes="f64", lr=0.12, bias_correction="off", weight_decay=0.15)
adam.topic("variants", "PublishedVariant", "EpsilonPlacement", "Amsgrad")
adam.add("eps_inside_amsgrad", "eps under the root, with amsgrad", eps_placement="inside", **falling)
adam.add("eps_before_amsgrad", "epsilon hat with amsgrad", eps_order="before", **falling)

add_events(adam, weight_decay=0.1)
adam.topic("resume", "Amsgrad")
adam.add(
    "resume_amsgrad",
    "all three state tensors are saved",
    problem="injected",
    dtypes="f64",
    amsgrad=True,
    beta2=0.5,
    events=(Event("resume", 16),),
)
adam.topic("betas, eps", "MovingAverage")
adam.add(
    "beta1_drops", "beta1 changed in mid-run, as one-cycle schedules do", dtypes="f64", events=(Event("set", 11, hyper={"beta1": 0.5}),)
)
add_extremes(adam, amsgrad=True, weight_decay=0.1)

adamw = Cases("adamw", lr=0.1)

adamw.topic("plain", "DecoupledDecay")
adamw.add("plain", "the default decay of 0.01")
adamw.add("plain", "Adam when there is no decay", problem="mtcars", dtypes="f32", weight_decay=0.0)

adamw.topic("amsgrad", "Amsgrad")
adamw.add(
    "amsgrad_switched_on",
    "amsgrad set in mid-run: the maximum starts there",
    dtypes="f64",
    beta2=0.9,
    events=(Event("set", 11, hyper={"amsgrad": True}),),
)
adamw.topic("weight decay", "DecoupledDecay")
adamw.add("decay_large", "decay that is felt", weight_decay=0.5)
adamw.add("decay_flip", "lr times decay above one flips the sign", dtypes="f64", lr=0.5, weight_decay=3.0)
adamw.add(
    "decay_maximize", "decoupled decay while ascending", maximize=True, weight_decay=0.5,
    **{**falling, "amsgrad": False, "problem": "injected_1d"},
)  # fmt: skip
adamw.add(
    "decay_groups",
    "decay in one group only, as is usual for biases",
    problem="injected",
    groups=(Group(("matrix",), {"weight_decay": 0.5}), Group(("vector", "scalar"), {"weight_decay": 0.0})),
)

adamw.topic("amsgrad", "Amsgrad", "DecoupledDecay")
adamw.add("amsgrad", "amsgrad with decoupled decay", dtypes="f32", amsgrad=True, weight_decay=0.1, beta2=0.9)
adamw.add("amsgrad", "amsgrad with decoupled decay, gradients from a table", weight_decay=0.15, **{**falling, "problem": "injected_1d"})

adamw.topic("variants", "PublishedVariant", "DecoupledDecay")
adamw.add(
    "eps_inside",
    "eps under the root",
    dtypes="f64",
    flags=("EpsilonPlacement",),
    lr=0.12,
    weight_decay=0.15,
    eps_placement="inside",
    eps=0.01,
)
adamw.add("uncorrected", "no bias correction", dtypes="f64", flags=("BiasCorrection",), lr=0.12, bias_correction="off", weight_decay=0.15)
adamw.add("eps_before", "epsilon hat", dtypes="f64", flags=("EpsilonPlacement",), lr=0.12, eps_order="before", eps=0.01, weight_decay=0.15)

# R torch's AdamW refuses 0-d parameters: elsewhere, so that its events are judged, too
add_events(adamw, table="injected_1d", weight_decay=0.1)
add_extremes(adamw, weight_decay=0.1)
