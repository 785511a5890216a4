"""The optimizers of R torch as ``torch.optim.Optimizer``: its argument names, its ``state_dict()``, and on demand its quirks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from inspect import Parameter, Signature
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.optim.optimizer import required

from crossoptim.errors import HyperError
from crossoptim.optim.base import RuleOptimizer
from crossoptim.optim.classes import optimizer_class
from crossoptim.optim.closure import ClosureOptimizer
from crossoptim.optim.held import Held, age_of, key_of
from crossoptim.optim.memory import KEYS
from crossoptim.optim.setting import Reader
from crossoptim.optim.signature import PARAMS
from crossoptim.rtorch import released
from crossoptim.rtorch.inputs import checks_groups, refused, shares_parameters, without_default
from crossoptim.rtorch.layout import from_r, to_r
from crossoptim.rtorch.names import CHOICE, QUIRKS, Quirks, arguments, check_quirks, closed, in_python, spelled
from crossoptim.spec.conversation import Conversation, Memory, Outcome
from crossoptim.spec.edit import float32_scalars
from crossoptim.spec.model import (
    Binding,
    Conduct,
    Ecosystem,
    Effect,
    Forgets,
    LeavesZeros,
    Quirk,
    QuirkSite,
    Real,
    Rule,
    Setting,
)
from crossoptim.spec.refusals import InputQuirk, words


def optim_required() -> Any:
    """The default of an argument that has none: every parameter group must give it."""
    return required


class ROptimizer(RuleOptimizer):
    """Base of the optimizers that take R torch's arguments.

    Beside what :class:`~crossoptim.optim.base.RuleOptimizer` does, it takes a single tensor for a list of one. Parameter groups and
    ``state_dict()`` have R torch's names, and number parameters from 1.

    Args:
        quirks: ``"fixed"`` computes what the specification says; ``"0.17"`` what R torch 0.17 does, its defects included, in torch's own
            operations, and takes and refuses the options that it does.

    Raises:
        HyperError: as the base, and for an argument that is required.
        ReleasedError: where R torch 0.17 raises, in its words.
    """

    ecosystem: ClassVar[Ecosystem]
    quirks: Quirks

    def __init__(self, params: Any, *args: Any, quirks: Quirks = "fixed", **kwargs: Any) -> None:
        check_quirks(self.binding.name, quirks)
        self.quirks, self.loaded, self._constructed = quirks, False, 0
        self._batches = {}
        options = self._options(params, *args, **{spelled(name): value for name, value in kwargs.items()})
        given = [params] if isinstance(params, Tensor) else list(params)
        if quirks != "fixed":
            self._refuse(options, empty=not given)
        torch.optim.Optimizer.__init__(self, given, options)
        self._constructed = len(self.param_groups)
        if quirks != "fixed" and self.binding.early:
            self._begin()

    def _options(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The constructor's arguments under R torch's names."""
        given = arguments(self.binding.name, self.__signature__, self.__signature__.bind, args, kwargs)
        return {foreign: given[spelled(foreign)] for foreign in self.binding.args}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own.

        Raises:
            HyperError: before anything changes.
        """
        group = {**{key: value for key, value in self.defaults.items() if value is not required}, **param_group}
        missing = next((key for key in self.defaults if key not in group), None)
        if missing:
            said = without_default(self.ecosystem, self.binding)
            raise HyperError(f"{self.binding.name}: {said}: {missing} is missing (expected it here, or in every parameter group)")
        if self.quirks == "fixed":
            super().add_param_group(param_group)
            return
        if checks_groups(self.ecosystem, self.binding):
            self._refuse(group)
        others: list[dict[str, Any]] = []
        if shares_parameters(self.ecosystem, self.binding):
            others, self.param_groups = self.param_groups, others
        try:
            super().add_param_group(param_group)
        finally:
            self.param_groups[:0] = others

    def setting(self, group: Mapping[str, Any]) -> Setting:
        """A parameter group's options in the specification's vocabulary; those of ``"0.17"`` are what was given."""
        if self.quirks == "fixed":
            return super().setting(group)
        return _unchecked(self.rule, **_values(self.binding, group))

    def _refuse(self, options: Mapping[str, Any], empty: bool = False) -> None:
        """Raise what R torch says of options, or of no parameters, that it does not take."""
        if any(value is required for value in options.values()):
            message = without_default(self.ecosystem, self.binding)
        elif empty:
            message = words(self.ecosystem.refusals, self.binding, ["empty"])
        else:
            message = refused(self.ecosystem, self.binding, self.rule, _complete(self.rule, _values(self.binding, options)))
        if message:
            raise HyperError(f"{self.binding.name}: {message}")

    def _begin(self) -> None:
        """Make the state before the first step."""
        first, known = self.setting(self.defaults), self.known
        for number, group in enumerate(self.param_groups):
            setting = self.setting(group)
            for p in group[PARAMS]:
                held: Held = {}
                site = self._site(number, setting, first, p, held)
                released.begin(self.binding, setting, [quirk for quirk in known if quirk.when(site)], first.reals, p, p, held)
                self.state[p] = held

    def _step(self, number: int, setting: Setting, params: list[Tensor], grads: list[Tensor]) -> None:
        if self.quirks == "fixed":
            super()._step(number, setting, params, grads)
            return
        index = {p: i for i, p in enumerate(self.param_groups[number][PARAMS], 1)}
        first, known = self.setting(self.defaults), self.known
        for p, grad in zip(params, grads, strict=True):
            held: Held = self.state[p]
            quirks = released.bearing(known, self._site(number, setting, first, p, held))
            released.step(self.binding, setting, quirks, first.reals, p, grad, index[p], held)

    def _site(self, number: int, setting: Setting, first: Setting, p: Tensor, held: Held) -> QuirkSite:
        """What the conditions of quirks see of a parameter of group ``number``; ``first``: what the constructor was given."""
        return QuirkSite(
            h=setting.h,
            shapes=(tuple(p.shape),),
            late_start=False,  # which no class of R torch asks for
            dtype=str(p.dtype).removeprefix("torch."),
            resumes=self.loaded,
            group=number,
            added=number >= self._constructed,
            updates=age_of(self.binding, setting, held).t + 1,
            loaded=self.loaded and bool(held),
            first=first.h,
            new_state=frozenset(var.name for var in setting.state if held and key_of(self.binding, var.name) not in held),
        )

    @property
    def known(self) -> list[Quirk]:
        """The quirks of the class that are not about its input; none where they are fixed."""
        if self.quirks == "fixed":
            return []
        return [q for q in self.ecosystem.quirks if self.binding.name in q.bindings and not isinstance(q, InputQuirk)]

    def zero_grad(self, set_to_none: bool | None = None) -> None:
        """Forget the gradients.

        Args:
            set_to_none: whether they become None instead of zeros; without, as the class does: R torch 0.17 leaves zeros but in
                ``optim_ignite_*``.
        """
        if set_to_none is None:
            set_to_none = not any(isinstance(effect, LeavesZeros) for quirk in self.known for effect in quirk.effects)
        super().zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """The state as R torch lays it out: parameters are numbers from 1, by which ``state`` is keyed, and step counts are numbers."""
        return to_r(super().state_dict())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state as :meth:`state_dict` lays it out; keys of ``state`` may be text, as R's are."""
        super().load_state_dict(from_r(state_dict))
        self.loaded = True

    def __getstate__(self) -> dict[str, Any]:
        own = {key: self.__dict__[key] for key in ("quirks", "loaded", "_constructed")}
        return {**super().__getstate__(), **own}


class _RConversation(ROptimizer, ClosureOptimizer):
    """R torch's optimizer that chooses where to evaluate."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step: many evaluations, as :meth:`crossoptim.optim.closure.ClosureOptimizer.step`."""
        state = self.state[self.param_groups[0][PARAMS][0]]
        found = dict(state)
        returned = super().step(closure)
        forgets = next((effect for effect in self._effects() if isinstance(effect, Forgets)), None)
        if forgets and found:
            state.update({key: value for key, value in found.items() if key not in {KEYS[name] for name in forgets.keeps}})
        return returned

    def _talk(self, setting: Setting, memory: Memory, x: Tensor) -> Conversation:
        return super()._talk(setting, memory, x) if self.quirks == "fixed" else self._released(setting, memory, x)

    def _released(self, setting: Setting, memory: Memory, x: Tensor) -> Conversation:
        effects = self._effects()
        conduct = {key: value for effect in effects if isinstance(effect, Conduct) for key, value in effect.values.items()}
        assert self.rule.converse is not None
        h = SimpleNamespace(**setting.values, **{**self.rule.conduct, **conduct})
        point = next(talk := self.rule.converse(released.Words(float32_scalars(effects)), h, memory, x))
        try:
            while True:
                seen = yield point
                if not torch.isfinite(seen.loss):
                    self._effects("passable")
                point = talk.send(seen)
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome

    def _effects(self, edge: Literal["", "passable"] = "") -> list[Effect]:
        """What the quirks change here; raises :class:`ReleasedError` where that is an error."""
        group = self.param_groups[0]
        p = group[PARAMS][0]
        site = replace(self._site(0, self.setting(group), self.setting(self.defaults), p, self.state[p]), edge=edge)
        return [effect for quirk in released.bearing(self.known, site) for effect in quirk.effects]


def _values(binding: Binding, group: Mapping[str, Any]) -> dict[str, Any]:
    """Options by the specification's names, whatever they are."""
    values: dict[str, Any] = dict(binding.switches)
    for foreign, ours in binding.args.items():
        given = group[foreign].item() if isinstance(group[foreign], Tensor) else group[foreign]
        if isinstance(ours, str):
            known = {theirs: own for own, theirs in binding.spellings.get(foreign, {}).items()}
            values[ours] = known.get(given, given)
        else:
            parts = given if isinstance(given, tuple | list) else (given,)
            if len(parts) < len(ours):
                raise HyperError(f"{binding.name}: {foreign} = {given!r}: subscript out of bounds (expected {', '.join(ours)})")
            values.update(zip(ours, parts, strict=False))
    return values


def _complete(rule: Rule, values: Mapping[str, Any]) -> dict[str, Any]:
    return {option.name: values.get(option.name, option.default) for option in rule.options()}


@lru_cache(maxsize=256, typed=True)
def _unchecked(rule: Rule, **values: Any) -> Setting:
    """A setting of options that the specification may not take."""

    def number(option: Any, value: Any) -> Any:
        try:
            return option.validate(rule.name, value)
        except HyperError:
            return float(value) if isinstance(option, Real) and isinstance(value, int | float) else value

    complete = _complete(rule, values)
    return Setting(rule, {option.name: number(option, complete[option.name]) for option in rule.options()})


def r_class(ecosystem: Ecosystem, binding: Binding) -> type[ROptimizer]:
    """The class of a binding of R torch's: what the binding leaves open is as the specification has it."""
    made, binding = optimizer_class(in_python(binding)), closed(binding)
    base = _RConversation if made.rule.converse else ROptimizer
    members = {
        "ecosystem": ecosystem,
        "binding": binding,
        "_read": Reader(binding, ()),
        "__signature__": Signature([*map(_with_default, made.__signature__.parameters.values()), _QUIRKS]),
        "__doc__": made.__doc__,
    }
    return type(binding.name, (base, made), members)


_QUIRKS = Parameter(CHOICE, Parameter.KEYWORD_ONLY, default=QUIRKS[0])


def _with_default(parameter: Parameter) -> Parameter:
    return parameter.replace(default=required) if parameter.default is Parameter.empty and parameter.name != PARAMS else parameter
