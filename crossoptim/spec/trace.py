"""Runs a rule on symbols: (rule, setting) → :class:`Equation`, the expression graph that everything else is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from crossoptim.spec.expr import Expr, Symbols, name, names, number, parse, text, walk
from crossoptim.spec.model import Real, Rule, Setting, Switch, Whole

PARAM, GRAD, STEP = "p", "g", "t"
NEW = "_new"
"""What a step makes of a variable or of a kept number has its name and this ending."""


@dataclass(frozen=True, eq=False)
class Equation:
    """One setting's equation as a graph; of a rule that chooses where to evaluate, its ``algorithm`` as text and nothing else.

    ``scalars`` are graphs over hyperparameters, ``t`` and the kept numbers; those that end in ``_new`` are what is kept. ``outputs`` are
    graphs over ``p``, ``g``, the old state, hyperparameters, scalars and the kept numbers as they were: the new parameter under ``"p"``,
    each new state variable under its name, and what the step leaves in ``.grad`` under ``"g"``. ``shapes`` holds the shape of each state
    variable that has not the parameter's. ``when`` says for which settings it is the rule's equation, see :func:`holds`.
    """

    id: str
    rule: str
    scalars: dict[str, Expr]
    outputs: dict[str, Expr]
    reals: tuple[str, ...]
    init: dict[str, str]
    kept: dict[str, str] = field(default_factory=dict)
    algorithm: str = ""
    shapes: dict[str, str] = field(default_factory=dict)
    when: dict[str, bool | int | str] = field(default_factory=dict)

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the state variables."""
        return tuple(key for key in self.outputs if key not in (PARAM, GRAD))

    @cached_property
    def statements(self) -> tuple[tuple[str, str], ...]:
        """The update as assignments in order; outputs end in :data:`NEW`."""
        return statements(self.outputs, NEW)

    def as_json(self) -> dict[str, Any]:
        """The language-neutral view: text that Python and R both parse."""
        return {
            "id": self.id,
            "rule": self.rule,
            "hyper": list(self.reals),
            "state": list(self.state),
            "init": self.init,
            "kept": self.kept,
            "scalars": [[key, text(value)] for key, value in self.scalars.items()],
            "update": [list(pair) for pair in self.statements],
            **({"shapes": self.shapes} if self.shapes else {}),
            **({"algorithm": self.algorithm.splitlines()} if self.algorithm else {}),
        }

    @cached_property
    def sha256(self) -> str:
        """Hash of the equation's text: a fixture made from another equation is not this one's."""
        start = [f"{key} = {value}" for key, value in (*self.init.items(), *self.kept.items())]
        start += [f"{key}: {shape}" for key, shape in self.shapes.items()]
        scalars = [f"{key} = {text(value)}" for key, value in self.scalars.items()]
        lines = [self.id, *start, *scalars, *(f"{key} = {value}" for key, value in self.statements), *self.algorithm.splitlines()]
        return sha256("\n".join(lines).encode()).hexdigest()


def trace(setting: Setting) -> Equation:
    """Run the rule on symbols for one setting. Settings that take the same branches share one equation."""
    return _trace(setting.rule, setting.branches)


def holds(when: Mapping[str, bool | int | str], setting: Setting) -> bool:
    """Whether a setting is one of those that an equation's ``when`` describes.

    A flag or fact is true or false there, a switch its text, a whole number itself; a real number ``zero`` or ``nonzero``, or ``none`` or
    ``number`` where it may be left out. An option that is not named does not matter.
    """
    h = vars(setting.h)
    means: dict[bool | int | str, Callable[[Any], bool]] = {
        "zero": lambda v: v == 0,
        "nonzero": lambda v: v != 0,
        "none": lambda v: v is None,
        "number": lambda v: v is not None,
    }
    real = {option.name for option in setting.rule.hyper if isinstance(option, Real)}
    return all(means[value](h[key]) if key in real and isinstance(value, str) else h[key] == value for key, value in when.items())


@cache
def _trace(rule: Rule, branches: tuple[tuple[str, Any], ...]) -> Equation:
    taken = dict(branches)
    h_taken = SimpleNamespace(**taken)
    reals = [o.name for o in rule.hyper if isinstance(o, Real)]
    consulted: set[str] = set()
    if rule.converse:
        when = _when(rule, taken, consulted)
        return Equation(_identity(rule, when), rule.name, {}, {}, tuple(reals), {}, algorithm=rule.algorithm, when=when)
    reals = [key for key in reals if isinstance(taken[key], bool)]  # a whole number and a missing one decide about the graph, not in it
    symbols = {key: Expr("name", label=key, truth=taken[key], on_truth=consulted.add) if key in reals else taken[key] for key in taken}
    h = SimpleNamespace(**symbols)
    xp = Symbols()
    kept = {k.name: k for k in rule.kept}
    before = SimpleNamespace(**{key: name(key) for key in kept})
    made = {key: value if isinstance(value, Expr) else number(value) for key, value in rule.scalars(xp, h, name(STEP), before).items()}
    scalars = {key + NEW if key in kept else key: value for key, value in made.items()}
    c = SimpleNamespace(**{key: name(key) for key in (*made, *kept)})
    state = [var for var in rule.state if var.when(h_taken)]
    p, new = rule.update(xp, h, c, name(PARAM), name(GRAD), SimpleNamespace(**{var.name: name(var.name) for var in state}))
    outputs = {PARAM: p, **{var.name: new[var.name] for var in state}}
    used = {*names(*outputs.values()), *(key + NEW for key in kept)}
    scalars = {key: value for key, value in scalars.items() if key in used}
    starts = {init: parse(init) for init in (*(var.init for var in state), *(number.init for number in rule.kept))}
    needed = set(names(*outputs.values(), *scalars.values(), *starts.values()))
    when = _when(rule, taken, consulted)
    return Equation(
        id=_identity(rule, when),
        rule=rule.name,
        scalars=scalars,
        outputs=outputs,
        reals=tuple(key for key in reals if key in needed),
        init={var.name: var.init for var in state},
        kept={key: var.init for key, var in kept.items()},
        shapes={var.name: var.shape for var in state if var.shape != "parameter"},
        when=when,
    )


def _when(rule: Rule, taken: dict[str, Any], consulted: set[str]) -> dict[str, bool | int | str]:
    """What this equation depends on: facts, flags and switches, whole numbers; of a real number that a branch asked for, which it took."""
    out: dict[str, bool | int | str] = {fact.name: taken[fact.name] for fact in rule.facts}
    for option in rule.options():
        key, value = option.name, taken[option.name]
        if not isinstance(option, Real):
            out[key] = value
        elif option.default is None:
            out[key] = "none" if value is None else "number"
        elif isinstance(option, Whole):
            out.update({} if rule.converse else {key: value})
        elif key in consulted:
            out[key] = "nonzero" if value else "zero"
    return out


def _identity(rule: Rule, when: dict[str, bool | int | str]) -> str:
    """The rule's name with what makes this equation differ from the default one: terms that are on, flags, switches."""
    defaults = {o.name: o.default for o in rule.options() if isinstance(o, Whole | Switch) and o.default is not None}
    parts = [
        f"{key}={value}" if key in defaults else key
        for key, value in when.items()
        if (value != defaults[key] if key in defaults else value not in (False, "zero", "none"))
    ]
    return f"{rule.name}[{','.join(parts)}]"


def statements(outputs: dict[str, Expr], suffix: str) -> tuple[tuple[str, str], ...]:
    """Graphs as assignments in order of evaluation: what is used twice gets a name (x1, x2, ...), each output its own name and suffix."""
    return _assignments(outputs, suffix)[0]


def labels(outputs: dict[str, Expr], suffix: str) -> dict[int, str]:
    """The names that :func:`statements` gives to nodes, by ``id(node)``."""
    return _assignments(outputs, suffix)[1]


def _assignments(outputs: dict[str, Expr], suffix: str) -> tuple[tuple[tuple[str, str], ...], dict[int, str]]:
    uses: dict[int, int] = {}
    nodes = list(walk(*outputs.values()))
    for node in nodes:
        for arg in node.args:
            uses[id(arg)] = uses.get(id(arg), 0) + 1
    finals: dict[int, str] = {}
    for key, value in outputs.items():
        if value.op not in ("name", "number"):
            finals.setdefault(id(value), key + suffix)
    named: dict[int, str] = {}
    out: list[tuple[str, str]] = []
    for node in nodes:
        leaf = node.op in ("name", "number")
        if id(node) in finals or (uses.get(id(node), 0) > 1 and not leaf):
            label = finals.get(id(node)) or f"x{sum(1 for key, _ in out if key.startswith('x')) + 1}"
            out.append((label, text(node, named)))
            named[id(node)] = label
    written = {label for label, _ in out}
    out.extend((key + suffix, text(value, named)) for key, value in outputs.items() if key + suffix not in written)
    return tuple(out), named


def format_setting(setting: Setting) -> str:
    """The values that differ from the defaults, for messages and tables."""
    options = ((option, setting.values[option.name]) for option in setting.rule.options())
    changed = [f"{o.name}={v!r}" if isinstance(v, float) else f"{o.name}={str(v).lower()}" for o, v in options if v != o.default]
    return ", ".join(changed) or "defaults"
