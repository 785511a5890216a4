"""A parameter group's options in the specification's vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from crossoptim.errors import HyperError
from crossoptim.optim.refusal import refused, with_torchs
from crossoptim.optim.signature import left_open
from crossoptim.spec.model import Binding, Setting
from crossoptim.spec.rules import get_rule

_REMEMBERED = 256
_PLAIN = (float, int, bool, str, type(None))


class Reader:
    """Reads groups of one class, again and again: the same setting, the very object, as long as no option changes.

    Args:
        binding: the class.
        switches: the names under which groups hold switches that the class has no arguments for.
    """

    def __init__(self, binding: Binding, switches: Sequence[str]) -> None:
        self._binding = binding
        self._switches = switches
        self._names = (*binding.args, *switches)
        self._synonyms = binding.constructor.synonyms if binding.constructor else {}
        self._known: dict[tuple[Any, ...], Setting] = {}

    def __call__(self, group: Mapping[str, Any]) -> Setting:
        """The setting of a group; raises :class:`HyperError` for a value that the rule does not take."""
        given = tuple([group[name] for name in self._names])
        try:
            return self._known[(*given, *map(type, given))]  # True and 1 are equal
        except (KeyError, TypeError):  # a list has no hash
            return self._found(tuple(map(self._plain, self._names, given)))

    def _found(self, plain: tuple[Any, ...]) -> Setting:
        key = (*plain, *map(type, plain))
        if key not in self._known:
            setting = self._resolved(dict(zip(self._names, plain, strict=True)))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = setting
        return self._known[key]

    def _plain(self, name: str, value: Any) -> Any:
        """An option as Python's own numbers; raises :class:`HyperError` for a tensor of several."""
        if type(value) in _PLAIN:
            return value
        if isinstance(value, tuple | list):
            return tuple([self._plain(name, part) for part in value])
        if isinstance(value, Tensor) and value.numel() != 1:
            sentence = f"{self._binding.name}: {name} has shape {list(value.shape)} (expected one number)"
            raise HyperError(with_torchs(self._binding, sentence, "tensor", argument=name))
        return value.item() if hasattr(value, "item") else value  # a tensor, or a number of NumPy's

    def _resolved(self, group: Mapping[str, Any]) -> Setting:
        binding, values = self._binding, dict[str, Any](self._binding.switches)
        for foreign, ours in binding.args.items():
            given = group[foreign]
            if foreign in self._synonyms and isinstance(given, str):
                given = self._synonyms[foreign].get(given, given)
            if isinstance(ours, str):
                values[ours] = _ours(binding, foreign, given)
            elif isinstance(given, tuple) and len(given) == len(ours):
                values.update(zip(ours, given, strict=True))
            else:
                raise HyperError(f"{binding.name}: {foreign} = {given!r} is not {len(ours)} numbers (expected {', '.join(ours)})")
        values.update((name, group[name]) for name in self._switches)
        try:
            return get_rule(binding.rule).resolve(values)
        except HyperError as error:
            raise refused(binding, values, error) from None


def read_setting(binding: Binding, group: Mapping[str, Any]) -> Setting:
    """A parameter group's options, under a binding's argument names, in the specification's vocabulary.

    Raises:
        HyperError: for a value that the rule does not take.
    """
    return Reader(binding, [s.name for s in left_open(get_rule(binding.rule), binding) if s.name in group])(group)


def _ours(binding: Binding, foreign: str, given: Any) -> Any:
    """What the specification calls a foreign argument's value."""
    spellings = binding.spellings.get(foreign)
    if not spellings:
        return given
    for ours, theirs in spellings.items():
        if given == theirs:
            return ours
    expected = ", ".join(map(repr, spellings.values()))
    sentence = f"{binding.name}: {foreign} = {given!r} is not known (expected one of {expected})"
    raise HyperError(with_torchs(binding, sentence, foreign, value=given, argument=foreign))
