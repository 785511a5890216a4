"""Mutants: equations in which one thing is wrong. What may be wrong is what diagnosis knows to look for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from crossoptim.check.diagnosis.candidates import INDEX, single_edits, starts, variants
from crossoptim.errors import HyperError
from crossoptim.golden.cases import all_cases
from crossoptim.spec.expr import Expr, name, names, rebuild, text, walk
from crossoptim.spec.model import Setting, StartsAs
from crossoptim.spec.trace import GRAD, NEW, PARAM, STEP, Equation, labels, trace


@dataclass(frozen=True)
class Mutant:
    """An equation in place of ``original``, and what is wrong with it.

    ``values`` are options that are not as the case has them, ``starts`` state variables that begin as something else.
    """

    original: str
    wrong: str
    equation: Equation
    values: Mapping[str, Any] = field(default_factory=dict)
    starts: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Names the mutant among all."""
        return f"{self.original}: {self.wrong}"

    def setting(self, setting: Setting) -> Setting:
        """The setting as the mutant has it.

        Raises:
            HyperError: where it makes no sense.
        """
        return setting.with_values(**self.values) if self.values else setting


_Make = Callable[[], Mutant]  # rebuilding a graph takes longer than saying what is wrong with it


@cache
def settings() -> dict[str, tuple[Setting, ...]]:
    """For each equation of the catalogue the settings that cases give it; rules without one have their own mutants."""
    found: dict[str, dict[str, Setting]] = {}
    for case in all_cases().values():
        if not case.base.rule.converse:
            for members in case.timeline:
                for member in members.values():
                    found.setdefault(trace(member.setting).id, {}).setdefault(str(member.setting.values), member.setting)
    return {equation: tuple(chosen.values()) for equation, chosen in sorted(found.items())}


def mutants(equation: str, every: int = 1) -> list[Mutant]:
    """Everything that may be wrong about an equation, each thing once; of these each ``every``-th."""
    return [make() for make in list(_found(equation).values())[::every]]


def mistakes(equation: str) -> list[str]:
    """What is wrong in each of an equation's mutants."""
    return list(_found(equation))


def _found(equation: str) -> dict[str, _Make]:
    chosen = settings()[equation]
    found: dict[str, _Make] = {}
    for wrong, make in _edited(trace(chosen[0])):
        found.setdefault(wrong, make)
    for mutant in (*_varied(equation, chosen), *_begun(chosen[0])):
        found.setdefault(mutant.wrong, partial(_itself, mutant))
    return found


def _itself(mutant: Mutant) -> Mutant:
    return mutant


def _edited(equation: Equation) -> Iterator[tuple[str, _Make]]:
    """One operation or leaf is another; a value that is used twice is wrong at both places."""
    written = _Written(equation)
    leaves = _leaves(equation)
    operations = [node for node in walk(*equation.outputs.values()) if node.args]
    yield from (_with(equation, *edit, written) for edit in _changes(equation, operations, leaves, written))
    counted = {label: name(label) for label in (*equation.reals, *equation.kept, STEP)}
    for root in equation.scalars.values():
        operations = [node for node in walk(root) if node.args]
        yield from (_with(equation, *edit, written) for edit in _changes(equation, operations, counted, written))
    for key, root in equation.outputs.items():
        for label, leaf in leaves.items() if root.op == "name" else ():
            if label != root.label:
                wrong = f"{key}{NEW} = {root.label} -> {label}"
                mutant = Mutant(equation.id, wrong, replace(equation, outputs={**equation.outputs, key: leaf}))
                yield wrong, partial(_itself, mutant)


def _changes(equation: Equation, operations: list[Expr], leaves: dict[str, Expr], written: _Written) -> Iterator[tuple[Expr, Expr]]:
    for node, instead, _ in single_edits(equation, operations, leaves, written.whole):
        if written.whole(instead) != written.whole(node):
            yield node, instead


def _leaves(equation: Equation) -> dict[str, Expr]:
    return {
        label: name(label)
        for label in dict.fromkeys((INDEX, PARAM, GRAD, *equation.state, *equation.reals, *equation.scalars, *equation.kept, STEP))
    }


class _Written:
    """Operations as text, in which what the equation names has its name."""

    def __init__(self, equation: Equation) -> None:
        self._named = labels(equation.outputs, NEW)
        self._twice: dict[str, dict[int, None]] = {}

    def whole(self, node: Expr) -> str:
        """An operation written out, its named operands by name."""
        return text(Expr(node.op, node.args, node.label, node.value), self._named)

    def place(self, node: Expr) -> str:
        """An operation written out; the second one that reads the same is told apart."""
        said = self.whole(node)
        same = self._twice.setdefault(said, {})
        same.setdefault(id(node))
        return said if len(same) == 1 else f"{said} [{list(same).index(id(node)) + 1}]"


def _with(equation: Equation, node: Expr, instead: Expr, written: _Written) -> tuple[str, _Make]:
    wrong = f"{written.place(node)} -> {written.whole(instead)}"
    return wrong, partial(_replaced, equation, node, instead, wrong)


def _replaced(equation: Equation, node: Expr, instead: Expr, wrong: str) -> Mutant:
    memo = {id(node): instead}
    outputs = {key: rebuild(root, lambda *_: None, memo) for key, root in equation.outputs.items()}
    scalars = {key: rebuild(root, lambda *_: None, memo) for key, root in equation.scalars.items()}
    if all(scalars[key] is root for key, root in equation.scalars.items()):
        scalars = equation.scalars  # the same object: its numbers are known
    return Mutant(equation.id, wrong, replace(equation, outputs=outputs, scalars=scalars))


def _varied(equation: str, chosen: tuple[Setting, ...]) -> Iterator[Mutant]:
    """Another variant, or an option that is not heeded in the settings that cases give."""
    for setting in chosen:
        for candidate in variants(setting):
            try:
                other = trace(setting.with_values(**candidate.values))
            except HyperError:
                continue
            heeded = any(isinstance(value, float) and key in trace(setting).reals for key, value in candidate.values.items())
            if heeded or (other.statements, other.as_json()["scalars"]) != _lines(equation):
                said = ", ".join(f"{key} = {str(v).lower() if isinstance(v, bool) else v}" for key, v in candidate.values.items())
                yield Mutant(equation, said, other, values=dict(candidate.values))


@cache
def _lines(equation: str) -> tuple[Any, Any]:
    own = trace(settings()[equation][0])
    return own.statements, own.as_json()["scalars"]


def _begun(setting: Setting) -> Iterator[Mutant]:
    """A state variable begins as something else; what the equation never reads, or is zero wherever it holds, makes no difference."""
    equation = trace(setting)
    read = names(*equation.outputs.values())
    idle = {option.name for option in setting.rule.hyper} - {*equation.reals}
    for candidate in starts(setting):
        for effect in candidate.effects:
            assert isinstance(effect, StartsAs)
            if effect.variable not in read or effect.init in idle:
                continue
            wrong = f"{effect.variable} starts as {effect.init}"
            if effect.init == equation.init[effect.variable]:
                if not _groups_differ(equation.id, effect.init):
                    continue
                wrong += " of the first group"
            yield Mutant(equation.id, wrong, equation, starts={effect.variable: effect.init})


@cache
def _groups_differ(equation: str, option: str) -> bool:
    """Whether in some case a group has the equation with another value of an option than the first group."""
    for case in all_cases().values():
        if case.base.rule.converse or (len(case.initial_groups) == 1 and not case.events):
            continue
        first = case.spells[0].setting.reals.get(option)
        if any(trace(spell.setting).id == equation and spell.setting.reals.get(option) != first for spell in case.spells):
            return True
    return False
