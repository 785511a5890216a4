"""The constructors of ``torch.optim``'s classes (read: 2.13.0): all their arguments in order, those for the machine too."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crossoptim.spec.model import Binding, Constructor

_MACHINE = {"foreach": None, "capturable": False, "differentiable": False, "fused": None}
"""Arguments that choose how a step is computed, with their defaults."""


def _constructor(order: str, **more: Mapping[str, Any]) -> Constructor:
    names = order.split()
    return Constructor(tuple(names), {name: default for name, default in _MACHINE.items() if name in names}, **more)


DECOUPLED = {"decoupled_weight_decay": {"coupled": False, "decoupled": True}}
_CONSTRUCTORS = {
    "SGD": _constructor("lr momentum dampening weight_decay nesterov * maximize foreach differentiable fused"),
    "Adam": _constructor(
        "lr betas eps weight_decay amsgrad * foreach maximize capturable differentiable fused decoupled_weight_decay",
        args={"decoupled_weight_decay": "decay"},  # True makes it AdamW, which has a class of its own
        spellings=DECOUPLED,
    ),
    "AdamW": _constructor(
        "lr betas eps weight_decay amsgrad * maximize foreach capturable differentiable fused",
        fixed={"decoupled_weight_decay": True},
    ),
    "SparseAdam": _constructor("lr betas eps maximize"),
    "Adagrad": _constructor("lr lr_decay weight_decay initial_accumulator_value eps foreach * maximize differentiable fused"),
    "RMSprop": _constructor("lr alpha eps weight_decay momentum centered capturable foreach maximize differentiable"),
    "Adadelta": _constructor("lr rho eps weight_decay foreach * capturable maximize differentiable"),
    "Rprop": _constructor("lr etas step_sizes * capturable foreach maximize differentiable"),
    "Adamax": _constructor("lr betas eps weight_decay foreach * maximize differentiable capturable"),
    "NAdam": _constructor(
        "lr betas eps weight_decay momentum_decay decoupled_weight_decay * foreach maximize capturable differentiable"
    ),
    "RAdam": _constructor("lr betas eps weight_decay decoupled_weight_decay * foreach maximize capturable differentiable"),
    "ASGD": _constructor("lr lambd alpha t0 weight_decay foreach maximize differentiable capturable"),
    "Adafactor": _constructor("lr beta2_decay eps d weight_decay * foreach maximize"),
    "Muon": _constructor(
        "lr weight_decay momentum nesterov ns_coefficients eps ns_steps adjust_lr_fn",
        synonyms={"adjust_lr_fn": {"original": None}},
    ),
    "LBFGS": _constructor(
        "lr max_iter max_eval tolerance_grad tolerance_change history_size line_search_fn",
        unset={"max_eval": lambda given: given["max_iter"] * 5 // 4},
    ),
}  # fmt: skip


def constructed(*bindings: Binding) -> tuple[Binding, ...]:
    """The bindings with their constructors."""
    return tuple(replace(binding, constructor=_CONSTRUCTORS[binding.name]) for binding in bindings)
