"""The vocabulary of the specification: frozen dataclasses, no behaviour beyond validation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal, TypeVar

from crossoptim.errors import HyperError, UnknownNameError

Predicate = Callable[[Any], bool]


def _always(_: Any) -> bool:
    return True


@dataclass(frozen=True)
class Interval:
    """A real interval written as in mathematics: ``"[0, 1)"``, ``"[0, inf)"``."""

    text: str

    def __contains__(self, value: float) -> bool:
        low, high = (float(part) for part in self.text[1:-1].split(","))
        above = value >= low if self.text[0] == "[" else value > low
        below = value <= high if self.text[-1] == "]" else value < high
        return above and below


@dataclass(frozen=True)
class Real:
    """A real hyperparameter: name, default, interval of admissible values, one line of meaning.

    ``example`` is a value at which it is felt within thirty steps: what the standard cases and the tests set. ``symbol`` is its LaTeX.
    """

    name: str
    default: float
    interval: str
    doc: str = ""
    example: float | None = None
    symbol: str = ""

    def validate(self, rule: str, value: object) -> float:
        """Return ``value`` as a float or raise :class:`HyperError`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise HyperError(f"{rule}: {self.name} = {value!r} is not a number (expected a number in {self.interval})")
        if math.isnan(value) or value not in Interval(self.interval):
            raise HyperError(f"{rule}: {self.name} = {value} is outside {self.interval}")
        return float(value)


@dataclass(frozen=True)
class Flag:
    """A boolean hyperparameter, False unless set."""

    name: str
    doc: str = ""
    default: bool = False

    def validate(self, rule: str, value: object) -> bool:
        """Return ``value`` as a bool or raise :class:`HyperError`."""
        if not isinstance(value, bool):
            raise HyperError(f"{rule}: {self.name} = {value!r} is not a flag (expected true or false)")
        return value


@dataclass(frozen=True)
class Switch:
    """A published variant on which frameworks and texts disagree; the first value is the default.

    ``sources`` names for each value who publishes it; ``witness`` names for each value the test that checks it against something that
    the project did not write.
    """

    name: str
    values: tuple[str, ...]
    doc: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    witness: Mapping[str, str] = field(default_factory=dict)

    @property
    def default(self) -> str:
        """The value that a case has unless it says otherwise."""
        return self.values[0]

    def validate(self, rule: str, value: object) -> str:
        """Return ``value`` or raise :class:`HyperError`."""
        if value not in self.values:
            raise HyperError(f"{rule}: {self.name} = {value!r} is not a variant (expected one of {', '.join(self.values)})")
        return str(value)


Hyper = Real | Flag


@dataclass(frozen=True)
class StateVar:
    """A tensor that an optimizer keeps for each parameter, of the parameter's shape and dtype.

    ``init`` is its value before the first step as expression text, which may name hyperparameters, the parameter ``p`` and the first
    gradient ``g``. ``when`` says for which settings it exists; it may look at switches, flags, and whether a number is zero, nothing finer.
    ``gradient_point`` marks the variable at which the gradient is to be evaluated instead of the parameter. ``symbol`` is its LaTeX.
    """

    name: str
    init: str = "0"
    when: Predicate = _always
    doc: str = ""
    gradient_point: bool = False
    symbol: str = ""


@dataclass(frozen=True)
class Kept:
    """A number that an optimizer keeps for each parameter from step to step, in double: a recurrence that no gradient enters.

    ``init`` is its value before the first step as expression text in hyperparameters.
    """

    name: str
    init: str
    doc: str = ""
    symbol: str = ""


@dataclass(frozen=True)
class Constraint:
    """A condition across hyperparameters, with the sentence that an error gives."""

    text: str
    holds: Predicate


@dataclass(frozen=True)
class Preset:
    """A name under which a setting of a rule is known: ``adamw`` is ``adam`` with decoupled weight decay."""

    name: str
    title: str
    switches: Mapping[str, str]
    hyper: Mapping[str, float | bool] = field(default_factory=dict)
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Rule:
    """One optimizer: metadata and its equation as two pure functions.

    ``scalars(xp, h, t, k)`` makes the per-step numbers from hyperparameters, the step count t = 1, 2, …, which counts a parameter's updates
    since its state exists, and the numbers ``k`` that were kept; under a kept number's name it returns the value to keep;
    ``update(xp, h, c, p, g, s)`` returns the new parameter and a dict of the new state. ``h`` holds hyperparameters and switches, ``c`` the
    scalars and the kept numbers as they were before the step, ``s`` the state.
    """

    name: str
    title: str
    kind: Literal["elementwise", "reducing", "closure"]
    sources: tuple[str, ...]
    hyper: tuple[Hyper, ...]
    state: tuple[StateVar, ...]
    switches: tuple[Switch, ...]
    constraints: tuple[Constraint, ...]
    presets: tuple[Preset, ...]
    witness: str
    kept: tuple[Kept, ...]
    scalars: Callable[..., dict[str, Any]]
    update: Callable[..., tuple[Any, dict[str, Any]]]

    def examples(self) -> dict[str, float | bool]:
        """A value of each hyperparameter at which it is felt; numbers without an example are left out."""
        values = {o.name: o.example if isinstance(o, Real) else not o.default for o in self.hyper}
        return {name: value for name, value in values.items() if value is not None}

    def options(self) -> Iterator[Hyper | Switch]:
        """All hyperparameters, then all switches."""
        yield from self.hyper
        yield from self.switches

    def resolve(self, values: Mapping[str, object]) -> Setting:
        """Fill in defaults and validate.

        Raises:
            HyperError: for an unknown name, a value outside its interval, or a broken constraint.
        """
        known = {option.name: option for option in self.options()}
        for key in values:
            if key not in known:
                raise HyperError(f"{self.name}: {key!r} is not a hyperparameter (expected one of {', '.join(known)})")
        resolved = {key: option.validate(self.name, values.get(key, option.default)) for key, option in known.items()}
        h = SimpleNamespace(**resolved)
        for constraint in self.constraints:
            if not constraint.holds(h):
                raise HyperError(f"{self.name}: {constraint.text}")
        return Setting(self, resolved)


@dataclass(frozen=True, eq=False)
class Setting:
    """A rule with a value for every hyperparameter and switch."""

    rule: Rule
    values: Mapping[str, Any]

    @property
    def h(self) -> SimpleNamespace:
        """The values as attributes, as the equation reads them."""
        return SimpleNamespace(**self.values)

    @property
    def state(self) -> tuple[StateVar, ...]:
        """The state variables that exist in this setting."""
        return tuple(var for var in self.rule.state if var.when(self.h))

    @property
    def counts(self) -> bool:
        """Whether an update advances the step count: without state there is nothing whose age could matter."""
        return bool(self.state)

    @property
    def gradient_point(self) -> str | None:
        """The state variable at which the gradient is evaluated, or None for the parameter itself."""
        return next((var.name for var in self.state if var.gradient_point), None)

    @property
    def reals(self) -> dict[str, float]:
        """The real hyperparameters."""
        return {o.name: self.values[o.name] for o in self.rule.hyper if isinstance(o, Real)}

    def with_values(self, **changes: object) -> Setting:
        """A copy with some values changed, validated again."""
        return self.rule.resolve({**self.values, **changes})


Floats = list[Any]  # nested lists of floats: shapes () to (rows, columns)


@dataclass(frozen=True)
class ProblemParam:
    """A parameter tensor of a problem: name, shape, start values in row-major order."""

    name: str
    shape: tuple[int, ...]
    start: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Problem:
    """An objective: value and gradient as pure functions over the namespace, start point, data, minimum.

    ``value(xp, p, d)`` returns a scalar, ``gradient(xp, p, d)`` a dict parameter → tensor; ``p`` and ``d`` hold parameters and data as
    attributes. A problem without ``value`` injects ``gradients(step)``: one flat list for each parameter, or None.
    """

    name: str
    title: str
    params: tuple[ProblemParam, ...]
    source: str
    value: Callable[..., Any] | None = None
    gradient: Callable[..., dict[str, Any]] | None = None
    data: Mapping[str, Floats] = field(default_factory=dict)
    minimum: Mapping[str, tuple[float, ...]] | None = None
    gradients: Callable[[int], dict[str, tuple[float, ...]]] | None = None


@dataclass(frozen=True)
class Binding:
    """How one foreign class implements a rule.

    ``args`` maps the foreign argument to our hyperparameter, or to several for a vector argument (``betas``). ``switches`` are the settings
    that it implements. ``state`` maps our variable to the foreign key. ``defaults`` are the foreign defaults, by foreign argument name;
    ``bounds`` the foreign admissible intervals where they differ from ours. ``kept`` maps our kept numbers to the foreign keys.
    """

    name: str
    rule: str
    args: Mapping[str, str | tuple[str, ...]]
    defaults: Mapping[str, Any]
    state: Mapping[str, str]
    switches: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class Edit:
    """Replace a part of the graph: ``find`` and ``replace`` are expression text in the rule's names; capitals stand for any operand."""

    find: str
    replace: str


@dataclass(frozen=True)
class GradientAfter:
    """The step leaves this in ``.grad`` instead of the gradient that it was given."""

    expression: str


@dataclass(frozen=True)
class Precision:
    """These scalars are float32 numbers.

    ``operations`` says which of the operations that make them are float32 ones: ``"all"`` (powers may then miss by an ulp, as vectorised
    libm does), the ``"last"`` one on operands that were made in double, or ``"none"``: made in double, then held in float32.
    A kept number is named by what a step makes of it: ``mu_product_new``.
    """

    scalars: tuple[str, ...]
    operations: Literal["all", "last", "none"] = "all"


@dataclass(frozen=True)
class Raises:
    """The library raises an error whose message contains ``message``."""

    message: str


Effect = Edit | GradientAfter | Precision | Raises


@dataclass(frozen=True)
class Quirk:
    """One library's departure from the equation, with the prediction of what it computes instead.

    ``when`` sees a :class:`QuirkSite` (case-level facts). ``versions`` is the range in which it was seen. ``implementations`` restricts
    it to some of a library's execution paths. ``everywhere`` is False where it shows in some elements only: otherwise an
    element that follows the equation where the quirk predicts another number is reported, since the quirk may have been mended.
    """

    id: str
    title: str
    bindings: tuple[str, ...]
    when: Callable[[QuirkSite], bool]
    effects: tuple[Effect, ...]
    upstream: str
    kind: Literal["defect", "choice"]
    versions: str
    issue: str = ""
    advice: str = ""
    implementations: tuple[str, ...] = ()
    everywhere: bool = True


@dataclass(frozen=True)
class QuirkSite:
    """What a quirk's condition may look at.

    ``h``: the setting's values; ``shapes``: of all parameters that step; ``late_start``: whether some parameter of a group has its first
    gradient after another one had.
    """

    h: Any
    shapes: tuple[tuple[int, ...], ...]
    late_start: bool


@dataclass(frozen=True)
class Ecosystem:
    """A foreign library: what it calls things, and its quirks."""

    name: str
    title: str
    language: str
    package: str
    bindings: tuple[Binding, ...]
    quirks: tuple[Quirk, ...] = ()

    def binding(self, setting: Setting) -> Binding | None:
        """The first class that implements the setting's switches, or None."""
        for binding in self.bindings:
            defaults = {s.name: binding.switches.get(s.name, s.default) for s in setting.rule.switches}
            if binding.rule == setting.rule.name and all(setting.values[k] == v for k, v in defaults.items()):
                return binding
        return None


_Entry = TypeVar("_Entry")


def lookup(kind: str, table: Mapping[str, _Entry], name: str) -> _Entry:
    """Find ``name`` in ``table`` or raise :class:`UnknownNameError` with the nearest match."""
    try:
        return table[name]
    except KeyError:
        raise UnknownNameError(kind, name, sorted(table)) from None
