"""Makes the page: results, cases and what stands behind them as JSON inside one HTML file, with its styles and scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

from crossoptim.check.detail import Detail, curves, rate_curves
from crossoptim.check.reports.compare import Change
from crossoptim.check.reports.html.cases import AnyCase, Cases
from crossoptim.check.reports.html.contours import grid, two_numbers
from crossoptim.check.reports.html.numbers import Table, row, short
from crossoptim.check.reports.table import SHORT, is_carried
from crossoptim.check.result import Result, report
from crossoptim.check.verdict import MEANING, SEVERITY, Finding
from crossoptim.golden.case import Case
from crossoptim.golden.schedules.rates import Rates
from crossoptim.golden.trajectory import Trajectory
from crossoptim.spec.ecosystems import all_quirks
from crossoptim.spec.emit.document import quirk_document

_SCRIPTS = ("dom.js", "data.js", "filters.js", "matrix.js", "charts.js", "plane.js", "dialog.js", "changes.js", "main.js")
Golden = Sequence[tuple[Any, Any]]


def page(
    results: Sequence[Result],
    cases: Golden,
    titles: Mapping[str, str],
    old: Mapping[str, Any] | None = None,
    changes: Sequence[Change] = (),
    name: str = "",
) -> str:
    """The page.

    Args:
        results: of a campaign, with details where they are to be drawn.
        cases: with their golden trajectories.
        titles: heads of the columns.
        old: the report of an earlier run, to compare with.
        changes: what differs from it.
        name: what the earlier run is called.
    """
    data = document(results, cases, titles)
    if old is not None:
        data["compared"] = {"name": name, "implementations": old["summary"]["implementations"], "changes": _changes(changes, data)}
    return assembled(data)


def assembled(data: Mapping[str, Any]) -> str:
    """The document inside the template, with styles and scripts; no character of the data can end the element that holds it."""
    folder = files("crossoptim.check.reports.html")
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    script = "\n".join((folder / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    template = Template((folder / "template.html").read_text(encoding="utf-8"))
    return template.substitute(style=(folder / "page.css").read_text(encoding="utf-8"), script=script, data=safe)


def document(results: Sequence[Result], cases: Golden, titles: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows, as plain data; rows name what they share by its place."""
    judged = {r.case for r in results}
    shown = [(case, golden) for case, golden in cases if case.id in judged]
    held, texts, modes = Cases(), Table(), Table()
    for case, _ in shown:
        held.add(case)
    place = {case.id: number for number, (case, _) in enumerate(shown)}
    summary = report(results)["summary"]
    columns = list(summary["implementations"])
    rows = [_row(r, place[r.case], columns.index(r.implementation), modes.place(r.mode), texts) for r in results]
    goldens = _goldens(shown, results)
    details = {
        str(number): _detail(r.detail, goldens.get(str(place[r.case]), {}).get("series", {}), texts)
        for number, r in enumerate(results)
        if r.detail is not None
    }
    planes = Table()
    for golden in goldens.values():
        if "plane" in golden:  # cases that differ in dtype alone share theirs
            golden["plane"]["grid"] = planes.place(golden["plane"]["grid"])
    quirks = {quirk: quirk_document(all_quirks()[quirk]) for quirk in sorted({q for r in results for q in r.judgement.quirks})}
    wanted = ("title", "kind", "upstream", "versions", "issue", "advice")
    return {
        "implementations": [
            {"name": name, "title": titles.get(name, name), **{key: summary["implementations"][name][key] for key in ("version", "source")}}
            for name in columns
        ],
        "verdicts": [
            {"name": verdict, "short": SHORT.get(verdict, verdict), "meaning": meaning, "severity": SEVERITY[verdict]}
            for verdict, meaning in MEANING.items()
        ],
        "modes": modes.texts,
        "results": rows,
        "texts": texts.texts,
        "details": details,
        "cases": held.documents,
        "golden": goldens,
        "planes": planes.texts,
        "options": held.options,
        "problems": held.problems,
        "flags": held.flags,
        "equations": held.equations,
        "lines": held.lines.texts,
        "quirks": {key: {part: quirk[part] for part in wanted if quirk[part]} for key, quirk in quirks.items()},
    }


def _row(r: Result, case: int, column: int, mode: int, texts: Table) -> list[Any]:
    """Case, implementation, mode, verdict, whether unexpected; then, where there is more to say, what."""
    j = r.judgement
    more: dict[str, Any] = {}
    if j.finding:
        more["finding"] = _finding(j.finding)
    reason = j.reason.removeprefix(j.finding.sentence()).lstrip(" ;,.") if j.finding else j.reason
    for key, text in (("reason", reason), ("diagnosis", j.diagnosis), ("trace", j.details)):
        if text:
            more[key] = texts.place(text)
    if j.quirks:
        more["quirks"] = list(j.quirks)
    if j.drift:
        more["drift"] = short(j.drift, 2)
    if is_carried(r):
        more["carried"] = 1
    return [case, column, mode, list(MEANING).index(j.verdict), int(not j.expected), *([more] if more else [])]


def _finding(found: Finding) -> dict[str, Any]:
    if found.remark:
        return {"place": found.place(), "remark": found.remark}
    numbers = {"got": repr(found.got), "expected": repr(found.expected), "bound": f"{found.bound:.2g}", "ulps": f"{found.ulps:.3g}"}
    return {"place": found.place(), "step": found.step, **numbers}


def _detail(detail: Detail, golden: Mapping[str, str], texts: Table) -> dict[str, Any]:
    """Curves, where ``=`` stands for one that is the golden one as far as it can be seen; errors and bounds."""
    out: dict[str, Any] = {}
    if detail.series:
        curves = {label: row(values) for label, values in detail.series.items()}
        out["series"] = {label: "=" if text == golden.get(label) else text for label, text in curves.items()}
    if detail.errors:
        out["errors"] = {label: [row(e.error, 2), row(e.bound, 2)] for label, e in detail.errors.items()}
    if detail.from_golden:
        out["fromGolden"] = 1
    if detail.probes:
        out["probes"] = [texts.places(probe) for probe in detail.probes]
    return out


def _goldens(shown: Golden, results: Sequence[Result]) -> dict[str, Any]:
    """By the case's place: the golden curves that its details are drawn over, and the objective in the plane."""
    details: dict[str, list[Detail]] = {}
    for r in results:
        if r.detail is not None and r.detail.series:
            details.setdefault(r.case, []).append(r.detail)
    out: dict[str, Any] = {}
    for number, (case, golden) in enumerate(shown):
        if case.id in details:
            out[str(number)] = _golden(case, golden, details[case.id])
    return out


def _golden(case: AnyCase, golden: Trajectory | Rates, details: Sequence[Detail]) -> dict[str, Any]:
    if isinstance(golden, Rates):
        return {"series": {label: row(values) for label, values in rate_curves(golden).items()}}
    assert isinstance(case, Case)
    series = curves(case, golden, [label for detail in details for label in detail.series])
    out: dict[str, Any] = {"series": {label: row(values) for label, values in series.items()}}
    if two_numbers(case.problem):
        x, y = (label for label in series if label != "loss")
        out["plane"] = {"x": x, "y": y, **grid(case.problem, (series[x], series[y]), [(d.series[x], d.series[y]) for d in details])}
    return out


def _changes(changes: Sequence[Change], data: Mapping[str, Any]) -> list[list[Any]]:
    """Each change with the place of its result, -1 where there is none now."""
    names = [case["id"] for case in data["cases"]]
    columns = [column["name"] for column in data["implementations"]]
    places = {(names[r[0]], columns[r[1]], data["modes"][r[2]]): number for number, r in enumerate(data["results"])}
    return [
        [places.get((c.case, c.implementation, c.mode), -1), c.case, c.implementation, c.mode, c.before, c.after, c.sentence]
        for c in changes
    ]
