"""What PyTorch's optimizers say of invalid input, and what they take (read and run: 2.13.0)."""

from crossoptim.spec.ecosystems.pytorch_schedules import SCHEDULES
from crossoptim.spec.ecosystems.schedule_input import PYTORCH_REFUSALS, unchecked_schedules
from crossoptim.spec.model import Raises
from crossoptim.spec.refusals import TEXT, InputQuirk, beyond_bounds, one_for_true, unchecked, within_bounds

_SOURCE = "torch 2.13.0: torch/optim"
_VERSIONS = "2.13.0"
_ALL = (
    "SGD", "Adam", "AdamW", "SparseAdam", "Adagrad", "RMSprop", "Adadelta", "Rprop", "Adamax", "NAdam", "RAdam", "ASGD", "LBFGS",
    "Adafactor", "Muon",
)  # fmt: skip

_ADAM = {
    "sparse gradient": "Adam does not support sparse gradients, please consider SparseAdam instead",
    "mixed tensors": "{argument} must be either both floats or both Tensors",
    "foreach tensor": "{argument} as a Tensor is not supported for capturable=False and foreach=True",
}

REFUSALS = {
    **PYTORCH_REFUSALS,
    "": {
        "text": "not supported between instances of",
        "unknown": "unexpected keyword argument",
        "missing": "required positional argument",
        "empty": "optimizer got an empty parameter list",
        "twice": "some parameters appear in more than one parameter group",
        "lr": "Invalid learning rate",
        "beta1": "Invalid beta parameter at index 0",
        "beta2": "Invalid beta parameter at index 1",
        "eps": "Invalid epsilon value",
        "*": "Invalid {argument} value",
        "sparse gradient": "{argument} does not support sparse gradients",
        "decayed sparse gradient": "weight_decay option is not compatible with sparse gradients",
        "complex parameter": "{argument} does not support complex parameters",
        "tensor": "Tensor {argument} must be 1-element",
        "foreach and fused": "`fused` and `foreach` cannot be `True` together",
        "differentiable and fused": "`fused` does not support `differentiable`",
    },
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "SparseAdam": {
        "sparse": "SparseAdam requires dense parameter tensors",
        "complex": "SparseAdam does not support complex parameters",
    },
    "SGD": {"constraint": "Nesterov momentum requires a momentum and zero dampening"},
    "Adafactor": {
        "lr": "Learning rate should be >= 0",
        "beta2_decay": "beta2_decay should be <= 0",
        "eps1": "epsilon1 should be >= 0",
        "eps2": "epsilon2 should be >= 0",
        "d": "Clipping threshold d should be >= 1",
        "weight_decay": "weight_decay should be >= 0",
    },
    "Muon": {
        "lr": "Learning rate should be >= 0",
        "momentum": "momentum should be >= 0",
        "weight_decay": "weight decay should be >= 0",
        "adjust_lr_fn": "Adjust learning rate function {value} is not supported",
        "shape": "Muon only supports 2D parameters",
    },
    "LBFGS": {
        "max_iter=text": "unsupported operand type(s) for //",
        "groups": "LBFGS doesn't support per-parameter options (parameter groups)",
    },
    "Rprop": {"eta_minus": "Invalid eta values", "eta_plus": "Invalid eta values"},
}

QUIRKS = (
    unchecked_schedules("pytorch", SCHEDULES, PYTORCH_REFUSALS, f"{_SOURCE}/lr_scheduler.py: the constructors", _VERSIONS),
    InputQuirk(
        id="pytorch/input/infinity",
        title="infinity passes every check: bounds are compared with, finiteness is not asked for",
        bindings=_ALL,
        kinds=("infinite",),
        upstream=f"{_SOURCE}/adam.py:58-67 and their like in every class",
        kind="choice",
        versions=_VERSIONS,
        advice="check numbers that come from a computation with math.isfinite()",
    ),
    InputQuirk(
        id="pytorch/input/booleans",
        title="True passes for the number 1",
        bindings=_ALL,
        applies=one_for_true,
        upstream=f"{_SOURCE}/adam.py:58-67 and their like in every class",
        kind="choice",
        versions=_VERSIONS,
        advice="mind the order of positional arguments",
    ),
    InputQuirk(
        id="pytorch/input/flags",
        title="flags are not checked: whatever Python holds for true is true",
        bindings=_ALL,
        applies=lambda probe, _: probe.kind == "not a flag" or probe.id == f"decay={TEXT}",
        upstream=f"{_SOURCE}/adam.py:58-67: no line looks at them",
        kind="choice",
        versions=_VERSIONS,
        advice="mind that the text 'False' is true",
    ),
    InputQuirk(
        id="pytorch/input/unchecked",
        title="some options are not checked at all: any number, NaN and text pass, and the step that uses them fails, or makes NaN",
        bindings=("SGD", "Rprop", "ASGD", "LBFGS", "Muon"),
        # LBFGS divides max_iter to find max_eval, which text does not survive
        applies=lambda probe, binding: probe.option == "line_search" or (unchecked(probe, binding) and probe.id != "max_iter=text"),
        upstream=f"{_SOURCE}: sgd.py:45-50 (not dampening), rprop.py:45-48 (not step_sizes), asgd.py:45-48 (not lambd, alpha, t0),"
        " lbfgs.py:253 (lr alone), _muon.py:102-107 (not the Newton-Schulz iteration's)",
        kind="defect",
        versions=_VERSIONS,
        advice="check them yourself",
    ),
    InputQuirk(
        id="pytorch/input/groups",
        title="options of a parameter group are not checked, only the constructor's own",
        bindings=_ALL,
        kinds=("group",),
        upstream=f"{_SOURCE}/optimizer.py:1103 (add_param_group)",
        kind="defect",
        versions=_VERSIONS,
        advice="check what you put into groups; a scheduler's learning rates are not checked, either",
    ),
    InputQuirk(
        id="pytorch/sgd/not-a-number",
        title="NaN passes: SGD asks whether a number is below 0 where other classes ask whether it is not at least 0",
        bindings=("SGD",),
        kinds=("not a number",),
        upstream=f"{_SOURCE}/sgd.py:45-50",
        kind="defect",
        versions=_VERSIONS,
        advice="check for NaN yourself",
    ),
    InputQuirk(
        id="pytorch/input/no-upper-bound",
        title="a coefficient of an average may be 1 or more: the average stands still, or grows without end, and its root is NaN",
        bindings=("RMSprop", "Muon"),
        applies=within_bounds,
        upstream=f"{_SOURCE}/rmsprop.py:55 (alpha), _muon.py:104 (momentum)",
        kind="defect",
        versions=_VERSIONS,
        advice="keep it below 1",
    ),
    InputQuirk(
        id="pytorch/sparse-adam/zero",
        title="a learning rate or an eps of 0 is refused, which every other class takes",
        bindings=("SparseAdam",),
        applies=beyond_bounds,
        effects=(Raises("Invalid"),),
        upstream=f"{_SOURCE}/sparse_adam.py:24-27",
        kind="choice",
        versions=_VERSIONS,
        advice="freeze parameters instead of a learning rate of 0",
    ),
)
