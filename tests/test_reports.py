"""Reports for other programs: JUnit XML that CI servers read, Markdown for summary pages, badges."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from test_cli import RECORDED, Cli, cli  # noqa: F401

from crossoptim.check.reports import badge
from crossoptim.check.reports.badge import badges, status
from crossoptim.check.reports.junit import junit
from crossoptim.check.reports.markdown import code, escape, markdown
from crossoptim.check.result import Result
from crossoptim.check.verdict import Finding, Judgement

WHEN = datetime(2024, 2, 29, 12, 30, 59)
QUIRK = "r-torch/sgd/weight-decay-adds-index"
TITLES = {"r-torch": "R torch", "base-r": "base R"}
FOUND = Finding(3, "params/x", (0,), -4.91, -4.85, 1e-6, 1e5)


def result(judgement: Judgement, case: str = "sgd/decay-ravine-f32", implementation: str = "r-torch", mode: str = "replay") -> Result:
    """One result."""
    return Result(case, case.split("/")[0], "weight decay", implementation, "0.17.0", "live", mode, judgement)


DIVERGES = Judgement("diverges", False, FOUND.sentence(), FOUND, diagnosis="it matches if p | q is <added> twice")
RAISES = Judgement("raises", False, "ended without an answer", details="Traceback:\n  line 1\n  line 2")
RESULTS = [
    result(Judgement("exact", True)),
    result(DIVERGES, mode="closed"),
    result(RAISES, "adam/plain-ravine-f64"),
    result(Judgement("documented", True, quirks=(QUIRK,)), "sgd/decay-ravine-f64"),
    result(Judgement("exact", False, f"{QUIRK} predicts other numbers: mended upstream?"), "sgd/decay-iris-f64"),
    result(Judgement("unsupported", True, "no argument amsgrad"), "adam/amsgrad-ravine-f64"),
    result(Judgement("not run", True, "R is not installed"), implementation="base-r"),
]


# JUnit

# What both schemas allow: Jenkins's junit-10.xsd, and JUnit.xsd of Ant's reports, which also asks for all of these attributes.
ALLOWED = {
    "testsuites": (set(), ["testsuite"]),
    "testsuite": (
        {"name", "package", "id", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        ["properties", "testcase", "system-out", "system-err"],
    ),
    "properties": (set(), ["property"]),
    "property": ({"name", "value"}, []),
    "testcase": ({"name", "classname", "time"}, ["skipped", "failure"]),
    "failure": ({"type", "message"}, []),
    "skipped": (set[str](), []),
    "system-out": (set(), []),
    "system-err": (set(), []),
}


def document(results: list[Result]) -> ElementTree.Element:
    """The XML, parsed."""
    return ElementTree.fromstring(junit(results, WHEN, {"crossoptim": "1.2"}))


def test_the_xml_is_what_both_schemas_allow() -> None:
    root = document(RESULTS)
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.attrib) == attributes
        order = [children.index(child.tag) for child in element]
        assert order == sorted(order)
        if element.tag == "testcase":
            assert len(element) <= 1
        if element.tag == "testsuite":
            assert [child.tag for child in element].count("properties") == 1
            assert [child.tag for child in element][-2:] == ["system-out", "system-err"]
            assert element.get("timestamp") == "2024-02-29T12:30:59"
    assert [suite.get("id") for suite in root] == ["0", "1"]


def test_a_suite_is_an_implementation_and_counts_its_tests() -> None:
    first, second = document(RESULTS)
    counts = {key: first.get(key) for key in ("name", "tests", "failures", "errors", "skipped")}
    assert counts == {"name": "r-torch", "tests": "6", "failures": "3", "errors": "0", "skipped": "1"}
    assert (second.get("name"), second.get("tests"), second.get("skipped")) == ("base-r", "1", "1")
    properties = {p.get("name"): p.get("value") for p in first.iter("property")}
    assert properties == {"version": "0.17.0", "source": "live", "crossoptim": "1.2"}
    assert first.findtext("system-out") == f"known departures:\n{QUIRK}: 1 case"


def test_a_test_is_a_case_and_mode_with_what_was_found() -> None:
    tests = {(t.get("classname"), t.get("name")): t for t in document(RESULTS)[0].iter("testcase")}
    assert len(tests) == 6
    assert len(tests["r-torch.sgd", "sgd/decay-ravine-f32 [replay]"]) == len(tests["r-torch.sgd", "sgd/decay-ravine-f64 [replay]"]) == 0
    diverged = tests["r-torch.sgd", "sgd/decay-ravine-f32 [closed]"].find("failure")
    assert diverged is not None and diverged.get("type") == "diverges"
    assert diverged.get("message") == f"diverges: {FOUND.sentence()}"
    assert diverged.text == f"{FOUND.sentence()}\n\n{DIVERGES.diagnosis}"
    raised = tests["r-torch.adam", "adam/plain-ravine-f64 [replay]"].find("failure")
    assert raised is not None and raised.get("type") == "raises" and (raised.text or "").endswith("  line 1\n  line 2")
    mended = tests["r-torch.sgd", "sgd/decay-iris-f64 [replay]"].find("failure")
    assert mended is not None and "mended upstream?" in str(mended.get("message"))
    assert tests["r-torch.adam", "adam/amsgrad-ravine-f64 [replay]"].findtext("skipped") == "unsupported: no argument amsgrad"


@given(st.text(min_size=1))
def test_whatever_a_library_says_is_xml(said: str) -> None:
    judgement = replace(RAISES, reason="", details=f"<{said}>")
    failure = next(document([replace(result(judgement), version=said, implementation=said)]).iter("failure"))
    kept = "".join(c for c in said if c == "\n" or c == "\t" or (c.isprintable() and c <= "\ud7ff"))
    shown = failure.text or ""
    assert shown.startswith("<") and shown.endswith(">")
    rest = iter(shown)
    assert all(c in rest for c in kept)  # in this order


def test_control_characters_are_written_as_escapes() -> None:
    failure = next(document([result(replace(RAISES, reason="\x1b[31mred\x00\r\n\ud800\uffff"))]).iter("failure"))
    assert failure.get("message") == "raises: \\x1b[31mred\\x00\n\\ud800\\uffff"


# Markdown

READER = MarkdownIt("commonmark").enable("table")


def rendered(text: str) -> str:
    """HTML, as a reader of Markdown that is not ours makes it."""
    return str(READER.render(text))


def test_the_page_says_how_many_were_unexpected_and_which() -> None:
    page = markdown(RESULTS, TITLES, {QUIRK: "weight decay adds the index"})
    assert "**7 results, 3 unexpected**" in page
    html = rendered(page)
    assert re.search(r"<th>R torch</th>\s*<th>base R</th>", html)
    assert "<strong>diverges (!)</strong>" in html and "<strong>raises (!)</strong>" in html
    unexpected = html.split("<h3>Unexpected (3)</h3>")[1]
    assert "<strong>diverges</strong> <code>sgd/decay-ravine-f32</code>, R torch, closed" in unexpected
    assert "step 3, params/x[0]: -4.91 (expected -4.85 within 1e-06; 1e+05 ulps away)" in unexpected
    assert "it matches if p | q is &lt;added&gt; twice" in unexpected
    assert "and 1 more like it in sgd, weight decay" in unexpected  # the one that was mended
    folded = html.split("<details><summary>Known departures (1)</summary>")[1].split("</details>")[0]
    assert f"<td><code>{QUIRK}</code></td>" in folded and "<td>weight decay adds the index</td>" in folded and "R torch, 1 case" in folded


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    piped = [replace(r, version="1|2", implementation=r.implementation + "|x") for r in RESULTS]
    html = rendered(markdown(piped, {}, {QUIRK: "a | b"}))
    tables = re.findall(r"<table>.*?</table>", html, re.DOTALL)
    assert len(tables) == 3
    for table in tables:
        assert len({len(re.findall(r"<t[hd]\b", row)) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)}) == 1
    assert "r-torch|x" in tables[0] and "1|2" in tables[1] and "a | b" in tables[2]


def test_a_page_without_surprises_has_no_such_section() -> None:
    page = markdown([r for r in RESULTS if r.judgement.expected], TITLES, {})
    assert "0 unexpected" in page and "### Unexpected" not in page and "(!)" not in page
    assert "<details>" not in markdown(RESULTS[:1], TITLES, {})


def test_a_page_fits_a_summary() -> None:
    many = [
        replace(result(replace(DIVERGES, diagnosis="x" * 10**5)), optimizer=f"rule{place}", case=f"rule{place}/case")
        for place in range(400)
    ]
    page = markdown(many, TITLES, {})
    assert len(page.encode()) < 2**20 and "- and 350 more" in page


PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), min_size=1).filter(str.strip)


def text_of(html: str) -> str:
    """What a browser shows, on one line."""
    return " ".join("".join(ElementTree.fromstring(f"<x>{html}</x>").itertext()).split())


@given(PRINTABLE)
def test_escaped_text_stands_for_itself(said: str) -> None:
    wanted = " ".join(said.split())
    assert text_of(rendered(f"- a\n  - {escape(said)}\n")) == f"a {wanted}"
    assert text_of(rendered(f"| a | b |\n| --- | --- |\n| {escape(said)} | {code(said)} |\n")) == f"a b {wanted} {wanted}"


# Badges


def test_a_badge_says_how_it_went() -> None:
    drawn = ElementTree.fromstring(status(RESULTS))
    title = drawn.findtext("{*}title")
    assert title == drawn.get("aria-label") == "crossoptim: 7 results, 3 unexpected"
    assert [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")] == ["crossoptim", "7 results, 3 unexpected"]
    assert badge.BAD in status(RESULTS) and badge.GOOD in status(RESULTS[:1]) and "1 result, 0 unexpected" in status(RESULTS[:1])
    nothing = status(RESULTS[-2:])
    assert badge.NOTHING in nothing and "nothing judged" in nothing


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C",))), st.text(st.characters(codec="utf-8", exclude_categories=("C",))))
def test_a_badge_is_as_wide_as_its_texts(label: str, message: str) -> None:
    drawn = ElementTree.fromstring(badge.badge(label, message, badge.GOOD))
    first, second = drawn.iter("{http://www.w3.org/2000/svg}text")
    ends = [int(str(t.get("x"))) + int(str(t.get("textLength"))) for t in (first, second)]
    assert ends[0] < int(str(second.get("x"))) and ends[1] < int(str(drawn.get("width")))
    assert (first.text or "", second.text or "") == (label, message)
    assert badge.badge(label, message, badge.GOOD) == badge.badge(label, message, badge.GOOD)


@pytest.mark.parametrize("colour", [badge.GOOD, badge.BAD, badge.NOTHING, badge.LABEL])
def test_white_text_is_readable_on_a_badge(colour: str) -> None:
    """WCAG 2.1's contrast ratio, at least its AA."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_a_name_with_braces_gives_a_badge_an_implementation() -> None:
    assert list(badges(RESULTS, "out.svg", TITLES)) == ["out.svg"]
    found = badges([replace(RESULTS[0], implementation="../mine"), *RESULTS], "badges/{}.svg", TITLES)
    assert list(found) == ["badges/..-mine.svg", "badges/r-torch.svg", "badges/base-r.svg"]
    assert "R torch: 6 results, 3 unexpected" in found["badges/r-torch.svg"]


# The command line


def test_check_writes_every_report_it_is_asked_for(cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    files = {option: str(tmp_path / f"report.{option}") for option in ("junit", "markdown", "badge")}
    said = cli(*RECORDED, "-s", "sgd/decay-ravine-*", *(word for option, file in files.items() for word in (f"--{option}", file)))
    assert said.code == 0
    texts = {option: Path(file).read_text(encoding="utf-8") for option, file in files.items()}
    tests = list(ElementTree.fromstring(texts["junit"]).iter("testcase"))
    assert f"{len(tests)} results, 0 unexpected" in said.out
    assert f"**{len(tests)} results, 0 unexpected**" in texts["markdown"] and QUIRK in texts["markdown"]
    assert f"{len(tests)} results, 0 unexpected" in texts["badge"]


@pytest.mark.parametrize(
    "option, reads", [("--junit", ElementTree.fromstring), ("--badge", ElementTree.fromstring), ("--markdown", rendered)]
)
def test_a_report_on_standard_output_is_alone_there(cli: Cli, option: str, reads: Callable[[str], Any]) -> None:  # noqa: F811
    said = cli(*RECORDED, "-s", "sgd/plain-ravine-f64", option, "-")
    assert said.code == 0 and "0 unexpected" in said.err
    reads(said.out)
    assert "crossoptim" in said.out and "Known departures (crossoptim show" not in said.out
    twice = cli(*RECORDED, "-s", "sgd/plain-ravine-f64", option, "-", "--json", "-")
    assert (twice.code, twice.out) == (2, "") and "standard output takes one report" in twice.err


@pytest.mark.parametrize("option", ["--json", "--junit", "--markdown", "--badge"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(cli: Cli, option: str, tmp_path: Path) -> None:  # noqa: F811
    for file, why in (
        (tmp_path / "no" / "file", f"the folder {tmp_path / 'no'} does not exist"),
        (tmp_path, "is a folder (expected a file)"),
    ):
        said = cli(*RECORDED, option, str(file))
        assert (said.code, said.out, said.err) == (2, "", f"crossoptim: {option} {file}: {why}\n")
