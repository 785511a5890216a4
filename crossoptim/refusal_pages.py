"""Invalid input as ``crossoptim list`` and ``crossoptim show`` print it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from crossoptim.check.refusals import Prediction, RefusalJudge
from crossoptim.golden.fixture import VERSION, golden_path, root
from crossoptim.golden.refusals.case import RefusalCase, all_refusal_cases
from crossoptim.page import Page, Rows
from crossoptim.runners.refusals import binding_of, judge_of
from crossoptim.runners.registry import IMPLEMENTATIONS
from crossoptim.screen import plain_table
from crossoptim.spec.ecosystems import all_ecosystems, all_quirks
from crossoptim.spec.refusals import Probe


def case_rows() -> Rows:
    """A row an optimizer."""
    return [{"id": c.id, "setting": c.topic, "events": [], "comment": c.comment} for c in all_refusal_cases().values()]


def refusal_page(case: RefusalCase) -> Page:
    """What an optimizer must refuse, with what each library makes of it."""
    judges = _judges(case)
    probes = {
        probe.id: {name: _as_data(judge.predict(probe)) for name, judge in judges.items() if _can_say(judge, probe)}
        for probe in case.probes
    }  # fmt: skip
    path = root() / VERSION / golden_path(case.id)
    rows = {probe.id: {"refusal": probe.refusal, **probes[probe.id]} for probe in case.probes}
    data = {"id": case.id, "comment": case.comment, "fixture": str(path), "probes": rows}

    def show(out: Console) -> None:
        out.print(Text.assemble((case.id, "bold"), f": {case.comment}"), soft_wrap=True)
        titles = {name: f"{all_ecosystems()[name].title}\n{judge.binding.name}" for name, judge in judges.items() if judge.binding}
        table = plain_table("", "specification", *titles.values(), head="dim")
        for probe in case.probes:
            told = [_cell(probes[probe.id].get(name)) for name in titles]
            table.add_row(f"  {probe.id}", "refused" if probe.refusal else "accepted", *told)
        out.print(table)
        if found := sorted({told["quirk"] for row in probes.values() for told in row.values() if "quirk" in told}):
            out.print("\n[bold]Known departures[/bold]")
            for quirk in found:
                out.print(Padding.indent(Text(quirk, "yellow"), 2))
                out.print(Padding.indent(Text(all_quirks()[quirk].title), 4))

    return Page(data, "", show)


def _judges(case: RefusalCase) -> dict[str, RefusalJudge]:
    """One judge an ecosystem: its implementations share their constructors."""
    out: dict[str, RefusalJudge] = {}
    for implementation in IMPLEMENTATIONS.values():
        if implementation.ecosystem and binding_of(implementation, case):
            out.setdefault(implementation.ecosystem, judge_of(implementation, case))
    return out


def _can_say(judge: RefusalJudge, probe: Probe) -> bool:
    """Whether the class has an argument for what the probe is about, where it is about one."""
    return not probe.option or probe.kind == "unknown" or bool(judge.binding and judge.binding.foreign(probe.option))


def _as_data(prediction: Prediction) -> dict[str, Any]:
    out: dict[str, Any] = {"refused": prediction.refused}
    return out | {key: value for key, value in (("message", prediction.message), ("quirk", prediction.quirk)) if value}


def _cell(told: dict[str, Any] | None) -> Text:
    if told is None:
        return Text("-", "dim")
    text = told.get("message") or ("refused" if told["refused"] else "accepted")
    return Text(text, "yellow" if "quirk" in told else "")
