"""The report as Markdown, for the summary page of a CI job: the table, what was not expected, and known departures folded away."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from crossoptim.check.groups import by_implementation, departures, unexpected, worst
from crossoptim.check.result import Result, plural, tally
from crossoptim.check.verdict import MEANING

_LIMIT = 50
"""How many groups of unexpected results are told: a summary page holds 1 MiB."""
_LONGEST = 2000  # characters of one text
_SIGNS = re.compile(r"([\\`*_\[\]<>|~$&#!]|^[-+=])")
_NUMBERED = re.compile(r"^(\d+)([.)])")  # would begin a list


def markdown(results: Sequence[Result], titles: Mapping[str, str], quirks: Mapping[str, str]) -> str:
    """The page, in GitHub's Markdown.

    Args:
        results: of all implementations.
        titles: implementation → the head of its column.
        quirks: quirk id → one line about it.
    """
    surprises = sum(not r.judgement.expected for r in results)
    total = f"**{plural(len(results), 'result')}, {surprises} unexpected**"
    parts = ["## crossoptim check", total, _verdicts(results, titles), _legend(results), _who(results, titles)]
    parts += [_surprises(results, titles), _quirks(results, titles, quirks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdicts(results: Sequence[Result], titles: Mapping[str, str]) -> str:
    columns = by_implementation(results)
    rows = []
    for optimizer in dict.fromkeys(r.optimizer for r in results):
        groups = [[r for r in mine if r.optimizer == optimizer] for mine in columns.values()]
        rows.append([code(optimizer), *(_cell(group) for group in groups)])
    return table(["", *(escape(titles.get(name, name)) for name in columns)], rows)


def _cell(results: Sequence[Result]) -> str:
    if not results:
        return ""
    verdict = worst(results)
    return verdict if all(r.judgement.expected for r in results) else f"**{verdict} (!)**"


def _legend(results: Sequence[Result]) -> str:
    used = {r.judgement.verdict for r in results}
    lines = [f"{verdict}: {meaning}" for verdict, meaning in MEANING.items() if verdict in used]
    if any(not r.judgement.expected for r in results):
        lines.append("**(!)**: not expected, see below")
    return "<sub>" + "<br>".join(lines) + "</sub>"


def _who(results: Sequence[Result], titles: Mapping[str, str]) -> str:
    rows = [
        [escape(titles.get(name, name)), escape(mine[0].version), mine[0].source or "not here", tally(mine)]
        for name, mine in by_implementation(results).items()
    ]
    return table(["Implementation", "Version", "", "Verdicts"], rows)


def _surprises(results: Sequence[Result], titles: Mapping[str, str]) -> str:
    groups = unexpected(results)
    if not groups:
        return ""
    lines = [f"### Unexpected ({sum(map(len, groups))})", ""]
    for first, *more in groups[:_LIMIT]:
        j = first.judgement
        who = escape(titles.get(first.implementation, first.implementation))
        lines.append(f"- **{j.verdict}** {code(first.case)}, {who}, {first.mode}")
        lines += [f"  - {escape(text)}" for text in (j.reason, j.diagnosis) if text]
        lines += [f"  - and {len(more)} more like it in {escape(first.optimizer)}, {escape(first.topic)}"] if more else []
    rest = sum(map(len, groups[_LIMIT:]))
    lines += [f"- and {rest} more"] if rest else []
    return "\n".join(lines)


def _quirks(results: Sequence[Result], titles: Mapping[str, str], quirks: Mapping[str, str]) -> str:
    seen = departures(results)
    if not seen:
        return ""
    rows = []
    for quirk, where in seen.items():
        counts = (f"{escape(titles.get(name, name))}, {plural(len(cases), 'case')}" for name, cases in where.items())
        rows.append([code(quirk), escape(quirks.get(quirk, "")), "; ".join(counts)])
    head = f"<details><summary>Known departures ({len(seen)})</summary>"
    return "\n\n".join([head, table(["Quirk", "What it does", "Seen in"], rows), "</details>"])


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int | None = None) -> str:
    """A table of cells that are Markdown already; the columns after the first ``left`` ones are numbers, set to the right."""
    rule = ["---" if left is None or column < left else "---:" for column in range(len(head))]
    lines = [head, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape(text: str) -> str:
    """Text that stands for itself, on one line; also in a cell of a table."""
    line = " ".join(text.split())
    shown = line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
    return _NUMBERED.sub(r"\1\\\2", _SIGNS.sub(r"\\\1", shown))


def code(text: str) -> str:
    """A name as code; one with signs that code in a table cannot hold, as text."""
    return escape(text) if not text or set("`|\n\\") & set(text) else f"`{text}`"
