"""optax, on JAX (read and run: 0.2.8)."""

from crossoptim.spec.ecosystems.jax import NAN_SIGN, SQUARE_FIRST, denormals_are_zero
from crossoptim.spec.model import Binding, Ecosystem, Edit, Precision, Quirk, Raises, StartsAs
from crossoptim.spec.refusals import KINDS, TEXT, InputQuirk, Probe

_SOURCE = "optax 0.2.8: optax/_src/"
_TREE = "optax 0.2.8: optax/tree_utils/"
_VERSIONS = "0.2.8"
_RATE = {"learning_rate": "lr"}
_ADAM: dict[str, str | tuple[str, ...]] = {**_RATE, "b1": "beta1", "b2": "beta2", "eps": "eps"}
_ADAM_DEFAULTS = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}
_MOMENTS = {"m": "mu", "v": "nu"}
_DECAYED = "sqrt(sum((G + weight_decay * p) * (G + weight_decay * p)))"

_BINDINGS = (
    Binding(
        "sgd",
        rule="sgd",
        args={**_RATE, "momentum": "momentum", "nesterov": "nesterov"},
        defaults={"momentum": None, "nesterov": False},
        state={"velocity": "trace"},
        source="alias.py: sgd; transforms/_accumulation.py: trace",
    ),
    Binding("adam", rule="adam", args=_ADAM, defaults=_ADAM_DEFAULTS, state=_MOMENTS, only={"amsgrad": False}, source="alias.py: adam"),
    Binding(
        "amsgrad",
        rule="adam",
        args=_ADAM,
        defaults=_ADAM_DEFAULTS,
        state={**_MOMENTS, "v_max": "nu_max"},
        only={"amsgrad": True},
        source="alias.py: amsgrad",
    ),
    Binding(
        "adamw",
        rule="adam",
        args={**_ADAM, "weight_decay": "weight_decay"},
        defaults={**_ADAM_DEFAULTS, "weight_decay": 1e-4},
        state=_MOMENTS,
        switches={"decay": "decoupled"},
        only={"amsgrad": False},
        source="alias.py: adamw",
    ),
    Binding(
        "rmsprop",
        rule="rmsprop",
        args={**_RATE, "decay": "alpha", "eps": "eps", "eps_in_sqrt": "eps_placement", "centered": "centered", "momentum": "momentum"},
        defaults={"decay": 0.9, "eps": 1e-8, "eps_in_sqrt": True, "centered": False, "momentum": None},
        state={"v": "nu", "mean": "mu", "velocity": "trace"},
        switches={"momentum_form": "lr_inside"},
        also={"momentum_form": "gradient_sum"},
        spellings={"eps_in_sqrt": {"outside": False, "inside": True}},
        source="alias.py: rmsprop",
    ),
    Binding(
        "adagrad",
        rule="adagrad",
        args={**_RATE, "initial_accumulator_value": "initial_accumulator_value", "eps": "eps"},
        defaults={"initial_accumulator_value": 0.1, "eps": 1e-7},
        state={"v": "sum_of_squares"},
        switches={"eps_placement": "inside"},
        also={"eps_placement": "outside"},
        source="transform.py: scale_by_rss",
    ),
    Binding(
        "adadelta",
        rule="adadelta",
        args={**_RATE, "rho": "rho", "eps": "eps", "weight_decay": "weight_decay"},
        defaults={"learning_rate": None, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
        state={"v": "e_g", "u": "e_x"},
        source="transform.py: scale_by_adadelta",
    ),
    Binding(
        "adamax",
        rule="adamax",
        args=_ADAM,
        defaults=_ADAM_DEFAULTS,
        state={"m": "mu", "u": "nu"},
        source="transform.py: scale_by_adamax",
    ),
    Binding(
        "nadam",
        rule="nadam",
        args=_ADAM,
        defaults=_ADAM_DEFAULTS,
        state=_MOMENTS,
        switches={"momentum_schedule": "constant"},
        source="transform.py: scale_by_adam(nesterov=True)",
    ),
    Binding(
        "radam",
        rule="radam",
        args={**_ADAM, "threshold": "rectify_above"},
        defaults={**_ADAM_DEFAULTS, "threshold": 5.0},
        state=_MOMENTS,
        spellings={"threshold": {"five": 5.0, "four": 4.0}},
        source="transform.py: scale_by_radam",
    ),
    Binding(
        "lion",
        rule="lion",
        args={**_RATE, "b1": "beta1", "b2": "beta2", "weight_decay": "weight_decay"},
        defaults={"b1": 0.9, "b2": 0.99, "weight_decay": 1e-3},
        state={"m": "mu"},
        source="transform.py: scale_by_lion",
    ),
    Binding(
        "yogi",
        rule="yogi",
        args=_ADAM,
        defaults={"b1": 0.9, "b2": 0.999, "eps": 1e-3},
        state=_MOMENTS,
        switches={"bias_correction": "on", "first_moment_start": "accumulator"},
        also={"first_moment_start": "zero"},
        source="transform.py: scale_by_yogi",
    ),
    Binding(
        "adabelief",
        rule="adabelief",
        args={**_ADAM, "eps_root": "eps"},
        defaults={"b1": 0.9, "b2": 0.999, "eps": 1e-16, "eps_root": 1e-16},
        state={"m": "mu", "s": "nu"},
        source="transform.py: scale_by_belief",
    ),
    Binding(
        "lamb",
        rule="lamb",
        args={**_ADAM, "weight_decay": "weight_decay"},
        defaults={"b1": 0.9, "b2": 0.999, "eps": 1e-6, "weight_decay": 0.0},
        state=_MOMENTS,
        source="alias.py: lamb",
    ),
    Binding(
        "lars",
        rule="lars",
        args={**_RATE, "weight_decay": "weight_decay", "trust_coefficient": "trust_coefficient", "momentum": "momentum"},
        defaults={"weight_decay": 0.0, "trust_coefficient": 0.001, "momentum": 0.9},
        state={"velocity": "trace"},
        source="alias.py: lars",
    ),
)

_ALL = tuple(binding.name for binding in _BINDINGS)


def _unchecked(probe: Probe, binding: Binding) -> bool:
    """Nothing looks at it; two options are put to use where the optimizer is made, which some input does not survive."""
    if probe.id == f"initial_accumulator_value={TEXT}":
        return False
    return not (binding.name == "radam" and probe.option == "beta2" and probe.value in (1, TEXT))


optax = Ecosystem(
    name="optax",
    title="optax",
    language="Python",
    package="optax",
    groups=False,
    bindings=_BINDINGS,
    refusals={"": {"unknown": "got an unexpected keyword argument"}},
    quirks=(
        InputQuirk(
            id="optax/input/unchecked",
            title="nothing is checked: any number, NaN and text pass, and the step that uses them fails, or makes NaN",
            bindings=_ALL,
            kinds=tuple(kind for kind in KINDS if kind != "unknown"),
            applies=_unchecked,
            upstream=f"{_SOURCE}alias.py:519 (adam) and its like in every function: no line looks at the arguments",
            kind="choice",
            versions=_VERSIONS,
            advice="check them yourself",
        ),
        InputQuirk(
            id="optax/input/learning-rate-required",
            title="there is no default learning rate",
            bindings=tuple(name for name in _ALL if name != "adadelta"),
            kinds=("default",),
            effects=(Raises("missing 1 required positional argument: 'learning_rate'"),),
            upstream=f"{_SOURCE}alias.py:415 (adam) and its like in every function",
            kind="choice",
            versions=_VERSIONS,
            advice="give one; PyTorch's default for Adam is 0.001. adadelta's default is None, with which it takes no rate at all",
        ),
        Quirk(
            id="optax/amsgrad/maximum-of-corrected",
            title="the maximum is kept of the second moment after bias correction, which is larger in the first steps",
            bindings=("amsgrad",),
            when=lambda _: True,
            effects=(
                Edit("maximum(v_max, A)", "maximum(v_max, A / (root_bias2 * root_bias2))"),
                Edit("sqrt(A) / root_bias2 + eps", "sqrt(A) + eps"),
            ),
            upstream=f"{_SOURCE}transform.py:373-378",
            kind="choice",
            versions=_VERSIONS,
            advice="bias_correction_nu=False gives the paper's maximum, but then without any correction",
        ),
        Quirk(
            id="optax/adagrad/eps-under-the-root",
            title="eps is added to the sum of squares, under the root, not to the root; where the sum is zero the step is zero",
            bindings=("adagrad",),
            when=lambda site: site.h.eps_placement == "outside",
            effects=(Edit("A / (sqrt(B) + eps)", "where(B > 0, A / sqrt(B + eps), 0 * A)"),),
            upstream=f"{_SOURCE}transform.py:72",
            kind="choice",
            versions=_VERSIONS,
            advice="square an eps that comes from PyTorch",
        ),
        Quirk(
            id="optax/rmsprop/learning-rate-in-velocity",
            title="the velocity is made of updates, not gradients: it holds the learning rate, and the opposite sign",
            bindings=("rmsprop",),
            when=lambda site: bool(site.h.momentum) and site.h.momentum_form == "gradient_sum",
            effects=(Edit("velocity * momentum + A / B", "velocity * momentum - lr * A / B"), Edit("p - lr * A", "p + A")),
            upstream=f"{_SOURCE}alias.py:2040-2042 (trace after scale_by_learning_rate)",
            kind="choice",
            versions=_VERSIONS,
            advice="mind it where the learning rate follows a schedule, and where a state is carried over",
        ),
        Quirk(
            id="optax/rmsprop/velocity-of-updates",
            title="the velocity has the opposite sign: it is made of updates, which are added",
            bindings=("rmsprop",),
            when=lambda site: bool(site.h.momentum) and site.h.momentum_form == "lr_inside",
            effects=(Edit("velocity * momentum + A / B", "velocity * momentum - A / B"), Edit("p - A", "p + A")),
            upstream=f"{_SOURCE}alias.py:2040-2042 (trace after scale_by_learning_rate)",
            kind="choice",
            versions=_VERSIONS,
            advice="change the sign where a state is carried over",
        ),
        Quirk(
            id="optax/lars/velocity-of-updates",
            title="the velocity has the opposite sign: it is made of updates, which are added",
            bindings=("lars",),
            when=lambda site: bool(site.h.momentum),
            effects=(Edit("momentum * velocity + A", "momentum * velocity - A"), Edit("p - A", "p + A")),
            upstream=f"{_SOURCE}alias.py:1229-1230 (trace after scale_by_learning_rate)",
            kind="choice",
            versions=_VERSIONS,
            advice="change the sign where a state is carried over",
        ),
        Quirk(
            id="optax/radam/eps-after-correction",
            title="eps is added after the bias correction of the second moment, as in Adam; the authors' code adds it before",
            bindings=("radam",),
            when=lambda _: True,
            effects=(Edit("root_bias2 / (sqrt(A) + eps)", "1 / (sqrt(A) / root_bias2 + eps)"),),
            upstream=f"{_SOURCE}transform.py:849",
            kind="choice",
            versions=_VERSIONS,
            advice="mind it where eps is large",
        ),
        Quirk(
            id="optax/yogi/first-moment-starts-at-accumulator",
            title="the first moment, too, starts at initial_accumulator_value: the first step is a little too long or too short",
            bindings=("yogi",),
            when=lambda site: site.h.first_moment_start == "zero",
            effects=(StartsAs("m", "initial_accumulator"),),
            upstream=f"{_SOURCE}transform.py:786",
            kind="defect",
            versions=_VERSIONS,
            advice="mind it where gradients are as small as 1e-6",
        ),
        Quirk(
            id="optax/lars/norm-of-decayed-gradient",
            title="the trust ratio divides by the norm of the decayed gradient, where the paper adds the norms",
            bindings=("lars",),
            when=lambda site: bool(site.h.weight_decay),
            effects=(
                Edit(
                    "trust_coefficient * A / (sqrt(sum(G * G)) + weight_decay * A)",
                    f"where({_DECAYED} > 0, trust_coefficient * A / {_DECAYED}, 1)",
                ),
            ),
            upstream=f"{_SOURCE}alias.py:1222-1224 (scale_by_trust_ratio after add_decayed_weights)",
            kind="choice",
            versions=_VERSIONS,
            advice="mind it where weight decay is large",
        ),
        Quirk(
            id="optax/lamb/nan-spreads",
            title="one NaN in the direction makes the whole tensor NaN; where a norm is compared with zero, the trust ratio is 1 then",
            bindings=("lamb",),
            when=lambda _: True,
            effects=(Edit("where(A > 0, where(B > 0, B / A, 1), 1)", "where(A <= 0, 1, where(B <= 0, 1, B / A))"),),
            upstream=f"{_SOURCE}transform.py:1069",
            kind="choice",
            versions=_VERSIONS,
            advice="check gradients for NaN, or use optax.apply_if_finite",
        ),
        Quirk(
            id="optax/lion/nan-goes-through",
            title="the sign of NaN is NaN: a gradient that is not a number spoils the parameter; the authors' code leaves it alone",
            bindings=("lion",),
            when=lambda _: True,
            effects=(NAN_SIGN,),
            upstream=f"{_SOURCE}transform.py:474",
            kind="choice",
            versions=_VERSIONS,
            advice="check gradients for NaN, or use optax.apply_if_finite",
        ),
        Quirk(
            id="optax/square-first",
            title="the square of the gradient is made before the factor 1 - beta2, and overflows first",
            bindings=("adam", "amsgrad", "adamw", "rmsprop", "adadelta", "nadam", "radam", "adabelief", "lamb"),
            when=lambda _: True,
            effects=(SQUARE_FIRST,),
            upstream=f"{_TREE}_tree_math.py:398",
            kind="choice",
            versions=_VERSIONS,
            advice="clip gradients beyond 1e19 in float32 runs",
        ),
        denormals_are_zero("optax", _ALL, _VERSIONS),
        Quirk(
            id="optax/float32-powers",
            title="powers of beta1 and beta2, and what is made of them, are float32 numbers in float32 runs: with beta2 near one they have"
            " four digits in the first steps",
            bindings=("adam", "amsgrad", "adamw", "adamax", "nadam", "radam", "yogi", "adabelief", "lamb"),
            when=lambda site: site.dtype == "float32",
            effects=(
                Precision(
                    ("step_size", "bias1", "bias2", "root_bias2", "gradient_rate", "moment_rate", "rectification"), operations="counted"
                ),
            ),
            upstream=f"{_TREE}_tree_math.py:449",
            kind="choice",
            versions=_VERSIONS,
            advice="expect other digits than those of PyTorch, which computes them in double; jax_enable_x64 makes them double",
        ),
    ),
)
