"""Cases of stochastic gradient descent."""

from crossoptim.golden.case import Event, Group
from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.events import add_events, add_extremes

sgd = Cases("sgd", lr=0.1)

sgd.topic("plain", "PlainRule")
sgd.add("plain", "gradient descent in a ravine", lr=0.4)
sgd.add("plain", "the first step of the tutorials", problem="parabola", dtypes="f64")
sgd.add("plain", "one step to the minimum", problem="isotropic", dtypes="f32", lr=2.5)
sgd.add("plain", "zigzag", problem="anisotropic", dtypes="f64", lr=0.49)
sgd.add("plain", "least squares", problem="mtcars", dtypes="f32")
sgd.add("plain", "a network with tensors of several shapes", problem="iris", dtypes="f64", lr=0.5)
sgd.add("lr_zero", "learning rate zero: nothing moves", dtypes="f64", flags=("LearningRateZero",), lr=0.0)

sgd.topic("momentum", "Momentum")
sgd.add("momentum", "momentum in a ravine", lr=0.4, momentum=0.5)
sgd.add(
    "momentum",
    "momentum in a curved valley with two 0-d parameters",
    problem="rosenbrock",
    dtypes="f32",
    flags=("ZeroDimensional",),
    lr=0.0005,
    momentum=0.9,
)
sgd.add("momentum", "momentum on a network", problem="iris", dtypes="f32", momentum=0.9)
sgd.add("momentum_one", "momentum 1 forgets nothing", dtypes="f64", momentum=1.0, lr=0.01)

sgd.topic("dampening", "Dampening")
sgd.add("dampening", "dampening leaves the first gradient whole", momentum=0.9, dampening=0.5)
sgd.add("dampening_full", "dampening 1 keeps only the first gradient", dtypes="f64", momentum=0.9, dampening=1.0)
sgd.add("dampening_no_momentum", "dampening without momentum does nothing", dtypes="f64", dampening=0.5)

sgd.topic("nesterov", "Nesterov")
sgd.add("nesterov", "Nesterov as PyTorch writes it", momentum=0.9, nesterov=True)
sgd.add("nesterov", "Nesterov in a curved valley", problem="rosenbrock", dtypes="f64", lr=0.0005, momentum=0.9, nesterov=True)

sgd.topic("weight decay", "WeightDecay", "IndexInsteadOfValue")
sgd.add("decay", "weight decay alone", weight_decay=0.1)
sgd.add("decay", "weight decay on three tensors: their positions in the group differ", problem="injected", weight_decay=0.1)
sgd.add("decay_momentum", "weight decay enters the velocity", momentum=0.9, weight_decay=0.1)
sgd.add("decay_nesterov", "weight decay under Nesterov", dtypes="f64", momentum=0.9, nesterov=True, weight_decay=0.15)
sgd.add("decay_dampening", "weight decay is dampened too", dtypes="f32", momentum=0.9, dampening=0.4, weight_decay=0.15)
sgd.add(
    "decay_groups",
    "weight decay in one group only",
    problem="injected",
    dtypes="f64",
    groups=(Group(("vector", "matrix"), {"weight_decay": 0.5}), Group(("scalar",))),
)
sgd.add("decay_switched_on", "weight decay set in mid-run", dtypes="f64", events=(Event("set", 11, hyper={"weight_decay": 0.5}),))

sgd.topic("maximize", "Maximize")
sgd.add("maximize", "ascent", maximize=True, lr=0.01)
sgd.add("maximize_momentum", "ascent with momentum", dtypes="f64", maximize=True, lr=0.01, momentum=0.9)
sgd.add("maximize_decay", "weight decay still shrinks while ascending", dtypes="f32", maximize=True, lr=0.01, weight_decay=0.5)
sgd.add("maximize_nesterov", "ascent with Nesterov", dtypes="f64", maximize=True, lr=0.01, momentum=0.9, nesterov=True)

sgd.topic("variants", "PublishedVariant", "MomentumForm")
halved = (Event("set", 11, hyper={"lr": 0.05}),)
sgd.add(
    "lr_inside", "the learning rate inside the velocity: the same as outside while it is constant", momentum=0.9, momentum_form="lr_inside"
)
sgd.add(
    "lr_inside_lr_drops",
    "the learning rate inside the velocity: a change is felt only gradually",
    dtypes="f64",
    momentum=0.9,
    momentum_form="lr_inside",
    events=halved,
)
sgd.add(
    "lr_inside_nesterov",
    "learning rate inside, Nesterov at the parameter",
    dtypes="f64",
    momentum=0.9,
    momentum_form="lr_inside",
    nesterov=True,
    events=halved,
)
sgd.add(
    "lr_inside_decay",
    "learning rate inside, with weight decay and dampening",
    dtypes="f64",
    momentum=0.9,
    momentum_form="lr_inside",
    weight_decay=0.1,
    dampening=0.3,
    events=halved,
)
sgd.topic("variants", "PublishedVariant", "Nesterov")
sgd.add("lookahead", "Nesterov as the paper writes it: the gradient is taken ahead", momentum=0.9, nesterov=True, nesterov_form="lookahead")
sgd.add(
    "lookahead",
    "the gradient is taken ahead, in a curved valley",
    problem="rosenbrock",
    dtypes="f64",
    lr=0.0005,
    momentum=0.9,
    nesterov=True,
    nesterov_form="lookahead",
)
sgd.add(
    "lookahead_lr_inside",
    "the paper's own form, with a learning rate that changes",
    dtypes="f64",
    flags=("MomentumForm",),
    momentum=0.9,
    nesterov=True,
    nesterov_form="lookahead",
    momentum_form="lr_inside",
    events=halved,
)
sgd.add(
    "lookahead_lr_drops",
    "lookahead with the learning rate outside, when it changes",
    dtypes="f64",
    momentum=0.9,
    nesterov=True,
    nesterov_form="lookahead",
    events=halved,
)
sgd.add(
    "lookahead_decay_maximize",
    "lookahead with weight decay, ascending",
    dtypes="f64",
    lr=0.01,
    momentum=0.5,
    nesterov=True,
    nesterov_form="lookahead",
    weight_decay=0.1,
    maximize=True,
)
sgd.topic("variants", "PublishedVariant", "Dampening")
sgd.add("dampened", "dampening from the first gradient on", momentum=0.9, dampening=0.4, first_step="dampened")
sgd.add(
    "dampened_lr_inside",
    "dampened from the first step, learning rate inside",
    dtypes="f64",
    momentum=0.9,
    dampening=0.4,
    first_step="dampened",
    momentum_form="lr_inside",
    events=halved,
)

add_events(sgd, momentum=0.9, weight_decay=0.1)
sgd.topic("accumulation", "Nesterov")
sgd.add(
    "accumulate_nesterov",
    "Nesterov's term must not stay in the gradient that is accumulated",
    momentum=0.9,
    nesterov=True,
    events=tuple(Event("accumulate", s) for s in (8, 16, 17)),
)
sgd.topic("resume")
sgd.add("resume_stateless", "nothing but the parameters to save", dtypes="f64", events=(Event("resume", 16),))
sgd.add(
    "resume_dampening",
    "after resuming, the first gradient is not a first gradient",
    dtypes="f64",
    momentum=0.9,
    dampening=0.5,
    events=(Event("resume", 6),),
)
sgd.add(
    "resume_dampening_late",
    "saved while one parameter has no velocity yet: its first gradient is still to come, and undampened",
    problem="injected",
    dtypes="f64",
    momentum=0.9,
    dampening=0.5,
    events=(Event("none", 1, params=("matrix",)), Event("none", 2, params=("matrix",)), Event("resume", 2)),
)
sgd.topic("momentum", "Momentum")
sgd.add("momentum_drops", "momentum changed in mid-run", dtypes="f64", momentum=0.9, events=(Event("set", 11, hyper={"momentum": 0.5}),))
sgd.add(
    "momentum_off_and_on",
    "momentum set to zero and back: the velocity waits unchanged",
    dtypes="f64",
    momentum=0.9,
    events=(Event("set", 11, hyper={"momentum": 0.0}), Event("set", 21, hyper={"momentum": 0.9})),
)
sgd.add(
    "momentum_switched_on",
    "momentum and dampening set in mid-run: the first gradient with a velocity is the undampened one",
    dtypes="f64",
    dampening=0.5,
    events=(Event("set", 11, hyper={"momentum": 0.9}),),
)
add_extremes(sgd, momentum=0.9, weight_decay=0.1)
