"""Kernels: bit for bit the golden trajectories, on any number of threads; half precision rounded as torch rounds it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from crossoptim.errors import CrossoptimError, UnavailableError
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.reference import DTYPES, step
from crossoptim.golden.trajectory import golden
from crossoptim.kernels import build
from crossoptim.kernels.kernel import Kernel, kernel
from crossoptim.spec.emit.c import STORAGES, source
from crossoptim.spec.expr import parse
from crossoptim.spec.rules import all_rules, resolve
from crossoptim.spec.trace import GRAD, PARAM, Equation, trace

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
RULES = [rule.name for rule in all_rules().values() if rule.kind == "elementwise"]
Array = NDArray[np.floating]


@pytest.fixture(scope="module", autouse=True)
def kept_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Kernels are compiled anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSOPTIM_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield


@cache
def usual(rule: str) -> tuple[Equation, tuple[Case, ...]]:
    """The equation that most of a rule's cases have throughout, and those cases."""
    throughout = {}
    for case in all_cases().values():
        equations = {trace(spell.setting).id: trace(spell.setting) for spell in case.spells}
        if case.base.rule.name == rule and len(equations) == 1:
            throughout[case.id] = next(iter(equations.values()))
    most, _ = Counter(equation.id for equation in throughout.values()).most_common(1)[0]
    cases = tuple(get_case(case_id) for case_id, equation in throughout.items() if equation.id == most)
    return trace(cases[0].base), cases


def stepped(equation: Equation, tensors: dict[str, Array], numbers: dict[str, float], threads: int = 1) -> dict[str, Array]:
    """What the kernel makes of copies of some tensors."""
    made = kernel(equation, str(tensors[PARAM].dtype))
    found = {key: np.array(tensors[key], order="C") for key in made.tensors}
    made([found[PARAM].size], [found[key].ctypes.data for key in made.tensors], [numbers], threads)
    return found


def same(a: Array, b: Array) -> bool:
    """Whether all numbers are equal to the last bit; NaN is NaN."""
    return bool(np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a[a == a]), np.signbit(b[b == b])))


@pytest.mark.parametrize("rule", RULES)
def test_a_step_from_each_golden_state_is_the_next_golden_state(rule: str) -> None:
    equation, cases = usual(rule)
    assert cases
    compared = 0
    for case in cases:
        truth = golden(case)
        for name, scalars in truth.scalars.items():
            for t in range(1, case.steps):
                member = case.timeline[t].get(name)
                before = {key: rows[t - 1] for key, rows in truth.state[name].items()}
                if scalars[t] is None or member is None or any(before.get(key) is None for key in equation.state):
                    continue
                tensors = {PARAM: truth.params[name][t - 1], GRAD: truth.grads[name][t], **before}
                numbers = {**member.setting.reals, **scalars[t], **(kept_before(scalars, t))}
                made = stepped(equation, tensors, numbers)
                assert same(made[PARAM], truth.params[name][t]), f"{case.id}: step {t + 1}, {name}"
                for key in equation.state:
                    assert same(made[key], truth.state[name][key][t]), f"{case.id}: step {t + 1}, {name}, {key}"
                compared += 1
    assert compared


def kept_before(scalars: list[dict[str, float] | None], t: int) -> dict[str, float]:
    """The kept numbers as they were before a step: what the step before it made of them."""
    last = next((row for row in reversed(scalars[:t]) if row is not None), {})
    return {key.removesuffix("_new"): value for key, value in (last or {}).items() if key.endswith("_new")}


def group(sizes: list[int], equation: Equation, dtype: str) -> list[dict[str, Array]]:
    """Parameters with gradients and state, as a training run might have them."""
    draw = np.random.Generator(np.random.PCG64(7))
    return [
        {key: np.abs(draw.standard_normal(n)).astype(DTYPES[dtype]) for key in (PARAM, GRAD, *equation.state)} for n in sizes
    ]  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_a_group_is_divided_among_threads_without_a_trace(threads: int) -> None:
    equation = trace(resolve("adam", {"weight_decay": 0.1}))
    numbers = {key: 0.3 + 0.1 * i for i, key in enumerate(Kernel(equation, "float32").numbers)}
    params = group([0, 1, 63, 64, 65, 400_000, 1, 130_000, 0], equation, "float32")
    expected = [step(equation, {**tensors, **numbers}, "float32") for tensors in params]
    made = kernel(equation, "float32")
    found = [{key: value.copy() for key, value in tensors.items()} for tensors in params]
    addresses = [tensors[key].ctypes.data for tensors in found for key in made.tensors]
    made([tensors[PARAM].size for tensors in found], addresses, [numbers], threads)
    assert all(same(tensors[key], rows[key]) for tensors, rows in zip(found, expected, strict=True) for key in rows)


def test_each_parameter_may_have_its_own_numbers() -> None:
    equation = trace(resolve("sgd", {"lr": 0.1}))
    params = group([3, 4], equation, "float64")
    expected = [step(equation, {**tensors, "lr": lr}, "float64") for tensors, lr in zip(params, (0.1, 0.7), strict=True)]
    made = kernel(equation, "float64")
    made([3, 4], [tensors[key].ctypes.data for tensors in params for key in made.tensors], [{"lr": 0.1}, {"lr": 0.7}])
    assert all(same(tensors[PARAM], rows[PARAM]) for tensors, rows in zip(params, expected, strict=True))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_computed_in_float32_and_rounded_when_stored(dtype: str) -> None:
    equation, kind = trace(resolve("adam", {})), getattr(torch, dtype)
    made = Kernel(equation, dtype)
    numbers = dict.fromkeys(made.numbers, 0.3)
    special = torch.tensor([0.0, -0.0, float("inf"), float("nan"), 1e-7, 6e4, 3e38])
    draw = torch.Generator().manual_seed(7)
    tensors = {key: torch.cat([torch.randn(1000, generator=draw), special]) for key in made.tensors}
    tensors["v"] = tensors["v"].abs()
    stored = {key: value.to(kind) for key, value in tensors.items()}
    expected = step(equation, {**{key: value.float().numpy() for key, value in stored.items()}, **numbers}, "float32")
    made([1007], [stored[key].data_ptr() for key in made.tensors], [numbers])
    for key, rows in expected.items():
        assert same(stored[key].float().numpy(), torch.from_numpy(rows).to(kind).float().numpy())


def test_a_cube_root_is_rounded_once() -> None:
    equation = trace(resolve("madgrad", {}))
    draw = np.random.Generator(np.random.PCG64(3))
    for dtype, reach in (("float32", 38), ("float64", 307)):
        kind = DTYPES[dtype]
        ends = [0, 1, 8, np.inf, np.nan, np.finfo(kind).smallest_subnormal, np.finfo(kind).max]
        v = np.concatenate([ends, 10.0 ** draw.uniform(-reach, reach, 2000)]).astype(kind)
        tensors = {PARAM: v, GRAD: np.zeros_like(v), "s": np.ones_like(v), "v": v, "x0": np.zeros_like(v)}
        numbers = dict.fromkeys(Kernel(equation, dtype).numbers, 0.5)
        expected = step(equation, {**tensors, **numbers}, dtype)
        assert all(same(stepped(equation, tensors, numbers)[key], rows) for key, rows in expected.items())


def test_what_was_compiled_once_is_loaded_from_then_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = source(trace(resolve("sgd", {"lr": 0.25})), "float32")
    monkeypatch.setenv("CROSSOPTIM_CACHE", str(tmp_path / "new"))
    build.load(text)
    assert [p.suffix for p in (tmp_path / "new").iterdir()] == [".so"]
    monkeypatch.setattr(build, "_compile", lambda *_: pytest.fail("it was compiled a second time"))
    build.load(text)


def test_without_a_compiler_the_error_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CROSSOPTIM_CACHE", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-compiler")
    build.compiler.cache_clear()
    said = r"kernels: there is no C compiler 'no-such-compiler' \(expected one on PATH, or its name in CC\)"
    with pytest.raises(UnavailableError, match=said):
        build.load("int x;")
    build.compiler.cache_clear()


def test_what_the_compiler_refuses_is_said() -> None:
    with pytest.raises(UnavailableError, match=r"kernels: .*cc fails on a kernel: .*error"):
        build.load("this is no C")


def test_a_power_other_than_the_cube_root_has_no_kernel() -> None:
    equation = Equation("", "", {}, {PARAM: parse(f"{PARAM} ** 0.5")}, (), {})
    with pytest.raises(CrossoptimError, match=r"a kernel cannot have p \*\* 0.5 \(expected the power 1/3\)"):
        source(equation, "float64")


def test_an_equation_that_reduces_has_no_kernel() -> None:
    with pytest.raises(CrossoptimError, match=r"a kernel cannot have sum\(\) \(expected an elementwise equation\)"):
        source(trace(resolve("lamb", {})), "float32")
    assert set(STORAGES) > set(DTYPES)
