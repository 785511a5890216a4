"""The learning-rate schedulers of R torch, ``lr_*``: the specification's schedules on the parameter groups of any torch optimizer."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import Signature
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch

from crossoptim.errors import ArgumentError, HyperError
from crossoptim.rtorch.inputs import refused
from crossoptim.rtorch.names import (
    CHOICE,
    LAST,
    OPTIMIZER,
    VERBOSE,
    arguments,
    check_quirks,
    scheduler_documentation,
    scheduler_signature,
)
from crossoptim.rtorch.released import ReleasedError
from crossoptim.spec.model import Binding, Ecosystem, Raises
from crossoptim.spec.refusals import words
from crossoptim.spec.schedule import (
    BASE,
    LR,
    MOMENTUM,
    REQUIRED,
    Formula,
    Lift,
    Number,
    Numbers,
    Schedule,
    ScheduleQuirk,
    ScheduleRun,
    ScheduleSetting,
    ScheduleSite,
    Values,
    as_outputs,
)
from crossoptim.spec.schedules import get_schedule

_INITIAL = "initial_lr"
_log = logging.getLogger("crossoptim.rtorch")


class Floats:
    """The namespace of schedules on doubles."""

    sqrt, exp, log, floor, pi = math.sqrt, math.exp, math.log, math.floor, math.pi
    maximum, number = max, np.float64

    @staticmethod
    def cos(x: float) -> float:
        """NaN of an infinity."""
        return math.cos(x) if math.isfinite(x) else math.nan

    @staticmethod
    def where(condition: bool, a: Any, b: Any) -> Any:
        """Select."""
        return a if condition else b


@dataclass(frozen=True, eq=False)
class _Setting(ScheduleSetting):
    """A setting whose formulas are the caller's functions."""

    functions: Mapping[str, Callable[[Any], float]] = field(default_factory=dict)

    def h(self, xp: Numbers, lift: Lift, **replaced: Any) -> SimpleNamespace:
        """The options as an equation reads them."""
        return super().h(xp, lift, **{**self.functions, **replaced})


class RScheduler:
    """Base of the schedulers that take R torch's arguments.

    ``optimizer`` is any ``torch.optim.Optimizer``. Making a scheduler sets the rates of step 0, as ``step()`` sets those of each step.

    Args:
        last_epoch: how many steps there have been, less one: where a scheduler goes on that was not saved.
        verbose: whether each change of a rate is logged (``logging``, ``crossoptim.rtorch``).
        quirks: ``"fixed"`` sets the rates that the specification has, ``"0.17"`` those of R torch 0.17; without, as the optimizer's.

    Attributes:
        optimizer: the optimizer.
        last_epoch: how many steps there have been.
        base_lrs: the groups' rates before the schedule.

    Raises:
        HyperError: for an option that the schedule does not take.
        ReleasedError: where R torch 0.17 raises, in its words.
    """

    ecosystem: ClassVar[Ecosystem]
    binding: ClassVar[Binding]
    schedule: ClassVar[Schedule]
    __signature__: ClassVar[Signature]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        options = self._options(*args, **kwargs)
        self.optimizer: torch.optim.Optimizer = options.pop(OPTIMIZER)
        last, self.verbose, quirks = options.pop(LAST, -1), options.pop(VERBOSE), options.pop(CHOICE)
        self.quirks = quirks or getattr(self.optimizer, "quirks", "fixed")
        check_quirks(self.binding.name, self.quirks)
        if not isinstance(self.optimizer, torch.optim.Optimizer):
            raise HyperError(f"{self.binding.name}: {type(self.optimizer).__name__} is not an optimizer (expected a torch.optim.Optimizer)")
        groups = self.optimizer.param_groups
        if last != -1 and not all(_INITIAL in group for group in groups):
            raise HyperError(f"{self.binding.name}: a parameter group has no {_INITIAL} (expected one where last_epoch is given)")
        self.settings = self._settings(options)
        for group in groups:
            group.setdefault(_INITIAL, group["lr"])
        self.base_lrs = [float(group[_INITIAL]) for group in groups]
        self.settings = [replace(s, values={**s.values, BASE.name: lr}) for s, lr in zip(self.settings, self.base_lrs, strict=True)]
        self._states: list[Values] = [s.begin(Floats, _lift) if self.schedule.start else {} for s in self.settings]
        self.last_epoch = last + 1
        if not self.schedule.metric:
            with np.errstate(all="ignore"):
                self._set([self._rates(i, self.last_epoch, made=True) for i in range(len(groups))])

    def _options(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The constructor's arguments; one that is missing is missed by the schedule."""
        return arguments(self.binding.name, self.__signature__, self.__signature__.bind_partial, args, kwargs)

    def step(self, metrics: float | None = None) -> None:
        """Set the rates of the next step.

        Args:
            metrics: the number that is watched, of ``lr_reduce_on_plateau``.
        """
        if self.schedule.metric and metrics is None:
            raise ArgumentError(f"{self.binding.name}: step() without metrics (expected the number that is watched)")
        t = self.last_epoch + 1
        with np.errstate(all="ignore"):
            rates = [self._rates(i, t, None if metrics is None else float(metrics)) for i in range(len(self.settings))]
        self.last_epoch = t
        self._set(rates)

    def get_last_lr(self) -> list[float]:
        """The rate of each parameter group."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What :meth:`load_state_dict` goes on from."""
        return {"last_epoch": self.last_epoch, "base_lrs": [*self.base_lrs], "states": [dict(state) for state in self._states]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.last_epoch, self.base_lrs = int(state_dict["last_epoch"]), [*state_dict["base_lrs"]]
        self._states = [dict(state) for state in state_dict["states"]]
        self.settings = [replace(s, values={**s.values, BASE.name: lr}) for s, lr in zip(self.settings, self.base_lrs, strict=True)]

    def _rates(self, number: int, t: int, metric: float | None = None, made: bool = False) -> Values:
        """What a group is set to after ``t`` steps; ``made``: by the scheduler's construction."""
        group, setting, state = self.optimizer.param_groups[number], self.settings[number], self._states[number]
        quirk, found = self._quirk(t, metric, made), {**_read(group), LR: float(group["lr"])}
        if quirk and quirk.departs:
            return quirk.departs.next(ScheduleRun(Floats, _lift, setting), t, found)
        if not self.schedule.start:
            return as_outputs(self.schedule.equation(Floats, setting.h(Floats, _lift), _lift(t)))
        if made:
            return found
        before = SimpleNamespace(**{**state, LR: found[LR]}, metric=metric)
        after: Values = self.schedule.equation(Floats, setting.h(Floats, _lift), _lift(t), before)
        if quirk and after[LR] != found[LR]:
            _raise(quirk)
        return after

    def _quirk(self, t: int, metric: float | None, made: bool) -> ScheduleQuirk | None:
        """The departure that counts here; raises where it is an error, unless that is one of writing a rate that is watched."""
        if self.quirks == "fixed":
            return None
        known = [q for q in self.ecosystem.quirks if isinstance(q, ScheduleQuirk) and self.binding.name in q.bindings]
        # whoever set the rate that is found: these schedulers go on from it
        event = "rebuild" if made and t else "set"
        site = ScheduleSite(tuple(self.settings), frozenset({event}), () if metric is None else (metric,), (), t, "")
        for quirk in known:
            if _applies(quirk, site):
                if quirk.effects and not (self.schedule.metric and _applies(quirk, replace(site, metrics=()))):
                    _raise(quirk)
                return quirk
        return None

    def _set(self, rates: Sequence[Values]) -> None:
        for number, (group, made) in enumerate(zip(self.optimizer.param_groups, rates, strict=True)):
            values = {key: float(value) for key, value in made.items()}
            if self.verbose and values[LR] != group["lr"]:
                _log.warning("%s: the learning rate of group %d is %.4e", self.binding.name, number, values[LR])
            group["lr"] = values[LR]
            if MOMENTUM in values and "betas" in group:
                group["betas"] = (values[MOMENTUM], *group["betas"][1:])
            elif MOMENTUM in values:
                group["momentum"] = values[MOMENTUM]
            self._states[number] = {key: value for key, value in values.items() if key not in (LR, MOMENTUM)}

    def _settings(self, options: Mapping[str, Any]) -> list[_Setting]:
        """The setting of each group."""
        count = len(self.optimizer.param_groups)
        known = {option.name: option for option in self.schedule.options}
        columns: dict[str, list[Any]] = {}
        for foreign, value in options.items():
            name = str(self.binding.args[foreign])
            several = isinstance(value, list | tuple) and getattr(known[name], "per_group", False)
            if several and len(value) != count:
                raise HyperError(f"{self.binding.name}: {foreign} has {len(value)} values (expected {count}, one for each parameter group)")
            columns[name] = list(value) if several else [value] * count
        return [self._setting({name: column[i] for name, column in columns.items()}) for i in range(count)]

    def _setting(self, values: Values) -> _Setting:
        options = self.schedule.options
        functions = {o.name: _of_whole(values[o.name]) for o in options if isinstance(o, Formula) and callable(values.get(o.name))}
        values = {**values, **dict.fromkeys(functions, "t")}
        if values.get("cycle_momentum") is True and not any(key in self.optimizer.defaults for key in ("betas", "momentum")):
            raise HyperError(f"{self.binding.name}: the optimizer has neither momentum nor betas (expected cycle_momentum = False)")
        if self.quirks == "fixed":
            return _Setting(self.schedule, self.schedule.resolve({BASE.name: 0.0, **values}).values, functions)
        values = {**{o.name: o.default for o in options if o.default is not REQUIRED}, **values}
        missing = next((foreign for foreign, ours in self.binding.args.items() if ours not in values), None)
        if missing:
            raise ArgumentError(f'{self.binding.name}: argument "{missing}" {words(self.ecosystem.refusals, self.binding, ["missing"])}')
        message = refused(self.ecosystem, self.binding, self.schedule, values)
        if message:
            raise HyperError(f"{self.binding.name}: {message}")
        lifted = {o.name: _number(o, values[o.name]) for o in options}
        return _Setting(self.schedule, {BASE.name: 0.0, **lifted}, functions)


def _read(group: Mapping[str, Any]) -> Values:
    if "betas" in group:
        return {MOMENTUM: float(group["betas"][0])}
    return {MOMENTUM: float(group["momentum"])} if "momentum" in group else {}


def _of_whole(function: Callable[[int], float]) -> Callable[[Any], float]:
    return lambda t: float(function(int(t)))


def _number(option: Any, value: Any) -> Any:
    return float(value) if isinstance(option, Number) and isinstance(value, int | float) else value


def _lift(value: Any) -> Any:
    """A number as the equation reads it, which may divide by zero; what is none, and was let through, fails where it is read."""
    return np.float64(value) if isinstance(value, int | float) else value


def _applies(quirk: ScheduleQuirk, site: ScheduleSite) -> bool:
    try:
        return quirk.applies(site)
    except (ArithmeticError, TypeError, ValueError):  # of options that make no sense, and were let through
        return False


def _raise(quirk: ScheduleQuirk) -> None:
    message = next(effect.message for effect in quirk.effects if isinstance(effect, Raises))
    raise ReleasedError(f"{quirk.bindings[0]}: {message}: {quirk.title} (see {quirk.id})")


def r_scheduler(ecosystem: Ecosystem, binding: Binding) -> type[RScheduler]:
    """The class of a binding of R torch's."""
    members = {
        "ecosystem": ecosystem,
        "binding": binding,
        "schedule": get_schedule(binding.rule),
        "__signature__": scheduler_signature(binding),
        "__doc__": scheduler_documentation(binding),
    }
    return type(binding.name, (RScheduler,), members)
