"""The report on the terminal: a row an optimizer or a topic of its cases, a column an implementation, then what needs attention."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from crossoptim.check.groups import departures, unexpected, worst
from crossoptim.check.result import Result, plural, tally, unjudged
from crossoptim.check.verdict import MEANING, Verdict

STYLE: dict[Verdict, str] = {
    "exact": "green",
    "rounding": "cyan",
    "documented": "yellow",
    "diverges": "bold red",
    "raises": "bold red",
    "unsupported": "dim",
    "not run": "dim",
}
SHORT: dict[Verdict, str] = {"rounding": "round", "documented": "quirk", "diverges": "diverge", "unsupported": "-", "not run": "."}
"""Words for narrow screens; a verdict that is not here is its own."""
_ROOMY = 120
_FIRST_TOPIC = "plain"
_FEW = 4


def in_detail(results: Sequence[Result]) -> bool:
    """Whether so few optimizers were judged that a row for each topic of their cases can be read."""
    return len({r.optimizer for r in results}) <= _FEW


def print_table(results: Sequence[Result], console: Console, titles: Mapping[str, str], topics: bool) -> None:
    """Print the table, its legend, and who was judged.

    ``titles`` heads the columns; narrow terminals get short words. ``topics``: a row for each topic, not only for each optimizer.
    """
    columns = list(dict.fromkeys(r.implementation for r in results))
    narrow = console.width < _ROOMY
    cells: dict[tuple[str, str, str], list[Result]] = {}
    for r in results:
        cells.setdefault((r.optimizer, r.topic, r.implementation), []).append(r)
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in columns:
        recorded = any(r.source == "recorded" for r in results if r.implementation == name)
        table.add_column("\n".join(titles.get(name, name).rsplit(" ", 1)) + ("\nrecorded" if recorded else ""), no_wrap=True)
    for number, optimizer in enumerate(dict.fromkeys(r.optimizer for r in results)):
        if not topics:
            every = {name: [r for r in results if (r.optimizer, r.implementation) == (optimizer, name)] for name in columns}
            table.add_row(optimizer, *(_cell(every[name], narrow) for name in columns))
            continue
        if number:
            table.add_row()
        table.add_row(Text(optimizer, "bold"))
        named = dict.fromkeys(r.topic for r in results if r.optimizer == optimizer)
        for topic in sorted(named, key=lambda topic: topic != _FIRST_TOPIC):
            table.add_row(f" {topic}", *(_cell(cells.get((optimizer, topic, name), []), narrow) for name in columns))
    console.print(table)
    console.print()
    _print_legend(results, console, narrow)
    console.print()
    width = max(len(titles.get(name, name)) for name in columns)
    for name in columns:
        mine = [r for r in results if r.implementation == name]
        who = ", ".join(part for part in (mine[0].version, mine[0].source) if part) or "not here"
        console.print(Text.assemble(f"{titles.get(name, name):<{width}}  ", (f"{who}: {tally(mine)}", "dim")), soft_wrap=True)


def _print_legend(results: Sequence[Result], console: Console, narrow: bool) -> None:
    used = {r.judgement.verdict for r in results}
    lines = [(_word(v, narrow), STYLE[v], MEANING[v]) for v in MEANING if v in used]
    if any(not r.judgement.expected for r in results):
        lines.append(("!", "bold red", "not expected: see below"))
    if any(is_carried(r) for r in results):
        lines.append(("*", "dim", "judged with a state variable that the library does not show: see below"))
    for word, style, meaning in lines:
        console.print(Text(f"{word:<12}", style) + Text(meaning, "dim"))


def table_svg(results: Sequence[Result], titles: Mapping[str, str]) -> str:
    """The table as a picture that loads nothing from the network."""
    console = Console(record=True, width=_ROOMY, file=io.StringIO(), force_terminal=True)
    print_table(results, console, titles, in_detail(results))
    return re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="crossoptim check"), flags=re.DOTALL)


def _cell(results: Sequence[Result], narrow: bool) -> Text:
    if not results:
        return Text("")
    verdict = worst(results)
    surprise = any(not r.judgement.expected for r in results)
    marks = "!" * surprise + "*" * any(map(is_carried, results))
    return Text(_word(verdict, narrow) + marks, "bold red" if surprise else STYLE[verdict])


def _word(verdict: Verdict, narrow: bool) -> str:
    return SHORT.get(verdict, verdict) if narrow else verdict


def is_carried(result: Result) -> bool:
    """Whether a good verdict comes with a note: something that the library does not show was carried."""
    j = result.judgement
    return bool(j.reason) and j.expected and j.verdict in ("exact", "rounding", "documented") and "not exposed" in j.reason


def print_attention(results: Sequence[Result], console: Console, titles: Mapping[str, str], topics: bool, limit: int = 12) -> None:
    """Print each quirk that was seen, with its sentence where ``topics`` are shown, then what was not expected: where, and why."""
    _print_quirks(results, console, titles if topics else {})
    carried = sorted({(r.implementation, r.judgement.reason) for r in results if is_carried(r)})
    if carried:
        console.print("\n[bold]Not shown by the library[/bold]")
        for implementation, reason in carried:
            console.print(Padding.indent(Text(f"* {implementation}: {reason}"), 2))
    missed = unjudged(results)
    _print_surprises([r for r in results if not r.judgement.expected and r.implementation not in missed], console, limit)
    missing = sorted({(r.implementation, r.judgement.reason) for r in results if r.judgement.verdict == "not run" and r.judgement.expected})
    if missing:
        console.print()
    for implementation, reason in missing:
        console.print(Padding.indent(Text.assemble(("not run  ", "dim"), f"{implementation}: {reason}"), 2))


def _print_quirks(results: Sequence[Result], console: Console, titles: Mapping[str, str]) -> None:
    seen = departures(results)
    if seen:
        console.print("\n[bold]Known departures[/bold] (crossoptim show QUIRK explains one)", soft_wrap=True)
    for quirk, where in seen.items():
        counts = "; ".join(f"{implementation}, {plural(len(cases), 'case')}" for implementation, cases in where.items())
        console.print(Padding.indent(Text.assemble((quirk, "yellow"), f"  {counts}"), 2))
        if quirk in titles:
            console.print(Padding.indent(Text(titles[quirk], "dim"), 4))


def _print_surprises(surprises: Sequence[Result], console: Console, limit: int) -> None:
    if not surprises:
        return
    console.print(f"\n[bold red]Unexpected[/bold red] ({len(surprises)})")
    groups = unexpected(surprises)
    for first, *more in groups[:limit]:
        head = Text.assemble((first.judgement.verdict, "bold red"), f"  {first.case}  {first.implementation}, {first.mode}")
        console.print(Padding.indent(head, 2))
        _print_finding(first, console)
        if first.judgement.diagnosis:
            console.print(Padding.indent(Text(first.judgement.diagnosis, "bold"), 4))
        if more:
            console.print(Padding.indent(Text(f"and {len(more)} more like it in {first.optimizer}, {first.topic}", "dim"), 4))
    rest = sum(map(len, groups[limit:]))
    if rest:
        console.print(f"  … and {rest} more: --json FILE holds them all", style="dim", soft_wrap=True)


def _print_finding(result: Result, console: Console) -> None:
    found = result.judgement.finding
    if found is None or found.remark:
        console.print(Padding.indent(Text(result.judgement.reason), 4))
        return
    console.print(Padding.indent(Text(found.place()), 4))
    numbers = {
        "got": _shortest(found.got, result.dtype),
        "expected": _shortest(found.expected, result.dtype),
        "bound": f"{found.bound:.2g}",
        "ulps": f"{found.ulps:.3g}",
    }
    for label, number in numbers.items():
        console.print(Padding.indent(Text.assemble((f"{label:<10}", "dim"), number), 4))
    more = result.judgement.reason.removeprefix(found.sentence()).lstrip(" ;,.")
    if more:
        console.print(Padding.indent(Text(more), 4))


def _shortest(value: float, dtype: str) -> str:
    """As few digits as give the number back in its dtype."""
    return str(np.dtype(dtype).type(value))
