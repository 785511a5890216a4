"""Keras 3's ``keras.optimizers`` (read and run: 3.15.1, on the JAX backend)."""

from collections.abc import Callable, Mapping
from typing import Any

from crossoptim.spec.ecosystems.jax import FLUSHED, NAN_SIGN, SQUARE_FIRST
from crossoptim.spec.model import Binding, Ecosystem, Edit, Effect, Precision, Quirk, QuirkSite

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


def _decays(site: QuirkSite) -> bool:
    return bool(site.h.weight_decay) and getattr(site.h, "decay", "coupled") == "coupled"


def _is_momentum_sgd(site: QuirkSite) -> bool:
    return hasattr(site.h, "dampening") and bool(site.h.momentum)


_DECOUPLED = "weight_decay shrinks the parameter in every class, as AdamW does; it is no L2 penalty in the gradient"

_BINDINGS = (
    _class(
        "SGD",
        "sgd",
        {**_RATE, "momentum": "momentum", "nesterov": "nesterov"},
        {"learning_rate": 1e-2, "momentum": 0.0, "nesterov": False},
        {"velocity": "momentums"},
        switches={"momentum_form": "lr_inside"},
        also={"momentum_form": "gradient_sum"},
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

keras = Ecosystem(
    name="keras",
    title="Keras",
    language="Python",
    package="keras",
    bindings=_BINDINGS,
    quirks=(
        _quirk(
            "sgd/learning-rate-in-velocity",
            "the learning rate enters the velocity: a rate that changes acts on later gradients only",
            ("SGD",),
            lambda site: _gradient_sum(site) and not site.h.nesterov,
            (Edit("momentum * velocity + A", "momentum * velocity + lr * A"), Edit("p - lr * A", "p - A")),
            "sgd.py:104",
            "mind it where the learning rate follows a schedule, and where a state is carried over",
        ),
        _quirk(
            "sgd/learning-rate-in-nesterov-velocity",
            "the learning rate enters the velocity of Nesterov's momentum, too",
            ("SGD",),
            lambda site: _gradient_sum(site) and bool(site.h.nesterov),
            (
                Edit("momentum * velocity + A", "momentum * velocity + lr * A"),
                Edit("p - lr * (A + momentum * B)", "p - (lr * A + momentum * B)"),
            ),
            "sgd.py:113",
            "mind it where the learning rate follows a schedule, and where a state is carried over",
        ),
        _quirk(
            "sgd/velocity-of-updates",
            "the velocity has the opposite sign: it is made of updates, which are added",
            ("SGD",),
            lambda site: bool(site.h.momentum) and not site.h.nesterov,
            (Edit("momentum * velocity + A", "momentum * velocity - A"), Edit("p - A", "p + A")),
            "sgd.py:104",
            "change the sign where a state is carried over",
        ),
        _quirk(
            "sgd/nesterov-velocity-of-updates",
            "the velocity of Nesterov's momentum has the opposite sign, too",
            ("SGD",),
            lambda site: bool(site.h.momentum) and bool(site.h.nesterov),
            (Edit("momentum * velocity + A", "momentum * velocity - A"), Edit("p - (A + momentum * B)", "p + (momentum * B - A)")),
            "sgd.py:113",
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
            "rmsprop.py, adagrad.py: update_step",
            "square an eps that comes from PyTorch",
        ),
        _quirk(
            "rmsprop/learning-rate-in-velocity",
            "the learning rate enters the velocity: a rate that changes acts on later gradients only",
            ("RMSprop",),
            _gradient_sum,
            (Edit("velocity * momentum + A / B", "velocity * momentum + lr * A / B"), Edit("p - lr * A", "p - A")),
            "rmsprop.py: update_step",
            "mind it where the learning rate follows a schedule",
        ),
        _quirk(
            "adamax/eps-in-denominator",
            "eps is added to the norm where it divides, not to the gradients that enter the norm",
            ("Adamax",),
            lambda site: bool(site.h.eps_placement == "in_norm"),
            (Edit("maximum(u * beta2, A + eps)", "maximum(u * beta2, A)"), Edit("A / maximum(B, C)", "A / (maximum(B, C) + eps)")),
            "adamax.py: update_step",
            "give a small eps",
        ),
        _quirk(
            "nadam/fast-momentum-schedule",
            "the momentum grows with 0.96 ** t, not 0.96 ** (0.004 t) as in Dozat's paper: it is beta1 after a hundred steps, not after ten"
            " thousand",
            ("Nadam",),
            lambda _: True,
            (Edit("0.96 ** (A * momentum_decay)", "0.96 ** A"),),
            "nadam.py: update_step",
            "in PyTorch, momentum_decay=1 gives the same schedule",
        ),
        _quirk(
            "lion/nan-goes-through",
            "the sign of NaN is NaN: a gradient that is not a number spoils the parameter; the authors' code leaves it alone",
            ("Lion",),
            lambda _: True,
            (NAN_SIGN,),
            "lion.py: update_step (ops.sign)",
            "check gradients for NaN",
        ),
        _quirk(
            "weight-decay-is-decoupled",
            _DECOUPLED,
            ("SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam"),
            lambda site: _decays(site) and not _is_momentum_sgd(site),
            (Edit("A + weight_decay * p", "A"), Edit("p - A", "p - lr * weight_decay * p - A")),
            "base_optimizer.py:952 (_apply_weight_decay)",
            "for an L2 penalty, use a kernel regularizer",
        ),
        _quirk(
            "sgd/weight-decay-is-decoupled",
            _DECOUPLED,
            ("SGD",),
            lambda site: _decays(site) and _is_momentum_sgd(site),
            (Edit("A + weight_decay * p", "A"), Edit("p + A", "p - lr * weight_decay * p + A")),
            "base_optimizer.py:952 (_apply_weight_decay)",
            "for an L2 penalty, use a kernel regularizer",
        ),
        _quirk(
            "square-first",
            "the square of the gradient is made before the factor 1 - beta_2, and overflows first",
            ("Adam", "RMSprop", "Adadelta", "Nadam"),
            lambda _: True,
            (SQUARE_FIRST,),
            "adam.py: update_step (ops.square)",
            "clip gradients beyond 1e19 in float32 runs",
        ),
        _quirk(
            "adam/infinite-moment-becomes-nan",
            "the second moment moves by its distance from the squared gradient: once infinite, it is NaN at the next overflow",
            ("Adam", "Nadam"),
            lambda _: True,
            (Edit("v * beta2 + A * (B * B)", "v + A * (B * B - v)"),),
            "adam.py, nadam.py: update_step",
            "clip gradients beyond 1e19 in float32 runs",
        ),
        _quirk(
            "denormals-are-zero",
            "gradients below 1.2e-38 count as zero in float32 runs: XLA's CPU code flushes numbers that are not normal",
            tuple(binding.name for binding in _BINDINGS),
            lambda site: site.dtype == "float32",
            (FLUSHED,),
            "../backend/jax (jaxlib 0.10.2)",
            "scale the loss where gradients are that small",
        ),
        _quirk(
            "float32-complements",
            "1 - beta is the difference of float32 numbers: for beta2 = 0.999 it has four digits",
            ("Lion", "Nadam"),
            lambda site: site.dtype == "float32",
            (Precision(("mix1", "mix2")),),
            "lion.py, nadam.py: update_step (1 - beta_2)",
            "expect other digits than those of Adam, where Keras computes it in double",
        ),
        _quirk(
            "float32-powers",
            "powers of beta1 and beta2, and what is made of them, are computed in the parameter's dtype: with beta2 near one they have four"
            " digits in the first steps of a float32 run",
            ("Adam", "Adamax", "Nadam"),
            lambda site: site.dtype == "float32",
            (Precision(("step_size", "root_bias2", "bias2", "mu_product_new", "gradient_rate", "moment_rate"), operations="all"),),
            "adam.py: update_step (beta_2_power)",
            "expect other digits than those of PyTorch, which computes them in double",
        ),
    ),
)
