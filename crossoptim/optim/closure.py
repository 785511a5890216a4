"""A closure rule as a ``torch.optim.Optimizer``: the specification's conversation on torch tensors, answered by the caller's closure."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from crossoptim.errors import HyperError
from crossoptim.optim.base import RuleOptimizer
from crossoptim.spec.conversation import Evaluation, Memory

_KEPT = ("iterations", "gradient", "direction", "length")


class TensorWords:
    """The conversation's namespace on flat torch tensors; a number is a float or a 0-d tensor."""

    number = staticmethod(float)
    dot = staticmethod(torch.dot)
    sqrt = staticmethod(torch.sqrt)
    holds = staticmethod(bool)

    def largest(self, x: Tensor) -> Tensor:
        """The largest absolute value."""
        return x.abs().max()

    def total(self, x: Tensor) -> Tensor:
        """The sum of the absolute values."""
        return x.abs().sum()

    def named(self, name: str, value: Any) -> Any:
        """As it is."""
        return value

    def clipped(self, x: Any, low: Any, high: Any) -> Any:
        """As it is, or a bound."""
        x = low if low > x else x
        return high if high < x else x

    def measured(self, t: Any, d: Tensor, travel: tuple[Any, Any]) -> Any:
        """As it was chosen."""
        return t

    def seen(self, step: Tensor, travel: tuple[Any, Any] | None) -> Tensor:
        """As it was computed."""
        return step


class ClosureOptimizer(RuleOptimizer):
    """Base of the optimizers that choose where to evaluate.

    ``step`` needs a closure that zeroes the gradients, computes the loss, calls ``backward()`` and returns the loss; it is called as often
    as the rule wants, with the parameters set to where it wants it. All parameters form one vector: one parameter group, of one dtype and
    device. The state is kept with the first parameter: ``iterations``, the last ``gradient``, ``direction`` and ``length``, and the pairs
    ``differences`` and ``steps``, oldest first.

    Raises:
        HyperError: for a second parameter group, parameters of several dtypes or devices, a step without closure, or as its base does.
    """

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Set the only parameter group; raises :class:`HyperError` where there is one, or where its parameters form no vector."""
        if self.param_groups:
            raise HyperError(f"{self.binding.name}: a second parameter group (expected one, of all parameters)")
        super().add_param_group(param_group)
        params = self.param_groups[0]["params"]
        kinds = {(p.dtype, p.device) for p in params}
        if len(kinds) > 1 or any(p.is_complex() for p in params):
            self.param_groups.clear()
            found = ", ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds))
            raise HyperError(f"{self.binding.name}: parameters are {found} (expected one real dtype on one device)")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step: many evaluations, up to ``max_iter`` iterations.

        Args:
            closure: re-evaluates the model, calls ``backward()``, returns the loss.

        Returns:
            The loss of the first evaluation, where the parameters stood before the step.
        """
        if closure is None:
            raise HyperError(f"{self.binding.name}: step() without a closure (expected one that evaluates loss and gradients)")
        group = self.param_groups[0]
        setting = self.setting(group)
        params: list[Tensor] = group["params"]
        state = self.state[params[0]]
        memory = Memory(pairs=tuple(zip(state.get("differences", ()), state.get("steps", ()), strict=True)))
        for name in _KEPT:
            setattr(memory, name, state.get(name, getattr(memory, name)))
        assert self.rule.converse is not None
        h = SimpleNamespace(**setting.values, **self.rule.conduct)
        talk = self.rule.converse(TensorWords(), h, memory, torch.cat([p.reshape(-1) for p in params]))
        point, returned = next(talk), None
        try:
            while True:
                _scatter(point, params)
                with torch.enable_grad():
                    loss = closure()
                returned = loss if returned is None else returned
                value = loss.detach() if isinstance(loss, Tensor) else loss
                point = talk.send(Evaluation(point, torch.as_tensor(value, dtype=point.dtype, device=point.device), self._gradient(params)))
        except StopIteration as done:
            _scatter(done.value.point, params)
        state.update({name: getattr(memory, name) for name in _KEPT})
        state.update(differences=[y for y, _ in memory.pairs], steps=[s for _, s in memory.pairs])
        return returned

    def _gradient(self, params: list[Tensor]) -> Tensor:
        parts = [torch.zeros_like(p) if p.grad is None else p.grad.to_dense() for p in params]
        return torch.cat([part.reshape(-1) for part in parts])


def _scatter(flat: Tensor, params: list[Tensor]) -> None:
    for p, part in zip(params, torch.split(flat, [p.numel() for p in params]), strict=True):
        p.copy_(part.view_as(p))
