"""``torch.optim`` optimizers made from the rules: each class has the name, arguments and defaults of its PyTorch namesake.

``from crossoptim.optim import AdamW``. A rule that PyTorch does not have is a class of its own name, with the specification's arguments:
``Lion(params, lr=1e-4, beta1=0.9, ...)``. torch is loaded on first use.
"""

from __future__ import annotations

from typing import Any

from crossoptim.errors import UnavailableError
from crossoptim.optim.signature import drop_in
from crossoptim.spec.ecosystems.pytorch import pytorch
from crossoptim.spec.model import Binding, Rule
from crossoptim.spec.rules import all_rules


def _own(rule: Rule) -> Binding:
    """A rule as a class under the specification's names."""
    return Binding(
        rule.class_name,
        rule=rule.name,
        args={option.name: option.name for option in rule.hyper},
        defaults={option.name: option.default for option in rule.hyper},
        state={var.name: var.name for var in rule.state},
        kept={var.name: var.name for var in rule.kept},
    )


_known = {binding.rule for binding in pytorch.bindings}
_own_rules = (rule for rule in all_rules().values() if rule.name not in _known)
_BINDINGS = {binding.name: binding for binding in (*map(drop_in, pytorch.bindings), *map(_own, _own_rules))}
__all__ = list(_BINDINGS)


def bindings() -> dict[str, Binding]:
    """The classes by name: what they call the specification's options and state."""
    return dict(_BINDINGS)


def __getattr__(name: str) -> Any:
    if name not in _BINDINGS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise UnavailableError(f"crossoptim.optim.{name}: {error.name} is not installed (pip install {error.name})") from None
    from crossoptim.optim.classes import optimizer_class

    made = optimizer_class(_BINDINGS[name])
    made.__module__ = __name__
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
