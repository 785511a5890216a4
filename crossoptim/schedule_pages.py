"""Schedules as ``crossoptim list`` and ``crossoptim show`` print them."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from crossoptim.flag_pages import print_flags
from crossoptim.golden.described import event_lines, group_lines, options_text, value_text
from crossoptim.golden.fixture import VERSION, golden_path, root
from crossoptim.golden.flags import flags_document
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.cases import all_schedule_cases
from crossoptim.golden.schedules.fixture import plain
from crossoptim.page import Page, Rows
from crossoptim.screen import plain_table
from crossoptim.spec.ecosystems import all_ecosystems
from crossoptim.spec.emit.document import binding_document, quirk_document, schedule_document
from crossoptim.spec.model import Binding, Ecosystem
from crossoptim.spec.schedule import BASE, REQUIRED, Choice, Number, Schedule, ScheduleQuirk, ScheduleSetting, Whole
from crossoptim.spec.schedules import all_schedules


def schedule_rows() -> Rows:
    """Every schedule with the classes that implement it."""
    return [
        {
            "name": s.name,
            "title": s.title,
            **{e.title: b.name if (b := _binding(e, s)) else "" for e in all_ecosystems().values() if e.schedules},
            "cases": sum(case.schedule == s.name for case in all_schedule_cases().values()),
        }
        for s in all_schedules().values()
    ]


def case_rows() -> Rows:
    """Every schedule case with its one-line comment."""
    return [
        {"id": c.id, "setting": options_text(c.hyper), "events": list(dict.fromkeys(e.kind for e in c.events)), "comment": c.comment}
        for c in all_schedule_cases().values()
    ]


def schedule_page(schedule: Schedule, settings: dict[str, Any]) -> Page:
    """A schedule: its equation with ``settings`` on top of what its first case sets."""
    example = next(case for case in all_schedule_cases().values() if case.schedule == schedule.name)
    setting = schedule.resolve({**example.hyper, **example.groups[0], **settings})
    related = [e for e in all_ecosystems().values() if _binding(e, schedule)]
    data = {
        "name": schedule.name,
        **schedule_document(schedule),
        "setting": setting.as_json(),
        "equation": setting.text(),
        "ecosystems": {
            e.name: {
                "classes": {b.name: binding_document(b) for b in e.schedules if b.rule == schedule.name},
                "quirks": {q.id: quirk_document(q) for q in _quirks(e, schedule)},
            }
            for e in related
        },
    }

    def show(out: Console) -> None:
        out.print(Text.assemble((schedule.title, "bold"), f" ({schedule.name})"))
        for source in schedule.sources:
            out.print(Padding.indent(Text(source, "dim"), 2))
        out.print(Padding.indent(Text(schedule.doc), 2))
        out.print("\n[bold]Equation[/bold]  (t steps of the scheduler so far)")
        print_equation(setting, out)
        out.print("\n[bold]Options[/bold]")
        out.print(_table(setting, related))
        if found := [q for e in related for q in _quirks(e, schedule)]:
            out.print("\n[bold]Quirks[/bold]")
            for quirk in found:
                out.print(Padding.indent(Text(quirk.id, "yellow"), 2))
                out.print(Padding.indent(Text(quirk.title), 4))

    return Page(data, "", show)


def schedule_case_page(case: ScheduleCase) -> Page:
    """A schedule case."""
    path = root() / VERSION / golden_path(case.id)
    data = next(row for row in case_rows() if row["id"] == case.id)
    data |= {"schedule": case.schedule, "optimizer": case.optimizer_name, "steps": case.steps, "flags": flags_document(case.flags)}
    data |= {"groups": [plain(group) for group in case.groups], "equation": case.settings[0].text(), "fixture": str(path)}

    def show(out: Console) -> None:
        out.print(Text(case.id, "bold"))
        lines = [case.comment, f"{case.schedule} ({options_text(case.hyper)}) on {case.optimizer_name}, {case.steps} steps"]
        lines += [*group_lines(case), *event_lines(case)]
        for line in lines:
            out.print(Padding.indent(Text(line), 2))
        print_flags(case.flags, out)
        out.print(f"  {path}", soft_wrap=True, markup=False)
        print_equation(case.settings[0], out)

    return Page(data, "", show)


def print_equation(setting: ScheduleSetting, out: Console) -> None:
    """The assignments, one a line."""
    for key, body in setting.text():
        out.print(Padding.indent(Text(f"{key} = {body}", "green"), 2))


def _binding(ecosystem: Ecosystem, schedule: Schedule) -> Binding | None:
    return next((b for b in ecosystem.schedules if b.rule == schedule.name), None)


def _quirks(ecosystem: Ecosystem, schedule: Schedule) -> list[ScheduleQuirk]:
    binding = _binding(ecosystem, schedule)
    return [q for q in ecosystem.quirks if isinstance(q, ScheduleQuirk) and binding and binding.name in q.bindings]


def _table(setting: ScheduleSetting, related: list[Ecosystem]) -> Table:
    classes = [b for e in related if (b := _binding(e, setting.schedule))]
    table = plain_table(
        "", "value", "default", "admissible", *(f"{e.title}\n{b.name}" for e, b in zip(related, classes, strict=True)), head="dim"
    )
    values = setting.as_json()
    for option in (BASE, *setting.schedule.options):
        admissible = (
            option.interval if isinstance(option, Number | Whole) else ", ".join(option.values) if isinstance(option, Choice) else ""
        )
        where = [next((foreign for foreign, ours in b.args.items() if ours == option.name), "-") for b in classes]
        default = "-" if option.default is REQUIRED else value_text(option.default)
        table.add_row(f"  {option.name}", *map(Text, (value_text(values[option.name]), default, admissible, *where)))
    return table
