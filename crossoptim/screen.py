"""Where text goes: a terminal, with its width and colours, or a file, with lines as long as they are and no spaces behind them."""

from __future__ import annotations

import re
import sys
from typing import IO, Any, Literal, cast

from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_UNWRAPPED = 10_000


def console(stream: Literal["stdout", "stderr"]) -> Console:
    """A console on one of the standard streams, as it is when something is printed."""
    if getattr(sys, stream).isatty():
        return Console(stderr=stream == "stderr", highlight=False)
    return Console(file=cast("IO[str]", _Stripped(stream)), width=_UNWRAPPED, highlight=False)


class _Stripped:
    """A standard stream without the spaces that fill a table's last column."""

    def __init__(self, stream: str) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(sys, self._stream), name)

    def write(self, text: str) -> int:
        return int(getattr(sys, self._stream).write(re.sub(r" +(?=\n)", "", text)))


def plain_table(*columns: str, head: str = "bold") -> Table:
    """A table without lines that never leaves out a letter: what does not fit is folded, the first column never."""
    table = Table(box=None, pad_edge=False, header_style=head)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    return table


def print_rows(rows: list[dict[str, Any]], out: Console) -> None:
    """Rows as a table where it fits the console, else as one block a row: what the row is called, then the rest."""
    texts = [{key: ", ".join(map(str, v)) if isinstance(v, list) else str(v) for key, v in row.items()} for row in rows]
    table = plain_table(*rows[0])
    for row in texts:
        table.add_row(*map(Text, row.values()))
    if Measurement.get(out, out.options, table).maximum < out.width and _natural(texts) < out.width:
        out.print(table)
        return
    for row in texts:
        (_, name), *rest = row.items()
        out.print(Text(name, "bold"), soft_wrap=True)
        for key, value in rest:
            if value:
                out.print(Padding.indent(Text.assemble((f"{key}: ", "dim"), value), 2))


def _natural(texts: list[dict[str, str]]) -> int:
    """The width of a table in which nothing wraps."""
    return sum(max(len(key), *(len(row[key]) for row in texts)) + 1 for key in texts[0])
