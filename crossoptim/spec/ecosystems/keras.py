"""Keras 3's ``keras.optimizers`` (read and run: 3.15.1, on the JAX backend)."""

from collections.abc import Callable, Mapping
from typing import Any

from crossoptim.spec.ecosystems.jax import NAN_SIGN, SQUARE_FIRST, denormals_are_zero
from crossoptim.spec.model import Binding, Ecosystem, Edit, Effect, Interval, Precision, Quirk, QuirkSite, Raises
from crossoptim.spec.refusals import KINDS, TEXT, InputQuirk, Probe, beyond_bounds

_SOURCE = "keras 3.15.1: keras/src/optimizers/"
_VERSIONS = "3.15.1"
_RATE = {"learning_rate": "lr"}
_DECAY = {"weight_decay": "weight_decay"}
_ADAM: dict[str, str | tuple[str, ...]] = {**_RATE, "beta_1": "beta1", "beta_2": "beta2", "epsilon": "eps"}
_ADAM_DEFAULTS = {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
_MOMENTS = {"m": "_momentums", "v": "_velocities"}


def _class(
    name: str,
    rule: str,
    args: Mapping[str, str | tuple[str, ...]],
    defaults: Mapping[str, Any],
    state: Mapping[str, str],
    kept: Mapping[str, str] | None = None,
    switches: Mapping[str, str] | None = None,
    also: Mapping[str, str] | None = None,
    bounds: Mapping[str, str] | None = None,
) -> Binding:
    """A class with ``weight_decay``, which every class of Keras has, and which is decoupled in all of them."""
    return Binding(
        name,
        rule=rule,
        args={**args, **_DECAY},
        defaults={**defaults, "weight_decay": None},
        state=state,
        kept=kept or {},
        switches=switches or {},
        also=also or {},
        bounds=bounds or {},
        source=f"{name.lower()}.py: {name}.update_step",
    )


def _quirk(
    key: str,
    title: str,
    classes: tuple[str, ...],
    when: Callable[[QuirkSite], bool],
    effects: tuple[Effect, ...],
    where: str,
    advice: str,
) -> Quirk:
    return Quirk(
        id=f"keras/{key}", title=title, bindings=classes, when=when, effects=effects, upstream=_SOURCE + where, kind="choice",
        versions=_VERSIONS, advice=advice,
    )  # fmt: skip


def _eps_outside(site: QuirkSite) -> bool:
    return bool(site.h.eps_placement == "outside")


def _gradient_sum(site: QuirkSite) -> bool:
    return bool(site.h.momentum) and bool(site.h.momentum_form == "gradient_sum")


def _lr_inside(site: QuirkSite) -> bool:
    return bool(site.h.momentum) and bool(site.h.momentum_form == "lr_inside")


_UPDATES = Edit("momentum * velocity + A", "momentum * velocity - A")
_UPDATES_FROM_GRADIENTS = Edit("momentum * velocity + A", "momentum * velocity - lr * A")

_BINDINGS = (
    _class(
        "SGD",
        "sgd",
        {**_RATE, "momentum": "momentum", "nesterov": "nesterov"},
        {"learning_rate": 1e-2, "momentum": 0.0, "nesterov": False},
        {"velocity": "momentums"},
        switches={"momentum_form": "lr_inside"},
        also={"momentum_form": "gradient_sum"},
        bounds={"momentum": "[0, 1]"},
    ),
    _class(
        "Adam",
        "adam",
        {**_ADAM, "amsgrad": "amsgrad"},
        {**_ADAM_DEFAULTS, "amsgrad": False},
        {**_MOMENTS, "v_max": "_velocity_hats"},
        switches={"eps_order": "before", "decay": "decoupled"},
        also={"eps_order": "after", "decay": "coupled"},
    ),
    _class(
        "RMSprop",
        "rmsprop",
        {**_RATE, "rho": "alpha", "momentum": "momentum", "epsilon": "eps", "centered": "centered"},
        {"learning_rate": 1e-3, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False},
        {"v": "_velocities", "velocity": "_momentums", "mean": "_average_gradients"},
        switches={"eps_placement": "inside", "momentum_form": "lr_inside"},
        also={"eps_placement": "outside", "momentum_form": "gradient_sum"},
    ),
    _class(
        "Adagrad",
        "adagrad",
        {**_RATE, "initial_accumulator_value": "initial_accumulator_value", "epsilon": "eps"},
        {"learning_rate": 1e-3, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
        {"v": "_accumulators"},
        switches={"eps_placement": "inside"},
        also={"eps_placement": "outside"},
    ),
    _class(
        "Adadelta",
        "adadelta",
        {**_RATE, "rho": "rho", "epsilon": "eps"},
        {"learning_rate": 1e-3, "rho": 0.95, "epsilon": 1e-7},
        {"v": "_accumulated_grads", "u": "_accumulated_delta_vars"},
    ),
    _class(
        "Adamax",
        "adamax",
        _ADAM,
        _ADAM_DEFAULTS,
        {"m": "_m", "u": "_u"},
        switches={"eps_placement": "in_denominator"},
        also={"eps_placement": "in_norm"},
    ),
    _class(
        "Nadam",
        "nadam",
        _ADAM,
        _ADAM_DEFAULTS,
        _MOMENTS,
        kept={"mu_product": "_u_product"},
        switches={"decay": "decoupled"},
        also={"decay": "coupled"},
    ),
    _class(
        "Lion",
        "lion",
        {**_RATE, "beta_1": "beta1", "beta_2": "beta2"},
        {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.99},
        {"m": "_momentums"},
        bounds={"beta1": "(0, 1]"},
    ),
)

_ALL = tuple(binding.name for binding in _BINDINGS)
_PUT_TO_USE = (("RMSprop", "momentum"), ("Adagrad", "initial_accumulator_value"))  # where the optimizer is made: text does not survive


def _unchecked(probe: Probe, binding: Binding) -> bool:
    """Nothing looks at it, or what does lets it pass: NaN is beyond no bound."""
    if probe.kind == "not a number":
        return True
    if probe.kind == "text":
        return probe.option not in ("lr", *binding.bounds) and (binding.name, probe.option) not in _PUT_TO_USE
    if probe.kind == "boolean" and (probe.option == "lr" or (binding.name, probe.option) == ("SGD", "momentum")):
        return False  # these are asked to be of type float
    return probe.option not in binding.bounds or probe.value in Interval(binding.bounds[probe.option])


keras = Ecosystem(
    name="keras",
    title="Keras",
    language="Python",
    package="keras",
    groups=False,
    bindings=_BINDINGS,
    refusals={
        "": {"unknown": "Argument(s) not recognized", "lr": "Argument `learning_rate` should be float"},
        "SGD": {"momentum": "`momentum` must be a float between [0, 1]"},
        "RMSprop": {"momentum": "not supported between instances of"},
        "Lion": {f"beta1={TEXT}": "not supported between instances of", "beta1": "Argument `beta_1` must be in the [0, 1] range"},
        "Adagrad": {"initial_accumulator_value": "could not convert string to float"},
    },
    quirks=(
        InputQuirk(
            id="keras/input/unchecked",
            title="hardly anything is checked: numbers out of range, NaN and text pass, and the step that uses them fails, or makes NaN",
            bindings=_ALL,
            kinds=tuple(kind for kind in KINDS if kind != "unknown"),
            applies=_unchecked,
            upstream=f"{_SOURCE}base_optimizer.py:176 (the type of learning_rate alone), sgd.py:74 and lion.py:77 (NaN passes)",
            kind="choice",
            versions=_VERSIONS,
            advice="check them yourself",
        ),
        InputQuirk(
            id="keras/lion/zero-beta-refused",
            title="a beta_1 of 0 is refused, by a message that says [0, 1]",
            bindings=("Lion",),
            applies=beyond_bounds,
            effects=(Raises("Argument `beta_1` must be in the [0, 1] range"),),
            upstream=f"{_SOURCE}lion.py:77",
            kind="choice",
            versions=_VERSIONS,
            advice="without memory, Lion is the sign of the gradient: take that",
        ),
        _quirk(
            "weight-decay-is-decoupled",
            "weight_decay shrinks the parameter in every class, as AdamW does; it is no L2 penalty in the gradient",
            ("SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam"),
            lambda site: bool(site.h.weight_decay) and getattr(site.h, "decay", "coupled") == "coupled",
            (Edit("A + weight_decay * p", "A"), Edit("p - A", "p - p * weight_decay * lr - A")),
            "base_optimizer.py:959",
            "for an L2 penalty, use a kernel regularizer",
        ),
        _quirk(
            "sgd/learning-rate-in-velocity",
            "the velocity is made of updates, not gradients: it holds the learning rate, and the opposite sign",
            ("SGD",),
            lambda site: _gradient_sum(site) and not site.h.nesterov,
            (Edit("B - lr * A", "B + A"), _UPDATES_FROM_GRADIENTS),
            "sgd.py:104-110",
            "mind it where the learning rate follows a schedule, and where a state is carried over",
        ),
        _quirk(
            "sgd/learning-rate-in-nesterov-velocity",
            "the velocity of Nesterov's momentum, too, holds the learning rate, and the opposite sign",
            ("SGD",),
            lambda site: _gradient_sum(site) and bool(site.h.nesterov),
            (Edit("B - lr * (A + momentum * C)", "B + (momentum * C - lr * A)"), _UPDATES_FROM_GRADIENTS),
            "sgd.py:104-123",
            "mind it where the learning rate follows a schedule, and where a state is carried over",
        ),
        _quirk(
            "sgd/velocity-of-updates",
            "the velocity has the opposite sign: it is made of updates, which are added",
            ("SGD",),
            lambda site: _lr_inside(site) and not site.h.nesterov,
            (Edit("B - (momentum * velocity + A)", "B + (momentum * velocity + A)"), _UPDATES),
            "sgd.py:104-110",
            "change the sign where a state is carried over",
        ),
        _quirk(
            "sgd/nesterov-velocity-of-updates",
            "the velocity of Nesterov's momentum has the opposite sign, too",
            ("SGD",),
            lambda site: _lr_inside(site) and bool(site.h.nesterov),
            (Edit("B - (A + momentum * C)", "B + (momentum * C - A)"), _UPDATES),
            "sgd.py:104-123",
            "change the sign where a state is carried over",
        ),
        _quirk(
            "adam/epsilon-hat",
            "eps is added before the bias correction of the second moment (the paper's epsilon hat): it is felt more in the first steps",
            ("Adam",),
            lambda site: bool(site.h.eps_order == "after"),
            (Edit("sqrt(A) / root_bias2 + eps", "(sqrt(A) + eps) / root_bias2"),),
            "adam.py:135",
            "mind it where eps is large; the default is 1e-7",
        ),
        _quirk(
            "rmsprop/eps-under-the-root",
            "eps is added to the mean square, under the root, not to the root",
            ("RMSprop", "Adagrad"),
            _eps_outside,
            (Edit("sqrt(A) + eps", "sqrt(A + eps)"),),
            "rmsprop.py:143 and adagrad.py:90",
            "square an eps that comes from PyTorch",
        ),
        _quirk(
            "rmsprop/learning-rate-in-velocity",
            "the learning rate enters the velocity: a rate that changes acts on later gradients only",
            ("RMSprop",),
            _gradient_sum,
            (Edit("velocity * momentum + A / B", "velocity * momentum + lr * A / B"), Edit("B - lr * A", "B - A")),
            "rmsprop.py:144-152",
            "mind it where the learning rate follows a schedule",
        ),
        _quirk(
            "adamax/eps-in-denominator",
            "eps is added to the norm where it divides, not to the gradients that enter the norm",
            ("Adamax",),
            lambda site: bool(site.h.eps_placement == "in_norm"),
            (Edit("maximum(u * beta2, A + eps)", "maximum(u * beta2, A)"), Edit("A / maximum(B, C)", "A / (maximum(B, C) + eps)")),
            "adamax.py:127",
            "give a small eps",
        ),
        _quirk(
            "nadam/fast-momentum-schedule",
            "the momentum grows with 0.96 ** t, not 0.96 ** (0.004 t) as in Dozat's paper: it is beta1 after a hundred steps, not after ten"
            " thousand",
            ("Nadam",),
            lambda _: True,
            (Edit("0.96 ** (A * momentum_decay)", "0.96 ** A"),),
            "nadam.py:119-120",
            "in PyTorch, momentum_decay=1 gives the same schedule",
        ),
        _quirk(
            "lion/nan-goes-through",
            "the sign of NaN is NaN: a gradient that is not a number spoils the parameter; the authors' code leaves it alone",
            ("Lion",),
            lambda _: True,
            (NAN_SIGN,),
            "lion.py:108",
            "check gradients for NaN",
        ),
        _quirk(
            "square-first",
            "the square of the gradient is made before the factor 1 - beta_2, and overflows first",
            ("RMSprop", "Adadelta"),
            lambda _: True,
            (SQUARE_FIRST,),
            "rmsprop.py:130 and its like in adadelta.py",
            "clip gradients beyond 1e19 in float32 runs",
        ),
        _quirk(
            "adam/infinite-moment-becomes-nan",
            "the second moment moves by its distance from the squared gradient: that overflows before the factor 1 - beta_2 is there, and"
            " an infinite moment is NaN at the next overflow",
            ("Adam", "Nadam"),
            lambda _: True,
            (Edit("v * beta2 + A * B * B", "v + A * (B * B - v)"),),
            "adam.py:122-127 and nadam.py:133",
            "clip gradients beyond 1e19 in float32 runs",
        ),
        denormals_are_zero("keras", _ALL, _VERSIONS),
        _quirk(
            "float32-complements",
            "1 - beta is the difference of float32 numbers: for beta2 = 0.999 it has four digits",
            ("Lion", "Nadam"),
            lambda site: site.dtype == "float32",
            (Precision(("mix1", "mix2")),),
            "lion.py:100-101, 111, 119 and nadam.py:130, 133",
            "expect other digits than those of Adam, where Keras computes it in double",
        ),
        _quirk(
            "float32-powers",
            "powers of beta1 and beta2, and what is made of them, are computed in the parameter's dtype: with beta2 near one they have four"
            " digits in the first steps of a float32 run",
            ("Adam", "Adamax", "Nadam"),
            lambda site: site.dtype == "float32",
            (Precision(("step_size", "root_bias2", "bias2", "mu_product_new", "gradient_rate", "moment_rate"), operations="all"),),
            "adam.py:107-117 and its like in adamax.py, nadam.py",
            "expect other digits than those of PyTorch, which computes them in double",
        ),
    ),
)
