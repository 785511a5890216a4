"""The report on the terminal: a row a group of cases, a column an implementation, then what needs attention."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from crossoptim.check.result import Result
from crossoptim.check.verdict import MEANING, SEVERITY, Verdict

STYLE: dict[Verdict, str] = {
    "exact": "green",
    "rounding": "cyan",
    "documented": "yellow",
    "diverges": "bold red",
    "raises": "bold red",
    "unsupported": "dim",
    "not run": "dim",
}


_SHORT: dict[Verdict, str] = {"rounding": "round", "documented": "quirk", "diverges": "DIVERG", "unsupported": "-", "not run": "."}
_ROOMY = 120


def print_table(results: Sequence[Result], console: Console, titles: Mapping[str, str]) -> None:
    """Print the table, its legend, and who was judged. ``titles`` heads the columns; narrow terminals get short words."""
    columns = list(dict.fromkeys(r.implementation for r in results))
    cells: dict[tuple[str, str, str], list[Result]] = {}
    for r in results:
        cells.setdefault((r.optimizer, r.topic, r.implementation), []).append(r)
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in columns:
        recorded = any(r.source == "recorded" for r in results if r.implementation == name)
        table.add_column("\n".join(titles.get(name, name).rsplit(" ", 1)) + ("\nrecorded" if recorded else ""), no_wrap=True)
    for number, optimizer in enumerate(dict.fromkeys(r.optimizer for r in results)):
        if number:
            table.add_row()
        table.add_row(Text(optimizer, "bold"))
        for topic in dict.fromkeys(r.topic for r in results if r.optimizer == optimizer):
            found = [_cell(cells.get((optimizer, topic, name), []), console.width < _ROOMY) for name in columns]
            table.add_row(f" {topic}", *found)
    console.print(table)
    console.print()
    used = {r.judgement.verdict for r in results}
    for verdict in (v for v in MEANING if v in used):
        word = _SHORT.get(verdict, verdict) if console.width < _ROOMY else verdict
        console.print(Text(f"{word:<12}", STYLE[verdict]) + Text(MEANING[verdict], "dim"))
    console.print()
    for name in columns:
        first = next(r for r in results if r.implementation == name)
        if first.version:
            console.print(f"{titles.get(name, name):<15} [dim]{first.version}, {first.source}[/dim]", highlight=False)


def table_svg(results: Sequence[Result], titles: Mapping[str, str]) -> str:
    """The table as a picture that loads nothing from the network."""
    console = Console(record=True, width=_ROOMY, file=io.StringIO(), force_terminal=True)
    print_table(results, console, titles)
    return re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="crossoptim check"), flags=re.DOTALL)


def _cell(results: Sequence[Result], narrow: bool) -> Text:
    if not results:
        return Text("")
    worst = max((r.judgement.verdict for r in results), key=SEVERITY.__getitem__)
    surprise = any(not r.judgement.expected for r in results)
    word = _SHORT.get(worst, worst) if narrow else worst
    return Text(word + ("!" if surprise else ""), "bold red" if surprise else STYLE[worst])


def print_attention(results: Sequence[Result], console: Console, titles: dict[str, str], limit: int = 12) -> None:
    """Print each quirk that was seen, then what was not expected: where, and why."""
    documented = sorted((r for r in results if r.judgement.quirks), key=lambda r: (r.judgement.quirks, r.implementation))
    if documented:
        console.print("\n[bold]Known departures[/bold] (crossoptim show QUIRK explains one)")
        for (quirks, implementation), group in groupby(documented, key=lambda r: (r.judgement.quirks, r.implementation)):
            found = list(group)
            cases = len({r.case for r in found})
            console.print(f"  [yellow]{', '.join(quirks)}[/yellow]  {implementation}, {cases} case{'s' * (cases != 1)}", highlight=False)
            for quirk in quirks:
                console.print(f"    {titles.get(quirk, '')}", style="dim", highlight=False)
    surprises = [r for r in results if not r.judgement.expected]
    if surprises:
        console.print(f"\n[bold red]Unexpected[/bold red] ({len(surprises)})")
        for r in surprises[:limit]:
            console.print(f"  [bold]{r.judgement.verdict}[/bold]  {r.case}  {r.implementation} ({r.mode})", highlight=False)
            console.print(f"    {escape(r.judgement.reason)}", highlight=False)
        if len(surprises) > limit:
            console.print(f"  … and {len(surprises) - limit} more: --json FILE holds them all", style="dim")
    missing = {(r.implementation, r.judgement.reason) for r in results if r.judgement.verdict == "not run"}
    for implementation, reason in sorted(missing):
        console.print(f"  [dim]not run[/dim]  {implementation}: {escape(reason)}", highlight=False)
