"""The report on the terminal: a row a group of cases, a column an implementation, then what needs attention."""

from __future__ import annotations

from collections.abc import Sequence
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


def print_table(results: Sequence[Result], console: Console) -> None:
    """Print the table and its legend."""
    columns = list(dict.fromkeys(r.implementation for r in results))
    rows = list(dict.fromkeys(r.row for r in results))
    table = Table(header_style="bold", row_styles=["", ""], pad_edge=False)
    table.add_column("cases", no_wrap=True)
    for name in columns:
        table.add_column(_head(name, [r for r in results if r.implementation == name]), justify="left")
    last = ""
    for row in rows:
        optimizer = row.split(":")[0]
        if last and optimizer != last:
            table.add_section()
        last = optimizer
        cells = [_cell([r for r in results if r.row == row and r.implementation == name]) for name in columns]
        table.add_row(row, *cells)
    console.print(table)
    used = {r.judgement.verdict for r in results}
    for verdict in (v for v in MEANING if v in used):
        console.print(Text(f"  {verdict:<12}", STYLE[verdict]) + Text(MEANING[verdict], "dim"))


def _head(name: str, results: Sequence[Result]) -> Text:
    source = results[0].source
    note = f"\n{results[0].version}" if results[0].version else ""
    return Text(name + note + ("\nrecorded" if source == "recorded" else ""))


def _cell(results: Sequence[Result]) -> Text:
    if not results:
        return Text("")
    worst = max((r.judgement.verdict for r in results), key=SEVERITY.__getitem__)
    surprise = any(not r.judgement.expected for r in results)
    return Text(worst + (" !" if surprise else ""), "bold red" if surprise else STYLE[worst])


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
