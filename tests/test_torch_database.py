"""Drop-in for ``torch.optim``, by PyTorch's yardstick: its database of inputs and error inputs, and what ``TestOptimRenewed`` checks."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch_database import INFOS, PLAIN, Task, inputs, ours, trajectory, uphill

import crossoptim
from crossoptim.errors import HyperError

every = pytest.mark.parametrize("info", INFOS.values(), ids=list(INFOS))
TOLERANCES = {torch.float64: {"rtol": 1e-12, "atol": 1e-14}, torch.float32: {"rtol": 2e-5, "atol": 2e-6}}


def tolerance(info: Any, dtype: torch.dtype) -> dict[str, float]:
    """torch's Muon makes its matrices orthogonal in bfloat16."""
    return {"rtol": 0.0, "atol": 2e-2} if info.name == "Muon" else TOLERANCES[dtype]


@pytest.fixture
def double() -> Iterator[None]:
    """torch keeps numbers such as NAdam's product in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@contextmanager
def told(kind: type[Exception], words: str) -> Iterator[None]:
    with pytest.warns(kind, match=words) if issubclass(kind, Warning) else pytest.raises(kind, match=words):
        yield


# The constructor.


@every
def test_the_signature_is_torchs_and_switches_follow(info: Any) -> None:
    theirs = list(inspect.signature(info.optim_cls).parameters.values())
    mine = list(inspect.signature(ours(info)).parameters.values())
    assert [(p.name, p.kind, p.default) for p in mine[: len(theirs)]] == [(p.name, p.kind, p.default) for p in theirs]
    assert {p.name for p in mine[len(theirs) :]} <= {switch.name for switch in ours(info).rule.switches}
    assert all(p.kind is p.KEYWORD_ONLY for p in mine[len(theirs) :])


@every
def test_every_error_input_is_refused_with_torchs_type_and_words(info: Any) -> None:
    for error in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
        given = error.optimizer_error_input
        if error.error_on.name == "CONSTRUCTION_ERROR":
            with told(error.error_type, error.error_regex):
                ours(info)(given.params, **given.kwargs)
        else:
            optimizer = ours(info)(given.params, **given.kwargs)
            with told(error.error_type, error.error_regex):
                optimizer.step()


@pytest.mark.parametrize(
    ("name", "options", "kind", "words"),
    [
        ("SGD", {"lr": "fast"}, TypeError, "^SGD: lr = 'fast' is not a number"),
        ("AdamW", {"learning_rate": 1.0}, TypeError, "unexpected keyword argument 'learning_rate'"),
        ("AdamW", {"betas": (1.0, 0.5)}, ValueError, r"^AdamW: beta1 = 1.0 is outside .* \(Invalid beta parameter at index 0: 1.0\)$"),
        ("Adam", {"fused": True, "foreach": True}, RuntimeError, "`fused` and `foreach` cannot be `True` together"),
        ("SGD", {"fused": True, "differentiable": True}, RuntimeError, "`fused` does not support `differentiable`"),
        ("Adam", {"capturable": True}, RuntimeError, r"capturable = True is not supported \(expected False: a CUDA graph"),
    ],
)
def test_errors_are_of_torchs_types(name: str, options: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as refused:
        getattr(crossoptim, name)([torch.zeros(2)], **options)
    assert isinstance(refused.value, HyperError)


def test_a_group_that_is_no_dict_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="param_group must be a dict"):
        crossoptim.SGD([torch.zeros(2)]).add_param_group([torch.zeros(2)])


def test_numbers_of_numpy_and_lists_are_taken() -> None:
    import numpy as np

    a, b = (Task(INFOS["Adam"]) for _ in range(2))
    expected = trajectory(a, crossoptim.Adam(a.params, lr=0.5, betas=(0.25, 0.75)), 2)
    found = trajectory(b, crossoptim.Adam(b.params, lr=np.float32(0.5), betas=[0.25, np.float64(0.75)]), 2)
    assert torch.equal(found[-1][0], expected[-1][0])


def test_options_that_are_tensors_are_read_at_each_step() -> None:
    a, b = (Task(INFOS["Adam"], torch.float64) for _ in range(2))
    numbers = crossoptim.Adam(a.params, lr=0.5, betas=(0.25, 0.75))
    tensors = crossoptim.Adam(b.params, lr=torch.tensor(0.5), betas=(torch.tensor(0.25), torch.tensor([0.75])))
    for rate in (0.5, 0.125):
        numbers.param_groups[0]["lr"] = rate
        tensors.param_groups[0]["lr"].fill_(rate)
        torch.testing.assert_close(trajectory(b, tensors, 2), trajectory(a, numbers, 2), rtol=0, atol=0)


def test_muon_takes_both_names_of_its_default_adjustment() -> None:
    said, unsaid = (crossoptim.Muon([torch.zeros(2, 2)], adjust_lr_fn=name) for name in ("original", None))
    assert said.setting(said.param_groups[0]).values == unsaid.setting(unsaid.param_groups[0]).values


def test_adam_can_be_told_to_be_adamw() -> None:
    a, b = (Task(INFOS["Adam"]) for _ in range(2))
    expected = trajectory(a, crossoptim.AdamW(a.params, weight_decay=0.1), 3)
    assert torch.equal(trajectory(b, crossoptim.Adam(b.params, weight_decay=0.1, decoupled_weight_decay=True), 3)[-1][0], expected[-1][0])


# The step.


@every
@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
def test_every_input_goes_as_with_torchs_class(info: Any, dtype: torch.dtype, double: None) -> None:
    for options in inputs(info, PLAIN if dtype is torch.float32 else ("differentiable",), dtype):
        mine, theirs = Task(info, dtype), Task(info, dtype)
        found = trajectory(mine, ours(info)(mine.params, **copy.deepcopy(options)), 7)
        expected = trajectory(theirs, info.optim_cls(theirs.params, **options), 7)
        torch.testing.assert_close(found, expected, **tolerance(info, dtype), msg=lambda said, o=options: f"{o}: {said}")


@every
def test_the_loss_goes_the_right_way_with_every_scheduler(info: Any) -> None:
    for number, schedulers in enumerate([[], *info.scheduler_inputs]):
        for place, options in enumerate(inputs(info)):  # anew: a scheduler writes into a tensor
            if schedulers and place % len(info.scheduler_inputs) != number - 1:
                continue
            task = Task(info, contiguous=bool(place % 2))
            optimizer = ours(info)(task.params, **options)
            running = [make(optimizer) for make in schedulers]
            first = task.loss().item()
            for _ in range(20):
                loss = task.step(optimizer)
                for scheduler in running:
                    scheduler.step(*([loss.detach()] if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else []))
            last = task.loss().item()
            assert last > first if uphill(options) else last < first, options


@every
def test_groups_have_their_own_rate_and_decay(info: Any) -> None:
    if not info.supports_param_groups:
        with pytest.raises(ValueError, match="parameter group"):
            ours(info)([{"params": [torch.zeros(2)]}, {"params": [torch.zeros(2)]}])
        return
    decays = "weight_decay" in inspect.signature(info.optim_cls).parameters
    outer = {"lr": 1e-28, **({"step_sizes": (0, 50)} if info.name == "Rprop" else {})}
    start = ("initial_accumulator_value",)  # which torch's Adagrad does not look for in a group
    for options in inputs(info):
        common = {**outer, **{k: v for k, v in options.items() if k in start}}
        mine, theirs = Task(info, torch.float64), Task(info, torch.float64)
        found, expected = [
            trajectory(task, make([{"params": [task.params[0]], "lr": 0.01, **own}, {"params": [task.params[1]]}], **common), 4)
            for task, make in ((mine, ours(info)), (theirs, info.optim_cls))
            for own in [{**{k: v for k, v in options.items() if k not in ("lr", *start)}, **({"weight_decay": 0.5} if decays else {})}]
        ]
        torch.testing.assert_close(found, expected, **tolerance(info, torch.float32))
        torch.testing.assert_close(found[-1][1], Task(info, torch.float64).values()[1])
        assert not torch.equal(found[-1][0], Task(info, torch.float64).values()[0])


@every
def test_a_step_without_gradients_or_with_zeros_changes_nothing(info: Any) -> None:
    for options in inputs(info, ("foreach", "fused")):
        still = Task(info)
        ours(info)(still.params, **options).step(lambda: torch.tensor([1.0]))
        zero = Task(info)
        if not options.get("weight_decay") and info.name not in ("AdamW", "ASGD", "Muon"):  # which decay always
            held = [p.detach().clone() if options.get("differentiable") else p for p in zero.params]
            for p in held:
                p.grad = torch.zeros_like(p).to_sparse() if info.only_supports_sparse_grads else torch.zeros_like(p)
            ours(info)(held, **options).step(lambda: torch.tensor([1.0]))
        for task in (still, zero):
            torch.testing.assert_close(task.values(), Task(info).values())


def test_a_step_is_differentiable() -> None:
    def slopes(library: Any, name: str) -> tuple[torch.Tensor, ...]:
        p = start.clone()
        optimizer = getattr(library, name)([p], lr=0.1, differentiable=True)
        for _ in range(2):
            p.grad = grad * grad
            optimizer.step()
        return torch.autograd.grad(p.sum(), (start, grad))

    start = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    grad = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
    for name in ("SGD", "Adam", "RMSprop", "Adagrad"):
        torch.testing.assert_close(slopes(crossoptim, name), slopes(torch.optim, name))


def test_lbfgs_takes_real_and_complex_parameters_together() -> None:
    info, paths = INFOS["LBFGS"], []
    for cls in (crossoptim.LBFGS, info.optim_cls):
        task = Task(info, torch.float64)
        task.params[0] = torch.nn.Parameter(torch.complex(task.params[0].data, task.params[0].data.flip(0)))
        task.x = task.x.to(torch.complex128)
        paths.append(trajectory(task, cls(task.params, lr=0.1, max_iter=4), 3))
    torch.testing.assert_close(*paths)


# Hooks, schedulers and scalers.


@every
def test_hooks_run_in_torchs_order(info: Any) -> None:
    seen: list[int] = []
    optimizer = ours(info)([torch.ones(1, 1)])
    handles = [
        register_optimizer_step_pre_hook(lambda *_: seen.append(0)),
        register_optimizer_step_post_hook(lambda *_: seen.append(5)),
        optimizer.register_step_pre_hook(lambda *_: seen.append(1)),
        optimizer.register_step_post_hook(lambda *_: seen.append(2)),
    ]
    optimizer.step(lambda: 1)
    for handle in handles:
        handle.remove()
    optimizer.step(lambda: 1)
    assert seen == [0, 1, 2, 5]


@every
def test_state_dict_hooks_run(info: Any) -> None:
    optimizer = ours(info)([torch.rand(2, 3, requires_grad=True)])
    seen: list[str] = []
    optimizer.register_state_dict_pre_hook(lambda _: seen.append("state_dict"))
    optimizer.register_state_dict_post_hook(lambda _, state: {**state, "more": True})
    state = optimizer.state_dict()
    assert state.pop("more") and seen == ["state_dict"]

    def slower(_: Any, state: Any) -> Any:
        state = copy.deepcopy(state)
        state["param_groups"][0]["lr"] = 0.003
        return state

    optimizer.register_load_state_dict_pre_hook(slower)
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(str(o.param_groups[0]["lr"])))
    optimizer.load_state_dict(state)
    assert seen[1:] == ["0.003"]


SCHEDULERS: dict[str, Any] = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda t: 0.9**t),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda _: 0.9),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [1, 3]),
    "ConstantLR": lr_scheduler.ConstantLR,
    "LinearLR": lr_scheduler.LinearLR,
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.9)], [2]),
    "PolynomialLR": lr_scheduler.PolynomialLR,
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 3),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.9)], o),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.001, 0.02, step_size_up=2, cycle_momentum="momentum" in o.defaults),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.02, 8, cycle_momentum="momentum" in o.defaults or "betas" in o.defaults),
    "SWALR": lambda o: torch.optim.swa_utils.SWALR(o, 0.02),
}


MORE = {"SGD": {"momentum": 0.9}, "LBFGS": {"max_iter": 2}}


def test_no_scheduler_is_left_out() -> None:
    assert {*SCHEDULERS} - {"SWALR"} == {*lr_scheduler.__all__} - {"LRScheduler"}


@every
def test_every_scheduler_of_torch_drives_every_class(info: Any) -> None:
    for name, make in SCHEDULERS.items():
        paths = []
        for cls in (ours(info), info.optim_cls):
            task = Task(info, torch.float64)
            optimizer = cls(task.params, lr=0.01, **MORE.get(info.name, {}))
            schedule = make(optimizer)
            arguments = [torch.tensor(1.0)] if name == "ReduceLROnPlateau" else []
            paths.append(trajectory(task, optimizer, 4, after=lambda s=schedule, a=arguments: s.step(*a)))
        torch.testing.assert_close(*paths, **tolerance(info, torch.float32), msg=lambda said, n=name: f"{n}: {said}")


def test_a_scaler_skips_a_step_and_takes_the_next() -> None:
    p = torch.nn.Parameter(torch.ones(2))
    optimizer, scaler = crossoptim.SGD([p], lr=0.5), torch.amp.GradScaler("cpu", init_scale=4.0)
    for factor, expected in ((float("inf"), 1.0), (1.0, 0.5)):
        optimizer.zero_grad()
        scaler.scale((p * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert p.tolist() == [expected, expected]


def test_the_profiler_knows_a_step_by_the_class() -> None:
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = crossoptim.Adam([p])
    p.grad = torch.ones(2)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
    assert {"Optimizer.step#Adam.step", "Optimizer.zero_grad#Adam.zero_grad"} <= {event.key for event in seen.key_averages()}
    assert p.grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert p.grad is None


# State.


def saved(state: Any) -> Any:
    """A state dict that has been a file."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def alike(a: Any, b: Any) -> None:
    """Two state dicts hold the same numbers."""
    torch.testing.assert_close(_tensors(a), _tensors(b), rtol=0, atol=0)


def _tensors(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tensors(part) for key, part in value.items() if part is not None and not isinstance(part, str)}
    if isinstance(value, list | tuple):
        return [_tensors(part) for part in value if part is not None and not isinstance(part, str)]
    return value


def clone(task: Task) -> Task:
    """A task whose parameters stand where this one's do."""
    other = Task(task.info, task.params[0].dtype)
    with torch.no_grad():
        for p, value in zip(other.params, task.values(), strict=True):
            p.copy_(value)
    return other


@every
def test_a_saved_state_goes_on_as_if_never_interrupted(info: Any) -> None:
    for options in inputs(info):
        task = Task(info)
        optimizer = ours(info)(task.params, **copy.deepcopy(options))
        trajectory(task, optimizer, 3)
        state, other = saved(optimizer.state_dict()), clone(task)
        alike(state, optimizer.state_dict())
        again = ours(info)(other.params, **options)
        again.load_state_dict(state)
        torch.testing.assert_close(trajectory(other, again, 2), trajectory(task, optimizer, 2), rtol=0, atol=0)
        alike(again.state_dict(), optimizer.state_dict())


@every
@pytest.mark.parametrize("named", ["saved", "loading", "both"])
def test_parameters_may_have_names(info: Any, named: str) -> None:
    task = Task(info)
    optimizer = ours(info)(task.params if named == "loading" else task.named())
    trajectory(task, optimizer, 2)
    other = clone(task)
    again = ours(info)(other.params if named == "saved" else other.named())
    again.load_state_dict(saved(optimizer.state_dict()))
    torch.testing.assert_close(trajectory(other, again, 2), trajectory(task, optimizer, 2), rtol=0, atol=0)
    found, expected = ([*map(_unnamed, o.state_dict()["param_groups"])] for o in (again, optimizer))
    assert found == expected
    assert again.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


def _unnamed(group: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != "param_names"}


@every
def test_older_states_load(info: Any) -> None:
    """Without the options that came later; the step count is a number."""
    for options in inputs(info):
        task = Task(info)
        optimizer = ours(info)(task.params, **options)
        trajectory(task, optimizer, 2)
        state, other = copy.deepcopy(optimizer.state_dict()), clone(task)
        for group in state["param_groups"]:
            for flag in info.not_og_supported_flags:
                group.pop(flag, None)
        for held in state["state"].values():
            if torch.is_tensor(held.get("step")):
                held["step"] = held["step"].item()
        again = ours(info)(other.params, **options)
        again.load_state_dict(state)
        torch.testing.assert_close(trajectory(other, again, 2), trajectory(task, optimizer, 2), rtol=0, atol=0)


@every
def test_a_copy_and_a_pickle_are_whole_and_go_on(info: Any) -> None:
    for make in (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):  # noqa: S301
        task = Task(info)
        optimizer = ours(info)(task.params)
        trajectory(task, optimizer, 2)
        assert len(optimizer.state) == (0 if info.name == "SGD" else 1 if info.step_requires_closure else 2)
        assert all(optimizer.state.values())
        twin = make(optimizer)
        assert type(twin) is ours(info) and repr(twin) == repr(optimizer)
        assert {key for key in vars(optimizer) if key[0] != "_"} == {key for key in vars(twin) if key[0] != "_"}
        other = Task(info)
        other.params = twin.param_groups[0]["params"]
        torch.testing.assert_close(trajectory(other, twin, 2), trajectory(task, optimizer, 2), rtol=0, atol=0)


@every
@pytest.mark.parametrize("direction", ["from torch", "to torch"])
def test_states_are_torchs_in_both_directions(info: Any, direction: str, double: None) -> None:
    for options in inputs(info, ("foreach", "differentiable"), torch.float64):
        classes = [info.optim_cls, ours(info)][:: 1 if direction == "from torch" else -1]
        task = Task(info, torch.float64)
        first = classes[0](task.params, **copy.deepcopy(options))
        trajectory(task, first, 3)
        other = clone(task)
        second = classes[1](other.params, **options)
        second.load_state_dict(saved(first.state_dict()))
        torch.testing.assert_close(
            trajectory(other, second, 3), trajectory(task, first, 3), **tolerance(info, torch.float64), msg=lambda m, o=options: f"{o}: {m}"
        )
        left, right = (o.state_dict()["state"] for o in (first, second))
        scratch = {"al", "prev_loss"}  # which torch's LBFGS makes anew before it reads them
        assert [held.keys() - scratch for held in left.values()] == [held.keys() - scratch for held in right.values()]


@every
def test_a_state_of_torch_before_the_first_step_loads(info: Any) -> None:
    task = Task(info)
    optimizer = ours(info)(task.params)
    optimizer.load_state_dict(saved(info.optim_cls(task.params).state_dict()))
    task.step(optimizer)
    assert not torch.equal(task.values()[0], Task(info).values()[0])
