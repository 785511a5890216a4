"""What changed between two reports: verdicts, quirks, what is expected; results that are new or gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from crossoptim.check.result import SCHEMA, plural
from crossoptim.errors import FixtureError
from crossoptim.golden.fixture import validate
from crossoptim.golden.json_text import read

Row = Mapping[str, Any]
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Change:
    """One result that is not what it was.

    ``before`` and ``after`` are verdicts, None where there was no result; ``versions`` of the implementation then and now; ``mended`` are
    quirks that were seen and are not any more, ``departed`` those that are seen now and were not, ``explained`` those that explain now what
    had no explanation; ``expected`` then and now.
    """

    case: str
    implementation: str
    mode: str
    before: str | None
    after: str | None
    versions: tuple[str, str] = ("", "")
    mended: tuple[str, ...] = ()
    departed: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()
    expected: tuple[bool, bool] = (True, True)
    reason: str = ""

    @property
    def turn(self) -> str:
        """``rounding → diverges``."""
        return f"{self.before or 'new'} → {self.after or 'gone'}" if self.before != self.after else str(self.after)

    @property
    def sentence(self) -> str:
        """What changed, in words."""
        if self.before is None:
            head = f"{self.after}, not judged before"
        elif self.after is None:
            return f"was {self.before}, not judged any more"
        else:
            head = f"{self.after} as before" if self.before == self.after else f"{self.after}, was {self.before}"
        parts = [head]
        for what, quirks in (("mended upstream", self.mended), ("departs now", self.departed), ("explained by", self.explained)):
            parts += [f"{what}: {', '.join(quirks)}"] if quirks else []
        if self.expected[0] and not self.expected[1]:
            parts.append(f"not expected: {self.reason}" if self.reason else "not expected")
        if self.expected[1] and not self.expected[0]:
            parts.append("as expected now")
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """As data; quirks where there are some."""
        out: dict[str, Any] = {
            "case": self.case,
            "implementation": self.implementation,
            "mode": self.mode,
            "before": self.before,
            "after": self.after,
            "versions": list(self.versions),
        }
        quirks = {"mended": self.mended, "departed": self.departed, "explained": self.explained}
        return out | {key: list(ids) for key, ids in quirks.items() if ids} | {"sentence": self.sentence}


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What changed from one report (``crossoptim/report/1``) to another: what the new one holds, in its order, then what is gone."""
    before, after = _by_key(old), _by_key(new)
    keys = [*after, *(key for key in before if key not in after)]
    found = (change(before.get(key), after.get(key)) for key in keys)
    return [each for each in found if each]


def change(before: Row | None, after: Row | None) -> Change | None:
    """What changed between two results of a case, None if nothing did; one of them may be missing."""
    one = after or before
    if one is None:
        return None
    then, now = _quirks(before), _quirks(after)
    lost, new = (tuple(quirk for quirk in a if quirk not in b) for a, b in ((then, now), (now, then)))
    found = Change(
        one["case"],
        one["implementation"],
        one["mode"],
        before["verdict"] if before else None,
        after["verdict"] if after else None,
        (before["version"] if before else "", after["version"] if after else ""),
        mended=lost if _shows_quirks(after) else (),
        departed=new if _shows_quirks(before) else (),
        explained=new if before and before["verdict"] in ("diverges", "raises") else (),
        expected=(bool(before["expected"]) if before else True, bool(after["expected"]) if after else True),
        reason=str(after.get("reason", "")) if after else "",
    )
    same = found.before == found.after and then == now and found.expected[0] == found.expected[1]
    return None if same else found


def _shows_quirks(row: Row | None) -> bool:
    """Whether a quirk that is not named was not there: not so where a run diverged, ended in an error, or was not judged."""
    return row is not None and row["verdict"] in ("exact", "rounding", "documented")


def _quirks(row: Row | None) -> list[str]:
    return sorted(str(row["quirk"]).split(", ")) if row and row.get("quirk") else []


def _by_key(report: Mapping[str, Any]) -> dict[Key, Row]:
    return {(row["implementation"], row["case"], row["mode"]): row for row in report["results"]}


def within(
    report: Mapping[str, Any],
    modes: Collection[str],
    cases: Collection[str] | None = None,
    implementations: Collection[str] | None = None,
) -> dict[str, Any]:
    """The part of a report that a run in these modes, on these cases and implementations can be compared with; None stands for all."""
    rows = [
        row
        for row in report["results"]
        if row["mode"] in modes
        and (cases is None or row["case"] in cases)
        and (implementations is None or row["implementation"] in implementations)
    ]
    return {**report, "results": rows}


def read_report(path: Path) -> dict[str, Any]:
    """A report that ``check --json`` wrote; raises :class:`~crossoptim.errors.FixtureError` for a file that is not one."""
    data = read(path)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        got = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise FixtureError(f"{path}: schema {got!r} (expected {SCHEMA!r}: crossoptim check --json FILE)")
    validate(data, "report", path)
    return data


def print_changes(found: Sequence[Change], console: Console, since: str) -> None:
    """Print what changed since the report ``since``."""
    console.print()
    what = f"{plural(len(found), 'result')} changed" if found else "nothing changed"
    console.print(Text.assemble((f"Since {since}", "bold"), f": {what}"), soft_wrap=True)
    print_alike(found, console)


def print_alike(found: Sequence[Change], console: Console, limit: int = 30) -> None:
    """Print changes, alike ones together; at most ``limit`` groups."""
    groups = list(alike(found).values())
    for group in groups[:limit]:
        first, *more = group
        console.print(Padding.indent(Text.assemble((first.turn, "bold"), f"  {first.implementation}{_versions(first)}"), 2))
        console.print(Padding.indent(Text(f"{first.case} ({first.mode}){f' and {len(more)} more' if more else ''}: {first.sentence}"), 4))
    if rest := sum(map(len, groups[limit:])):
        console.print(f"  … and {rest} more", style="dim", soft_wrap=True)


def alike(found: Iterable[Change]) -> dict[tuple[Any, ...], list[Change]]:
    """Changes of an implementation that are the same but for the case, the mode and what was said."""
    out: dict[tuple[Any, ...], list[Change]] = {}
    for each in found:
        key = (each.implementation, each.before, each.after, each.versions, each.mended, each.departed, each.explained, each.expected)
        out.setdefault(key, []).append(each)
    return out


def _versions(found: Change) -> str:
    then, now = found.versions
    return f" {now or then}" if then == now or not then or not now else f" {then} → {now}"
