"""Runs a rule on symbols: (rule, setting) → :class:`Equation`, the expression graph that everything else is made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from crossoptim.spec.expr import Expr, Symbols, literal_text, name, text, walk
from crossoptim.spec.model import Flag, Real, Setting

PARAM, GRAD, STEP = "p", "g", "t"


@dataclass(frozen=True)
class Equation:
    """One setting's equation as a graph.

    ``scalars`` are graphs over hyperparameters and ``t``; ``outputs`` are graphs over ``p``, ``g``, the old state, hyperparameters and
    scalars: the new parameter under ``"p"``, each new state variable under its name, and what the step leaves in ``.grad`` under ``"g"``.
    """

    id: str
    rule: str
    scalars: dict[str, Expr]
    outputs: dict[str, Expr]
    reals: tuple[str, ...]
    init: dict[str, str]

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the state variables."""
        return tuple(key for key in self.outputs if key not in (PARAM, GRAD))

    @cached_property
    def statements(self) -> tuple[tuple[str, str], ...]:
        """The update as assignments in order; outputs end in ``_new``."""
        return statements(self.outputs, "_new")

    def as_json(self) -> dict[str, Any]:
        """The language-neutral view: text that Python and R both parse."""
        return {
            "id": self.id,
            "rule": self.rule,
            "hyper": list(self.reals),
            "state": list(self.state),
            "init": self.init,
            "scalars": [[key, text(value)] for key, value in self.scalars.items()],
            "update": [list(pair) for pair in self.statements],
        }

    @cached_property
    def sha256(self) -> str:
        """Hash of the equation's text: a fixture made from another equation is not this one's."""
        lines = [self.id, *(f"{k} = {text(v)}" for k, v in self.scalars.items()), *(f"{k} = {v}" for k, v in self.statements)]
        return sha256("\n".join(lines).encode()).hexdigest()


def trace(setting: Setting) -> Equation:
    """Run the rule on symbols for one setting."""
    consulted: dict[str, Any] = {}
    symbols: dict[str, Any] = {}
    for option in setting.rule.options():
        value = setting.values[option.name]
        if isinstance(option, Real):
            symbols[option.name] = Expr("name", label=option.name, truth=bool(value), on_truth=lambda n: consulted.update({n: True}))
        else:
            symbols[option.name] = value
    h = SimpleNamespace(**symbols)
    xp = Symbols()
    scalars = setting.rule.scalars(xp, h, name(STEP))
    scalars = {key: value if isinstance(value, Expr) else Expr("number", value=float(value)) for key, value in scalars.items()}
    c = SimpleNamespace(**{key: name(key) for key in scalars})
    s = SimpleNamespace(**{var.name: name(var.name) for var in setting.state})
    p, state = setting.rule.update(xp, h, c, name(PARAM), name(GRAD), s)
    outputs = {PARAM: p, **{var.name: state[var.name] for var in setting.state}}
    used = {n.label for n in walk(*outputs.values()) if n.op == "name"}
    scalars = {key: value for key, value in scalars.items() if key in used}
    reals = {o.name for o in setting.rule.hyper if isinstance(o, Real)}
    needed = {n.label for n in walk(*outputs.values(), *scalars.values()) if n.op == "name"}
    return Equation(
        id=_identity(setting, consulted),
        rule=setting.rule.name,
        scalars=scalars,
        outputs=outputs,
        reals=tuple(o.name for o in setting.rule.hyper if o.name in reals & needed),
        init={var.name: var.init for var in setting.state},
    )


def _identity(setting: Setting, consulted: dict[str, Any]) -> str:
    parts = []
    for option in setting.rule.options():
        value = setting.values[option.name]
        if isinstance(option, Real):
            if option.name in consulted and value:
                parts.append(option.name)
        elif isinstance(option, Flag):
            if value:
                parts.append(option.name)
        elif value != option.default:
            parts.append(f"{option.name}={value}")
    return f"{setting.rule.name}[{','.join(parts)}]"


def statements(outputs: dict[str, Expr], suffix: str) -> tuple[tuple[str, str], ...]:
    """Graphs as assignments in order of evaluation: what is used twice gets a name (x1, x2, ...), each output its own name and suffix."""
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
    return tuple(out)


def format_setting(setting: Setting) -> str:
    """The values that differ from the defaults, for messages and tables."""
    changed = [
        f"{o.name}={literal_text(v) if isinstance(v, float) else str(v).lower()}"
        for o in setting.rule.options()
        if (v := setting.values[o.name]) != o.default
    ]
    return ", ".join(changed) or "defaults"
