"""What R torch's optimizers say of invalid input, and what they take (read: mlverse/torch at commit e4de110; run: 0.17)."""

import math
from dataclasses import replace

from crossoptim.spec.ecosystems.r_torch_quirks import SOURCE, VERSIONS
from crossoptim.spec.ecosystems.r_torch_schedules import SCHEDULES
from crossoptim.spec.ecosystems.schedule_input import R_TORCH_REFUSALS, unchecked_schedules
from crossoptim.spec.model import Binding, Raises
from crossoptim.spec.refusals import TEXT, InputQuirk, Probe, one_for_true, own_interval, unchecked, within_bounds

_OPTIM = tuple(f"optim_{name}" for name in ("sgd", "adam", "adamw", "adagrad", "rmsprop", "adadelta", "rprop", "asgd", "lbfgs"))
_IGNITE = tuple(f"optim_ignite_{name}" for name in ("sgd", "adam", "adamw", "adagrad", "rmsprop"))

_COMMON = {
    "unknown": "has no argument",  # said by the harness, before R says: unused argument
    "not a number": "missing value where TRUE/FALSE needed",
    "constraint": "Nesterov momentum requires a momentum and zero dampening",
    "lr": "Invalid learning rate",
    "eps": "Invalid epsilon value",
    "beta1": "Invalid beta parameter at index 1",
    "beta2": "Invalid beta parameter at index 2",
    "eta_minus": "Invalid eta values",
    "eta_plus": "Invalid eta values",
    "*": "Invalid {argument} value",
}
_ADAM = {"eps": "Invalid eps", "weight_decay": "Invalid weight decay value"}
_NO_RATE = "Need to specify a learning rate"

REFUSALS = {
    **R_TORCH_REFUSALS,
    "": {
        **_COMMON,
        "missing": "is missing, with no default",
        "empty": "subscript out of bounds",
        "not a flag": "invalid 'x' type in 'x && y'",
    },
    "optim_sgd": {"empty": _NO_RATE},
    "optim_adam": _ADAM,
    "optim_adagrad": {"initial_accumulator_value=text": "not handled"},
    "optim_lbfgs": {"max_iter=text": "non-numeric argument to binary operator"},
}
IGNITE_REFUSALS = {
    "": {
        **_COMMON,
        "empty": "The `params` must have length > 0.",
        "text": "Not compatible with requested type",
        "not a flag": "Not compatible with requested type",
        # R's check takes 1, libtorch behind it does not, and counts from 0
        **{f"beta{k + 1}={one}": f"Invalid beta parameter at index {k}: 1" for k in (0, 1) for one in ("1", "true")},
        "twice": "some parameters appear in more than one parameter group",
    },
    "optim_ignite_sgd": {"empty": _NO_RATE, "not a flag": "invalid 'x' type in 'x && y'"},
    "optim_ignite_adam": {**_ADAM, **{f"beta{k}=text": f"Invalid beta parameter at index {k}" for k in (1, 2)}},
}


def _text_passes(probe: Probe, binding: Binding) -> bool:
    """R compares text with text, in which letters come after digits: text passes where infinity does."""
    interval = own_interval(probe, binding)
    if probe.kind != "text" or interval is None or probe.option == "initial_accumulator_value" or probe.id == f"max_iter={TEXT}":
        return False  # these two are put to use where the optimizer is made
    return math.isinf(float(interval[1:-1].split(",")[1]))


_INFINITY = InputQuirk(
    id="r-torch/input/infinity",
    title="infinity passes every check: bounds are compared with, finiteness is not asked for",
    bindings=_OPTIM,
    kinds=("infinite",),
    upstream=f"{SOURCE}:R/optim-adam.R:104-124 and its like in every class",
    kind="choice",
    versions=VERSIONS,
    advice="check numbers that come from a computation with is.finite()",
)
_BOOLEANS = InputQuirk(
    id="r-torch/input/booleans",
    title="TRUE passes for the number 1",
    bindings=_OPTIM,
    applies=one_for_true,
    upstream=f"{SOURCE}:R/optim-adam.R:104-124 and its like in every class",
    kind="choice",
    versions=VERSIONS,
    advice="mind the order of positional arguments",
)
_NO_LR = InputQuirk(
    id="r-torch/sgd/learning-rate-required",
    title="there is no default learning rate, and one must be given even where every group has its own",
    bindings=("optim_sgd",),
    kinds=("default",),
    effects=(Raises(_NO_RATE),),
    upstream=f"{SOURCE}:R/optim-sgd.R:103",
    kind="choice",
    versions=VERSIONS,
    advice="give lr; PyTorch's default is 0.001",
)
_TWICE = InputQuirk(
    id="r-torch/input/parameter-twice",
    title="a parameter may be in two groups, and is then stepped twice",
    bindings=_OPTIM,
    kinds=("twice",),
    upstream=f"{SOURCE}:R/optim.R:87",
    kind="defect",
    versions=VERSIONS,
    advice="check for duplicates before making groups",
)
_MESSAGE = InputQuirk(
    id="r-torch/adamw/betas-message-broken",
    title="a beta outside [0, 1] is refused, but the message fails on its own name for the betas",
    bindings=("optim_adamw",),
    kinds=("outside", "text"),
    applies=lambda probe, _: probe.option in ("beta1", "beta2") and probe.value != 1,
    effects=(Raises("Could not evaluate cli `{}` expression: `beta["),),
    upstream=f"{SOURCE}:R/optim-adamw.R:96,99",
    kind="defect",
    versions=VERSIONS,
    advice="read it as: invalid betas",
)
_UNCHECKED = InputQuirk(
    id="r-torch/input/unchecked",
    title="some options are not checked at all: any number, NaN and text pass, and the step that uses them fails, or makes NaN",
    bindings=("optim_sgd", "optim_rprop", "optim_asgd", "optim_lbfgs"),
    applies=lambda probe, binding: probe.option == "line_search" or (unchecked(probe, binding) and probe.kind != "text"),
    upstream=f"{SOURCE}:R/optim-sgd.R:102-120 (not dampening), optim-rprop.R:28-34 (not step_sizes), optim-asgd.R:31-38 (not lambda, alpha,"
    " t0), optim-lbfgs.R:346-378 (nothing)",
    kind="defect",
    versions=VERSIONS,
    advice="check them yourself",
)
_FLAGS = InputQuirk(
    id="r-torch/input/flags",
    title="flags are not checked: a number passes, and text fails only at the first step",
    bindings=_OPTIM,
    kinds=("not a flag",),
    applies=lambda probe, _: probe.id != f"nesterov={TEXT}",
    upstream=f"{SOURCE}:R/optim-adam.R:104-124 and its like in every class",
    kind="choice",
    versions=VERSIONS,
    advice="give TRUE or FALSE",
)
_UPPER = InputQuirk(
    id="r-torch/input/no-upper-bound",
    title="alpha may be 1 or more: the average stands still, or grows without end, and its root is NaN",
    bindings=("optim_rmsprop",),
    applies=within_bounds,
    upstream=f"{SOURCE}:R/optim-rmsprop.R:116",
    kind="defect",
    versions=VERSIONS,
    advice="keep it below 1",
)

QUIRKS = (
    unchecked_schedules("r-torch", SCHEDULES, R_TORCH_REFUSALS, f"{SOURCE}:R/optim-lr_scheduler.R: the constructors", VERSIONS),
    _INFINITY,
    _BOOLEANS,
    _NO_LR,
    _TWICE,
    _MESSAGE,
    _UNCHECKED,
    _FLAGS,
    _UPPER,
    InputQuirk(
        id="r-torch/input/text",
        title="text passes for a number where no upper bound is checked, because R compares both as text; the first step fails",
        bindings=_OPTIM,
        applies=_text_passes,
        upstream=f"{SOURCE}:R/optim-adam.R:104-124 and its like in every class",
        kind="defect",
        versions=VERSIONS,
        advice="convert what was read from a file with as.numeric()",
    ),
    InputQuirk(
        id="r-torch/input/groups",
        title="options of a parameter group are not checked, only the constructor's own",
        bindings=_OPTIM,
        kinds=("group",),
        upstream=f"{SOURCE}:R/optim.R:52-89",
        kind="defect",
        versions=VERSIONS,
        advice="use optim_ignite_*, which checks every group, or check what you put into groups",
    ),
    InputQuirk(
        id="r-torch/input/beta-one",
        title="a beta of 1 is accepted: its bias correction is 0, and the first step makes NaN",
        bindings=("optim_adam", "optim_adamw"),
        applies=within_bounds,
        upstream=f"{SOURCE}:R/optim-adam.R:113,117, R/optim-adamw.R:95,98",
        kind="defect",
        versions=VERSIONS,
        advice="keep betas below 1; optim_ignite_* refuse it",
    ),
    InputQuirk(
        id="r-torch/rprop/boundary-etas",
        title="etas of 0 and 1 and of 1 are accepted: with 0 a change of sign goes unnoticed, with 1 nothing ever moves",
        bindings=("optim_rprop",),
        applies=within_bounds,
        upstream=f"{SOURCE}:R/optim-rprop.R:32, 62-71",
        kind="defect",
        versions=VERSIONS,
        advice="keep 0 < etas[1] < 1 < etas[2]",
    ),
)


def _ignite(quirk: InputQuirk) -> InputQuirk:
    """The same of the classes in C++, which share the checks in R."""
    name = quirk.id.replace("r-torch/", "r-torch-ignite/", 1)
    return replace(quirk, id=name, bindings=tuple(b for b in _IGNITE if b.replace("_ignite", "") in quirk.bindings))


IGNITE_QUIRKS = (
    _ignite(_INFINITY),
    _ignite(_BOOLEANS),
    _ignite(_NO_LR),
    replace(_ignite(_TWICE), bindings=tuple(b for b in _IGNITE if b != "optim_ignite_adagrad"), upstream=f"{SOURCE}:R/ignite.R:36-38"),
    _ignite(_MESSAGE),
    replace(
        _ignite(_UNCHECKED),
        title="dampening is not checked: any number and NaN pass",
        applies=lambda probe, binding: unchecked(probe, binding) and probe.kind != "text",
        upstream=f"{SOURCE}:R/optim-sgd.R:102-120",
    ),
    replace(
        _ignite(_FLAGS),
        title="flags are not checked: a number passes",
        applies=lambda probe, _: probe.value != TEXT,
    ),
    _ignite(_UPPER),
)
