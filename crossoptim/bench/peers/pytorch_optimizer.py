"""pytorch-optimizer's own classes (those that it hands on from torch are torch's); taken with their own defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_optimizer
from torch import Tensor

CLASSES = {
    "Adadelta": "AdaDelta", "Adamax": "AdaMax", "RAdam": "RAdam", "AdaBelief": "AdaBelief", "AdaBound": "AdaBound", "Adan": "Adan",
    "ADOPT": "ADOPT", "Lion": "Lion", "MADGRAD": "MADGRAD", "QHAdam": "QHAdam", "Yogi": "Yogi",
    "ScheduleFreeAdamW": "ScheduleFreeAdamW", "ScheduleFreeSGD": "ScheduleFreeSGD",
}  # fmt: skip


def stepper(optimizer: str, parameters: Callable[[], list[Tensor]]) -> Callable[[], Any] | None:
    """The step, or None where the library has not the rule."""
    if optimizer not in CLASSES:
        return None
    made = getattr(pytorch_optimizer, CLASSES[optimizer])(parameters(), lr=1e-3)
    if hasattr(made, "train"):
        made.train()
    step: Callable[[], Any] = made.step
    return step
