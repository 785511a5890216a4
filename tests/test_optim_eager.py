"""The torch optimizers where no kernel takes a parameter: complex and sparse, in half precision, compiled, on other devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

import crossoptim
from crossoptim import optim
from crossoptim.errors import UnsupportedError
from crossoptim.golden.reference import step as reference_step
from crossoptim.optim import eager
from crossoptim.optim.refusal import check_gradient
from crossoptim.spec.model import Rule, Setting
from crossoptim.spec.rules import all_rules
from crossoptim.spec.trace import trace

RULES = [rule for rule in all_rules().values() if not rule.converse]
ELEMENTWISE = [rule for rule in RULES if rule.kind == "elementwise"]
COMPLEX: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "Adam": {"amsgrad": True, "weight_decay": 0.1},
    "AdamW": {"maximize": True},
    "Adagrad": {"initial_accumulator_value": 0.3, "lr_decay": 0.1},
    "RMSprop": {"centered": True, "momentum": 0.5},
    "Adadelta": {"weight_decay": 0.1},
    "Rprop": {},
    "Adamax": {"weight_decay": 0.1},
    "NAdam": {"decoupled_weight_decay": True, "weight_decay": 0.1},
    "RAdam": {"weight_decay": 0.1},
    "ASGD": {"t0": 1, "weight_decay": 0.1},
}  # fmt: skip


def setting_of(rule: Rule) -> Setting:
    """A setting in which most hyperparameters are felt."""
    found = rule.resolve({name: value for name, value in rule.examples().items() if not isinstance(value, bool)})
    return found.of((6, 5))


def made(setting: Setting, dtype: torch.dtype, shape: tuple[int, ...] = (6, 5)) -> eager.Step:
    """A step with a parameter, gradient, state and numbers as a training run might have them."""
    draw = torch.Generator().manual_seed(7)
    p, grad = (torch.randn(shape, generator=draw).to(dtype) for _ in range(2))
    state = {var.name: (torch.rand(var.shape_for(shape), generator=draw) + 0.1).to(dtype) for var in setting.state}
    if "mean" in state:
        state["mean"] = state["mean"] * 0.1  # centred: the variance is positive
    equation = trace(setting)
    numbers = {key: 0.1 + 0.07 * i for i, key in enumerate(dict.fromkeys([*setting.reals, *equation.scalars, *equation.kept]))}
    return eager.Step(setting, {key: numbers.get(key, 0.3) for key in {*numbers, *eager._numbers(equation)}}, p, grad, state)


def tensors(step: eager.Step) -> dict[str, Tensor]:
    """What a step changes."""
    return {"p": step.p, **step.state}


def copied(step: eager.Step, to: Callable[[Tensor], Tensor] = torch.clone) -> eager.Step:
    """The same step on other tensors."""
    return eager.Step(step.setting, step.numbers, to(step.p), to(step.grad), {key: to(value) for key, value in step.state.items()})


def trained(name: str, params: list[Tensor], grads: Callable[[int, int], Tensor], library: Any = crossoptim, **options: Any) -> Any:
    """An optimizer after five steps, with the gradient of each step and parameter."""
    optimizer = getattr(library, name)(params, **options)
    for step in range(5):
        for index, p in enumerate(params):
            p.grad = grads(step, index)
        optimizer.step()
    return optimizer


@contextmanager
def compiled_on_the_processor(backend: str) -> Iterator[None]:
    """Where steps are compiled that are otherwise compiled on other devices only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eager, "COMPILED", ("cpu",))
        patch.setattr(eager, "BACKEND", backend)
        patch.setattr(eager, "BUNDLE", 2)
        yield


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_step_in_torchs_operations_is_the_equations_step_in_place(rule: Rule) -> None:
    step = made(setting_of(rule), torch.float64)
    arrays = {key: value.numpy().copy() for key, value in {**tensors(step), "g": step.grad}.items()}
    expected = reference_step(trace(step.setting), {**arrays, **step.numbers}, "float64")
    held = {key: value.data_ptr() for key, value in tensors(step).items()}
    with torch.no_grad():
        eager.run([step])
    assert {key: value.data_ptr() for key, value in tensors(step).items()} == held
    assert np.array_equal(step.grad.numpy(), arrays["g"])
    for key, value in tensors(step).items():
        np.testing.assert_allclose(value.numpy(), expected[key], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("rule", ELEMENTWISE, ids=lambda rule: rule.name)
def test_half_precision_is_computed_in_float32_and_rounded_when_stored(rule: Rule, dtype: torch.dtype) -> None:
    step = made(setting_of(rule), dtype, (40, 25))
    arrays = {key: value.float().numpy() for key, value in {**tensors(step), "g": step.grad}.items()}
    expected = reference_step(trace(step.setting), {**arrays, **step.numbers}, "float32")
    with torch.no_grad():
        eager.run([step])
    for key, value in tensors(step).items():
        rounded = torch.from_numpy(expected[key]).to(dtype)
        torch.testing.assert_close(value, rounded, rtol=torch.finfo(dtype).eps, atol=1e-7, equal_nan=True)
        assert (value == rounded).float().mean() > 0.99, "all but what torch's square root misrounds"


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("name", COMPLEX)
def test_complex_parameters_step_as_with_pytorchs_namesake(name: str, kernels: bool) -> None:
    def grads(step: int, index: int) -> Tensor:
        drawn = torch.randn((3, 4), dtype=torch.complex64, generator=torch.Generator().manual_seed(step))
        return drawn.conj() if kernels and step == 2 else drawn.conj().resolve_conj() if step == 2 else drawn

    ends, states = [], []
    for library in (crossoptim, torch.optim):
        p = torch.randn((3, 4), dtype=torch.complex64, generator=torch.Generator().manual_seed(9)).requires_grad_()
        optimizer = getattr(library, name)([p], **COMPLEX[name])
        optimizer.kernels = kernels
        for step in range(4):
            p.grad = grads(step, 0) if library is crossoptim else grads(step, 0).resolve_conj()
            optimizer.step()
        ends.append(p.detach())
        states.append({key: value for key, value in optimizer.state[p].items() if torch.is_tensor(value) and value.is_complex()})
    torch.testing.assert_close(*ends, rtol=1e-5, atol=1e-6)
    assert states[0].keys() == states[1].keys() != set()
    for key, value in states[1].items():
        torch.testing.assert_close(states[0][key], value, rtol=1e-5, atol=1e-6)


def test_lbfgs_takes_a_complex_number_as_two_real_ones() -> None:
    ends = []
    for library in (crossoptim, torch.optim):
        p = torch.tensor([1 + 2j, -0.5j, 3], dtype=torch.complex128).requires_grad_()
        optimizer = library.LBFGS([p], lr=0.5, max_iter=4)

        def closure(p: Tensor = p, optimizer: Any = optimizer) -> Tensor:
            optimizer.zero_grad()
            loss = (p.abs() ** 4).sum() + (p - 1j).abs().square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        for _ in range(3):
            optimizer.step(closure)
        ends.append(p.detach())
    torch.testing.assert_close(*ends, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["Adafactor", "LAMB", "LARS", "Muon"])
def test_rules_that_reduce_refuse_complex_parameters(name: str) -> None:
    p = torch.ones(2, 2, dtype=torch.complex64, requires_grad=True)
    p.grad = torch.ones_like(p)
    with pytest.raises(UnsupportedError, match=f"{name}: a parameter is complex \\(expected a real one\\)"):
        getattr(crossoptim, name)([p]).step()
    assert torch.equal(p, torch.ones_like(p))


def sparse(step: int) -> Tensor:
    """A gradient of rows, one of them twice, one of them zero; at the second step without any."""
    rows = torch.tensor([[0, 4, 0, 2]])[:, : 0 if step == 1 else 4]
    values = torch.linspace(-1, 2, 12, dtype=torch.float64).reshape(4, 3)[: rows.shape[1]] * (step + 1)
    if step != 1:
        values[1] = 0
    return torch.sparse_coo_tensor(rows, values, (6, 3), check_invariants=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.9}),
        ("SGD", {"momentum": 0.9, "nesterov": True, "maximize": True}),
        ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
        ("Adagrad", {"lr": 0.1, "eps": 0.0}),
        ("SparseAdam", {"lr": 0.1}),
        ("SparseAdam", {"lr": 0.1, "maximize": True}),
    ],
)
@pytest.mark.parametrize("every_element", [False, True], ids=["rows", "elements"])
def test_sparse_gradients_step_as_with_pytorchs_namesake(name: str, options: dict[str, Any], every_element: bool) -> None:
    def grads(step: int, _: int) -> Tensor:
        return sparse(step).to_dense().to_sparse() if every_element else sparse(step)

    params = [torch.linspace(-1, 1, 18, dtype=torch.float64).reshape(6, 3).requires_grad_() for _ in range(2)]
    ours = trained(name, params[:1], grads, **options)
    with torch.sparse.check_sparse_tensor_invariants():  # type: ignore[no-untyped-call]
        theirs = trained(name, params[1:], grads, library=torch.optim, **options)
    torch.testing.assert_close(params[0], params[1], rtol=1e-12, atol=1e-13, equal_nan=True)
    for key, value in theirs.state[params[1]].items():
        if torch.is_tensor(value) and value.ndim:
            torch.testing.assert_close(ours.state[params[0]][key], value.to_dense(), rtol=1e-12, atol=1e-13)


def test_a_run_with_sparse_gradients_goes_on_from_pytorchs_state_and_back() -> None:
    ends = []
    for order in ((torch.optim, torch.optim, torch.optim), (torch.optim, crossoptim, torch.optim)):
        p = torch.linspace(-1, 1, 18, dtype=torch.float64).reshape(6, 3).requires_grad_()
        saved = None
        for library in order:
            optimizer = library.SGD([p], lr=0.1, momentum=0.9)
            if saved:
                optimizer.load_state_dict(saved)
            for step in (0, 1, 2):
                p.grad = sparse(step)
                optimizer.step()
            saved = optimizer.state_dict()
        ends.append(p.detach())
    torch.testing.assert_close(*ends, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("Adam", {}, "Adam: .*Adam does not support sparse gradients, please consider SparseAdam instead"),
        ("AdamW", {}, "AdamW: .*Adam does not support sparse gradients, please consider SparseAdam instead"),
        ("Rprop", {}, "Rprop does not support sparse gradients"),
        ("Lion", {}, r"Lion: a gradient is sparse \(expected a dense one\)"),
        ("Muon", {}, "Muon does not support sparse gradients"),
        ("Adagrad", {"weight_decay": 0.1}, "weight_decay option is not compatible with sparse gradients"),
        ("SGD", {"weight_decay": 0.1}, "weight_decay option is not compatible with sparse gradients"),
    ],
)
def test_sparse_gradients_are_refused_in_pytorchs_words_before_anything_changes(name: str, options: dict[str, Any], said: str) -> None:
    first, second = (torch.ones(2, 2, requires_grad=True) for _ in range(2))
    optimizer = getattr(crossoptim, name)([{"params": [first]}, {"params": [second]}], **options)
    first.grad, second.grad = torch.ones(2, 2), torch.ones(2, 2).to_sparse()
    with pytest.raises(UnsupportedError, match=said) as caught:
        optimizer.step()
    assert isinstance(caught.value, RuntimeError)
    assert torch.equal(first, torch.ones(2, 2)) and not any(state.get("step") for state in optimizer.state.values())


def test_a_gradient_of_another_layout_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="SGD: a gradient has layout torch._mkldnn"):
        check_gradient(optim.bindings()["SGD"], setting_of(all_rules()["sgd"]), torch.ones(2, 2), torch.ones(2, 2).to_mkldnn())


def test_what_is_compiled_is_compiled_once_whatever_the_shapes_and_numbers() -> None:
    rule = all_rules()["adam"]
    setting = setting_of(rule)
    steps = [made(setting, torch.float32, shape) for shape in ((7,), (3, 2), (2, 3, 4, 5), (1,), (), (0, 3), (1000,), *[(2, 2)] * 9)]
    steps[2] = copied(steps[2], lambda x: x.clone(memory_format=torch.channels_last))
    gap = copied(made(setting, torch.float32, (8,)), lambda x: torch.stack([x, x], dim=1)[:, 0])
    other = made(rule.resolve({**setting.values, "lr": 0.7}), torch.float32, (5,))
    other = eager.Step(other.setting, {**other.numbers, "lr": 0.01, "step_size": 0.2}, other.p, other.grad, other.state)
    plain = [copied(step) for step in (*steps, gap, other)]
    before = counters["stats"]["unique_graphs"]
    with compiled_on_the_processor("eager"), torch.no_grad():
        eager.run([*steps, gap, other])
        eager.run(steps)
    with torch.no_grad():
        eager.run([*plain, *plain[: len(steps)]], compiled=False)
    assert counters["stats"]["unique_graphs"] == before + 1
    for found, expected in zip((*steps, gap, other), plain, strict=True):
        for key, value in tensors(expected).items():
            torch.testing.assert_close(tensors(found)[key], value, rtol=1e-6, atol=1e-7)


def test_where_the_compiler_fails_torchs_operations_do_it_and_it_is_said_once() -> None:
    def broken(*_: Any) -> Any:
        raise OSError("no C++ compiler")

    eager._say_once.cache_clear()
    step = made(setting_of(all_rules()["lion"]), torch.float64)
    plain = copied(step)
    with compiled_on_the_processor(broken), torch.no_grad():  # type: ignore[arg-type]
        with pytest.warns(RuntimeWarning, match="crossoptim: a step is not compiled, which is slower: .*no C\\+\\+ compiler"):
            eager.run([step])
        eager.run([step])
    with torch.no_grad():
        eager.run([plain, plain], compiled=False)
    assert torch.equal(step.p, plain.p)


def test_autograd_notices_that_what_is_compiled_has_changed_a_parameter() -> None:
    step = made(setting_of(all_rules()["sgd"]), torch.float64)
    p = step.p.requires_grad_()
    loss = (p**2).sum()
    with compiled_on_the_processor("eager"), torch.no_grad():
        eager.run([step])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("what", ["training step", "step", "step with closure"])
def test_torch_compile_takes_a_training_step(what: str) -> None:
    def run(compiled: bool) -> tuple[Tensor, list[int]]:
        torch.manual_seed(7)
        network = torch.nn.Linear(3, 1)
        optimizer = crossoptim.AdamW(network.parameters(), lr=0.1)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        x = torch.linspace(-1, 1, 12).reshape(4, 3)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss: Tensor = (network(x) - 1).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        def train() -> None:
            optimizer.zero_grad()
            (network(x) - 1).square().mean().backward()
            optimizer.step()

        called: Callable[..., Any] = train if what == "training step" else optimizer.step
        called = torch.compile(called, backend="eager") if compiled else called
        graphs = []
        for _ in range(5):
            if what == "step":
                closure()
            called(closure) if what == "step with closure" else called()
            schedule.step()
            graphs.append(counters["stats"]["unique_graphs"])
        return torch.nn.utils.parameters_to_vector(network.parameters()).detach(), graphs

    expected, _ = run(compiled=False)
    found, graphs = run(compiled=True)
    assert torch.equal(found, expected)
    assert len({*graphs}) == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_step_is_differentiable(rule: Rule) -> None:
    step = made(setting_of(rule), torch.float64, (3, 2))

    def taken(p: Tensor, grad: Tensor, *state: Tensor) -> Tensor:
        copies = dict(zip(step.state, map(torch.clone, state), strict=True))
        moved = eager.Step(step.setting, step.numbers, p.clone(), grad.clone(), copies)
        eager.run([moved])
        return torch.cat([x.reshape(-1) for x in tensors(moved).values()])

    inputs = [x.detach().requires_grad_() for x in (step.p, step.grad, *step.state.values())]
    assert torch.autograd.gradcheck(taken, inputs, fast_mode=True, eps=1e-6, atol=1e-4)


def test_parameters_without_data_keep_their_place() -> None:
    for name in ("Adam", "Adafactor", "SGD"):
        p = torch.empty(3, 2, device="meta", requires_grad=True)
        p.grad = torch.empty_like(p)
        optimizer = getattr(crossoptim, name)([p])
        optimizer.step()
        assert p.is_meta and all(not torch.is_tensor(x) or x.is_meta or not x.ndim for x in optimizer.state[p].values())


def test_no_step_is_captured_in_a_cuda_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    with pytest.raises(UnsupportedError, match="a step in a CUDA graph would take the same numbers at each replay"):
        eager._placed((0.1,), torch.float32, torch.device("cuda"))


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@needs_cuda
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_a_step_on_cuda_is_the_equations_step(dtype: torch.dtype) -> None:
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 2e-2, torch.float16: 2e-3}[dtype]
    for rule in RULES:
        step = made(setting_of(rule), dtype, (60, 5))
        plain, compiled = (copied(step, Tensor.cuda) for _ in range(2))
        with torch.no_grad():
            eager.run([step], compiled=False)
            eager.run([plain], compiled=False)
            eager.run([compiled])
        for there in (plain, compiled):
            for key, value in tensors(there).items():
                torch.testing.assert_close(value.cpu(), tensors(step)[key], rtol=tolerance, atol=tolerance, msg=f"{rule.name}: {key}")


@needs_cuda
@pytest.mark.parametrize("name", ["Adam", "SGD", "RAdam", "Lion"])
def test_training_on_cuda_goes_as_on_the_processor(name: str) -> None:
    def grads(device: str) -> Callable[[int, int], Tensor]:
        return lambda step, index: torch.linspace(-1, 1, 5 + 3 * index, dtype=torch.float64, device=device) * (step + 1)

    start = [torch.linspace(1, 2, 5 + 3 * index, dtype=torch.float64) for index in range(20)]
    here, there = ([x.to(device).requires_grad_() for x in start] for device in ("cpu", "cuda"))
    trained(name, here, grads("cpu"), lr=0.1)
    before = counters["stats"]["unique_graphs"]
    trained(name, there, grads("cuda"), lr=0.1)
    assert counters["stats"]["unique_graphs"] <= before + 1
    for p, q in zip(here, there, strict=True):
        torch.testing.assert_close(p, q.cpu(), rtol=1e-12, atol=1e-13)
