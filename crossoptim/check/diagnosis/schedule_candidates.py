"""What may be wrong about an implementation of a schedule: its options, its step count, from what it goes on, one edit of its text.

Everything here follows from the schedule and its text; nothing knows a library. The order is that of plausibility.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from crossoptim.check.diagnosis.candidates import single_edits
from crossoptim.check.diagnosis.schedule_port import Count, Port, is_composite
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.spec.expr import Expr, name, names, parse, rebuild, text, walk
from crossoptim.spec.model import Flag
from crossoptim.spec.schedule import BASE, REQUIRED, Choice, Number, Whole
from crossoptim.spec.trace import Equation

Named = tuple[str, Port]
_LONGEST = 160  # characters of an operation that a sentence says in full


def candidates(case: ScheduleCase) -> Iterator[Iterator[Named]]:
    """Ports with the sentence that completes "it matches if …", the likelier kinds first."""
    yield _options(case)
    yield _counts(case)
    yield _goes_on(case)
    yield _forgets(case)
    yield _edits(case)


def pairs(case: ScheduleCase) -> Iterator[Named]:
    """Two options at once."""
    for (one, first), (other, second) in combinations(_options(case), 2):
        if first.options and second.options and not {*first.options} & {*second.options}:
            yield f"{one}, and {other}", Port({**first.options, **second.options})


def _options(case: ScheduleCase) -> Iterator[Named]:
    """Another word, a flag turned, a number at its default, zero, or one off; a group's own option that is another group's."""
    values = case.settings[0].values
    for option in (BASE, *case.settings[0].schedule.options):
        own = [setting.values[option.name] for setting in case.settings]
        for source in range(len(own)) if any(value != own[0] for value in own) else ():
            yield f"{option.name} of group {source} is every group's", Port(shared=(option.name, source))
        if option is BASE:
            continue
        value = values[option.name]
        if isinstance(option, Choice):
            for word in option.values:
                if word != value:
                    yield f"{option.name} is {word!r} ({option.doc})", Port({option.name: word})
        elif isinstance(option, Flag):
            yield f"{option.name} is {str(not value).lower()}: {option.doc}", Port({option.name: not value})
        elif isinstance(option, Number | Whole) and value is not None:
            if option.default is not REQUIRED and option.default is not None and value != option.default:
                yield f"{option.name} keeps its default {option.default}: the option is not heeded", Port({option.name: option.default})
            if value:
                yield f"{option.name} is 0", Port({option.name: 0})
            if isinstance(option, Whole):
                yield f"{option.name} is one higher", Port({option.name: value + 1})
                yield f"{option.name} is one lower", Port({option.name: value - 1})


def _counts(case: ScheduleCase) -> Iterator[Named]:
    """A step count that is one off, from the beginning or from an event on, that begins anew, or that all groups advance."""
    if len(case.groups) > 1:
        yield "the groups share one step count, which each of them advances", Port(count=Count(groups=True))
    for offset, how in ((-1, "behind"), (1, "ahead")):
        yield f"the step count is one {how}", Port(count=Count(offset))
    for kind in dict.fromkeys(event.kind for event in case.events):
        yield f"the step count begins anew after {_said(kind)}", Port(count=Count(after=kind, restarts=True))
        for offset, how in ((-1, "behind"), (1, "ahead")):
            yield f"the step count is one {how} after {_said(kind)}", Port(count=Count(offset, after=kind))
            yield (
                f"the step count is one {how} after {_said(kind)}, and the next rate is made from the one that is found",
                Port(count=Count(offset, after=kind), found=True),
            )


def _goes_on(case: ScheduleCase) -> Iterator[Named]:
    """The next rate is made from the one that is found, not from the base rate; of a chain, by some of its parts."""
    setting = case.settings[0]
    if any(event.kind == "rebuild" for event in case.events):
        yield "built with last_epoch, it makes the step of that epoch once more, on the rate that is found", Port(again=True)
    for kind in dict.fromkeys(event.kind for event in case.events):
        yield f"after {_said(kind)} the base rate is the rate that is found", Port(base=kind)
        yield (
            f"after {_said(kind)} the base rate is the rate that is found, and the step count begins anew",
            Port(base=kind, count=Count(after=kind, restarts=True)),
        )
    if setting.schedule.start is not None:
        return
    if is_composite(setting) and "schedules" in setting.values and setting.schedule.name == "chained":
        parts = [child.schedule.name for child in setting.values["schedules"]]
        for size in range(len(parts) + 1):
            for chosen in combinations(range(len(parts)), size):
                listed = ", ".join(parts[place] for place in chosen)
                rest = "each other part goes on from the rate that it finds" if size < len(parts) else ""
                overwritten = f"{listed} overwrites what the parts before it did, from the base rate" if chosen else ""
                sentence = "; ".join(part for part in (overwritten, rest) if part)
                yield sentence if chosen else "each part goes on from the rate that it finds", Port(found=True, overwrites=chosen)
        return
    yield "the next rate is made from the one that is found, not from the base rate", Port(found=True)


def _forgets(case: ScheduleCase) -> Iterator[Named]:
    """A variable of a recursion that begins anew at an event."""
    if case.settings[0].schedule.start is not None:
        state = [key.removesuffix("_new") for key, _ in case.settings[0].text() if key.endswith("_new")]
        for kind in dict.fromkeys(event.kind for event in case.events if event.kind != "set"):
            for variable in state:
                yield f"{variable} begins anew after {_said(kind)}", Port(forgets=(kind, variable))


def _edits(case: ScheduleCase) -> Iterator[Named]:
    """Single edits of the text, those that put a name in another's place last."""
    lines = case.settings[0].text()
    graphs = [(body, parse(body)) for _, body in lines]
    written = {key for key, _ in lines}
    leaves = {label: name(label) for _, graph in graphs for label in names(graph) if label not in written}
    seen: set[tuple[str, str]] = set()
    for known in ({}, leaves):
        for body, graph in graphs:
            nodes = [node for node in walk(graph) if node.args]
            for node, instead, sentence in single_edits(Equation("", "", {}, {"": graph}, (), {}), nodes, known, _short):
                edit = body, text(rebuild(graph, lambda *_: None, {id(node): instead}))
                if edit not in seen:
                    seen.add(edit)
                    yield sentence, Port(edit=edit)


def _short(node: Expr) -> str:
    said = text(node)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _said(kind: str) -> str:
    return {
        "set": "the rate was set from outside",
        "resume": "it was resumed from its state",
        "rebuild": "it was built with last_epoch",
    }[kind]
