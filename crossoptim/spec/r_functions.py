"""Our optimizers for R torch: a function for each rule and preset, in R torch's vocabulary as far as R torch has the optimizer.

Where R torch lacks it, the vocabulary is PyTorch's, and where that lacks it too, the specification's own. What the library has no argument
for, and does not fix, follows after its arguments: hyperparameters first, then switches.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from crossoptim.spec.ecosystems.pytorch import pytorch
from crossoptim.spec.ecosystems.r_torch import r_torch
from crossoptim.spec.model import Binding, Setting
from crossoptim.spec.rules import all_presets, all_rules, resolve


@cache
def r_functions() -> dict[str, Binding]:
    """The functions by the name of their rule or preset; presets first, because each is also a setting of its rule's function."""
    return {name: _function(name) for name in (*all_presets(), *all_rules())}


def r_function(setting: Setting) -> Binding | None:
    """The function that a setting is run with; None where there is none."""
    return next((binding for binding in r_functions().values() if binding.implements(setting)), None)


def _function(name: str) -> Binding:
    setting = resolve(name)
    found = (ecosystem.binding(setting) for ecosystem in (r_torch, pytorch))
    base = next((binding for binding in found if binding), None) or _own(setting)
    said = {ours for own in base.args.values() for ours in ([own] if isinstance(own, str) else own)}
    rest = [option.name for option in setting.rule.options() if option.name not in said and option.name not in base.switches]
    return replace(
        base,
        name=f"optim_{name}",
        args={**base.args, **{option: option for option in rest}},
        defaults={**base.defaults, **{option: setting.values[option] for option in rest}},
        state={var.name: base.state.get(var.name, var.name) for var in setting.rule.state},
        kept={number.name: base.kept.get(number.name, number.name) for number in setting.rule.kept},
        bounds={},
        keyword_only=(),
        source="",
    )


def _own(setting: Setting) -> Binding:
    """A rule under the specification's names, without its options, which all follow."""
    return Binding("", rule=setting.rule.name, args={}, defaults={}, state={})
