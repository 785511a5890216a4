"""The vocabulary of the specification: frozen dataclasses, no behaviour beyond validation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from types import SimpleNamespace
from typing import Any, Literal, TypeVar

from crossoptim.errors import HyperError, UnknownNameError
from crossoptim.spec.conversation import Conversation
from crossoptim.spec.expr import Expr, evaluate, parsed

Predicate = Callable[[Any], bool]


def _always(_: Any) -> bool:
    return True


@dataclass(frozen=True)
class Interval:
    """A real interval written as in mathematics: ``"[0, 1)"``, ``"[0, inf)"``."""

    text: str

    def ends(self) -> list[float]:
        """The finite ends that belong to the interval."""
        return [end for end in _ends(self.text) if end in self and math.isfinite(end)]

    def __contains__(self, value: float) -> bool:
        low, high = _ends(self.text)
        above = value >= low if self.text[0] == "[" else value > low
        below = value <= high if self.text[-1] == "]" else value < high
        return above and below


@cache
def _ends(interval: str) -> tuple[float, float]:
    low, high = interval[1:-1].split(",")
    return float(low), float(high)


@dataclass(frozen=True)
class Real:
    """A real hyperparameter: name, default, interval of admissible values, one line of meaning.

    ``example`` is a value at which it is felt within thirty steps: what the standard cases and the tests set. ``symbol`` is its LaTeX.
    Where the default is None, None stands for a number that the equation finds itself.
    """

    name: str
    default: float | None
    interval: str
    doc: str = ""
    example: float | None = None
    symbol: str = ""

    def validate(self, rule: str, value: object) -> float | None:
        """Return ``value`` as a float or raise :class:`HyperError`."""
        if value is None and self.default is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise HyperError(f"{rule}: {self.name} = {value!r} is not a number (expected a number in {self.interval})")
        if math.isnan(value) or value not in Interval(self.interval):
            raise HyperError(f"{rule}: {self.name} = {value} is outside {self.interval}")
        return float(value)


@dataclass(frozen=True)
class Whole(Real):
    """A hyperparameter that is a whole number."""

    def validate(self, rule: str, value: object) -> int | None:
        """Return ``value`` as an int or raise :class:`HyperError`."""
        number = super().validate(rule, value)
        if number is None:
            return None
        if number != int(number):
            raise HyperError(f"{rule}: {self.name} = {value} is not a whole number (expected one in {self.interval})")
        return int(number)


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


def shape_beside(parameter: tuple[int, ...], kind: str) -> tuple[int, ...]:
    """The parameter's shape; ``rows``: a number for each row (a column); ``columns``: one for each column (a row), of the last two axes."""
    match kind:
        case "rows":
            return (*parameter[:-1], 1)
        case "columns":
            return (*parameter[:-2], 1, *parameter[-1:])
    return parameter


@dataclass(frozen=True)
class StateVar:
    """A tensor that an optimizer keeps for each parameter, of the parameter's dtype and, unless ``shape`` says otherwise, its shape.

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
    shape: Literal["parameter", "rows", "columns"] = "parameter"

    def shape_for(self, parameter: tuple[int, ...]) -> tuple[int, ...]:
        """Its shape beside a parameter."""
        return shape_beside(parameter, self.shape)


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
    """A condition across hyperparameters, or on a parameter's shape, with the sentence that an error gives.

    ``holds`` is expression text without calls: numbers, hyperparameters (a flag is 0 or 1) or what :func:`shape_names` has, operators.
    ``a <= b`` between truths says that a implies b.
    """

    text: str
    holds: str

    def met(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition holds for these values."""
        return _true(self.holds, values)


@dataclass(frozen=True)
class Fact:
    """What an equation asks of the parameter's shape: ``h`` holds the answer, true or false, under this name.

    ``holds`` is expression text without calls in what :func:`shape_names` has.
    """

    name: str
    holds: str
    doc: str = ""

    def of(self, shape: tuple[int, ...]) -> bool:
        """The answer for a parameter of this shape."""
        return _true(self.holds, shape_names(shape))


def shape_names(shape: tuple[int, ...]) -> dict[str, int]:
    """A shape as conditions name it: how many ``axes``; ``rows`` and ``columns`` are the lengths of the last two, 1 where there is none."""
    return {"axes": len(shape), "rows": shape[-2] if len(shape) > 1 else 1, "columns": shape[-1] if shape else 1}


def _true(condition: str, values: Mapping[str, Any]) -> bool:
    return bool(evaluate(parsed(condition), values, None))


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

    A rule of kind ``closure`` chooses itself where to evaluate: it has neither, but a conversation ``converse(xp, h, memory, x)`` (see
    :mod:`crossoptim.spec.conversation`), whose ``h`` also holds ``conduct``, and the same as text, ``algorithm``.

    A rule of kind ``reducing`` may depend on the shape of the parameter: through ``facts``, which ``h`` holds too, and ``takes``, the
    condition on the shape under which it steps at all.

    ``class_name`` is what the equation's class is called in the rule's file, and the optimizer's where no library has given it a name.
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
    converse: Callable[..., Conversation] | None = None
    conduct: Mapping[str, Any] = field(default_factory=dict)
    algorithm: str = ""
    facts: tuple[Fact, ...] = ()
    takes: Constraint | None = None
    class_name: str = ""

    def examples(self) -> dict[str, float | bool]:
        """A value of each hyperparameter at which it is felt; numbers without an example are left out."""
        values = {o.name: o.example if isinstance(o, Real) else not o.default for o in self.hyper}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def state_shapes(self) -> dict[str, str]:
        """``rows`` or ``columns`` for the state variables that have not the parameter's shape."""
        return {var.name: var.shape for var in self.state if var.shape != "parameter"}

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
        for constraint in self.constraints:
            if not constraint.met(resolved):
                raise HyperError(f"{self.name}: {constraint.text}")
        return Setting(self, resolved)


@dataclass(frozen=True, eq=False)
class Setting:
    """A rule with a value for every hyperparameter and switch."""

    rule: Rule
    values: Mapping[str, Any]
    facts: Mapping[str, bool] = field(default_factory=dict)

    def of(self, shape: tuple[int, ...]) -> Setting:
        """The setting with the facts about a parameter of this shape; without, a square matrix is meant.

        Raises:
            HyperError: where the rule does not take such a parameter.
        """
        if self.rule.takes and not self.rule.takes.met(shape_names(shape)):
            raise HyperError(f"{self.rule.name}: a parameter has shape {list(shape)} (expected {self.rule.takes.text})")
        return replace(self, facts={fact.name: fact.of(shape) for fact in self.rule.facts}) if self.rule.facts else self

    @property
    def h(self) -> SimpleNamespace:
        """The values and facts as attributes, as the equation reads them."""
        facts = self.facts or {fact.name: fact.of((2, 2)) for fact in self.rule.facts}
        return SimpleNamespace(**self.values, **facts)

    @cached_property
    def state(self) -> tuple[StateVar, ...]:
        """The state variables that exist in this setting."""
        h = self.h
        return tuple(var for var in self.rule.state if var.when(h))

    @cached_property
    def branches(self) -> tuple[tuple[str, Any], ...]:
        """What the equation depends on: each value, of a real number only whether it is zero."""
        reals = {o.name for o in self.rule.hyper if isinstance(o, Real) and not isinstance(o, Whole)}
        return tuple((key, bool(v) if key in reals and v is not None else v) for key, v in vars(self.h).items())

    @property
    def counts(self) -> bool:
        """Whether an update advances the step count: without state there is nothing whose age could matter."""
        return bool(self.state)

    @property
    def gradient_point(self) -> str | None:
        """The state variable at which the gradient is evaluated, or None for the parameter itself."""
        return next((var.name for var in self.state if var.gradient_point), None)

    @cached_property
    def reals(self) -> dict[str, float]:
        """The real hyperparameters that are numbers."""
        return {o.name: v for o in self.rule.hyper if isinstance(o, Real) and (v := self.values[o.name]) is not None}

    def with_values(self, **changes: object) -> Setting:
        """A copy with some values changed, validated again."""
        return replace(self.rule.resolve({**self.values, **changes}), facts=self.facts)


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
class Constructor:
    """What a foreign class takes and keeps beside what it computes.

    ``order`` has all arguments as in the class's signature, and ``*`` before those that are given by name. ``beside`` has the arguments
    that choose how a step is computed, with their defaults; ``fixed`` what the class writes into its parameter groups without an argument.
    ``args`` maps arguments that make it another of the library's classes to our switch, as ``args`` of a binding does, ``spellings``
    as those of a binding. ``synonyms`` has values of an argument that mean the same as another one. ``unset`` says what the class makes of
    an argument that is None, from all of them.
    """

    order: tuple[str, ...]
    beside: Mapping[str, Any]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    spellings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    synonyms: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    unset: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Binding:
    """How one foreign class implements a rule.

    ``args`` maps the foreign argument to our hyperparameter, or to several for a vector argument (``betas``). ``switches`` are the settings
    that it implements. ``state`` maps our variable to the foreign key. ``defaults`` are the foreign defaults, by foreign argument name;
    ``bounds`` the foreign admissible intervals of our hyperparameters where they differ. ``kept`` maps our kept numbers to the foreign
    keys. Arguments in ``keyword_only`` are given by name.
    ``spellings`` says for a foreign argument what it calls our values, where it calls them something else. ``gradients`` is the layout in
    which it takes them: sparse gradients hold the entries that are not zero. ``also`` names further variants that it is asked for although
    it computes its own: a quirk says what that changes. ``only`` are values of hyperparameters that the class is for, where a library has
    a class for each. ``counts``: whether its state holds a step count; ``early``: whether the state is there before the first step.
    ``constructor`` says what else the class takes, where it is known.
    """

    name: str
    rule: str
    args: Mapping[str, str | tuple[str, ...]]
    defaults: Mapping[str, Any]
    state: Mapping[str, str]
    switches: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    spellings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    keyword_only: tuple[str, ...] = ("maximize",)
    source: str = ""
    gradients: Literal["dense", "sparse"] = "dense"
    also: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, Any] = field(default_factory=dict)
    counts: bool = True
    early: bool = False
    constructor: Constructor | None = None

    def foreign(self, ours: str) -> str | None:
        """The argument that sets one of our hyperparameters or switches, or a part of it; None where there is none."""
        return next((foreign for foreign, own in self.args.items() if ours == own or (not isinstance(own, str) and ours in own)), None)

    def implements(self, setting: Setting) -> bool:
        """Whether the class runs a setting's switches: each is what the class fixes, or what one of its arguments can say."""
        said = {ours: foreign for foreign, ours in self.args.items() if isinstance(ours, str)}

        def runs(switch: Switch) -> bool:
            value = setting.values[switch.name]
            if switch.name in said:
                return value in self.spellings.get(said[switch.name], switch.values)
            return value in (self.switches.get(switch.name, switch.default), self.also.get(switch.name))

        mine = self.rule == setting.rule.name and all(setting.values[key] == value for key, value in self.only.items())
        return mine and all(map(runs, setting.rule.switches))


@dataclass(frozen=True)
class Edit:
    """Replace a part of the graph: ``find`` and ``replace`` are expression text in the rule's names; capitals stand for any operand."""

    find: str
    replace: str


@dataclass(frozen=True)
class Swap:
    """Replace one operation of a traced graph, and no other that reads the same; only where the equation has this very node."""

    node: Expr
    instead: Expr


@dataclass(frozen=True)
class GradientAfter:
    """The step leaves this in ``.grad`` instead of the gradient that it was given."""

    expression: str


Operations = Literal["all", "counted", "product", "last", "none"]


@dataclass(frozen=True)
class Precision:
    """These scalars are float32 numbers.

    ``operations`` says which of the operations that make them are float32 ones: ``"all"`` (powers may then miss by an ulp, as vectorised
    libm does), all of them with powers of the step count as products that grow from step to step (``"product"``), those that the step
    count enters (``"counted"``: it is a float32 tensor there), the ``"last"`` one on operands that were made in double, or ``"none"``:
    made in double, then held in float32. A kept number is named by what a step makes of it (``mu_product_new``); it is a float32 number
    before the first step already.
    """

    scalars: tuple[str, ...]
    operations: Operations = "all"


@dataclass(frozen=True)
class HalfPrecision:
    """These operations of the new parameter are made with bfloat16 numbers: from ``first`` to ``last``.

    Both name an operand by ``A`` in a pattern as in :class:`Edit`; ``first`` occurs somewhere in the graph, ``last`` is the whole of it.
    """

    first: str
    last: str


@dataclass(frozen=True)
class Raises:
    """The library raises an error whose message contains ``message``."""

    message: str


@dataclass(frozen=True)
class Conduct:
    """A closure rule's conversation goes on with these values in place of the rule's own ``conduct``."""

    values: Mapping[str, Any]


@dataclass(frozen=True)
class Forgets:
    """Once resumed, a closure rule finds at each step the memory that was loaded, but for what it ``keeps``."""

    keeps: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeavesZeros:
    """``zero_grad()`` leaves zeros, so that a parameter that takes no part in the next loss takes the step of a zero gradient."""


@dataclass(frozen=True)
class StartsAs:
    """A state variable starts from this expression, in the values of the first group: what the constructor is given."""

    variable: str
    init: str


Effect = Edit | Swap | GradientAfter | Precision | HalfPrecision | Raises | Conduct | Forgets | LeavesZeros | StartsAs


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
    gradient after another one had; ``dtype``: of the run; ``resumes``: whether it is resumed; ``edge``: where a closure rule
    comes to losses that are not finite, whether it goes on unguarded (``passable``) or ends with ``no lower end``.
    ``group``: its 0-based number; ``added``: whether it joined an optimizer that was there; ``updates``: the most that a parameter takes;
    ``loaded``: whether the parameter's state has by now been loaded from a saved one.
    ``first``: the values of the first group, which the constructor is given; ``new_state``: the variables that its group began without.
    ``unused``: whether some parameter takes no part in some loss.
    """

    h: Any
    shapes: tuple[tuple[int, ...], ...]
    late_start: bool
    dtype: str = "float64"
    resumes: bool = False
    edge: Literal["", "passable", "no lower end"] = ""
    group: int = 0
    added: bool = False
    updates: int = 1
    loaded: bool = False
    first: Any = None
    new_state: frozenset[str] = frozenset()
    unused: bool = False


@dataclass(frozen=True)
class Ecosystem:
    """A foreign library: what it calls things, and its quirks.

    ``refusals`` holds what its constructors' errors say: class (empty for all of them), then a probe's id, kind or option (``*`` for any),
    then a part of the message, in which ``{argument}`` stands for the foreign argument and ``{value}`` for what it was set to. ``dtypes``
    are those that it computes in, ``groups`` says whether parameters may have options of their own.
    """

    name: str
    title: str
    language: str
    package: str
    bindings: tuple[Binding, ...]
    quirks: tuple[Quirk, ...] = ()
    schedules: tuple[Binding, ...] = ()
    refusals: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dtypes: tuple[Literal["float32", "float64"], ...] = ("float64", "float32")
    groups: bool = True

    def binding(self, setting: Setting) -> Binding | None:
        """The first class that implements the setting's switches, or None."""
        return next((binding for binding in self.bindings if binding.implements(setting)), None)


_Entry = TypeVar("_Entry")


def lookup(kind: str, table: Mapping[str, _Entry], name: str) -> _Entry:
    """Find ``name`` in ``table`` or raise :class:`UnknownNameError` with the nearest match."""
    try:
        return table[name]
    except KeyError:
        raise UnknownNameError(kind, name, sorted(table)) from None
