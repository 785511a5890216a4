"""A rule as a ``torch.optim.Optimizer``: the specification's equation, run on torch tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from inspect import Parameter, Signature
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from torch.optim.optimizer import ParamsT

from crossoptim.errors import HyperError
from crossoptim.golden.oracle import MP, Oracle, initial_kept
from crossoptim.optim.batch import Batch
from crossoptim.optim.namespace import Tensors
from crossoptim.spec.expr import evaluate, parse
from crossoptim.spec.model import Binding, Rule, Setting, StateVar, Switch
from crossoptim.spec.rules import get_rule, resolve
from crossoptim.spec.trace import GRAD, PARAM


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a step: its count, all that the update reads, and what is kept after it."""

    t: int
    all: dict[str, float]
    after: dict[str, float]


class RuleOptimizer(torch.optim.Optimizer):
    """Base of the optimizers that :func:`optimizer_class` makes from rules.

    Works as any ``torch.optim.Optimizer`` does: parameter groups, schedulers, closures, ``state_dict``. Each parameter's state holds
    ``step`` (its number of updates) and the rule's state variables under the specification's names. The scalars of each step (bias
    corrections and such) are exact, rounded once to double. Elementwise rules step all dense parameters in the processor's memory by one
    call of a compiled kernel, whatever the number of threads with the same bits; everything else, and all where ``kernels`` is False, by
    torch's own operations.

    Raises:
        HyperError: when a hyperparameter is unknown, outside its interval, or breaks a constraint, also if a scheduler set it so.
    """

    kernels: ClassVar[bool] = True
    rule: ClassVar[Rule]
    binding: ClassVar[Binding]
    __signature__: ClassVar[Signature]

    def __init__(self, params: ParamsT, *args: Any, **kwargs: Any) -> None:
        try:
            bound = self.__signature__.bind(params, *args, **kwargs)
        except TypeError as error:
            expected = ", ".join(self.__signature__.parameters)
            raise HyperError(f"{self.binding.name}: {error} (expected {expected})") from None
        bound.apply_defaults()
        options = dict(bound.arguments)
        super().__init__(options.pop("params"), options)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; raises :class:`HyperError` before anything changes."""
        setting = self.setting({**self.defaults, **param_group})
        super().add_param_group(param_group)
        try:
            for p in self.param_groups[-1]["params"]:
                setting.of(tuple(p.shape))
        except HyperError:
            self.param_groups.pop()
            raise

    def setting(self, group: Mapping[str, Any]) -> Setting:
        """A parameter group's options in the specification's vocabulary, validated."""
        return read_setting(self.binding, group)

    @torch.no_grad()
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
        for group in self.param_groups:
            self._step(self.setting(group), group["params"])
        return loss

    def _step(self, group: Setting, params: list[torch.Tensor]) -> None:
        batch, known = Batch(group if self.kernels else None), dict[tuple[float, ...], _Numbers]()
        every, setting = self.state, group
        for p in params:
            grad = p.grad
            if grad is None:
                continue
            if self.binding.gradients == "sparse":
                grad = grad.to_dense()
            if grad.layout is not torch.strided:
                raise HyperError(f"{self.binding.name}: a gradient has layout {grad.layout} (expected a dense gradient)")
            if self.rule.kind == "reducing":
                setting = group.of(tuple(p.shape))
            state = every[p]
            numbers = self._numbers(setting, state, known)
            for var in setting.state:
                if var.name not in state:
                    state[var.name] = self._start(var, setting, p, grad)
            if not batch.add(p, grad, state, numbers.all):
                self._run(setting, p, grad, state, numbers)
            if setting.counts:
                state["step"] = numbers.t
                state.update(numbers.after)
        batch.run()

    def _numbers(self, setting: Setting, state: Mapping[str, Any], known: dict[tuple[float, ...], _Numbers]) -> _Numbers:
        """What a parameter's step reads beside tensors; parameters of one age and history share it."""
        t = int(state.get("step", 0)) + setting.counts
        kept: dict[str, float] = {}
        if setting.rule.kept:
            kept = {k.name: float(state[k.name]) for k in setting.rule.kept if k.name in state} or initial_kept(setting)
        key = (t, *kept.values())
        if key not in known:
            scalars = exact_scalars(setting, t, kept)
            known[key] = _Numbers(t, {**setting.reals, **scalars, **kept}, {key: scalars[key] for key in kept})
        return known[key]

    def _run(self, setting: Setting, p: torch.Tensor, grad: torch.Tensor, state: dict[str, Any], numbers: _Numbers) -> None:
        """One parameter's step in torch's own operations."""
        new, changed = self.rule.update(Tensors, setting.h, SimpleNamespace(**numbers.all), p, grad, SimpleNamespace(**state))
        # a rule may hand an operand through; state must not alias what others write to
        state.update({name: value.clone() if value is p or value is grad else value for name, value in changed.items()})
        p.copy_(new)

    @classmethod
    def _start(cls, var: StateVar, setting: Setting, p: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
        """A state variable before the first step."""
        start = evaluate(parse(var.init), {**setting.reals, PARAM: p, GRAD: grad}, Tensors)
        return start.clone() if isinstance(start, torch.Tensor) else cls._full(var, p, start)

    @staticmethod
    def _full(var: StateVar, p: torch.Tensor, start: float) -> torch.Tensor:
        return torch.full_like(p, start) if var.shape == "parameter" else p.new_full(var.shape_for(tuple(p.shape)), start)

    @contextmanager
    def at_gradient_point(self) -> Iterator[None]:
        """Inside, the parameters hold the point where the rule wants the gradient: Nesterov's lookahead, if the rule has one.

        A training loop without closures runs forward and backward inside it. For most rules that point is the parameter, and nothing moves.
        """
        moved = []
        with torch.no_grad():
            for group in self.param_groups:
                point = self.setting(group).gradient_point
                for p in group["params"] if point else ():
                    if point in self.state[p]:
                        moved.append((p, p.clone()))
                        p.copy_(self.state[p][point])
        try:
            yield
        finally:
            with torch.no_grad():
                for p, value in moved:
                    p.copy_(value)


def read_setting(binding: Binding, group: Mapping[str, Any]) -> Setting:
    """A parameter group's options, under a binding's argument names, in the specification's vocabulary.

    Raises:
        HyperError: for a value that the rule does not take.
    """
    rule = get_rule(binding.rule)
    values: dict[str, Any] = dict(binding.switches)
    for foreign, ours in binding.args.items():
        given = group[foreign]
        if isinstance(ours, str):
            values[ours] = _ours(binding, foreign, given)
        elif isinstance(given, tuple | list) and len(given) == len(ours):
            values.update(zip(ours, given, strict=True))
        else:
            raise HyperError(f"{binding.name}: {foreign} = {given!r} is not {len(ours)} numbers (expected {', '.join(ours)})")
    values.update((s.name, group[s.name]) for s in rule.switches if s.name not in values and s.name in group)
    return _resolved(rule, **values)


@lru_cache(maxsize=256, typed=True)
def _resolved(rule: Rule, **values: Any) -> Setting:
    """A setting, the same object as long as no option changes."""
    return rule.resolve(values)


def _ours(binding: Binding, foreign: str, given: Any) -> Any:
    """What the specification calls a foreign argument's value."""
    spellings = binding.spellings.get(foreign)
    if not spellings:
        return given
    for ours, theirs in spellings.items():
        if given == theirs:
            return ours
    expected = ", ".join(map(repr, spellings.values()))
    raise HyperError(f"{binding.name}: {foreign} = {given!r} is not known (expected one of {expected})")


def exact_scalars(setting: Setting, t: int, kept: Mapping[str, float]) -> dict[str, float]:
    """The rule's scalars of step ``t`` and what it keeps, rounded once to double: the numbers that a fixture stores."""
    h = SimpleNamespace(**{**setting.values, **{key: MP.mpf(value) for key, value in setting.reals.items()}})
    k = SimpleNamespace(**{key: MP.mpf(value) for key, value in kept.items()})
    return {key: float(value) for key, value in setting.rule.scalars(Oracle, h, MP.mpf(t), k).items()}


def specification_binding(name: str) -> Binding:
    """The rule or preset of that name bound under the specification's own names; every switch is an argument."""
    setting = resolve(name)
    return Binding(
        name,
        rule=setting.rule.name,
        args={option.name: option.name for option in setting.rule.options()},
        defaults=dict(setting.values),
        state={var.name: var.name for var in setting.rule.state},
        kept={var.name: var.name for var in setting.rule.kept},
    )


def optimizer_class(binding: Binding) -> type[RuleOptimizer]:
    """A class with a binding's argument names and defaults; switches that the binding leaves open are keyword arguments."""
    rule = get_rule(binding.rule)
    switches = _left_open(rule, binding)
    parameters = [Parameter("params", Parameter.POSITIONAL_OR_KEYWORD)]
    for name in binding.args:
        kind = Parameter.KEYWORD_ONLY if name in binding.keyword_only else Parameter.POSITIONAL_OR_KEYWORD
        parameters.append(Parameter(name, kind, default=binding.defaults.get(name, Parameter.empty)))
    parameters += [Parameter(s.name, Parameter.KEYWORD_ONLY, default=s.default) for s in switches]
    members = {
        "rule": rule,
        "binding": binding,
        "__signature__": Signature(sorted(parameters, key=lambda p: p.kind)),
        "__doc__": _doc(rule, binding),
    }
    if rule.converse:
        from crossoptim.optim.closure import ClosureOptimizer  # which builds on this module

        return type(binding.name, (ClosureOptimizer,), members)
    return type(binding.name, (RuleOptimizer,), members)


def _left_open(rule: Rule, binding: Binding) -> list[Switch]:
    """The switches that a binding neither fixes nor has an argument for."""
    return [s for s in rule.switches if s.name not in {*binding.switches, *binding.args.values()}]


def _doc(rule: Rule, binding: Binding) -> str:
    meaning = {option.name: option.doc for option in rule.options()}
    lines = [f"{rule.title}.", "", "Args:", "    params: parameters, or dicts of parameter groups."]
    for name, ours in binding.args.items():
        docs = [meaning[key] for key in ([ours] if isinstance(ours, str) else ours)]
        default = f" (default: {binding.defaults[name]})" if name in binding.defaults else ""
        lines.append(f"    {name}: {'; '.join(docs)}{default}.")
    for switch in _left_open(rule, binding):
        lines.append(f"    {switch.name}: {switch.doc}; one of {', '.join(switch.values)} (default: {switch.default}).")
    if any(var.gradient_point for var in rule.state):
        lines += ["", "Where the gradient is not taken at the parameter, give ``step`` a closure, or run forward and backward inside"]
        lines += ["``at_gradient_point()``."]
    return "\n".join([*lines, "", "Sources:", *(f"    {source}" for source in rule.sources)])
