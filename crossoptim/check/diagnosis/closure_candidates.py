"""What may be wrong about an implementation of a rule that chooses where to evaluate: its conduct, its precision, what it forgets."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import fields
from functools import cache

from crossoptim.check.diagnosis.candidates import Candidate
from crossoptim.golden.trajectory import Trajectory
from crossoptim.spec.conversation import Memory
from crossoptim.spec.model import Conduct, Forgets, Precision, Rule


def conducts(rule: Rule, got: Trajectory) -> Iterator[Candidate]:
    """Each flag and limit of the conduct otherwise: a flag turned, a limit as the run came to it, after some other evaluations or none."""
    longest = max((len(seen.loss) for seen in got.evaluations), default=0)
    for key, value in rule.conduct.items():
        said = key.replace("_", " ")
        if isinstance(value, bool):
            yield Candidate(f"{said} is {str(not value).lower()}", effects=(Conduct({key: not value}),))
        else:
            for limit in range(longest, max(longest - 3, 0), -1):
                yield Candidate(f"{said} is {limit}", effects=(Conduct({key: limit}),))


def lapses() -> Iterator[Candidate]:
    """A loaded memory that stays as it was loaded, but for one of its parts, or altogether."""
    yield Candidate("once resumed, each step begins with the memory that was loaded", effects=(Forgets(),))
    for part in fields(Memory):
        yield Candidate(
            f"once resumed, each step begins with the memory that was loaded, but for its {part.name}", effects=(Forgets((part.name,)),)
        )


def float32_names(rule: Rule) -> Iterator[Candidate]:
    """Named numbers that are float32 ones: all of them, those of one function, each."""
    functions = named_numbers(rule)
    every = tuple(dict.fromkeys(name for names in functions for name in names))
    for chosen in dict.fromkeys((every, *functions, *((name,) for name in every))):
        if chosen:
            yield Candidate(f"{', '.join(chosen)} {'is' if len(chosen) == 1 else 'are'} held in float32", effects=(Precision(chosen),))


@cache
def named_numbers(rule: Rule) -> tuple[tuple[str, ...], ...]:
    """The names that a rule gives to numbers on their way (``xp.named("rho", …)``), those of one function together."""
    module = inspect.getmodule(inspect.unwrap(rule.converse)) if rule.converse else None
    if module is None:
        return ()
    functions = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.FunctionDef)]
    return tuple(names for function in functions if (names := _named_in(function)))


def _named_in(function: ast.FunctionDef) -> tuple[str, ...]:
    """The texts in calls of ``xp.named``, or in calls that it is handed to."""
    found: dict[str, None] = {}
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and any(isinstance(part, ast.Attribute) and part.attr == "named" for part in (call.func, *call.args)):
            found |= {arg.value: None for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
    return tuple(found)
