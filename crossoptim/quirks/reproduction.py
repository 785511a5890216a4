"""A program of about ten lines that shows a departure, and what it prints where all is right, and where it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from crossoptim.errors import CrossoptimError
from crossoptim.golden.case import Case, Event
from crossoptim.golden.fixture import VERSION, golden_path, root
from crossoptim.golden.refusals.case import RefusalCase, all_refusal_cases
from crossoptim.golden.schedules import fixture as schedule_fixture
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.cases import all_schedule_cases
from crossoptim.golden.schedules.rates import Rates, predict
from crossoptim.golden.trajectory import initial_params
from crossoptim.quirks.dialect import PYTHON
from crossoptim.quirks.dialects import Dialect, dialect_of
from crossoptim.quirks.showing import Showing, ecosystem_of, implementation_of, shown
from crossoptim.runners import refusals, schedules
from crossoptim.runners.registry import IMPLEMENTATIONS, Implementation
from crossoptim.runners.request import arguments
from crossoptim.spec.ecosystems import all_ecosystems, all_quirks
from crossoptim.spec.emit.objective import objective_text
from crossoptim.spec.model import Binding, Quirk, Raises, Setting
from crossoptim.spec.refusals import InputQuirk, Probe
from crossoptim.spec.schedule import MOMENTUM, ScheduleQuirk

_PATHS: Mapping[str, Mapping[str, Any]] = {"torch-foreach": {"foreach": True}, "torch-fused": {"fused": True}}
_RUN = frozenset(IMPLEMENTATIONS)
_APART, _AFTER = 1e-6, 2  # rates that differ are shown, and so many steps more
_NEAR = 1e-6  # where a library's numbers are known to a bound only


@dataclass(frozen=True)
class Reproduction:
    """A program and what it shows.

    ``setup`` are its lines, the last of which raises where ``message`` is a part of the error's; else ``numbers`` is the expression of
    what is to be printed: ``wrong`` where the departure is there, ``right`` where it is not. Where a library's numbers are known to a bound
    only, ``numbers`` is a condition, which is true where all is right. ``refusal`` says why input should be refused.

    ``source`` is the case, and the probe in it, that it comes from; ``class_name`` the class; ``runs`` whether the execution path that it
    needs is one of those that are run, ``converges`` whether rounding grows from iteration to iteration.
    """

    dialect: Dialect
    source: str
    class_name: str
    setup: tuple[str, ...]
    numbers: str = ""
    right: tuple[float, ...] = ()
    wrong: tuple[float, ...] = ()
    message: str = ""
    refusal: str = ""
    dtype: str = "float64"
    runs: bool = True
    converges: bool = False

    @property
    def digits(self) -> int:
        """As few as tell right from wrong, but no fewer than are sure."""
        say = self.dialect.formatted
        return next((d for d in range(self.dialect.digits, 17) if say(self.right, d) != say(self.wrong, d)), 17)

    @property
    def program(self) -> list[str]:
        """All lines, with what prints the numbers."""
        show = f"print({self.numbers})" if self.condition else self.dialect.show(self.numbers, self.digits)
        return [*self.dialect.head(self.dtype), *self.setup, *((show,) if self.numbers else ())]

    @property
    def condition(self) -> bool:
        """Whether ``numbers`` is a condition."""
        return bool(self.numbers) and not self.right

    def printed(self, values: Sequence[float]) -> str:
        """Numbers as the program prints them."""
        if self.condition:
            return "False"
        return self.dialect.formatted(values, self.digits)


def reproduction(quirk: Quirk) -> Reproduction | None:
    """The program that shows a quirk; None where it is not known how programs with the library are written.

    Raises:
        CrossoptimError: when it shows in none of the cases.
    """
    return _reproduction(quirk.id)


@cache
def _reproduction(quirk_id: str) -> Reproduction | None:
    quirk = all_quirks()[quirk_id]
    dialect = dialect_of(ecosystem_of(quirk))
    if dialect is None:
        return None
    if isinstance(quirk, ScheduleQuirk):
        return _schedule(quirk, dialect)
    if isinstance(quirk, InputQuirk):
        return _input(quirk, dialect)
    found = shown(quirk)
    return _conversation(found, dialect) if found.case.base.rule.converse else _steps(found, dialect)


def _message(quirk: Quirk) -> str:
    return next((effect.message for effect in quirk.effects if isinstance(effect, Raises)), "")


def runs(quirk: Quirk) -> bool:
    """Whether one of the execution paths that a quirk is seen on is run."""
    return not quirk.implementations or any(name in _RUN for name in quirk.implementations)


# Optimizers that are stepped with gradients.


def _steps(found: Showing, dialect: Dialect) -> Reproduction:
    case = found.case
    setup = [*_parameters(found, dialect), _construct(found, dialect), *dialect.begin(found.members[0]), *_stepping(found, dialect)]
    numbers = ""
    right: tuple[float, ...] = ()
    wrong: tuple[float, ...] = ()
    if found.right is not None:
        tensor = found.param if not found.tensor else dialect.gradient(found.param) if found.tensor == "grad" else ""
        tensor = tensor or dialect.state(found.param, _place(found), found.binding.state[found.tensor])
        numbers, right = dialect.numbers(tensor), _flat(found.right)
        wrong = () if found.wrong is None else _flat(found.wrong)
    if found.right is not None and found.wrong is None:
        numbers, right = _agreement(found, right), ()
    return Reproduction(
        dialect, case.id, found.binding.name, tuple(setup), numbers, right, wrong, _message(found.quirk), dtype=case.dtype,
        runs=runs(found.quirk),
    )  # fmt: skip


def _agreement(found: Showing, right: Sequence[float]) -> str:
    """Whether all numbers are those that are right: of a library whose own are known to a bound only."""
    if found.ecosystem.language != "Python":
        raise CrossoptimError(f"{found.quirk.id}: numbers that are known to a bound only are compared in Python (expected no other)")
    expected = PYTHON.tensor(right, [len(right)], found.case.dtype)
    flat = f"{found.param}.detach().flatten()"
    return f"torch.allclose({flat}, {expected}, rtol={_NEAR:g}, atol=0)"


def _flat(values: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in np.ravel(values))


def _place(found: Showing) -> int:
    """The 1-based number of the parameter, counted through the groups."""
    members = [name for group in found.case.initial_groups for name in group.params]
    return members.index(found.param) + 1


def _parameters(found: Showing, dialect: Dialect) -> Iterator[str]:
    shapes = {p.name: p.shape for p in found.case.problem.params}
    for name, start in initial_params(found.case).items():
        if name in found.members:
            yield dialect.parameter(name, _literals(start), shapes[name], found.case.dtype)


def _literals(values: Any) -> list[float]:
    """Numbers whose shortest decimals are read back as these, also as float32."""
    kind = np.asarray(values).dtype
    return [float(str(v)) if kind == np.float32 else float(v) for v in np.ravel(values)]


def _options(setting: Setting, binding: Binding, base: Mapping[str, Any]) -> dict[str, Any]:
    """What an option list must say, in the library's names: what is not in ``base``."""
    given = arguments(setting, binding)
    return {key: value for key, value in given.items() if key not in base or not _same(base[key], value)}


def _same(a: Any, b: Any) -> bool:
    return bool((tuple(a) if isinstance(a, list | tuple) else a) == (tuple(b) if isinstance(b, list | tuple) else b))


def _constructor(found: Showing) -> dict[str, Any]:
    case, binding = found.case, found.binding
    first = case.base.with_values(**case.initial_groups[0].hyper)
    given = {k: v for k, v in _options(first, binding, binding.defaults).items() if v is not None}
    # options that are spelled out may all be defaults: a learning rate is always said
    lr = {"lr": arguments(first, binding)["lr"]} if "lr" in binding.args else {}
    return {**lr, **given, **_PATHS.get(found.implementation.name, {})}


def _construct(found: Showing, dialect: Dialect) -> str:
    case, binding = found.case, found.binding
    first = arguments(case.base.with_values(**case.initial_groups[0].hyper), binding)
    groups = [(group.params, _options(case.base.with_values(**group.hyper), binding, first)) for group in case.initial_groups]
    return dialect.optimizer(binding.name, groups, _constructor(found))


def _stepping(found: Showing, dialect: Dialect) -> list[str]:
    """The gradients and steps; one loop where nothing but one parameter's gradient changes."""
    case = found.case
    shapes = {p.name: p.shape for p in case.problem.params}
    rows = {name: [found.golden.injected(name)[k] for k in range(case.steps)] for name in found.members}
    out: list[str] = []
    known = {n for group in case.initial_groups for n in group.params}
    step = 0
    while step < case.steps:
        step += 1
        for event in case.events:
            if event.step == step:
                out += _event(found, event, dialect)
        if (length := _stretch(found, step)) > 1:
            name = found.members[0]
            out += dialect.repeated(name, [_literals(row) for row in rows[name][step - 1 : step - 1 + length]], shapes[name], case.dtype)
            step += length - 1
            continue
        known |= {n for event in case.happens("add_group", step) for n in event.params}
        unused = {n for event in case.happens("unused", step) for n in event.params}
        if unused:
            out.append(dialect.zero_gradients)
        for member in found.members:
            row = rows[member][step - 1]
            if member in unused or member not in known:
                continue
            if row is None or member in case.without_gradient(step):
                if step > 1:
                    out.append(dialect.set_gradient(member, dialect.none))
                continue
            given = dialect.tensor(_literals(row), shapes[member], case.dtype)
            adds = case.happens("accumulate", step) and step > 1
            out.append((dialect.add_gradient if adds else dialect.set_gradient)(member, given))
        out += dialect.step(found.members[0])
    return out


def _stretch(found: Showing, step: int) -> int:
    """For how many steps from here on nothing but the gradient of the one parameter changes."""
    case, length = found.case, 0
    busy = {event.step for event in case.events} - {step} | {e.step for e in case.events if e.kind not in ("set", "resume", "add_group")}
    while len(found.members) == 1 and step + length <= case.steps and step + length not in busy:
        length += 1
    return length


def _event(found: Showing, event: Event, dialect: Dialect) -> list[str]:
    case, binding = found.case, found.binding
    if event.kind == "resume":
        return dialect.resume(_construct(found, dialect))
    if event.kind == "add_group":
        first = arguments(case.base.with_values(**case.initial_groups[0].hyper), binding)
        return [dialect.add_group(event.params, _options(case.base.with_values(**event.hyper), binding, first))]
    if event.kind == "set":
        before = _group_setting(case, event.group, event.step - 1)
        changed = _options(_group_setting(case, event.group, event.step), binding, arguments(before, binding))
        return [dialect.set_option(event.group, key, value) for key, value in changed.items()]
    return []


def _group_setting(case: Case, group: int, step: int) -> Setting:
    return next(m.setting for m in case.timeline[step - 1].values() if m.group == group)


# Optimizers that choose where to evaluate.


def _conversation(found: Showing, dialect: Dialect) -> Reproduction:
    case = found.case
    text = objective_text(case.problem)
    data = {key: dialect.tensor(value["data"], value["shape"], case.dtype) for key, value in text["data"].items()}
    resumes = sorted(e.step for e in case.events if e.kind == "resume")
    stretches = [b - a for a, b in zip([1, *resumes], [*resumes, case.steps + 1], strict=True)]
    setup = [
        *_parameters(found, dialect),
        _construct(found, dialect),
        *dialect.lines([(label, body) for label, body in text["statements"]], data),
    ]
    for number, steps in enumerate(stretches):
        setup += dialect.resume(_construct(found, dialect)) if number else []
        setup += dialect.loop(steps, dialect.step_closure)
    numbers = dialect.numbers(found.param) if found.right is not None else ""
    right, wrong = (() if value is None else _flat(value) for value in (found.right, found.wrong))
    return Reproduction(
        dialect, case.id, found.binding.name, tuple(setup), numbers, right, wrong, _message(found.quirk),
        dtype=case.dtype, converges=True,
    )  # fmt: skip


# Schedules.


def schedule_showing(quirk: ScheduleQuirk) -> tuple[ScheduleCase, Rates, str, int]:
    """The shortest case in which a quirk of a schedule shows, its golden rates, and which output of which group shows it.

    Raises:
        CrossoptimError: when it shows in none of its cases.
    """
    bindings = {b.rule: b for b in ecosystem_of(quirk).schedules if b.name in quirk.bindings}
    here = [c for c in all_schedule_cases().values() if c.schedule in bindings and quirk.applies(c.site)]
    told = [c for c in here if schedules.unsupported(implementation_of(quirk), c) is None and "where(" not in str(c.hyper)]
    for case in sorted(told, key=lambda c: (len(c.groups), len(c.events), c.optimizer_name != "sgd", len(c.hyper), c.steps, c.id)):
        _, rates = schedule_fixture.load(root() / VERSION / golden_path(case.id))
        if quirk.departs is None:
            return case, rates, "lr", 0
        for group, rows in enumerate(predict(case, quirk.departs)):
            for key, column in rates.columns.items():
                right = [row[group] for row in column]
                apart = [abs(float(now[key].value) - r) > _APART * abs(r) for now, r in zip(rows, right, strict=True)]
                if any(apart):
                    return _cut(quirk, case, apart.index(True) + _AFTER), rates, key, group
    raise CrossoptimError(f"{quirk.id}: shows in none of its cases")


def _cut(quirk: ScheduleQuirk, case: ScheduleCase, least: int) -> ScheduleCase:
    """The first steps of a case, ``least`` or more, that the quirk still applies to."""
    for steps in range(max(least, *(e.step for e in case.events), 1), case.steps):
        metrics, positions = case.metrics[:steps], case.positions[:steps]
        cut = replace(case, steps=steps, metrics=metrics, positions=positions)
        if quirk.applies(cut.site):
            return cut
    return case


def departing_rates(quirk: ScheduleQuirk) -> list[float]:
    """What the library's schedule gives in the case that shows the quirk."""
    case, _, key, group = schedule_showing(quirk)
    return [float(row[key].value) for row in predict(case, quirk.departs)[group]]


def _schedule(quirk: ScheduleQuirk, dialect: Dialect) -> Reproduction:
    case, rates, key, group = schedule_showing(quirk)
    implementation = implementation_of(quirk)
    request = schedules.request(implementation, case)
    python = dialect.language == "Python"
    made, scheduler = _scheduled(request, dialect, "")
    rate = _read_rate(request, dialect, key, group)
    setup, keep = [*made, f"s {dialect.assign} {scheduler}"], ""
    if quirk.departs is not None:
        setup.append(f"rates {dialect.assign} {'[' + rate + ']' if python else rate}")
        keep = f"rates.append({rate})" if python else f"rates <- c(rates, {rate})"
    setup += _schedule_steps(case, request, dialect, keep)
    right: tuple[float, ...] = ()
    wrong: tuple[float, ...] = ()
    if quirk.departs is not None:
        right = tuple(row[group] for row in rates.columns[key][: case.steps + 1])
        wrong = tuple(departing_rates(quirk))
    numbers = "rates" if quirk.departs is not None else ""
    name = request["schedule"]["name"]
    return Reproduction(dialect, case.id, name, tuple(setup), numbers, right, wrong, _message(quirk))


def _scheduled(request: Mapping[str, Any], dialect: Dialect, more: str) -> tuple[list[str], str]:
    """The lines that make the optimizer, and the scheduler as an expression."""
    lrs, options = request["lrs"], request["optimizer"]["arguments"]
    names = [f"x{i}" for i in range(1, len(lrs) + 1)] if len(lrs) > 1 else ["x"]
    tensors = [dialect.parameter(name, [0.0], [1], "float32") for name in names]
    groups: list[tuple[Sequence[str], dict[str, Any]]] = [([name], {"lr": lr}) for name, lr in zip(names, lrs, strict=True)]
    groups = groups if len(lrs) > 1 else [(names, {})]
    own = {} if len(lrs) > 1 and dialect.language == "Python" else {"lr": lrs[0]}
    optimizer = dialect.optimizer(request["optimizer"]["name"], groups, {**own, **options})
    return [*tensors, optimizer], _scheduler(request["schedule"], dialect, more)


def _scheduler(schedule: Mapping[str, Any], dialect: Dialect, more: str = "") -> str:
    defaults = next(b.defaults for e in all_ecosystems().values() for b in e.schedules if b.name == schedule["name"])
    kept = {key: value for key, value in schedule["arguments"].items() if key not in defaults or defaults[key] != value}
    given = {key: _argument(value, dialect) for key, value in kept.items()}
    return dialect.scheduler(schedule["name"], given, more)


def _argument(value: Any, dialect: Dialect) -> str:
    if isinstance(value, dict) and "formula" in value:
        return dialect.formula(value["formula"])
    if isinstance(value, dict):
        return f"[{', '.join(_scheduler(child, dialect) for child in value['schedules'])}]"
    if isinstance(value, list):
        parts = ", ".join(_argument(v, dialect) for v in value)
        return f"[{parts}]" if dialect.language == "Python" else f"list({parts})"
    return dialect.value(value)


def _read_rate(request: Mapping[str, Any], dialect: Dialect, key: str, group: int) -> str:
    adam = "betas" in request["optimizer"]["arguments"]
    option = "betas" if key == MOMENTUM and adam else key
    if dialect.language == "Python":
        return f'opt.param_groups[{group}]["{option}"]{"[0]" if option == "betas" else ""}'
    return f"opt$param_groups[[{group + 1}]]${option}{'[1]' if option == 'betas' else ''}"


def _schedule_steps(case: ScheduleCase, request: Mapping[str, Any], dialect: Dialect, keep: str) -> list[str]:
    """The steps, in stretches between the events."""
    python = dialect.language == "Python"
    given = "metrics" if case.metrics else "positions" if case.positions else ""
    listed = "" if not given else dialect.value(tuple(int(v) if given == "positions" and v == int(v) else float(v) for v in request[given]))
    out: list[str] = [] if not given else [f"given {dialect.assign} {listed}"]
    start = 1
    for stop in [*sorted({event.step for event in case.events}), case.steps + 1]:
        if stop > start:
            value = ("given[t - 1]" if python else "given[t]") if given else ""
            body = [*dialect.step(""), f"s.step({value})" if python else f"s$step({value})", *([keep] if keep else [])]
            out += dialect.counted("t", start, stop - 1, body)
        for event in case.events:
            if event.step == stop:
                out += _schedule_event(event, request, dialect)
        start = stop
    return out


def _schedule_event(event: Any, request: Mapping[str, Any], dialect: Dialect) -> list[str]:
    if event.kind == "set":
        return [dialect.set_option(event.group, "lr", event.lr)]
    state = "state_dict()"
    dot = "." if dialect.language == "Python" else "$"
    if event.kind == "rebuild":
        more = f", last_epoch{'=' if dot == '.' else ' = '}{event.step - 2}"
        made, scheduler = _scheduled(request, dialect, more)
        return [
            f"saved {dialect.assign} opt{dot}{state}", made[-1], f"opt{dot}load_state_dict(saved)", f"s {dialect.assign} {scheduler}",
        ]  # fmt: skip
    made, scheduler = _scheduled(request, dialect, "")
    both = [f"saved_{name} {dialect.assign} {name}{dot}{state}" for name in ("opt", "s")]
    loads = [f"{name}{dot}load_state_dict(saved_{name})" for name in ("opt", "s")]
    return [*both, made[-1], f"s {dialect.assign} {scheduler}", *loads]


# Invalid input.


@cache
def input_showing(quirk: InputQuirk) -> tuple[RefusalCase, Probe, Implementation]:
    """The first probe that a class treats as this quirk says.

    Raises:
        CrossoptimError: when there is none.
    """
    implementation = implementation_of(quirk)
    for name in quirk.bindings:
        for case in all_refusal_cases().values():
            judge = refusals.judge_of(implementation, case)
            if judge.binding and judge.binding.name == name and refusals.unsupported(implementation, case) is None:
                for probe in case.probes:
                    if judge.predict(probe).quirk == quirk.id and probe.kind != "constraint":
                        return case, probe, implementation
    raise CrossoptimError(f"{quirk.id}: shows in none of its cases")


def _input(quirk: InputQuirk, dialect: Dialect) -> Reproduction:
    case, probe, implementation = input_showing(quirk)
    request = refusals.request(implementation, case, probe)
    if "schedule" in request:
        made, scheduler = _scheduled(request, dialect, "")
        setup, name = [*made, f"s {dialect.assign} {scheduler}"], request["schedule"]["name"]
    else:
        name = request["optimizer"]["name"]
        setup = _probed(request, dialect)
    source = f"{case.id}, {probe.id}"
    return Reproduction(dialect, source, name, tuple(setup), message=quirk.message, refusal=probe.refusal, dtype="float32")


def _probed(request: Mapping[str, Any], dialect: Dialect) -> list[str]:
    groups = [(tuple(g["params"]), dict(g["arguments"])) for g in request["optimizer"]["groups"]]
    used = {name for params, _ in groups for name in params}
    single = len(groups) == 1
    shown = groups if not single else [(groups[0][0][:1], {})]
    tensors = [dialect.parameter(n, [1.0, 2.0], [2], "float32") for n in sorted(used if not single else shown[0][0])]
    options = groups[0][1] if groups else {}
    if not single:
        shown = [(params, {k: v for k, v in own.items() if v != options.get(k)}) for params, own in shown]
    return [*tensors, dialect.optimizer(request["optimizer"]["name"], shown, options)]
