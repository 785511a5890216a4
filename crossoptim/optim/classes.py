"""Classes from bindings: what an optimizer is called, what it takes, and which rule it runs."""

from __future__ import annotations

from crossoptim.optim.base import RuleOptimizer
from crossoptim.optim.closure import ClosureOptimizer
from crossoptim.optim.setting import Reader
from crossoptim.optim.signature import documentation, left_open, signature
from crossoptim.spec.model import Binding
from crossoptim.spec.rules import get_rule, resolve


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
    members = {
        "rule": rule,
        "binding": binding,
        "_read": Reader(binding, [switch.name for switch in left_open(rule, binding)]),
        "__signature__": signature(binding),
        "__doc__": documentation(binding),
    }
    return type(binding.name, (ClosureOptimizer if rule.converse else RuleOptimizer,), members)
