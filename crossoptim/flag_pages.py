"""What ``crossoptim list flags`` and the page of a case say of flags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from crossoptim.golden.cases import all_cases
from crossoptim.golden.flags import FLAGS
from crossoptim.golden.schedules.cases import all_schedule_cases
from crossoptim.page import Rows


def flag_rows() -> Rows:
    """Every flag, how many cases have it, its sentence, and public reports of the mistake."""
    carried = [*(c.flags for c in all_cases().values()), *(c.flags for c in all_schedule_cases().values())]
    count = Counter(flag for flags in carried for flag in flags)
    return [{"name": flag.name, "cases": count[flag.name], "title": flag.title, "issues": list(flag.issues)} for flag in FLAGS.values()]


def print_flags(names: Iterable[str], out: Console) -> None:
    """Each flag with its sentence and links."""
    for flag in (FLAGS[name] for name in names):
        out.print(Padding.indent(Text.assemble((flag.name, "bold"), f": {flag.title}"), 2))
        for issue in flag.issues:
            out.print(Text(f"    {issue}", "dim"), soft_wrap=True)
