"""heavyball's classes, whose steps ``torch.compile`` makes; taken with their own defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import heavyball
from torch import Tensor

CLASSES = {"AdamW": "AdamW", "NAdam": "NAdam", "RMSprop": "RMSprop", "ADOPT": "ADOPT", "ScheduleFreeAdamW": "SFAdamW"}


def stepper(optimizer: str, parameters: Callable[[], list[Tensor]]) -> Callable[[], Any] | None:
    """The compiled step, or None where heavyball has not the rule."""
    if optimizer not in CLASSES:
        return None
    params = parameters()
    made = getattr(heavyball, CLASSES[optimizer])(params, lr=1e-3, storage_dtype=str(params[0].dtype).removeprefix("torch."))
    gradients = [p.grad for p in params]

    def step() -> None:
        for p, gradient in zip(params, gradients, strict=True):
            p.grad = gradient  # a step takes it away
        made.step()

    return step
