"""Saved states in Python: the format, what comes back, what is refused, and relays between torch.optim and crossoptim."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import relay
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import crossoptim
from crossoptim import optim as ours
from crossoptim.errors import StateError, StateMismatchError
from crossoptim.golden.cases import get_case
from crossoptim.golden.fixture import schema
from crossoptim.spec.ecosystems.pytorch import pytorch
from crossoptim.spec.rules import get_rule
from crossoptim.state.saved import read_state
from crossoptim.state.torch_state import snapshot

Optimizer = torch.optim.Optimizer
EQUATIONS = [binding for binding in pytorch.bindings if not get_rule(binding.rule).converse]
LIBRARIES = ("torch", "crossoptim")


def grown(kind: Any = torch.optim.Adam, steps: int = 3, **options: Any) -> Optimizer:
    """An optimizer after some steps over a matrix ``w`` and a vector ``b``."""
    generator = torch.Generator().manual_seed(3)
    params = [("w", torch.randn(2, 3, generator=generator)), ("b", torch.randn(2, generator=generator))]
    optimizer: Optimizer = kind([(name, p.requires_grad_()) for name, p in params], **options)
    for _ in range(steps):
        for p in tensors(optimizer):
            p.grad = torch.randn(p.shape, generator=generator)
        optimizer.step()
    return optimizer


def tensors(optimizer: Optimizer) -> list[torch.Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def bits(optimizer: Optimizer) -> Any:
    """All that an optimizer holds, comparable: NaN equals NaN, and -0 is not 0."""

    def plain(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return str(value.dtype), tuple(value.shape), value.detach().contiguous().reshape(-1).view(torch.uint8).tolist()
        if isinstance(value, Mapping):
            return {key: plain(part) for key, part in value.items()}
        return [plain(part) for part in value] if isinstance(value, list | tuple) else value

    return plain(optimizer.state_dict()), plain(tensors(optimizer))


def edited(file: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], None]) -> Path:
    """A copy of a file with metadata and tensors changed."""
    held = load_file(file)
    with safe_open(file, "pt") as opened:
        data = json.loads(opened.metadata()["crossoptim"])
    change(data, held)
    copy = file.with_name("edited.safetensors")
    save_file(held, copy, {"crossoptim": json.dumps(data)})
    return copy


# What is in the file.


def test_a_file_holds_names_groups_options_and_counts_under_the_names_of_the_specification(tmp_path: Path) -> None:
    optimizer = grown(torch.optim.AdamW, lr=0.1, amsgrad=True, betas=(0.8, 0.9))
    file = tmp_path / "adamw.safetensors"
    crossoptim.save_optimizer_state(optimizer, file)
    with safe_open(file, "np") as opened:
        metadata, keys = opened.metadata(), set(opened.keys())
    assert list(metadata) == ["crossoptim"]
    data = json.loads(metadata["crossoptim"])
    assert list(jsonschema.Draft202012Validator(schema("state")).iter_errors(data)) == []
    assert keys == {"params/w", "params/b", *(f"state/{name}/{var}" for name in "wb" for var in ("m", "v", "v_max"))}
    assert (data["rule"], data["library"]["name"], data["library"]["class"]) == ("adam", "torch", "AdamW")
    values = data["groups"][0]["values"]
    assert (values["lr"], values["beta1"], values["decay"], values["amsgrad"], values["maximize"]) == (0.1, 0.8, "decoupled", True, False)
    assert set(values) == {option.name for option in get_rule("adam").options()}
    assert data["parameters"]["w"] == {"shape": [2, 3], "dtype": "float32", "step": 3, "kept": {}}
    assert torch.equal(load_file(file)["state/w/v_max"], optimizer.state[tensors(optimizer)[0]]["max_exp_avg_sq"])


def test_a_file_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    optimizer = grown(ours.NAdam)
    for name in "ab":
        crossoptim.save_optimizer_state(optimizer, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_kept_numbers_lose_nothing(tmp_path: Path) -> None:
    optimizer = grown(ours.NAdam)
    crossoptim.save_optimizer_state(optimizer, tmp_path / "nadam")
    kept = read_state(tmp_path / "nadam").parameters["w"].kept
    assert kept == {"mu_product": optimizer.state[tensors(optimizer)[0]]["mu_product"]}


@pytest.mark.parametrize(
    "names, expected",
    [
        (None, ["w", "b"]),
        ("mapping", ["heavy", "light"]),
        ("pairs", ["heavy", "light"]),
    ],
)
def test_names_are_given_or_those_of_the_optimizer(names: str | None, expected: list[str]) -> None:
    optimizer = grown()
    w, b = tensors(optimizer)
    more = {"another": torch.zeros(1), "heavy": w, "light": b}
    given_names = {"mapping": more, "pairs": list(more.items())}.get(names or "")
    assert list(snapshot(optimizer, given_names).parameters) == expected


def test_parameters_without_names_are_numbered_over_all_groups() -> None:
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1), torch.zeros(2)]}, {"params": [torch.zeros(3)]}], lr=0.1)
    assert {name: one.shape for name, one in snapshot(optimizer).parameters.items()} == {"0": (1,), "1": (2,), "2": (3,)}


def test_names_must_cover_the_parameters_and_differ() -> None:
    optimizer = grown()
    w, b = tensors(optimizer)
    with pytest.raises(StateError, match=r"names: a parameter of shape \[2\] has none"):
        snapshot(optimizer, {"w": w})
    with pytest.raises(StateError, match="names: x is the name of two parameters"):
        snapshot(optimizer, [("x", w), ("x", b)])


# What comes back.


@settings(max_examples=60)
@given(
    binding=st.sampled_from(EQUATIONS),
    library=st.sampled_from(LIBRARIES),
    shapes=st.lists(st.lists(st.integers(0, 3), max_size=3).map(tuple), min_size=1, max_size=3),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    values=st.lists(st.floats(width=32), min_size=1, max_size=5),
    steps=st.integers(0, 3),
)
def test_saving_after_loading_gives_the_same_bits(
    binding: Any, library: str, shapes: list[tuple[int, ...]], dtype: torch.dtype, values: list[float], steps: int
) -> None:
    if binding.rule == "muon":
        shapes = [(2, 3)]
    if binding.rule == "adafactor":  # PyTorch's raises for a parameter without elements
        shapes = [tuple(max(n, 1) for n in shape) for shape in shapes]
    kind = getattr(torch.optim if library == "torch" else ours, binding.name)
    start = {f"p.{i}": torch.ones(shape, dtype=dtype) for i, shape in enumerate(shapes)}
    options = {"momentum": 0.5} if binding.rule == "sgd" else {}
    first = kind([(name, p.clone().requires_grad_()) for name, p in start.items()], lr=0.25, **options)
    for step in range(steps):
        for p in tensors(first)[: None if step else 1]:
            grad = torch.tensor(np.resize(values, p.shape), dtype=dtype)
            p.grad = grad.to_sparse() if binding.gradients == "sparse" else grad
        first.step()
    second = kind([(name, p.requires_grad_()) for name, p in start.items()], lr=0.5)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state"
        crossoptim.save_optimizer_state(first, file)
        crossoptim.load_optimizer_state(second, file)
        again = Path(folder) / "again"
        crossoptim.save_optimizer_state(second, again)
        assert file.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_comes_back(tmp_path: Path, dtype: torch.dtype) -> None:
    def make() -> Optimizer:
        return torch.optim.AdamW([("w", torch.ones(3, dtype=dtype, requires_grad=True))])

    first, second = make(), make()
    tensors(first)[0].grad = torch.tensor([1.0, -2.0, 0.5], dtype=dtype)
    first.step()
    crossoptim.save_optimizer_state(first, tmp_path / "half")
    crossoptim.load_optimizer_state(second, tmp_path / "half")
    assert bits(first) == bits(second)


def test_options_are_loaded_and_those_that_are_no_hyperparameters_stay(tmp_path: Path) -> None:
    crossoptim.save_optimizer_state(grown(lr=0.1, betas=(0.8, 0.9)), tmp_path / "adam")
    optimizer = grown(steps=0, lr=torch.tensor(0.5), foreach=False)
    crossoptim.load_optimizer_state(optimizer, tmp_path / "adam")
    group = optimizer.param_groups[0]
    assert isinstance(group["lr"], torch.Tensor) and group["lr"] == torch.tensor(0.1)
    assert (group["betas"], group["foreach"]) == ((0.8, 0.9), False)


def test_parameters_may_stay_out(tmp_path: Path) -> None:
    first, second = grown(), grown(steps=0)
    before = [p.detach().clone() for p in tensors(second)]
    crossoptim.save_optimizer_state(first, tmp_path / "state", parameters=False)
    with pytest.raises(StateMismatchError, match="params/w is missing; params/b is missing"):
        crossoptim.load_optimizer_state(second, tmp_path / "state")
    crossoptim.load_optimizer_state(second, tmp_path / "state", parameters=False)
    assert bits(second)[0] == bits(first)[0]
    assert all(torch.equal(a, b) for a, b in zip(before, tensors(second), strict=True))


def test_a_parameter_without_state_loses_the_one_that_it_had(tmp_path: Path) -> None:
    heavy = {"lr": 0.1, "momentum": 0.5, "dampening": 0.25}
    for kind in (torch.optim.Adam, torch.optim.Adagrad, ours.Adagrad, partial(torch.optim.SGD, **heavy), partial(ours.SGD, **heavy)):
        crossoptim.save_optimizer_state(grown(kind, steps=0), tmp_path / "fresh")
        used = grown(kind)
        crossoptim.load_optimizer_state(used, tmp_path / "fresh")
        after = [grown(kind, steps=0), used]
        for optimizer in after:
            for p in tensors(optimizer):
                p.grad = torch.ones_like(p)
            optimizer.step()
        assert bits(after[0])[1] == bits(after[1])[1], kind


def test_decoupled_adam_is_adamw(tmp_path: Path) -> None:
    crossoptim.save_optimizer_state(grown(torch.optim.Adam, decoupled_weight_decay=True), tmp_path / "state")
    crossoptim.load_optimizer_state(grown(ours.AdamW, steps=0), tmp_path / "state")
    with pytest.raises(StateMismatchError, match="group 0: decay = decoupled, Adam has coupled"):
        crossoptim.load_optimizer_state(grown(torch.optim.Adam, steps=0), tmp_path / "state")


@pytest.mark.parametrize("dtype, line_search", list(product([torch.float32, torch.float64], [None, "strong_wolfe"])))
def test_lbfgs_goes_on_as_if_it_had_not_been_interrupted(tmp_path: Path, dtype: torch.dtype, line_search: str | None) -> None:
    def make(library: Any, start: float) -> tuple[Optimizer, Callable[[], Any]]:
        x = torch.full((2,), start, dtype=dtype, requires_grad=True)
        y = torch.full((2, 2), start, dtype=dtype, requires_grad=True)
        optimizer = library.LBFGS([("x", x), ("y", y)], lr=0.2, max_iter=3, line_search_fn=line_search)

        def closure() -> Any:
            optimizer.zero_grad()
            loss = (1 - x[0]) ** 2 + 5 * (x[1] - x[0] ** 2) ** 2 + ((y - 1) ** 2).sum() * y[0, 0] ** 2
            loss.backward()
            return loss

        return optimizer, closure

    for a, b in product((torch.optim, ours), repeat=2):
        first, closure = make(a, -0.5)
        for _ in range(3):
            first.step(closure)
        crossoptim.save_optimizer_state(first, tmp_path / "lbfgs")
        second, again = make(b, 0.0)
        crossoptim.load_optimizer_state(second, tmp_path / "lbfgs")
        for _ in range(3):
            first.step(closure)
            second.step(again)
        for p, q in zip(tensors(first), tensors(second), strict=True):
            torch.testing.assert_close(p, q, rtol=0 if a is b else 1e-3 if dtype == torch.float32 else 1e-9, atol=0)


# What is refused.


def misfits() -> dict[str, tuple[Any, Callable[[dict[str, Any], dict[str, torch.Tensor]], None], list[str]]]:
    """What is done to a file of torch.optim.Adam, and all that is said about it."""
    metadata = lambda change: lambda data, _: change(data)  # noqa: E731
    held = lambda change: lambda _, tensors: change(tensors)  # noqa: E731

    def rename(data: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        data["groups"][0]["params"] = ["w", "c"]
        data["parameters"]["c"] = data["parameters"].pop("b")
        for key in [key for key in tensors if "/b" in key]:
            tensors[key.replace("/b", "/c")] = tensors.pop(key)

    def regroup(data: dict[str, Any]) -> None:
        values = data["groups"][0]["values"]
        data["groups"] = [{"params": [name], "values": values} for name in "wb"]

    def widen(data: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        data["parameters"]["w"]["dtype"] = "float64"
        tensors.update({key: value.double() for key, value in tensors.items() if "/w" in key})

    adam = torch.optim.Adam
    return {
        "another rule": (torch.optim.SGD, lambda *_: None, ["the file is of adam, the optimizer is sgd"]),
        "another variant": (torch.optim.AdamW, lambda *_: None, ["group 0: decay = coupled, AdamW has decoupled"]),
        "two variants": (
            adam,
            metadata(lambda data: data["groups"][0]["values"].update(eps_placement="inside", bias_correction="off")),
            ["group 0: eps_placement = inside, Adam has outside", "group 0: bias_correction = off, Adam has on"],
        ),
        "names": (adam, rename, ["parameter 'b' is not in the file", "the file's parameter 'c' is not in the optimizer"]),
        "groups": (adam, metadata(regroup), ["the file has 2 groups, the optimizer 1 group"]),
        "shape": (
            adam,
            lambda data, tensors: (data["parameters"]["w"].update(shape=[6]), tensors.update(
                {key: value.reshape(-1) for key, value in tensors.items() if "/w" in key}
            )),
            ["w has shape [6] in the file, [2, 3] in the optimizer"],
        ),
        "dtype": (adam, widen, ["w is float64 in the file, float32 in the optimizer"]),
        "state of another shape": (
            adam,
            held(lambda tensors: tensors.update({"state/b/v": torch.zeros(3)})),
            ["state/b/v has shape [3] (expected [2])"],
        ),
        "state of another dtype": (
            adam,
            held(lambda tensors: tensors.update({"state/b/v": torch.zeros(2, dtype=torch.float64)})),
            ["state/b/v is float64 (expected float32)"],
        ),
        "missing tensors": (
            adam,
            held(lambda tensors: [tensors.pop(key) for key in ("params/w", "state/w/m", "state/b/v")]),
            ["params/w is missing", "state/w/m is missing", "state/b/v is missing"],
        ),
        "amsgrad without its state": (
            adam,
            metadata(lambda data: data["groups"][0]["values"].update(amsgrad=True)),
            ["state/w/v_max is missing", "state/b/v_max is missing"],
        ),
        "an unknown tensor": (
            adam,
            held(lambda tensors: tensors.update({"state/w/velocity": torch.zeros(2, 3)})),
            ["state/w/velocity is no tensor of adam"],
        ),
        "no count": (adam, metadata(lambda data: data["parameters"]["b"].update(step=None)), ["the step count of b is missing"]),
    }  # fmt: skip


@pytest.mark.parametrize("name", misfits())
def test_a_file_that_does_not_fit_is_refused_with_all_that_differs_and_nothing_changes(tmp_path: Path, name: str) -> None:
    kind, change, expected = misfits()[name]
    crossoptim.save_optimizer_state(grown(), tmp_path / "adam")
    optimizer = grown(kind, steps=2)
    before = bits(optimizer)
    with pytest.raises(StateMismatchError) as refusal:
        crossoptim.load_optimizer_state(optimizer, edited(tmp_path / "adam", change))
    assert list(refusal.value.differences) == expected
    assert str(refusal.value).endswith(f"edited.safetensors: does not fit {kind.__name__}: {'; '.join(expected)}")
    assert bits(optimizer) == before


def test_members_options_and_kept_numbers_that_do_not_fit(tmp_path: Path) -> None:
    def two(kind: Any, first: str, second: str) -> Optimizer:
        made: Optimizer = kind([{"params": [(first, torch.ones(2))]}, {"params": [(second, torch.ones(2))]}])
        return made

    crossoptim.save_optimizer_state(two(torch.optim.Adam, "x", "y"), tmp_path / "adam")
    with pytest.raises(StateMismatchError) as refusal:
        crossoptim.load_optimizer_state(two(torch.optim.Adam, "y", "x"), tmp_path / "adam")
    assert refusal.value.differences == (
        "group 0 of the file holds x, of the optimizer y",
        "group 1 of the file holds y, of the optimizer x",
    )

    crossoptim.save_optimizer_state(grown(ours.NAdam), tmp_path / "nadam")
    without = edited(tmp_path / "nadam", lambda data, _: data["parameters"]["w"].update(kept={}))
    with pytest.raises(StateMismatchError, match="the kept number mu_product of w is missing"):
        crossoptim.load_optimizer_state(grown(torch.optim.NAdam, steps=0), without)

    zero = ours.SparseAdam([("w", torch.ones(2))], lr=0.1)
    zero.param_groups[0]["lr"] = 0.0
    crossoptim.save_optimizer_state(zero, tmp_path / "sparse")
    with pytest.raises(StateMismatchError, match=r"group 0: lr = 0.0, SparseAdam takes \(0, inf\)"):
        crossoptim.load_optimizer_state(torch.optim.SparseAdam([("w", torch.ones(2))]), tmp_path / "sparse")


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda data, _: data.update(format="crossoptim/state/2"), "format 'crossoptim/state/2'"),
        (lambda data, _: data.update(rule="adamant"), "optimizer 'adamant' does not exist"),
        (lambda data, _: data.pop("groups"), "'groups' is a required property"),
        (lambda data, _: data["groups"][0]["values"].pop("eps"), "the groups do not say eps"),
        (lambda data, _: data["groups"][0]["values"].update(beta1=2), r"beta1 = 2 is outside \[0, 1\)"),
        (lambda data, _: data["groups"][0]["params"].append("w"), r"the groups' parameters are \['w', 'b', 'w'\]"),
        (lambda data, _: data["parameters"]["w"].update(step=-1), "-1 is less than the minimum"),
    ],
)
def test_metadata_that_cannot_be(tmp_path: Path, change: Any, expected: str) -> None:
    crossoptim.save_optimizer_state(grown(), tmp_path / "adam")
    with pytest.raises(StateError, match=f"^{tmp_path}/edited.safetensors: .*{expected}"):
        crossoptim.load_optimizer_state(grown(steps=0), edited(tmp_path / "adam", change))


def test_files_that_are_something_else(tmp_path: Path) -> None:
    file, optimizer = tmp_path / "state", grown()
    with pytest.raises(StateError, match="state: not a safetensors file that can be read"):
        crossoptim.load_optimizer_state(optimizer, file)
    crossoptim.save_optimizer_state(optimizer, file)
    whole = file.read_bytes()
    for content in (b"", b"PK\x03\x04 no", whole[:100], whole[:-1], whole + b"0"):
        file.write_bytes(content)
        with pytest.raises(StateError, match="state: not a safetensors file that can be read"):
            crossoptim.load_optimizer_state(optimizer, file)
    save_file({"w": torch.ones(1)}, file)
    with pytest.raises(StateError, match="no metadata 'crossoptim'"):
        crossoptim.load_optimizer_state(optimizer, file)
    save_file({"w": torch.ones(1)}, file, {"crossoptim": "{"})
    with pytest.raises(StateError, match="is not JSON"):
        crossoptim.load_optimizer_state(optimizer, file)


def test_what_cannot_be_saved_leaves_no_file_and_spoils_none(tmp_path: Path) -> None:
    class Stranger(Optimizer):
        def __init__(self) -> None:
            super().__init__([torch.ones(1)], {})

    file = tmp_path / "state"
    file.write_text("mine")
    for optimizer, expected in (
        (Stranger(), "Stranger is not known"),
        (torch.optim.Adam([("w", torch.ones(1, dtype=torch.complex64))]), "parameter 'w' is torch.complex64"),
    ):
        with pytest.raises(StateError, match=expected):
            crossoptim.save_optimizer_state(optimizer, file)
    assert [path.name for path in tmp_path.iterdir()] == ["state"] and file.read_text() == "mine"


# Relays: half of a case in one library, the rest in the other.


@pytest.mark.parametrize("case_id", [case.id for case in (*relay.plain_cases(), *relay.other_cases())])
def test_the_other_library_follows_the_golden_trajectory_from_half_way(tmp_path: Path, case_id: str) -> None:
    case = next(case for case in (*relay.plain_cases(), *relay.other_cases()) if case.id == case_id)
    truth = relay.golden_of(case)
    libraries = [library for library in LIBRARIES if relay.has(library, case)]
    for a in libraries:
        file = tmp_path / a
        first = relay.run(a, case, truth, True, save=file)
        assert (verdict := relay.judge_first(case, truth, a, first)).expected, verdict.reason
        for b in libraries:
            second = relay.run(b, case, truth, False, load=file)
            assert (verdict := relay.judge_second(case, truth, b, first, second, file)).expected, f"{a} to {b}: {verdict.reason}"


@pytest.mark.parametrize("case_id", [case.id for case in relay.closure_cases()])
def test_lbfgs_follows_from_half_way_too(tmp_path: Path, case_id: str) -> None:
    case = next(case for case in relay.closure_cases() if case.id == case_id)
    truth = relay.golden_of(case)
    for a in LIBRARIES:
        first = relay.run(a, case, truth, True, save=tmp_path / a)
        for b in LIBRARIES:
            second = relay.run(b, case, truth, False, load=tmp_path / a)
            assert (verdict := relay.judge_conversation(case, truth, (a, b), first, second)).expected, f"{a} to {b}: {verdict.reason}"


@pytest.mark.parametrize(
    "change",
    [
        lambda data, tensors: data["parameters"]["x"].update(step=14),
        lambda data, tensors: data["groups"][0]["values"].update(beta2=0.99),
        lambda data, tensors: tensors["state/x/v"].mul_(1 + 1e-9),
        lambda data, tensors: tensors["params/x"].add_(1e-9),
    ],
)
def test_the_judge_of_relays_sees_a_state_that_is_a_little_wrong(tmp_path: Path, change: Any) -> None:
    case = get_case("adam/plain-ravine-f64")
    truth = relay.golden_of(case)
    first = relay.run("crossoptim", case, truth, True, save=tmp_path / "state")
    second = relay.run("torch", case, truth, False, load=edited(tmp_path / "state", change))
    verdict = relay.judge_second(case, truth, "torch", first, second, tmp_path / "state")
    assert verdict.verdict == "diverges" and verdict.finding and verdict.finding.step == relay.HALF + 1
