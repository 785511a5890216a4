"""A closure rule as a ``torch.optim.Optimizer``: the specification's conversation on torch tensors, answered by the caller's closure."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from crossoptim.errors import HyperError
from crossoptim.optim.base import RuleOptimizer
from crossoptim.optim.eager import as_real
from crossoptim.optim.memory import EVALUATIONS, read, written
from crossoptim.optim.refusal import with_torchs
from crossoptim.spec.conversation import Conversation, Evaluation, Memory
from crossoptim.spec.model import Setting


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
    as the rule wants, with the parameters set to where it wants it. All parameters form one vector, in which a complex number is two real
    ones: one parameter group, of one dtype and device. The state is kept with the first parameter, as PyTorch's LBFGS keeps it.

    Raises:
        HyperError: for a second parameter group, parameters of several dtypes or devices, a step without closure, or as its base does.
    """

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Set the only parameter group; raises :class:`HyperError` where there is one, or where its parameters form no vector."""
        super().add_param_group(param_group)
        if len(self.param_groups) > 1:
            self.param_groups.pop()
            sentence = f"{self.binding.name}: a second parameter group (expected one, of all parameters)"
            raise HyperError(with_torchs(self.binding, sentence, "groups"))
        params = self.param_groups[0]["params"]
        kinds = {(p.dtype.to_real(), p.device) for p in params}
        if len(kinds) > 1:
            self.param_groups.clear()
            found = ", ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds))
            raise HyperError(f"{self.binding.name}: parameters are {found} (expected one dtype on one device)")

    @torch.compiler.disable  # type: ignore[untyped-decorator]
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
        memory = read(state)
        talk = self._talk(setting, memory, torch.cat([as_real(p).reshape(-1) for p in params]))
        point, returned, evaluations = next(talk), None, 0
        try:
            while True:
                _scatter(point, params)
                with torch.enable_grad():
                    loss = closure()
                evaluations += 1
                returned = loss if returned is None else returned
                value = torch.as_tensor(loss.detach() if isinstance(loss, Tensor) else loss, dtype=point.dtype, device=point.device)
                point = talk.send(Evaluation(point, value, self._flat_gradient(params)))
        except StopIteration as done:
            _scatter(done.value.point, params)
        state.update(written(memory), **{EVALUATIONS: state.get(EVALUATIONS, 0) + evaluations})
        return returned

    def _talk(self, setting: Setting, memory: Memory, x: Tensor) -> Conversation:
        """The rule's conversation about one step."""
        assert self.rule.converse is not None
        return self.rule.converse(TensorWords(), SimpleNamespace(**setting.values, **self.rule.conduct), memory, x)

    def _flat_gradient(self, params: list[Tensor]) -> Tensor:
        parts = [torch.zeros_like(p) if p.grad is None else p.grad.to_dense() for p in params]
        return torch.cat([as_real(part).reshape(-1) for part in parts])


def _scatter(flat: Tensor, params: list[Tensor]) -> None:
    views = [as_real(p) for p in params]
    for x, part in zip(views, torch.split(flat, [x.numel() for x in views]), strict=True):
        x.copy_(part.view_as(x))
