"""Adapters for libraries that are no dependency: their recordings everywhere, they themselves where they are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from crossoptim.adapters import __main__ as program
from crossoptim.check.predict import _float32
from crossoptim.check.result import Result
from crossoptim.errors import UnavailableError
from crossoptim.golden import fixture
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.json_text import read
from crossoptim.golden.trajectory import golden
from crossoptim.runners import recorded
from crossoptim.runners.adapter import adapter_child
from crossoptim.runners.campaign import RECORDABLE, Campaign
from crossoptim.runners.registry import IMPLEMENTATIONS, Runners
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.expr import parse
from crossoptim.spec.rules import resolve

ADAPTERS = [name for name, implementation in IMPLEMENTATIONS.items() if implementation.adapter]
each = pytest.mark.parametrize("name", ADAPTERS)


def folder(name: str) -> Path:
    """The newest recording."""
    return recorded.folders(fixture.root(), name)[-1]


def recorded_cases(name: str) -> list[str]:
    """The cases that are recorded."""
    home = folder(name)
    return sorted(p.relative_to(home).with_suffix("").as_posix() for p in home.rglob("*.json") if p.name != "about.json")


def judged(name: str, cases: Sequence[Case], source: str, modes: Sequence[str] | None = None) -> list[Result]:
    """Results in the order of the cases."""
    return Campaign(fixture.root(), [name], modes, source=source).run([(case, golden(case)) for case in cases])


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
    results = judged(name, [get_case(case_id) for case_id in recorded_cases(name)], "recorded")
    assert [r.as_json() for r in results if not r.judgement.expected] == []
    verdicts = {r.judgement.verdict for r in results}
    assert {"exact", "rounding", "documented"} <= verdicts <= {"exact", "rounding", "documented", "unsupported"}
    if name != "tfjs":  # has float32 alone, in which eps is felt in few cases; see its test below
        assert {quirk.id for quirk in get_ecosystem(name).quirks} - {q for r in results for q in r.judgement.quirks} == UNRECORDED[name]


UNRECORDED = {"optax": {"optax/rmsprop/velocity-of-updates"}, "keras": set[str]()}


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
    case = get_case("sgd/nesterov-rosenbrock-f64")
    assert case.id not in recorded_cases(name)
    results = judged(name, [get_case("sgd/momentum-ravine-f32"), case], "recorded", ["replay"])
    assert [(r.judgement.verdict, r.judgement.expected) for r in results[1:]] == [("not run", True)]


# Live


@each
def test_what_is_installed_answers_as_recorded(name: str) -> None:
    need(name)
    cases = [get_case(case_id) for case_id in recorded_cases(name)[::8]]
    live = judged(name, cases, "live", ["replay"])
    assert [r.as_json() for r in live if not r.judgement.expected] == []
    if live[0].version == read(folder(name) / "about.json")["version"]:
        then = judged(name, cases, "recorded", ["replay"])
        assert [(r.case, r.mode, r.judgement.verdict) for r in live] == [(r.case, r.mode, r.judgement.verdict) for r in then]


def test_tensorflow_js_has_each_of_its_quirks_and_no_other() -> None:
    need("tfjs")
    tfjs = IMPLEMENTATIONS["tfjs"]
    felt = get_case("rmsprop/centered-ravine-f64")
    variants: list[dict[str, str]] = [{}, {"eps_placement": "inside", "momentum_form": "lr_inside"}]
    cases = [replace(felt, hyper={**felt.hyper, "eps": 1e-3, **variant}, dtype="float32") for variant in variants]
    cases += [
        replace(case, dtype="float32")
        for case in all_cases().values()
        if case.dtype == "float64" and case.rule in ("adadelta", "adagrad", "adam", "adamax", "rmsprop")
        if "tiny" not in case.id and not tfjs.unsupported(case)
    ]
    results = judged("tfjs", cases, "live", ["replay"])
    assert [r.as_json() for r in results if not r.judgement.expected] == []
    assert {q for r in results for q in r.judgement.quirks} == {quirk.id for quirk in get_ecosystem("tfjs").quirks}


@pytest.mark.parametrize(
    "name, case, lacks",
    [
        ("optax", "sgd/groups-injected-f32", "weight_decay"),
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
