"""The torch optimizers on kernels: what is taken in, what stays with torch's operations, and that nobody sees a difference."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import crossoptim
from crossoptim.errors import UnavailableError
from crossoptim.kernels.kernel import Kernel
from crossoptim.optim import batch, work
from crossoptim.optim.batch import Batch
from crossoptim.spec.rules import all_rules

ELEMENTWISE = [rule.class_name for rule in all_rules().values() if rule.kind == "elementwise" and rule.name != "sparse_adam"]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many parameters each call of a kernel steps."""
    seen: list[int] = []
    call = Kernel.__call__

    def spied(self: Kernel, sizes: Any, *rest: Any) -> None:
        seen.append(len(sizes))
        call(self, sizes, *rest)

    monkeypatch.setattr(Kernel, "__call__", spied)
    return seen


def parameter(value: Tensor, seed: int = 0) -> Tensor:
    """A leaf with a gradient that lies in memory as it does."""
    p = value.detach().requires_grad_()
    draw = torch.Generator().manual_seed(seed)
    p.grad = torch.empty_like(p).copy_(torch.randn(p.shape, generator=draw, dtype=torch.float64))
    return p


def trained(make: Callable[[list[Tensor]], torch.optim.Optimizer], params: list[Tensor], kernels: bool, steps: int = 4) -> list[Tensor]:
    """The parameters after some steps with the same gradients."""
    optimizer: Any = make(params)
    optimizer.kernels = kernels
    for _ in range(steps):
        optimizer.step()
    return [p.detach().clone() for p in params]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_kernels_and_torchs_operations_agree(name: str, calls: list[int]) -> None:
    def make(params: list[Tensor]) -> torch.optim.Optimizer:
        made: torch.optim.Optimizer = getattr(crossoptim, name)(params, lr=0.01)
        return made

    def params() -> list[Tensor]:
        return [
            parameter(torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4), 1),
            parameter(torch.tensor(0.5, dtype=torch.float64), 2),
        ]

    fast, slow = (trained(make, params(), kernels) for kernels in (True, False))
    assert calls == [2] * 4, "both parameters in one call, at each step; and none where kernels are off"
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


LAYOUTS: dict[str, Tensor] = {
    "channels last": torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(3)).to(memory_format=torch.channels_last),
    "transposed": torch.randn(3, 5, generator=torch.Generator().manual_seed(3)).T,
    "every second": torch.randn(10, generator=torch.Generator().manual_seed(3))[::2],
    "expanded": torch.randn(4, 1, generator=torch.Generator().manual_seed(3)).expand(4, 3).clone(memory_format=torch.preserve_format),
    "one row": torch.randn(1, 7, generator=torch.Generator().manual_seed(3)),
    "empty": torch.empty(0, 3),
    "0-d": torch.tensor(1.5),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_parameter_may_lie_in_memory_as_it_likes(layout: str, calls: list[int]) -> None:
    def make(params: list[Tensor]) -> torch.optim.Optimizer:
        return crossoptim.AdamW(params, lr=0.01)

    held = LAYOUTS[layout]
    as_it_lies, plain = parameter(torch.empty_like(held).copy_(held)), parameter(held.clone(memory_format=torch.contiguous_format))
    if layout == "every second":
        as_it_lies = parameter(torch.stack([held, held], dim=1).reshape(-1)[::2])
        assert not as_it_lies.is_contiguous()
    assert plain.grad is not None
    plain.grad.copy_(as_it_lies.grad)
    found, expected = trained(make, [as_it_lies], True), trained(make, [plain], True)
    torch.testing.assert_close(found[0], expected[0].reshape(found[0].shape), rtol=1e-6, atol=1e-7)
    assert len(calls) == (4 if layout == "every second" else 8), "a view with gaps goes through torch's operations"


def test_gradients_in_another_order_of_memory_go_through_torchs_operations(calls: list[int]) -> None:
    p = torch.randn(3, 4, generator=torch.Generator().manual_seed(5)).requires_grad_()
    q = p.detach().clone().requires_grad_()
    grad = torch.randn(4, 3, generator=torch.Generator().manual_seed(6)).T
    p.grad, q.grad = grad, grad.contiguous()
    crossoptim.SGD([p], lr=0.1).step()
    assert calls == []
    crossoptim.SGD([q], lr=0.1).step()
    assert calls == [1] and torch.equal(p, q)


def test_dtypes_in_one_group_have_a_call_each(calls: list[int]) -> None:
    params = [parameter(torch.ones(3, dtype=dtype)) for dtype in (torch.float32, torch.float64, torch.float32, torch.bfloat16)]
    crossoptim.Adam(params, lr=0.1).step()
    assert sorted(calls) == [1, 1, 2]
    assert all(abs(p[0].item() - 1) > 0.05 for p in params)


def test_parameters_that_joined_later_have_their_own_numbers(calls: list[int]) -> None:
    one, other = parameter(torch.ones(4, dtype=torch.float64)), torch.ones(4, dtype=torch.float64).requires_grad_()
    together, theirs = crossoptim.Adam([one, other], lr=0.1), [p.detach().clone().requires_grad_() for p in (one, other)]
    reference = torch.optim.Adam(theirs, lr=0.1)
    for step in range(4):
        for p, q in zip((one, other), theirs, strict=True):
            p.grad = None if p is other and step < 2 else torch.linspace(-1, 1, 4, dtype=torch.float64) * (step + 1)
            q.grad = p.grad
        together.step()
        reference.step()
    assert calls == [1, 1, 2, 2]
    for p, q in zip((one, other), theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_number_of_threads_leaves_no_trace(threads: int) -> None:
    before = torch.get_num_threads()
    torch.manual_seed(1)
    params = [parameter(torch.randn(n), n) for n in (200_000, 3, 120_001)]
    alone = [parameter(p.clone(), p.numel()) for p in params]
    try:
        torch.set_num_threads(threads)
        crossoptim.RAdam(params, lr=0.1).step()
        torch.set_num_threads(1)
        crossoptim.RAdam(alone, lr=0.1).step()
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(params, alone, strict=True))


def step_both(ours: torch.optim.Optimizer, theirs: torch.optim.Optimizer, seed: int) -> None:
    """A step of each with the same gradients, new tensors as autograd makes them."""
    draw = torch.Generator().manual_seed(seed)
    for group, other in zip(ours.param_groups, theirs.param_groups, strict=True):
        for p, q in zip(group["params"], other["params"], strict=True):
            p.grad = torch.randn(p.shape, generator=draw, dtype=p.dtype)
            q.grad = p.grad.clone()
    ours.step()
    theirs.step()


def shrink_count(optimizer: torch.optim.Optimizer, p: Tensor) -> None:
    optimizer.state[p]["step"].fill_(1.0)


def replace_moment(optimizer: torch.optim.Optimizer, p: Tensor) -> None:
    optimizer.state[p]["exp_avg"] = torch.full_like(p, 0.5)


def replace_state(optimizer: torch.optim.Optimizer, p: Tensor) -> None:
    optimizer.state[p] = {key: value.clone() for key, value in optimizer.state[p].items()}
    optimizer.state[p]["exp_avg_sq"].mul_(3)


def replace_data(optimizer: torch.optim.Optimizer, p: Tensor) -> None:
    p.data = torch.full_like(p, 2.0)


def load_state(optimizer: torch.optim.Optimizer, p: Tensor) -> None:
    saved = copy.deepcopy(optimizer.state_dict())
    saved["state"][0]["exp_avg"].mul_(-1)
    optimizer.load_state_dict(saved)


@pytest.mark.parametrize("change", [shrink_count, replace_moment, replace_state, replace_data, load_state])
def test_what_is_changed_between_steps_is_seen(change: Callable[[torch.optim.Optimizer, Tensor], None]) -> None:
    params = [[torch.linspace(-1, 1, 5, dtype=torch.float64).requires_grad_() for _ in range(3)] for _ in range(2)]
    ours, theirs = crossoptim.Adam(params[0], lr=0.1), torch.optim.Adam(params[1], lr=0.1)
    for step in range(6):
        if step == 3:
            change(ours, params[0][0])
            change(theirs, params[1][0])
        step_both(ours, theirs, step)
    torch.testing.assert_close(params[0], params[1], rtol=1e-12, atol=1e-13)


def transposed(optimizer: torch.optim.Optimizer, p: Tensor) -> None:
    p.data = p.data.t()


def state_transposed(optimizer: torch.optim.Optimizer, p: Tensor) -> None:
    held = optimizer.state[p]["exp_avg"]
    held.data = held.data.t()


@pytest.mark.parametrize("change", [transposed, state_transposed])
def test_a_layout_that_changes_at_one_address_is_seen(change: Callable[[torch.optim.Optimizer, Tensor], None]) -> None:
    params = [torch.linspace(-1, 1, 16, dtype=torch.float64).reshape(4, 4).requires_grad_() for _ in range(2)]
    ours, theirs = crossoptim.Adam(params[:1], lr=0.1), torch.optim.Adam(params[1:], lr=0.1)
    for step in range(6):
        if step == 3:
            change(ours, params[0])
            change(theirs, params[1])
        step_both(ours, theirs, step)
    torch.testing.assert_close(params[0], params[1], rtol=1e-12, atol=1e-13)


def test_gaps_that_appear_at_one_address_are_seen() -> None:
    memory = [torch.linspace(-1, 1, 32, dtype=torch.float64) for _ in range(2)]
    params = [held[:16].requires_grad_() for held in memory]
    ours, theirs = crossoptim.SGD(params[:1], lr=0.1, momentum=0.9), torch.optim.SGD(params[1:], lr=0.1, momentum=0.9)
    for step in range(4):
        if step == 2:
            for p, held in zip(params, memory, strict=True):
                p.data = held[::2]
        step_both(ours, theirs, step)
    torch.testing.assert_close(*memory, rtol=1e-12, atol=1e-13)


def test_another_dtype_at_one_address_is_seen(calls: list[int]) -> None:
    memory = torch.ones(8)
    p = memory.detach().requires_grad_()
    optimizer = crossoptim.SGD([p], lr=0.5)
    p.grad = torch.ones(8)
    optimizer.step()
    p.grad = None
    p.data = memory.view(torch.bfloat16)[:8].fill_(2)
    p.grad = torch.ones(8, dtype=torch.bfloat16)
    optimizer.step()
    assert p.tolist() == [1.5] * 8 and memory[4:].tolist() == [0.5] * 4 and calls == [1, 1]


def test_a_gradient_shorter_than_its_parameter_is_an_error() -> None:
    p = parameter(torch.ones(8))
    optimizer = crossoptim.SGD([p], lr=0.5)
    optimizer.step()
    assert p.grad is not None
    p.grad.data = torch.ones(3)
    with pytest.raises(RuntimeError, match="size"):
        optimizer.step()


def test_parameters_that_share_memory_are_stepped_in_turn(calls: list[int]) -> None:
    ends = []
    for library in (crossoptim, torch.optim):
        memory = torch.ones(200_000, dtype=torch.float64)
        p, q = memory.requires_grad_(), memory.detach()[1:].requires_grad_()
        optimizer = library.SGD([p, q], lr=0.1, momentum=0.9, weight_decay=0.1)  # type: ignore[attr-defined]
        for _ in range(3):
            for each in (p, q):
                each.grad = torch.full_like(each, 0.5)
            optimizer.step()
        ends.append(p.detach())
    torch.testing.assert_close(*ends, rtol=1e-12, atol=1e-13)
    assert calls == [2] * 3


def test_a_count_of_sparse_adam_that_is_changed_is_seen() -> None:
    params = [torch.ones(4, 2, dtype=torch.float64).requires_grad_() for _ in range(2)]
    ours, theirs = crossoptim.SparseAdam(params[:1], lr=0.1), torch.optim.SparseAdam(params[1:], lr=0.1)
    for step in range(4):
        for optimizer, p in ((ours, params[0]), (theirs, params[1])):
            if step == 2:
                optimizer.state[p]["step"] = 500
            p.grad = (torch.eye(4, 2, dtype=torch.float64) * (step + 1)).to_sparse()
            optimizer.step()
    torch.testing.assert_close(*params, rtol=1e-12, atol=1e-13)
    assert ours.state[params[0]]["step"] == 502


def test_autograd_notices_that_state_has_changed() -> None:
    p = parameter(torch.ones(3))
    optimizer = crossoptim.Adam([p], lr=0.1)
    optimizer.step()
    weight = torch.ones(3, requires_grad=True)
    loss = (weight * optimizer.state[p]["exp_avg"]).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_group_that_is_taken_away_is_not_held() -> None:
    first, second = parameter(torch.ones(3)), parameter(torch.ones(3))
    optimizer = crossoptim.SGD([{"params": [first]}, {"params": [second]}], lr=0.1)
    optimizer.step()
    gone = weakref.ref(second)
    optimizer.param_groups.pop()
    del second
    optimizer.step()
    gc.collect()
    assert gone() is None


def test_a_group_is_gathered_once_and_holds_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    gathered: list[int] = []
    gather = Batch.__init__

    def spied(self: Batch, equation: Any, members: Any, *rest: Any) -> None:
        gathered.append(len(members))
        gather(self, equation, members, *rest)

    monkeypatch.setattr(Batch, "__init__", spied)
    params = [parameter(torch.ones(n)) for n in (3, 4)]
    optimizer = crossoptim.NAdam(params, lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    seen = []
    for _ in range(4):
        for p in params:
            p.grad = torch.ones_like(p)
            seen.append(weakref.ref(p.grad))
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    assert gathered == [2]
    assert not any(gradient() is not None for gradient in seen)


def test_a_gradient_that_is_sparse_now_and_then_is_taken_as_it_comes() -> None:
    params = [torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(3, 2).requires_grad_() for _ in range(2)]
    ours, theirs = crossoptim.SGD(params[:1], lr=0.1, momentum=0.9), torch.optim.SGD(params[1:], lr=0.1, momentum=0.9)
    for step in range(6):
        for p in params:
            dense = torch.eye(3, 2, dtype=torch.float64) * (step + 1)
            p.grad = dense.to_sparse() if step in (2, 3) else dense
        ours.step()
        theirs.step()
    torch.testing.assert_close(*params, rtol=1e-12, atol=1e-13)


def test_autograd_notices_that_a_parameter_has_changed() -> None:
    p = parameter(torch.ones(3))
    loss = (p**2).sum()
    crossoptim.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_without_a_compiler_torchs_operations_do_it_and_it_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> Kernel:
        raise UnavailableError("kernels: there is no C compiler 'cc'")

    monkeypatch.setattr(work, "kernel", missing)
    batch._say_once.cache_clear()
    p, q = parameter(torch.ones(3)), torch.ones(3).requires_grad_()
    q.grad = p.grad
    optimizer = crossoptim.Adam([p], lr=0.1)
    with pytest.warns(RuntimeWarning, match="run on torch's operations, which is slower: kernels: there is no C compiler 'cc'"):
        optimizer.step()
    optimizer.step()
    reference = torch.optim.Adam([q], lr=0.1)
    for _ in range(2):
        reference.step()
    torch.testing.assert_close(p, q)
