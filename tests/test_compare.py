"""Two reports: what changed, what is new, what is gone."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from test_cli import RECORDED, Cli, cli  # noqa: F401

from crossoptim.check.reports.compare import Change, alike, changes, print_changes, read_report, within
from crossoptim.check.verdict import MEANING
from crossoptim.errors import FixtureError
from crossoptim.golden.fixture import schema

QUIRK, OTHER = "r-torch/sgd/weight-decay-adds-index", "r-torch/zero-grad-leaves-zeros"


def row(verdict: str, *quirks: str, case: str = "sgd/plain", expected: bool = True, **more: Any) -> dict[str, Any]:
    """A result as a report holds it."""
    out = {"case": case, "optimizer": "sgd", "implementation": "r-torch", "version": "1", "source": "live", "mode": "replay"}
    return out | {"verdict": verdict, "expected": expected} | ({"quirk": ", ".join(quirks)} if quirks else {}) | more


def report(*rows: dict[str, Any]) -> dict[str, Any]:
    """A report with these results."""
    summary = {"results": len(rows), "unexpected": 0, "verdicts": {}, "implementations": {}}
    return {"schema": "crossoptim/report/1", "results": list(rows), "summary": summary}


def one(old: dict[str, Any], new: dict[str, Any]) -> Change:
    """The change between two results."""
    (found,) = changes(report(old), report(new))
    return found


def test_what_did_not_change_is_not_told() -> None:
    same = report(row("exact"), row("documented", QUIRK, case="sgd/decay", drift=3.0))
    other = report(row("exact", version="2", source="recorded", drift=1.0), row("documented", QUIRK, case="sgd/decay", reason="no m"))
    assert changes(same, same) == changes(same, other) == []


def test_a_changed_verdict_says_both_and_where_it_was_seen() -> None:
    found = one(row("rounding"), row("diverges", expected=False, version="2", reason="step 3, params/x[0]: 1.0"))
    assert (found.case, found.implementation, found.mode) == ("sgd/plain", "r-torch", "replay")
    assert (found.before, found.after, found.versions, found.turn) == ("rounding", "diverges", ("1", "2"), "rounding → diverges")
    assert found.sentence == "diverges, was rounding; not expected: step 3, params/x[0]: 1.0"


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        (row("documented", QUIRK), row("exact"), f"exact, was documented; mended upstream: {QUIRK}"),
        (row("exact"), row("documented", QUIRK), f"documented, was exact; departs now: {QUIRK}"),
        (row("documented", QUIRK, OTHER), row("documented", OTHER), f"documented as before; mended upstream: {QUIRK}"),
        (row("documented", QUIRK), row("documented", OTHER), f"documented as before; mended upstream: {QUIRK}; departs now: {OTHER}"),
        (row("diverges", expected=False), row("documented", QUIRK), f"documented, was diverges; explained by: {QUIRK}; as expected now"),
        # what diverges, or was not judged, does not say that a quirk is gone
        (row("documented", QUIRK), row("diverges", expected=False), "diverges, was documented; not expected"),
        (row("documented", QUIRK), row("not run"), "not run, was documented"),
        (row("unsupported"), row("documented", QUIRK), "documented, was unsupported"),
        (row("exact"), row("exact", expected=False, reason="mended?"), "exact as before; not expected: mended?"),
    ],
)
def test_quirks_and_expectations_that_changed_are_told(old: dict[str, Any], new: dict[str, Any], sentence: str) -> None:
    assert one(old, new).sentence == sentence


def test_new_and_gone_results_have_one_side_only() -> None:
    new, gone = changes(report(row("exact", case="a")), report(row("documented", QUIRK, case="b", version="2")))
    assert (new.case, new.before, new.after, new.versions) == ("b", None, "documented", ("", "2"))
    assert (gone.case, gone.before, gone.after, gone.versions) == ("a", "exact", None, ("1", ""))
    assert (new.sentence, gone.sentence) == ("documented, not judged before", "was exact, not judged any more")
    assert (new.turn, gone.turn) == ("new → documented", "exact → gone")


ROWS = st.lists(
    st.builds(
        lambda case, mode, verdict, expected, quirks: row(verdict, *quirks, case=case, expected=expected, mode=mode),
        st.sampled_from("abc"),
        st.sampled_from(["replay", "closed"]),
        st.sampled_from(list(MEANING)),
        st.booleans(),
        st.sets(st.sampled_from([QUIRK, OTHER])),
    ),
    unique_by=lambda r: (r["case"], r["mode"]),
)


@given(ROWS, ROWS)
def test_backwards_is_the_other_way_round(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> None:
    def sides(found: list[Change]) -> set[tuple[str, str, str | None, str | None]]:
        return {(each.case, each.mode, each.before, each.after) for each in found}

    there, back = changes(report(*a), report(*b)), changes(report(*b), report(*a))
    assert sides(there) == {(case, mode, before, after) for case, mode, after, before in sides(back)}
    assert changes(report(*a), report(*a)) == []
    assert sum(map(len, alike(there).values())) == len(there)
    told = [each.as_json() for each in there]
    jsonschema.Draft202012Validator(schema("report")).validate({**report(*b), "changes": told})
    assert json.loads(json.dumps(told)) == told


def test_a_smaller_run_is_held_against_its_own_part() -> None:
    whole = report(row("exact", case="a"), row("exact", case="b"), row("exact", case="a", mode="closed"), row("exact", implementation="x"))
    assert within(whole, ["replay", "closed"]) == whole
    part = within(whole, ["replay"], cases={"a", "sgd/plain"}, implementations={"r-torch"})
    assert part["results"] == [whole["results"][0]]


def test_alike_changes_are_printed_together() -> None:
    old = report(*(row("documented", QUIRK, case=f"sgd/{i}") for i in range(40)))
    new = report(*(row("exact", case=f"sgd/{i}", version="2") for i in range(40)))
    screen = StringIO()
    print_changes(changes(old, new), Console(file=screen, width=200), "old[1].json")
    lines = [line.strip() for line in screen.getvalue().strip().splitlines()]
    assert lines == [
        "Since old[1].json: 40 results changed",
        "documented → exact  r-torch 1 → 2",
        f"sgd/0 (replay) and 39 more: exact, was documented; mended upstream: {QUIRK}",
    ]


@pytest.mark.parametrize(
    "text, why",
    [
        ("{", "not JSON at line 1"),
        ("[]", "schema 'list' (expected 'crossoptim/report/1': crossoptim check --json FILE)"),
        ('{"schema": "crossoptim/golden/1"}', "schema 'crossoptim/golden/1' (expected"),
        (json.dumps(report(row("good"))), "results/0/verdict: 'good' is not one of"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "old.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FixtureError) as caught:
        read_report(file)
    assert str(caught.value).startswith(f"{file}: {why}")


# The command line


def test_check_tells_what_changed_since_a_report_and_its_exit_code_stays(cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    old, new = str(tmp_path / "old.json"), str(tmp_path / "new.json")
    cases = ("-s", "sgd/decay-ravine-*", "-s", "sgd/plain-ravine-f32")
    assert cli(*RECORDED, *cases, "--json", old, "--ignore-quirk", QUIRK).code == 1
    said = cli(*RECORDED, *cases, "--json", new, "--compare", old)
    assert said.code == 0 and f"Since {old}: 4 results changed" in said.out
    assert f"and 3 more: documented, was diverges; explained by: {QUIRK}; as expected now" in said.out
    data = json.loads(Path(new).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema("report")).validate(data)
    assert [each["explained"] for each in data["changes"]] == [[QUIRK]] * 4
    part = cli(*RECORDED, "-s", "sgd/plain-*", "-m", "replay", "--compare", new)
    assert part.code == 0 and f"Since {new}: " in part.out and "gone" not in part.out


def test_a_report_that_is_not_there_is_refused_before_anything_runs(cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    said = cli(*RECORDED, "--compare", str(tmp_path / "old.json"))
    assert (said.code, said.out, said.err) == (2, "", f"crossoptim: {tmp_path / 'old.json'}: no such file\n")
