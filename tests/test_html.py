"""The report as a page: what it holds, and how it behaves in a real browser that is alone with it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pytest

from crossoptim.check.detail import curves, of_trajectory
from crossoptim.check.reports.compare import changes
from crossoptim.check.reports.html.contours import HEIGHT, WIDTH, grid, two_numbers
from crossoptim.check.reports.html.numbers import row
from crossoptim.check.reports.html.page import assembled, document, page
from crossoptim.check.result import Result, report
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.export import every_case, load, read_manifest
from crossoptim.golden.fixture import root
from crossoptim.golden.schedules.cases import all_schedule_cases
from crossoptim.golden.trajectory import golden
from crossoptim.runners.campaign import Campaign
from crossoptim.spec.emit.latex import lines, render, symbol
from crossoptim.spec.emit.mathml import mathml, translated
from crossoptim.spec.expr import parse
from crossoptim.spec.problems import all_problems, get_problem
from crossoptim.spec.rules import all_rules
from crossoptim.spec.trace import trace

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

QUIRK = "r-torch/sgd/weight-decay-adds-index"
CASES = (
    "sgd/plain-ravine-f64", "sgd/decay-ravine-f64", "sgd/decay-injected-f32", "sgd/momentum-ravine-f32", "adam/plain-ravine-f64",
    "lbfgs/plain-ravine-f64", "schedules/step/changed-outside", "refusals/sgd",
)  # fmt: skip
TITLES = {"crossoptim": "crossoptim", "r-torch": "R torch"}


@pytest.fixture(scope="module")
def judged() -> tuple[list[Any], list[Result]]:
    """Some cases on R torch as it was recorded, with one quirk unknown, so that something diverges."""
    hashes = read_manifest(root())
    cases = [load(root(), name, hashes) for name in CASES]
    campaign = Campaign(root(), ["r-torch"], source="recorded", ignored_quirks=[QUIRK], details=True)
    return cases, campaign.run(cases)


@pytest.fixture(scope="module")
def before(judged: tuple[list[Any], list[Result]]) -> dict[str, Any]:
    """The report of an earlier version, with which nothing diverged."""
    mended = [
        replace(r, version="0.1", judgement=replace(r.judgement, verdict="documented", expected=True, finding=None, quirks=(QUIRK,)))
        if r.judgement.verdict == "diverges"
        else replace(r, version="0.1")
        for r in judged[1]
    ]
    return report(mended)


@pytest.fixture(scope="module")
def path(judged: tuple[list[Any], list[Result]], before: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, as a file."""
    cases, results = judged
    file = tmp_path_factory.mktemp("page") / "report.html"
    text = page(results, cases, TITLES, before, changes(before, report(results)), "last-week.json")
    file.write_text(text, encoding="utf-8")
    return file


# What it holds.


def test_numbers_are_short_and_runs_of_them_shorter() -> None:
    assert row([0.0, 0.0, 0.0, None, 1 / 3, 1.5e-7, float("nan"), float("-inf")]) == "0*3 ~ 0.333333 1.5e-7 NaN -Inf"
    assert row([123456.0], 2) == "1.2e5"


def test_a_result_that_leaves_its_bounds_shows_how_far_at_each_step(judged: tuple[list[Any], list[Result]]) -> None:
    result = next(r for r in judged[1] if r.case == "sgd/decay-ravine-f64" and r.mode == "replay")
    finding = result.judgement.finding
    assert result.judgement.verdict == "diverges" and finding and result.detail
    errors = result.detail.errors[finding.tensor]
    error, bound = errors.error[finding.step - 1], errors.bound[finding.step - 1]
    assert error is not None and bound is not None and error > bound
    assert error == pytest.approx(finding.ulps, rel=0.5)  # of the worst element, not of the first


def test_an_exact_result_is_within_what_rounding_allows(judged: tuple[list[Any], list[Result]]) -> None:
    case, trajectory = next((case, held) for case, held in judged[0] if case.id == "adam/plain-ravine-f64")
    detail = of_trajectory(case, trajectory, trajectory, "replay", ())
    assert set(detail.errors) == {"params/x", "state/x/m", "state/x/v"}
    for errors in detail.errors.values():
        assert all(e is not None and b is not None and e <= b for e, b in zip(errors.error, errors.bound, strict=True))


def test_details_go_along_through_processes(judged: tuple[list[Any], list[Result]]) -> None:
    from crossoptim.runners import parallel

    cases, results = judged
    arguments = {"fixtures": root(), "implementations": ["r-torch"], "source": "recorded", "ignored_quirks": [QUIRK], "details": True}
    found = parallel.judge(arguments, cases[:3], 1, lambda _: None)["r-torch"]
    assert [r.detail for r in found] == [r.detail for r in results if r.case in CASES[:3]]


def test_without_asking_results_carry_nothing(judged: tuple[list[Any], list[Result]]) -> None:
    found = Campaign(root(), ["r-torch"], source="recorded").run(judged[0][:2])
    assert all(r.detail is None for r in found)


def test_of_many_good_results_one_of_a_kind_carries_its_numbers(
    judged: tuple[list[Any], list[Result]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossoptim.runners.campaign._FEW", 0)
    cases = [held for held in judged[0] if held[0].id in ("sgd/plain-ravine-f64", "sgd/decay-ravine-f64")]
    again = [(replace(case, id=f"{case.id}-again"), held) for case, held in cases]
    found = Campaign(root(), ["reference"], details=True).run([*cases, *again])
    kinds = [(r.optimizer, r.topic) for r in found if r.detail]
    assert len(kinds) == len(set(kinds)) == len({(r.optimizer, r.topic) for r in found})


def test_every_problem_of_two_numbers_has_contours_with_its_minimum_lowest() -> None:
    drawn = [problem for problem in all_problems().values() if two_numbers(problem)]
    assert {"ravine", "rosenbrock"} <= {problem.name for problem in drawn}
    for problem in drawn:
        start = [value for param in problem.params for value in param.start]
        low = [value for values in (problem.minimum or {}).values() for value in values]
        made = grid(problem, ([start[0], low[0]], [start[1], low[1]]), [])
        x0, x1, y0, y1 = made["box"]
        heights = [[line[2 * k : 2 * k + 2] for k in range(WIDTH)] for line in made["grid"].split(" ")]
        lowest = [(i, j) for j in range(HEIGHT) for i in range(WIDTH) if heights[j][i] == "AA"]
        assert lowest, problem.name
        i, j = lowest[0]
        at = x0 + i / (WIDTH - 1) * (x1 - x0), y0 + j / (HEIGHT - 1) * (y1 - y0)
        grid_points = [(x, y) for x in np.linspace(x0, x1, WIDTH)[::3] for y in np.linspace(y0, y1, HEIGHT)[::3]]
        assert _value(problem, at) <= min(value for point in grid_points if np.isfinite(value := _value(problem, point)))


def _value(problem: Any, point: tuple[float, float]) -> float:
    from crossoptim.golden import oracle

    numbers = iter(point)
    params = {p.name: np.array([next(numbers) for _ in p.start]).reshape(p.shape) for p in problem.params}
    return oracle.loss(problem, params, "float64")


def test_a_path_that_runs_away_does_not_shrink_the_picture() -> None:
    problem, path = get_problem("ravine"), ([-5.0, 0.0], [-2.0, 0.0])
    assert grid(problem, path, [([-5.0, 1e30], [-2.0, -1e30])])["box"] == grid(problem, path, [])["box"]


def test_large_problems_show_the_first_of_each_tensor_and_what_was_found() -> None:
    case = next(case for case in all_cases().values() if sum(len(p.start) for p in case.problem.params) > 20 and case.problem.value)
    shown = curves(case, golden(case))
    assert "loss" in shown and len(shown) == 7
    last = case.problem.params[0]
    label = f"{last.name}[{','.join(str(n - 1) for n in last.shape)}]"
    assert label in curves(case, golden(case), [label]) and "nothing[0]" not in curves(case, golden(case), ["nothing[0]"])


def test_every_equation_is_mathml_that_says_what_the_latex_says() -> None:
    seen = 0
    for rule in all_rules().values():
        for equation in {trace(case.base) for case in all_cases().values() if case.rule == rule.name}:
            for (left, right), line in zip(lines(equation), mathml(equation), strict=True):
                tree = ElementTree.fromstring(line)
                assert tree.tag == "math"
                latex = f"{left} = {right}"
                assert sum(node.tag == "mfrac" for node in tree.iter()) == latex.count(r"\frac")
                assert sum(node.tag == "msqrt" for node in tree.iter()) == latex.count(r"\sqrt")
                assert sum(node.tag == "mtable" for node in tree.iter()) == latex.count(r"\begin{cases}")
                # a superscript may stand before or after the subscript
                assert sorted(re.findall(r"\d", "".join(tree.itertext()))) == sorted(re.findall(r"\d", latex))
                seen += 1
    assert seen > 100


def test_every_schedule_is_mathml() -> None:
    for case in all_schedule_cases().values():
        for left, right in case.settings[0].text():
            ElementTree.fromstring(translated(f"{symbol(left)} = {render(parse(right), {})}"))


def test_scripts_stand_where_they_belong() -> None:
    assert translated(r"x_{t}^{2}") == ("<math display='block'><msubsup><mi>x</mi><mi>t</mi><mn>2</mn></msubsup></math>")
    assert "<msub>" in translated(r"\theta_{t-1}") and "<mo>−</mo>" in translated(r"\theta_{t-1}")


def test_latex_that_is_not_ours_is_refused() -> None:
    from crossoptim.errors import CrossoptimError

    with pytest.raises(CrossoptimError, match="no such command"):
        translated(r"\href{x}")
    with pytest.raises(CrossoptimError, match="out of place"):
        translated("a}")


def test_no_text_can_leave_the_data(judged: tuple[list[Any], list[Result]]) -> None:
    cases, results = judged
    bad = replace(results[0], judgement=replace(results[0].judgement, reason="</script><script>alert(1)</script> \u2028"))
    text = assembled(document([bad], cases, TITLES))
    assert "</script><script>alert" not in text and text.count("</script>") == 2


def test_the_page_names_no_address_that_it_would_load(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    head = text[: text.index('id="data"')]
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", head) and "@import" not in head and "url(" not in head
    assert "default-src 'none'" in head


def test_the_same_results_make_the_same_page(judged: tuple[list[Any], list[Result]]) -> None:
    cases, results = judged
    assert page(results, cases, TITLES) == page(results, cases, TITLES)


def test_every_kind_of_case_can_be_shown() -> None:
    from crossoptim.check.reports.html.cases import Cases

    held = Cases()
    for case in every_case().values():
        held.add(case)
    assert len(held.documents) == len(every_case()) and all(document["comment"] for document in held.documents)
    json.dumps([held.documents, held.equations, held.lines.texts], allow_nan=False)
    assert get_case("sgd/decay-ravine-f64").id in {document["id"] for document in held.documents}


def crossoptim(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crossoptim", "check", "-s", "sgd/decay-ravine-f64", "-r", "r-torch", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_writes_the_page_and_compares(before: dict[str, Any], tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.html"
    old.write_text(json.dumps(before), encoding="utf-8")
    said = crossoptim("--source", "recorded", "--ignore-quirk", QUIRK, "--html", str(new), "--compare", str(old))
    assert said.returncode == 1, said.stderr
    data = json.loads(re.findall(r'id="data">(.*?)</script>', new.read_text(encoding="utf-8"))[0])
    assert data["compared"]["name"] == "old.json"
    assert [change[4:6] for change in data["compared"]["changes"]] == [["documented", "diverges"]] * 2


def test_a_page_that_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    said = crossoptim("--source", "recorded", "--html", str(tmp_path / "nowhere" / "page.html"))
    assert said.returncode == 2 and "does not exist" in said.stderr and not said.stdout


# How it behaves.


@pytest.fixture
def opened(browser: WebDriver, path: Path) -> WebDriver:
    """The page, opened anew."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get("about:blank")
    browser.get(path.as_uri())
    return browser


def all_of(browser: WebDriver, css: str) -> list[WebElement]:
    return browser.find_elements("css selector", css)


def one(browser: WebDriver, css: str) -> WebElement:
    return browser.find_element("css selector", css)


def press(browser: WebDriver, *keys: str) -> None:
    from selenium.webdriver.common.keys import Keys

    for key in keys:
        browser.switch_to.active_element.send_keys(getattr(Keys, key))


def choose(browser: WebDriver, name: str, value: str) -> None:
    from selenium.webdriver.support.select import Select

    Select(one(browser, f"#filter-{name}")).select_by_value(value)


def is_open(browser: WebDriver) -> bool:
    return bool(browser.execute_script("return document.getElementById('dialog').open"))


def test_it_opens_without_an_error_and_asks_the_network_for_nothing(opened: WebDriver) -> None:
    assert "crossoptim check" in one(opened, "h1").text
    assert opened.get_log("browser") == []
    assert opened.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)") == []


def test_the_matrix_says_verdicts_in_words(opened: WebDriver) -> None:
    heads = [cell.text.split("\n")[0] for cell in all_of(opened, "thead th")]
    assert heads == ["R torch"]
    cell = one(opened, "[data-cell='sgd r-torch']")
    assert "diverges" in cell.text and "!" in cell.text and "not expected" in (cell.get_attribute("aria-label") or "")
    assert [part.get_attribute("role") for part in (one(opened, "#matrix table"), one(opened, "tbody td"))] == ["grid", "gridcell"]


@pytest.mark.parametrize(
    "name, value, cells",
    [
        ("optimizer", "adam", {"adam"}),
        ("topic", "weight decay", {"sgd"}),
        ("dtype", "float32", {"sgd", "refusals"}),
        ("mode", "closed", {"sgd", "adam", "lbfgs"}),
        ("verdict", "diverges", {"sgd"}),
        ("verdict", "unexpected", {"sgd"}),
        ("verdict", "changed", {"sgd"}),
        ("flag", "IndexInsteadOfValue", {"sgd"}),
    ],
)
def test_each_filter_leaves_what_fits(opened: WebDriver, name: str, value: str, cells: set[str]) -> None:
    choose(opened, name, value)
    shown = {cell.get_attribute("data-cell").split(" ")[0].rstrip(",") for cell in all_of(opened, ".cell")}  # type: ignore[union-attr]
    assert shown == cells
    assert re.match(r"\d+ results? of \d+ cases shown \(of \d+\)", one(opened, "#status").text)
    assert value.replace(" ", "+") in opened.current_url
    one(opened, "#reset").click()
    assert len(all_of(opened, ".cell")) == 5


def test_filters_come_with_the_address(browser: WebDriver, path: Path) -> None:
    browser.get("about:blank")
    browser.get(f"{path.as_uri()}#implementation=r-torch&optimizer=adam")
    assert [cell.get_attribute("data-cell") for cell in all_of(browser, ".cell")] == ["adam r-torch"]


def test_filters_that_leave_nothing_say_so(opened: WebDriver) -> None:
    choose(opened, "optimizer", "adam")
    choose(opened, "verdict", "diverges")
    assert "No result fits" in one(opened, "#matrix").text


def test_a_cell_opens_by_mouse_and_shows_finding_diagnosis_and_drawings(opened: WebDriver) -> None:
    one(opened, "[data-cell='sgd r-torch']").click()
    listed = [button.text for button in all_of(opened, "dialog .case .id")]
    assert "sgd/decay-ravine-f64" in listed
    all_of(opened, "dialog .case")[listed.index("sgd/decay-ravine-f64")].click()
    text = one(opened, "dialog").text
    assert "step 1, params/x[0]" in text and "ulps" in text and "not expected" in text
    assert "Diagnosis it matches if" in text and "1-based index" in text
    assert "Changed diverges, was documented" in text
    assert "weight_decay" in text and "WeightDecay" in text
    assert all_of(opened, "dialog .equation math") and all_of(opened, "dialog .plane .contour")
    labels = [figure.get_attribute("aria-label") for figure in all_of(opened, "dialog svg[role=img]")]
    assert any("outside the bound at step 1" in (label or "") for label in labels)
    drawn = opened.execute_script("return [...document.querySelectorAll('dialog svg path')].map(p => p.getAttribute('d')).join()")
    assert "NaN" not in drawn and "undefined" not in drawn


def test_a_cell_opens_by_keyboard_and_escape_gives_the_focus_back(opened: WebDriver) -> None:
    opened.execute_script("document.getElementById('reset').disabled = false; document.getElementById('reset').focus()")
    press(opened, "TAB")
    first = opened.switch_to.active_element.get_attribute("data-cell")
    assert first and first.endswith("r-torch")
    press(opened, "ARROW_DOWN")
    second = opened.switch_to.active_element.get_attribute("data-cell")
    assert second and second != first
    press(opened, "ENTER")
    assert is_open(opened) and opened.switch_to.active_element.get_attribute("id") == "dialog-title"
    press(opened, "TAB", "TAB")  # the title stands behind the button that closes
    while "case" not in (opened.switch_to.active_element.get_attribute("class") or ""):
        press(opened, "TAB")
    press(opened, "ENTER")
    assert all_of(opened, "dialog .finding")
    press(opened, "ESCAPE")
    assert not is_open(opened)
    assert opened.switch_to.active_element.get_attribute("data-cell") == second


def test_rows_unfold_into_topics(opened: WebDriver) -> None:
    rows = len(all_of(opened, "tbody tr"))
    one(opened, "[data-cell='fold sgd']").click()
    assert len(all_of(opened, "tbody tr.topic")) > 1 and len(all_of(opened, "tbody tr")) > rows
    assert one(opened, "[data-cell='fold sgd']").get_attribute("aria-expanded") == "true"


@pytest.mark.parametrize(
    "cell, says",
    [
        ("schedules", ["something else sets the rate", "build the scheduler anew", "How far the path lies"]),
        ("refusals", ["invalid input", "What was tried", "accepted (r-torch/input/"]),
        ("lbfgs", ["Over the contours", "float32", "max_iter"]),
    ],
)
def test_each_kind_of_case_shows_its_own(opened: WebDriver, cell: str, says: list[str]) -> None:
    one(opened, f"[data-cell='{cell} r-torch']").click()
    one(opened, "dialog .case").click()
    text = one(opened, "dialog").text
    assert [part for part in says if part not in text] == []
    assert any("github.com/mlverse/torch/blob/" in (link.get_attribute("href") or "") for link in all_of(opened, "dialog a"))
    assert opened.get_log("browser") == []


def test_what_changed_stands_first(opened: WebDriver) -> None:
    text = one(opened, "#changes").text
    assert "Changes since last-week.json" in text and "documented → diverges" in text and "R torch 0.1 →" in text
    one(opened, "#changes .case").click()
    assert "Changed" in one(opened, "dialog .finding").text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_needs_no_sideways_scrolling_and_colours_can_be_read(opened: WebDriver, scheme: str) -> None:
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": False})
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    assert opened.execute_script("return document.documentElement.scrollWidth") <= 360
    assert "diverge" in one(opened, "[data-cell='sgd r-torch']").text
    one(opened, "[data-cell='sgd r-torch']").click()
    one(opened, "dialog .case").click()
    assert opened.execute_script("const d = document.getElementById('dialog'); return d.scrollWidth - d.clientWidth") <= 0
    for css in (".badge", ".hint", "dt", ".case .comment", "dialog a"):
        for node in all_of(opened, css)[:8]:
            assert contrast(opened, node) >= 4.5, f"{css} {node.text!r} {scheme}"


def contrast(browser: WebDriver, node: WebElement) -> float:
    """The ratio of WCAG 2 between a text and the first ground behind it that is not transparent."""
    script = """
      let at = arguments[0], ground = null;
      const text = getComputedStyle(at).color;
      for (; at && !ground; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (colour !== 'rgba(0, 0, 0, 0)' && colour !== 'transparent') ground = colour;
      }
      return [text, ground || 'rgb(255, 255, 255)'];
    """
    levels = sorted(_luminance(colour) for colour in browser.execute_script(script, node))
    return (levels[1] + 0.05) / (levels[0] + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
