"""docs/seeds.md: each row names checks that exist, each check of the seeds has its row, and the rows are counted."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from crossoptim.studies import all_studies

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "seeds.md").read_text(encoding="utf-8")
HEADS = re.findall(r"^## (\w):", PAGE, re.MULTILINE)
SECTIONS = dict(zip(HEADS, re.split(r"^## .*$", PAGE, flags=re.MULTILINE)[1:], strict=True))
RESULT = re.compile(r"(confirmed|\*\*only so far\*\*|\*\*wrong\*\*)(: .+)?")
TESTS = {f"tests/{file.name}: {name}" for file in HERE.glob("test_*.py") for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)}


def rows(section: str) -> list[list[str]]:
    """Claim, check and result of each row."""
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    assert cells[0] == ["claim", "check", "result"]
    return cells[1:]


def test_every_row_names_a_check_that_exists_and_has_a_result() -> None:
    for claim, check, result in (row for section in SECTIONS.values() for row in rows(section)):
        found = RESULT.fullmatch(result)
        assert found and (found[2] or found[1] == "confirmed"), f"{claim}: {result}"
        names = re.findall(r"`([^`]+)`", check)
        assert names and check == ", ".join(f"`{name}`" for name in names), f"{claim}: {check}"
        for name in names:
            study = name.removeprefix("crossoptim study ")
            known = {name, f"tests/test_seeds.py: {name}"} & TESTS if study == name else {study} & set(all_studies())
            assert known, f"{claim}: {name}"


def test_every_check_of_the_seeds_has_its_row() -> None:
    own = {name.removeprefix("tests/test_seeds.py: ") for name in TESTS if name.startswith("tests/test_seeds.py: ")}
    assert own == set(re.findall(r"`(test_\w+)`", PAGE))


def test_the_page_counts_its_rows() -> None:
    summary = re.findall(r"^\| (\w) \|.*\| (\d+) \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
    counts = {letter: [int(number) for number in numbers] for letter, *numbers in summary}
    results = {letter: Counter(row[2].split(":")[0].strip("*") for row in rows(section)) for letter, section in SECTIONS.items()}
    assert counts == {letter: [of["confirmed"], of["only so far"], of["wrong"]] for letter, of in results.items()}
    assert f"| | all | {' | '.join(str(sum(column)) for column in zip(*counts.values(), strict=True))} |\n" in PAGE
