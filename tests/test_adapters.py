"""Adapters for libraries that are no dependency: their recordings everywhere, they themselves where they are installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from crossoptim.adapters import __main__ as program
from crossoptim.check.predict import _float32
from crossoptim.check.result import Result
from crossoptim.errors import UnavailableError
from crossoptim.golden import fixture
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.json_text import read
from crossoptim.golden.refusals.case import RefusalCase, all_refusal_cases
from crossoptim.golden.trajectory import golden
from crossoptim.quirks.dialect_javascript import JavaScript
from crossoptim.quirks.dialects import dialect_of
from crossoptim.quirks.report import bug_report
from crossoptim.quirks.reproduction import reproduction
from crossoptim.runners import recorded
from crossoptim.runners.adapter import adapter_child
from crossoptim.runners.campaign import RECORDABLE, Campaign
from crossoptim.runners.registry import IMPLEMENTATIONS, Runners
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.expr import parse
from crossoptim.spec.refusals import InputQuirk
from crossoptim.spec.rules import resolve

ADAPTERS = [name for name, implementation in IMPLEMENTATIONS.items() if implementation.adapter]
EVERY = 1 if settings.get_current_profile_name() == "search" else 5  # JAX compiles each program: a second or two
each = pytest.mark.parametrize("name", ADAPTERS)


def folder(name: str) -> Path:
    """The newest recording."""
    return recorded.folders(fixture.root(), name)[-1]


def recorded_cases(name: str) -> list[str]:
    """The optimizers' cases that are recorded; all of what each class makes of invalid input is."""
    home = folder(name)
    return sorted({p.relative_to(home).with_suffix("").as_posix() for p in home.rglob("*.json")} & set(all_cases()))


def judged(name: str, cases: Sequence[Case | RefusalCase], source: str, modes: Sequence[str] | None = None) -> list[Result]:
    """Results in the order of the cases."""
    told: list[Any] = [(case, golden(case) if isinstance(case, Case) else None) for case in cases]
    return Campaign(fixture.root(), [name], modes, source=source).run(told)


@cache
def missing(name: str) -> str:
    """Why an implementation cannot be run here, or nothing."""
    with Runners() as runners:
        try:
            runners[name].describe()
        except UnavailableError as error:
            return str(error)
    return ""


def need(name: str) -> None:
    """Skip where the library is missing."""
    if missing(name):
        pytest.skip(missing(name))


# Recordings


@each
def test_recordings_are_judged_without_a_surprise(name: str) -> None:
    results = judged(name, [*map(get_case, recorded_cases(name)), *all_refusal_cases().values()], "recorded")
    assert [r.as_json() for r in results if not r.judgement.expected] == []
    verdicts = {r.judgement.verdict for r in results}
    assert {"exact", "rounding", "documented"} <= verdicts <= {"exact", "rounding", "documented", "unsupported"}
    assert {quirk.id for quirk in get_ecosystem(name).quirks} - {q for r in results for q in r.judgement.quirks} == UNRECORDED[name]


UNRECORDED = {
    "optax": {"optax/rmsprop/velocity-of-updates"},
    "keras": set[str](),
    "tfjs": {  # it has float32 alone, in which there are few cases
        "tfjs/adagrad/eps-under-the-root",
        "tfjs/rmsprop/learning-rate-in-velocity",
        "tfjs/rmsprop/centered-subtracts-eps",
        "tfjs/rmsprop/centered-subtracts-eps-under-the-root",
        "tfjs/rmsprop/eps-under-the-root",
        "tfjs/adamax/eps-in-denominator",
    },
}
"""What no recorded case shows; what is installed is run on cases that do."""


@each
def test_each_class_is_recorded(name: str) -> None:
    ecosystem = get_ecosystem(name)
    found = {binding.name for case_id in recorded_cases(name) if (binding := ecosystem.binding(get_case(case_id).base))}
    assert found == {binding.name for binding in ecosystem.bindings}


def test_they_are_judged_only_where_they_are_named() -> None:
    assert not set(ADAPTERS) & {implementation.name for implementation in Campaign(fixture.root()).implementations}
    assert not set(ADAPTERS) & {implementation.name for implementation in Campaign(fixture.root(), source="recorded").implementations}
    assert not set(ADAPTERS) & set(RECORDABLE)


@each
def test_a_case_that_was_not_recorded_is_no_surprise(name: str) -> None:
    known, unsupported = recorded_cases(name), IMPLEMENTATIONS[name].unsupported
    case = next(case for case in all_cases().values() if case.id not in known and not unsupported(case))
    results = judged(name, [get_case("sgd/momentum-ravine-f32"), case], "recorded", ["replay"])
    assert [(r.judgement.verdict, r.judgement.expected) for r in results[1:]] == [("not run", True)]


# Live


@each
def test_what_is_installed_answers_as_recorded(name: str) -> None:
    need(name)
    cases = [get_case(case_id) for case_id in recorded_cases(name)[:: 2 * EVERY]]
    live = judged(name, cases, "live", ["replay"])
    assert [r.as_json() for r in live if not r.judgement.expected] == []
    if live[0].version == read(folder(name) / "about.json")["version"]:
        then = judged(name, cases, "recorded", ["replay"])
        assert [(r.case, r.mode, r.judgement.verdict) for r in live] == [(r.case, r.mode, r.judgement.verdict) for r in then]


PROGRAMS = """
import contextlib, io, json, sys
out = {}
for name, program in json.load(sys.stdin).items():
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_enable_x64", False)
    if "keras" in sys.modules:
        sys.modules["keras"].config.set_floatx("float32")
    printed, error = io.StringIO(), ""
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(program, name, "exec"), {})
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
    out[name] = [printed.getvalue(), error]
print(json.dumps(out))
"""
"""Runs programs in Python, one after the other."""


def what_programs_do(name: str, programs: Mapping[str, str], folder: Path) -> dict[str, tuple[str, str]]:
    """What each of a library's programs printed, and the error that ended it."""
    if name != "tfjs":
        words = [sys.executable, "-W", "ignore", "-c", PROGRAMS]
        done = subprocess.run(words, input=json.dumps(programs), capture_output=True, text=True, timeout=300, check=True)
        return {key: (printed, error) for key, (printed, error) in json.loads(done.stdout.splitlines()[-1]).items()}
    out = {}
    modules = os.pathsep.join([str(Path(program.__file__).with_name("node_modules")), os.environ.get("NODE_PATH", "")])
    for key, text in programs.items():
        file = folder / f"{key.replace('/', '-')}.cjs"
        file.write_text(text)
        ran = subprocess.run(
            [str(shutil.which("node")), *(["--test"] if "node:test" in text else []), str(file)],
            env={**os.environ, "NODE_PATH": modules}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        out[key] = (ran.stdout, (ran.stderr if "node:test" not in text else ran.stdout) if ran.returncode else "")
    return out


@each
def test_each_quirk_has_a_program_that_shows_what_its_page_says(name: str, tmp_path: Path) -> None:
    need(name)
    assert dialect_of(get_ecosystem(name)), "it is known how programs are written; the tests of the pages take every quirk"
    told = {quirk.id: known for quirk in get_ecosystem(name).quirks[::EVERY] if (known := reproduction(quirk))}
    done = what_programs_do(name, {key: "\n".join(known.program) for key, known in told.items()}, tmp_path)
    for key, known in told.items():
        printed, error = done[key]
        assert known.message in error if known.message else not error, key
        assert printed.strip() == (known.printed(known.wrong) if known.numbers else ""), key


@pytest.mark.parametrize("name", ["optax", "tfjs"])
def test_the_test_in_a_bug_report_fails_where_the_defect_is(name: str, tmp_path: Path) -> None:
    need(name)
    reports = {quirk.id: bug_report(quirk.id) for quirk in get_ecosystem(name).quirks if quirk.kind == "defect"}
    called = "" if name == "tfjs" else "\n[f for n, f in dict(globals()).items() if n.startswith('test_')][0]()\n"
    done = what_programs_do(name, {key: report.test + called for key, report in reports.items()}, tmp_path)
    assert done and all("AssertionError" in error for _, error in done.values())
    for report in reports.values():
        assert report.framework == {"optax": "pytest", "tfjs": "node:test"}[name] and report.test in report.body


def test_numbers_are_written_as_javascript_prints_them() -> None:
    values = [0.1, -12345.678, 1e21, 1.5e-7, 1e-6, 123456789.0, 0.0, float("nan"), float("-inf"), 1e300]
    assert JavaScript().formatted(values, 6) == "0.1 -12345.7 1e+21 1.5e-7 0.000001 123457000 0 NaN -Infinity 1e+300"
    if node := shutil.which("node"):
        told = ", ".join(JavaScript().value(value) for value in values)
        done = subprocess.run([node, "-e", JavaScript().show(f"[{told}]", 6)], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout.strip() == JavaScript().formatted(values, 6)


def test_tensorflow_js_has_each_of_its_quirks_and_no_other() -> None:
    need("tfjs")
    tfjs = IMPLEMENTATIONS["tfjs"]
    felt = get_case("rmsprop/centered-ravine-f64")
    variants: list[dict[str, str]] = [{}, {"eps_placement": "inside", "momentum_form": "lr_inside"}]
    cases = [replace(felt, hyper={**felt.hyper, "eps": 1e-3, **variant}, dtype="float32") for variant in variants]
    cases += [
        single
        for case in all_cases().values()
        if case.dtype == "float64" and case.rule in ("adadelta", "adagrad", "adam", "adamax", "rmsprop") and "tiny" not in case.id
        if not tfjs.unsupported(single := replace(case, dtype="float32"))
    ]
    results = judged("tfjs", cases, "live", ["replay"])
    assert [r.as_json() for r in results if not r.judgement.expected] == []
    found = {q for r in results for q in r.judgement.quirks}
    assert found == {quirk.id for quirk in get_ecosystem("tfjs").quirks if not isinstance(quirk, InputQuirk)}


@pytest.mark.parametrize(
    "name, case, lacks",
    [
        ("optax", "sgd/groups-injected-f32", "no parameter groups"),
        ("optax", "adam/none-first-injected-f64", "weight_decay"),
        ("keras", "sgd/groups-injected-f32", "no parameter groups"),
        ("keras", "adam/none-first-injected-f64", "counts the steps of all parameters together"),
        ("keras", "adam/beta1_drops-ravine-f64", "only learning_rate can be set (not beta_1)"),
        ("tfjs", "adam/beta1_drops-ravine-f64", "no float64"),
        ("tfjs", "sgd/maximize-ravine-f32", "sgd has no argument for maximize"),
    ],
)
def test_what_a_library_lacks_is_named(name: str, case: str, lacks: str) -> None:
    need(name)
    found = judged(name, [get_case(case)], "live", ["replay"])[0].judgement
    assert (found.verdict, found.expected) == ("unsupported", True) and lacks in found.reason


# What is missing


def test_a_library_that_is_missing_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("jax", "crossoptim.adapters.jax_arrays", "crossoptim.adapters.optax"):
        monkeypatch.setitem(sys.modules, module, None)
    assert program._made("optax")[0] is None
    monkeypatch.delitem(sys.modules, "crossoptim.adapters.optax")
    monkeypatch.delitem(sys.modules, "crossoptim.adapters.jax_arrays")
    assert program._made("optax") == (None, "optax: jax is not installed (pip install 'crossoptim[adapters]')")


def test_node_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UnavailableError, match="TensorFlow.js: no node on PATH"):
        adapter_child("TensorFlow.js", "tfjs.cjs")


@pytest.mark.skipif(not shutil.which("node"), reason="no node on PATH")
def test_tensorflow_js_that_is_missing_is_an_answer(tmp_path: Path) -> None:
    shutil.copy(Path(program.__file__).with_name("tfjs.cjs"), tmp_path)
    asked = '{"command": "describe"}\n{"command": "stop"}\n'
    found = subprocess.run(
        [str(shutil.which("node")), "tfjs.cjs"], input=asked, cwd=tmp_path, env={}, capture_output=True, text=True, timeout=60, check=True
    )
    answer = json.loads(found.stdout)
    assert answer["outcome"] == "unsupported" and "npm install" in answer["reason"]


# The vocabulary that they brought


def test_a_class_may_be_asked_for_a_variant_that_it_does_not_compute() -> None:
    keras = get_ecosystem("keras")
    for eps_order in ("before", "after"):
        binding = keras.binding(resolve("adam", {"eps_order": eps_order}))
        assert binding is not None and binding.name == "Adam"
    assert keras.binding(resolve("adam", {"eps_placement": "inside"})) is None


def test_a_class_may_be_for_one_value_of_an_option() -> None:
    names = [b.name for values in ({}, {"amsgrad": True}) if (b := get_ecosystem("optax").binding(resolve("adam", values)))]
    assert names == ["adam", "amsgrad"]
    assert get_ecosystem("optax").binding(resolve("adamw", {"amsgrad": True})) is None


def test_a_power_that_grows_as_a_float32_product() -> None:
    beta, power = np.float32(0.999), np.float32(0.999)
    for t in range(1, 40):
        assert _float32(parse("1 - beta2 ** t"), {"beta2": 0.999, "t": float(t)}, "product", ()) == float(np.float32(1) - power)
        power = np.float32(power * beta)
