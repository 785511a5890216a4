"""How sharp the bounds are is measured and published; a bound that grows makes the page stale."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from crossoptim.check.judge import Judge
from crossoptim.check.sharpness import Elements, measure, report, rows, stepped
from crossoptim.cli import app
from crossoptim.errors import CrossoptimError
from crossoptim.golden.cases import all_cases
from crossoptim.golden.export import load, read_manifest
from crossoptim.golden.fixture import root
from crossoptim.golden.trajectory import golden

PAGE = Path(__file__).parents[1] / "docs/bounds.md"
HELD = ("lion", "sparse_adam")


def published() -> dict[tuple[str, str], dict[str, str]]:
    """The table of the page, by rule and dtype."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines() if line.startswith("|")]
    head, _, *body = lines
    return {(line[0], line[1]): dict(zip(head, line, strict=True)) for line in body}


@pytest.mark.parametrize("rule", HELD)
def test_the_published_bounds_are_those_of_the_goldens(rule: str) -> None:
    hashes = read_manifest(root())
    ids = [path.removeprefix("golden/").removesuffix(".json") for path in hashes if fnmatch(path, f"golden/{rule}/*")]
    found = report(measure(stepped(load(root(), name, hashes) for name in ids), lambda *_: ()))
    for row in rows(found):
        there = published()[row["rule"], row["dtype"]]
        assert {key: there[key] for key in row if key.startswith(("elements", "median", "90", "max"))} == {
            key: value for key, value in row.items() if key.startswith(("elements", "median", "90", "max"))
        }, "stale: crossoptim sharpness --markdown"


def test_every_rule_that_is_stepped_is_on_the_page() -> None:
    cases = [case for case in all_cases().values() if not case.base.rule.converse]
    assert set(published()) == {(case.rule, case.dtype) for case in cases}


def test_nothing_uses_more_than_its_bound_and_no_bound_is_far_from_what_is_used() -> None:
    for (rule, dtype), row in published().items():
        used = float(row["used, max"].removesuffix(" %") or 100)
        assert 20 <= used <= 100, f"{rule} {dtype}"
        assert float(row["median ulps"]) < 40, f"{rule} {dtype}"


def test_a_bound_in_ulps_is_the_bound_over_the_spacing() -> None:
    case = all_cases()["sgd/plain-ravine-f64"]
    wanted = golden(case)
    found = Elements(Judge(case, wanted), wanted)
    # p - lr g: a product and a difference, two roundings of p and of lr g each
    after, before, grad = np.asarray(wanted.params["x"][0]), np.array([-5.0, -2.0]), np.asarray(wanted.grads["x"][0])
    by_hand = 2 * 2.0**-53 * (np.abs(before) + case.base.values["lr"] * np.abs(grad)) / np.spacing(np.abs(after))
    np.testing.assert_allclose(found.bounds[0][:2], by_hand, rtol=1e-10)


def test_the_command_prints_and_writes_the_table() -> None:
    done = CliRunner().invoke(app, ["sharpness", "-s", "lion/plain-ravine-*", "--json", "-"])
    assert done.exit_code == 0, done.output
    data: dict[str, Any] = json.loads(done.stdout)
    assert set(data["rules"]["lion"]) == {"float32", "float64"} and data["schema"] == "crossoptim/sharpness/1"
    assert 0 < data["rules"]["lion"]["float64"]["bound"]["median"] < 10


def test_cases_without_steps_are_refused() -> None:
    with pytest.raises(CrossoptimError, match="nothing to measure"):
        stepped([])
