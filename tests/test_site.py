"""The site: every page is there, every link leads somewhere, nothing comes from the network, and a browser shows it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from filelock import FileLock
from pages import HERE

from crossoptim import catalogue
from crossoptim.spec.ecosystems import all_quirks
from crossoptim.spec.emit.latex import lines
from crossoptim.spec.rules import resolve
from crossoptim.spec.schedules import all_schedules
from crossoptim.spec.trace import trace
from crossoptim.studies import all_studies

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

DOCS = HERE / "docs"
OPTIMIZERS = [row["name"] for row in catalogue.optimizers()]
SPECIFIED = [*(f"generated/optimizers/{name}" for name in OPTIMIZERS), *(f"generated/schedules/{name}" for name in all_schedules())]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site without the studies that take long, built once for all processes of the test run."""
    place = tmp_path_factory.getbasetemp()
    place = place.parent if "PYTEST_XDIST_WORKER" in os.environ else place
    out = place / "site"
    with FileLock(place / "site.lock"):
        if not (place / "site.said").exists():
            command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-b", "html", "-d", place / "doctrees", DOCS, out]
            done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=600, check=False)
            (place / "site.said").write_text(done.stderr if done.returncode else "", encoding="utf-8")
    said = (place / "site.said").read_text(encoding="utf-8")
    assert not said, said
    return out


class Parts(HTMLParser):
    """What a page has: names that an anchor can lead to, links, what it loads, and the texts of its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.names |= {given[key] for key in ("id", "name") if key in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link":
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])


@pytest.fixture(scope="session")
def parts(site: Path) -> dict[str, Parts]:
    """Every page of the site by its path."""
    return {str(page.relative_to(site)): Parts(page.read_text(encoding="utf-8")) for page in site.rglob("*.html")}


def within(page: str, links: list[str]) -> Iterator[tuple[str, str]]:
    """The links of a page that stay on the site: path and anchor."""
    for link in links:
        if not urlsplit(link).scheme:
            path, anchor = urldefrag(urljoin(page, link))
            yield unquote(path), unquote(anchor)


# What is there.


def test_every_page_of_the_documentation_is_on_the_site(parts: dict[str, Parts]) -> None:
    pages = {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md")}
    assert pages <= set(parts) and len(pages) > 200


@pytest.mark.parametrize("name", SPECIFIED)
def test_every_optimizer_and_schedule_has_its_equation_and_its_picture(site: Path, name: str) -> None:
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    short = name.rsplit("/", 1)[1]
    equation = trace(resolve(short)) if short in OPTIMIZERS else None
    shown = re.search(r'<div class="equation">(.*?)</div>', text, re.DOTALL)
    if equation and equation.algorithm:
        assert equation.algorithm.splitlines()[0] in text and not shown
    else:
        rows = shown[1].count("<tr>") if shown else 0
        assert rows == len(lines(equation)) if equation else rows
    picture = re.search(rf'<img [^>]*src="([^"]*/{short}\d*\.svg)"', text)
    assert picture and (site / name).parent.joinpath(picture[1]).resolve().stat().st_size > 5000


def test_each_page_of_an_optimizer_names_its_departures(parts: dict[str, Parts]) -> None:
    for name in OPTIMIZERS:
        page = f"generated/optimizers/{name}.html"
        linked = {path for path, _ in within(page, parts[page].links)}
        told = catalogue.page(name, {}).data["ecosystems"].values()
        assert {f"quirks/{quirk}.html" for ecosystem in told for quirk in ecosystem["quirks"]} <= linked


def test_the_page_of_studies_shows_the_picture_of_each_study_or_says_why_not(site: Path) -> None:
    text = (site / "studies.html").read_text(encoding="utf-8")
    for name, study in all_studies().items():
        if f"crossoptim study {name}" in text:
            shown = all(f"_images/{picture}.svg" in text for picture in study.pictures)
            assert shown or re.search(rf"study</span> <span class=\"pre\">{name}.*?\(Not run for this site", text, re.DOTALL)
    assert "_images/ravine.svg" in text and "Where 20 steps lead from" in text


def test_commands_functions_and_help_pages_are_named(parts: dict[str, Parts]) -> None:
    assert {"crossoptim-check", "crossoptim-show"} <= parts["generated/commands.html"].names
    assert {"crossoptim.optim.Adam", "crossoptim.optim.Lion"} <= parts["generated/api/optimizers.html"].names
    assert {"crossoptim.rtorch.optim_adam", "crossoptim.rtorch.lr_step"} <= parts["generated/api/rtorch.html"].names
    helped = parts["generated/r/functions.html"].names | parts["generated/r/optimizers.html"].names
    topics = {re.sub(r"[._]", "-", page.stem) for page in (HERE / "r" / "man").glob("*.Rd")}
    assert topics <= helped


def test_no_help_page_of_r_keeps_a_macro(site: Path) -> None:
    for page in ("functions", "optimizers"):
        text = (site / f"generated/r/{page}.html").read_text(encoding="utf-8")
        assert not re.findall(r"\\(?:code|link|item|verb|describe|if|dots|method)\b", text)


# Where links lead.


def test_every_link_and_anchor_leads_somewhere(site: Path, parts: dict[str, Parts]) -> None:
    lost = []
    for page, found in parts.items():
        for path, anchor in within(page, found.links):
            if path in parts:
                if anchor and anchor not in parts[path].names:
                    lost.append(f"{page}: {path}#{anchor}")
            elif not (site / path).is_file():
                lost.append(f"{page}: {path}")
    assert lost == []


def test_nothing_is_loaded_from_the_network(site: Path, parts: dict[str, Parts]) -> None:
    for page, found in parts.items():
        assert [address for address in found.loads if urlsplit(address).scheme not in ("", "data") or address.startswith("//")] == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_two_clicks_lead_from_the_start_to_everything(parts: dict[str, Parts]) -> None:
    reached = {"index.html"}
    for _ in range(2):
        reached |= {path for page in reached & set(parts) for path, _ in within(page, parts[page].links)}
    wanted = {"golden", "bounds", "fixtures", "protocol", "studies", "benchmarks", "generated/api/index", "generated/changelog", *SPECIFIED}
    wanted |= {path.relative_to(DOCS).with_suffix("").as_posix() for path in (*DOCS.glob("*.md"), *(DOCS / "tutorials").glob("*.md"))}
    wanted |= {f"quirks/{quirk}" for quirk in all_quirks()}
    assert {f"{page}.html" for page in wanted} - reached == set()


@pytest.mark.parametrize("address", ["", "https://example.org/crossoptim"])
def test_links_out_of_the_documentation_lead_to_a_page_to_the_repository_or_nowhere(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    from docutils import nodes
    from docutils.frontend import get_default_settings
    from docutils.utils import new_document
    from sphinx import addnodes

    monkeypatch.syspath_prepend(DOCS / "_ext")
    from crossoptim_docs.files import FileLinks

    page = new_document("index.md", get_default_settings())
    page.settings.env = SimpleNamespace(srcdir=DOCS, config=SimpleNamespace(crossoptim_repository=address))
    links = {"../fixtures/v1": addnodes.pending_xref, "../fixtures/MANIFEST.json": addnodes.download_reference}
    links |= {"examples/adapter.py": addnodes.download_reference, "report.png": addnodes.download_reference}
    for target, kind in links.items():
        page += nodes.paragraph("", "", kind("", nodes.Text(target), reftype="myst", reftarget=target, refdoc="index"))
    FileLinks(page).apply()
    folder, manifest, adapter, picture = (paragraph[0] for paragraph in page)
    assert adapter["refdomain"] == "doc" and adapter["reftarget"] == "generated/files/docs/examples/adapter.py"
    assert isinstance(picture, addnodes.download_reference)
    assert [found.get("refuri", "") for found in (folder, manifest)] == (
        [f"{address}/tree/HEAD/fixtures/v1", f"{address}/blob/HEAD/fixtures/MANIFEST.json"] if address else ["", ""]
    )


# Whether examples run.


@pytest.mark.parametrize("name", SPECIFIED)
def test_the_example_of_a_page_runs(site: Path, name: str) -> None:
    import torch

    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    programs = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(programs) == 1
    made: dict[str, Any] = {"model": torch.nn.Linear(3, 3, bias=False)}
    exec(programs[0], made)  # noqa: S102
    assert made["optimizer"].param_groups[0]["lr"] >= 0


# What a browser shows.


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("page", ["index.html", "generated/optimizers/adam.html"])
def test_a_browser_shows_it_without_an_error_and_without_a_bar_below(browser: WebDriver, site: Path, page: str, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get((site / page).as_uri())
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert all(address.startswith("file:") for address in loaded)
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    script = "return [...document.querySelectorAll('.equation math')].map(m => m.getBoundingClientRect()).map(r => [r.width, r.height])"
    sizes = browser.execute_script(script)
    assert all(wide > 5 and high > 8 for wide, high in sizes) and len(sizes) == (14 if "adam" in page else 0)
    pictures = browser.execute_script("return [...document.querySelectorAll('article img')].map(i => i.naturalWidth)")
    assert pictures and all(wide > 100 for wide in pictures)


def test_the_search_finds_without_a_server(browser: WebDriver, site: Path) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    browser.get(f"{(site / 'search.html').as_uri()}?q=bias+correction")
    links = "return [...document.querySelectorAll('#search-results li a')].map(link => link.textContent)"
    WebDriverWait(browser, 20).until(lambda page: {"Adam", "NAdam"} <= set(page.execute_script(links)))
    assert browser.get_log("browser") == []
