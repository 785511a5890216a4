"""The R package's copy of the fixtures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from crossoptim.golden.bundle import BUNDLE, bundle_text, read_bundle, refresh_bundle
from crossoptim.golden.cases import get_case
from crossoptim.golden.export import export
from crossoptim.golden.fixture import VERSION, root

BUNDLED = root().parent / BUNDLE
LIMIT = 4_000_000


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a single case and no bundle."""
    golden = tmp_path / "fixtures" / VERSION / "golden" / "sgd"
    golden.mkdir(parents=True)
    shutil.copy(root() / VERSION / "spec.json", golden.parents[1])
    shutil.copy(root() / VERSION / "golden" / "sgd" / "decay-injected-f32.json", golden)
    return tmp_path


def test_the_packages_copy_is_the_committed_fixtures_and_small() -> None:
    assert read_bundle(BUNDLED) == bundle_text(root() / VERSION)
    assert BUNDLED.stat().st_size < LIMIT


def test_every_line_is_a_fixture_under_its_name() -> None:
    lines = read_bundle(BUNDLED).splitlines()
    golden = {path.relative_to(root() / VERSION).as_posix() for path in (root() / VERSION / "golden").rglob("*.json")}
    assert {f"{line.partition(chr(9))[0]}.json" for line in lines} == golden | {"spec.json"}
    for line in lines[:: len(lines) // 20]:
        name, _, text = line.partition("\t")
        assert json.loads(text) == json.loads((root() / VERSION / f"{name}.json").read_text(encoding="utf-8"))


def test_a_bundle_that_holds_the_same_is_left_alone(checkout: Path) -> None:
    version, path = checkout / "fixtures" / VERSION, checkout / BUNDLE
    assert refresh_bundle(version, path)
    before = path.stat().st_mtime_ns
    assert not refresh_bundle(version, path)
    assert path.stat().st_mtime_ns == before
    (version / "golden" / "sgd" / "decay-injected-f32.json").unlink()
    assert refresh_bundle(version, path)
    assert read_bundle(path).count("\n") == 1


def test_an_export_writes_the_bundle_where_the_r_package_lies(checkout: Path) -> None:
    target = checkout / "fixtures"
    export(target, [])
    assert not (checkout / BUNDLE).exists()
    (checkout / BUNDLE).parent.mkdir(parents=True)
    export(target, [])
    assert read_bundle(checkout / BUNDLE) == bundle_text(target / VERSION)


def test_an_export_into_another_folder_of_a_checkout_leaves_the_bundle_alone(checkout: Path) -> None:
    (checkout / BUNDLE).parent.mkdir(parents=True)
    export(checkout / "fixtures", [])
    before = (checkout / BUNDLE).read_bytes()
    export(checkout / "copied", [get_case("sgd/plain-ravine-f64")])
    assert (checkout / "copied" / "MANIFEST.json").is_file()
    assert (checkout / BUNDLE).read_bytes() == before
