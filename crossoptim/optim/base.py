"""A rule as a ``torch.optim.Optimizer``: the specification's equation, run on torch tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Signature
from typing import Any, ClassVar

import torch
from torch.optim.optimizer import ParamsT

from crossoptim.errors import ArgumentError, HyperError
from crossoptim.optim import eager
from crossoptim.optim.batch import Batch
from crossoptim.optim.held import STEP, Age, Held, Member, age_of, key_of, new_count
from crossoptim.optim.held import tensors as state_tensors
from crossoptim.optim.namespace import Tensors
from crossoptim.optim.refusal import check_gradient, check_machine, check_tensors, with_torchs
from crossoptim.optim.scalars import exact_scalars
from crossoptim.optim.setting import Reader
from crossoptim.optim.signature import PARAMS
from crossoptim.spec.expr import evaluate, parse
from crossoptim.spec.model import Binding, Rule, Setting, StateVar
from crossoptim.spec.trace import GRAD, PARAM, trace

_NOTHING: Held = {}
"""What an optimizer keeps for a parameter where the rule has no state: as PyTorch's it has no entry then."""


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a step: its count, all that the update reads, and what is kept after it."""

    t: int
    all: dict[str, float]
    after: dict[str, float]


class RuleOptimizer(torch.optim.Optimizer):
    """Base of the optimizers that are made from rules.

    Works as any ``torch.optim.Optimizer`` does: parameter groups, schedulers, closures, ``state_dict``. Each parameter's state lies under
    the keys that PyTorch has for the class, those of the specification where it has none: ``step``, a 0-d tensor that counts the updates,
    and the rule's state variables, in the parameter's dtype and order of memory. The scalars of each step (bias
    corrections and such) are exact, rounded once to double. Elementwise rules step all dense parameters in the processor's memory by one
    call of a compiled kernel, whatever the number of threads with the same bits; everything else, and all where ``kernels`` is False, by
    torch's own operations.

    Raises:
        HyperError: when a hyperparameter is unknown, outside its interval, or breaks a constraint, also if a scheduler set it so.
    """

    kernels: bool = True
    rule: ClassVar[Rule]
    binding: ClassVar[Binding]
    __signature__: ClassVar[Signature]
    _read: ClassVar[Reader]

    def __init__(self, params: ParamsT, *args: Any, **kwargs: Any) -> None:
        try:
            bound = self.__signature__.bind(params, *args, **kwargs)
        except TypeError as error:
            expected = ", ".join(self.__signature__.parameters)
            raise ArgumentError(f"{self.binding.name}: {error} (expected {expected})") from None
        bound.apply_defaults()
        options = dict(bound.arguments)
        given = options.pop(PARAMS)
        check_machine(self.binding, options)
        check_tensors(self.binding, options)
        self.setting(options)
        if self.binding.constructor:
            options.update(self.binding.constructor.fixed)
            options.update({k: make(options) for k, make in self.binding.constructor.unset.items() if options[k] is None})
        self._batches: dict[int, Batch] = {}
        super().__init__(given, options)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; raises :class:`HyperError` before anything changes."""
        setting = self.setting({**self.defaults, **param_group}) if isinstance(param_group, dict) else None
        super().add_param_group(param_group)
        try:
            for p in self.param_groups[-1][PARAMS]:
                self._take(setting, p)
        except HyperError:
            self.param_groups.pop()
            raise
        for p in self.param_groups[-1][PARAMS] if self.binding.early and setting else ():
            self._begun(setting, p, p, self.state[p])

    def _take(self, setting: Setting | None, p: torch.Tensor) -> None:
        """Raise :class:`HyperError` for a parameter that the class does not take."""
        name = self.binding.name
        if self.binding.gradients == "sparse":
            for refused, kind in ((p.layout is not torch.strided, "sparse"), (p.is_complex(), "complex")):
                if refused:
                    sentence = f"{name}: a parameter is {kind} (expected a dense real one, whose gradients may be sparse)"
                    raise HyperError(with_torchs(self.binding, sentence, kind))
        try:
            setting.of(tuple(p.shape)) if setting else None
        except HyperError as error:
            raise HyperError(with_torchs(self.binding, str(error), "shape")) from None

    def setting(self, group: Mapping[str, Any]) -> Setting:
        """A parameter group's options in the specification's vocabulary, validated."""
        return self._read(group)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # it runs between what is compiled before and after it
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: re-evaluates the model and returns the loss; it is called once, at the point where the rule wants the gradient.

        Returns:
            The closure's loss, or None.
        """
        loss = None
        if closure is not None:
            with self.at_gradient_point(), torch.enable_grad():
                loss = closure()
        groups = [self._taken(group) for group in self.param_groups]
        for number in range(len(groups), len(self._batches)):
            self._batches.pop(number, None)  # of a group that is no more
        with torch.set_grad_enabled(bool(self.defaults.get("differentiable"))):
            for number, (setting, params, grads) in enumerate(groups):
                self._step(number, setting, params, grads)
        return loss

    def _taken(self, group: Mapping[str, Any]) -> tuple[Setting, list[torch.Tensor], list[torch.Tensor]]:
        """A group's setting, its parameters that have gradients, and these; refused before anything changes."""
        setting, params = self.setting(group), group[PARAMS]
        found = [p.grad for p in params]
        grads = [grad for grad in found if grad is not None]
        if len(grads) < len(found):
            params = [p for p, grad in zip(params, found, strict=True) if grad is not None]
        if self.rule.kind == "reducing" or any(grad.layout is not torch.strided for grad in grads):
            for p, grad in zip(params, grads, strict=True):
                check_gradient(self.binding, setting, p, grad)
        return setting, params, grads

    def _step(self, number: int, setting: Setting, params: list[torch.Tensor], grads: list[torch.Tensor]) -> None:
        """The step of the parameters of group ``number`` that have gradients."""
        batch = self._batch(number, setting, params, grads)
        numbers = {age: self._numbers(setting, age) for age in batch.ages}
        batch.run(grads, {age: made.all for age, made in numbers.items()})
        if batch.left:
            eager.run([self._left(setting, member, grads[index], numbers[member.age]) for index, member in batch.left], self.kernels)
        if setting.counts:
            self._count(batch, numbers)

    def _batch(self, number: int, setting: Setting, params: list[torch.Tensor], grads: list[torch.Tensor]) -> Batch:
        """The last step's batch where it goes on, else a new one."""
        kernels = self.kernels and self.rule.kind == "elementwise" and not (torch.compiler.is_compiling() or torch.is_grad_enabled())
        equation = trace(setting)
        every = self.state
        held = [every[p] for p in params] if setting.counts else [_NOTHING] * len(params)
        known = self._batches.get(number)
        if known and known.goes_on(equation, kernels, params, held, grads):
            return known
        ages: dict[tuple[float, ...], Age] = {}
        members = []
        for p, grad, kept in zip(params, grads, held, strict=True):
            age = age_of(self.binding, setting, kept)
            members.append(Member(p, kept, self._begun(setting, p, grad, kept), ages.setdefault(age.key, age)))
        kept_as = {var.name: key_of(self.binding, var.name) for var in self.rule.kept}
        made = self._batches[number] = Batch(equation, members, grads, kept_as, kernels)
        return made

    def _begun(self, setting: Setting, p: torch.Tensor, grad: torch.Tensor, held: Held) -> dict[str, torch.Tensor]:
        """A parameter's state tensors, made where there are none yet, and its count."""
        setting = setting.of(tuple(p.shape)) if self.rule.kind == "reducing" else setting
        found = state_tensors(self.binding, setting, held)
        for var in setting.state:
            if var.name not in found:
                found[var.name] = held[key_of(self.binding, var.name)] = self._start(var, setting, p, grad)
            elif found[var.name].is_sparse:  # as PyTorch's SGD keeps the sum of sparse gradients
                found[var.name] = held[key_of(self.binding, var.name)] = found[var.name].to_dense()
        if setting.counts and self.binding.counts and not isinstance(held.get(STEP), torch.Tensor):
            held[STEP] = new_count(self.binding, held.get(STEP, 0))
        return found

    def _count(self, batch: Batch, numbers: Mapping[Age, _Numbers]) -> None:
        """What is counted and kept after a step."""
        for age, made in numbers.items():
            age.t, age.kept = made.t, made.after
        batch.count()
        for member in batch.members if self.rule.kept or self.binding.gradients == "sparse" else ():
            member.held.update({key_of(self.binding, name): value for name, value in member.age.kept.items()})
            if self.binding.gradients == "sparse":
                member.held[STEP] = member.age.t

    def _numbers(self, setting: Setting, age: Age) -> _Numbers:
        """What the next step of parameters of one age reads beside tensors."""
        t = age.t + setting.counts
        scalars = exact_scalars(setting, t, age.kept)
        return _Numbers(t, {**setting.reals, **scalars, **age.kept}, {key: scalars[key] for key in age.kept})

    def _left(self, setting: Setting, member: Member, grad: torch.Tensor, numbers: _Numbers) -> eager.Step:
        """The step of a parameter that no kernel takes."""
        setting = setting.of(tuple(member.p.shape)) if self.rule.kind == "reducing" else setting
        return eager.Step(setting, numbers.all, member.p, grad, member.state)

    @classmethod
    def _start(cls, var: StateVar, setting: Setting, p: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
        """A state variable before the first step."""
        start = evaluate(parse(var.init), {**setting.reals, PARAM: p, GRAD: grad}, Tensors)
        return start.clone() if isinstance(start, torch.Tensor) else cls._full(var, p, start)

    @staticmethod
    def _full(var: StateVar, p: torch.Tensor, start: float) -> torch.Tensor:
        value = complex(start, start) if p.is_complex() else start  # a complex number is two real ones
        return torch.full_like(p, value) if var.shape == "parameter" else p.new_full(var.shape_for(tuple(p.shape)), value)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Where a copy, a pickle or a loaded state goes on: tensors lie elsewhere."""
        super().__setstate__(state)
        fixed = self.binding.constructor.fixed if self.binding.constructor else {}
        for group in self.param_groups:
            for key in self.__signature__.parameters:
                if key in self.defaults:
                    group.setdefault(key, self.defaults[key])  # what an older state does not tell, and what PyTorch's does not
            group.update(fixed)
        self._batches = {}

    @contextmanager
    def at_gradient_point(self) -> Iterator[None]:
        """Inside, the parameters hold the point where the rule wants the gradient: Nesterov's lookahead, if the rule has one.

        A training loop without closures runs forward and backward inside it. For most rules that point is the parameter, and nothing moves.
        """
        moved = []
        with torch.no_grad():
            for group in self.param_groups:
                point = self.setting(group).gradient_point
                key = key_of(self.binding, point) if point else ""
                for p in group["params"] if point else ():
                    if key in self.state[p]:
                        moved.append((p, p.clone()))
                        p.copy_(self.state[p][key])
        try:
            yield
        finally:
            with torch.no_grad():
                for p, value in moved:
                    p.copy_(value)
