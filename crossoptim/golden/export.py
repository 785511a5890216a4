"""Writes the fixtures: spec.json, one golden file a case, the manifest. The same bytes on every machine, every time."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from crossoptim.errors import FixtureError
from crossoptim.golden.bundle import BUNDLE, refresh_bundle
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases
from crossoptim.golden.fixture import VERSION, file_sha256, golden_path, root, to_text, validate
from crossoptim.golden.fixture import load as load_case
from crossoptim.golden.flags import flags_document
from crossoptim.golden.json_text import pretty, read, write_whole
from crossoptim.golden.refusals.case import FOLDER as REFUSALS
from crossoptim.golden.refusals.case import RefusalCase, all_refusal_cases
from crossoptim.golden.refusals.fixture import load as load_refusals
from crossoptim.golden.refusals.fixture import to_text as refusals_text
from crossoptim.golden.schedules.case import FOLDER as SCHEDULES
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.cases import all_schedule_cases
from crossoptim.golden.schedules.fixture import load as load_schedule
from crossoptim.golden.schedules.fixture import to_text as schedule_text
from crossoptim.golden.schedules.rates import golden as golden_rates
from crossoptim.golden.sites import cases_of_quirks
from crossoptim.golden.trajectory import golden
from crossoptim.spec.branches import every_equation
from crossoptim.spec.emit.document import document
from crossoptim.spec.model import Rule, Whole
from crossoptim.spec.rules import all_rules

MANIFEST = "MANIFEST.json"
MANIFEST_SCHEMA = "crossoptim/manifest/1"
Progress = Callable[[str], None]
AnyCase = Case | ScheduleCase | RefusalCase


def every_case() -> dict[str, AnyCase]:
    """Every case of every kind, by id: one fixture file each."""
    return {**all_cases(), **all_schedule_cases(), **all_refusal_cases()}


def export(target: Path, cases: Iterable[AnyCase] | None = None, progress: Progress = lambda _: None) -> list[Path]:
    """Write spec.json, the golden files and the manifest below ``target``; for a checkout's ``fixtures``, also the R package's copy.

    Everything is evaluated and validated before the first byte is written. Without ``cases``, all are written, and golden files that an
    earlier export wrote (the manifest lists them) and that no case has any more go.

    Returns:
        The files whose content changed.
    """
    texts = _texts(every_case().values() if cases is None else cases, progress)
    if cases is None and (target / MANIFEST).exists():
        for name in read_manifest(target):
            if name.startswith("golden/") and f"{VERSION}/{name}" not in texts:
                (target / VERSION / name).unlink(missing_ok=True)
    changed = _different(target, texts)
    for path, text in changed.items():
        write_whole(path, text)
    refresh_manifest(target)
    bundle = target.resolve().parent / BUNDLE
    if target.resolve().name == root().name and bundle.parent.is_dir():  # not for a copy of some cases, nor into another project's r
        refresh_bundle(target / VERSION, bundle)
    return list(changed)


def outdated(target: Path, cases: Iterable[AnyCase], progress: Progress = lambda _: None) -> list[Path]:
    """The files that an export would change; nothing is written."""
    return list(_different(target, _texts(cases, progress)))


def _texts(cases: Iterable[AnyCase], progress: Progress) -> dict[str, str]:
    """Every file below the fixtures folder with its content, validated."""
    texts = {f"{VERSION}/spec.json": _specification_text()}
    for case in cases:
        progress(case.id)
        text, kind = _text(case)
        validate(json.loads(text), kind, case.id)
        texts[f"{VERSION}/{golden_path(case.id)}"] = text
    return texts


def _text(case: AnyCase) -> tuple[str, str]:
    """A case's fixture, and the name of its schema."""
    if isinstance(case, ScheduleCase):
        return schedule_text(case, golden_rates(case)), "schedule"
    if isinstance(case, RefusalCase):
        return refusals_text(case), "refusals"
    return to_text(case, golden(case)), "golden"


def load(target: Path, case_id: str, hashes: Mapping[str, str]) -> tuple[Any, Any]:
    """A case with its golden trajectory (rates, or nothing); ``hashes`` are the manifest's.

    Raises:
        FixtureError: as :func:`crossoptim.golden.fixture.load`.
    """
    readers: dict[str, Callable[[Path, str], Any]] = {SCHEDULES: load_schedule, REFUSALS: load_refusals}
    path = golden_path(case_id)
    found: tuple[Any, Any] = readers.get(case_id.split("/")[0], load_case)(target / VERSION / path, hashes[path])
    return found


def _different(target: Path, texts: dict[str, str]) -> dict[Path, str]:
    paths = {target / name: text for name, text in texts.items()}
    return {path: text for path, text in paths.items() if not path.exists() or path.read_text(encoding="utf-8") != text}


def refresh_manifest(target: Path) -> None:
    """Write the manifest of what lies in ``target`` now."""
    write_whole(target / MANIFEST, pretty(manifest(target)) + "\n")


def specification(cases: Collection[Case]) -> dict[str, Any]:
    """What spec.json holds: the specification with every equation of every rule, the cases of each quirk, and what flags mean.

    Where a whole number decides about the graph, there are the equations of its default and of the values that ``cases`` have.
    """
    found = [e for rule in all_rules().values() for e in every_equation(rule, _whole_numbers(rule, cases)).values()]
    return {**document(found, cases_of_quirks(cases)), "flags": flags_document()}


@cache
def _specification_text() -> str:
    return pretty(specification(all_cases().values())) + "\n"


def _whole_numbers(rule: Rule, cases: Iterable[Case]) -> dict[str, set[int]]:
    spells = [spell for case in cases if case.rule == rule.name and not rule.converse for spell in case.spells]
    return {o.name: {spell.setting.values[o.name] for spell in spells} for o in rule.hyper if isinstance(o, Whole)}


def manifest(target: Path) -> dict[str, Any]:
    """Every fixture file with its hash, and how many cases there are."""
    files = sorted(p for p in (target / VERSION).rglob("*.json"))
    return {
        "schema": MANIFEST_SCHEMA,
        "version": VERSION,
        "cases": len([p for p in files if p.is_relative_to(target / VERSION / "golden")]),
        "files": {p.relative_to(target / VERSION).as_posix(): file_sha256(p) for p in files},
    }


def read_manifest(target: Path) -> dict[str, str]:
    """File name below ``v1`` → sha256.

    Raises:
        FixtureError: when the manifest is missing or of another version.
    """
    data = read(target / MANIFEST)
    if not isinstance(data, dict) or data.get("schema") != MANIFEST_SCHEMA:
        raise FixtureError(
            f"{target / MANIFEST}: schema {data.get('schema') if isinstance(data, dict) else data!r} (expected {MANIFEST_SCHEMA!r})"
        )
    validate(data, "manifest", target / MANIFEST)
    files: dict[str, str] = data["files"]
    return files
