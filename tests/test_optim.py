"""The torch optimizers made from the rules: drop-in for their PyTorch namesakes."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import schedulefree
import torch
from hypothesis import given
from hypothesis import strategies as st

import crossoptim
from crossoptim.errors import HyperError
from crossoptim.golden.oracle import rounded_scalars
from crossoptim.optim.classes import optimizer_class, specification_binding
from crossoptim.optim.scalars import exact_scalars
from crossoptim.spec.ecosystems.pytorch import pytorch
from crossoptim.spec.rules import all_presets, all_rules, resolve

NAMES = [binding.name for binding in pytorch.bindings]


def model() -> torch.nn.Module:
    """A small network with the same start every time."""
    torch.manual_seed(7)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()


def train(
    network: torch.nn.Module, optimizer: torch.optim.Optimizer, steps: int = 5, after: Callable[[], Any] = lambda: None
) -> torch.Tensor:
    """Least squares on fixed data; returns all parameters as one vector."""
    x = torch.linspace(-1, 1, 30, dtype=torch.float64).reshape(10, 3)
    for _ in range(steps):
        optimizer.zero_grad()
        (network(x) - x.sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()
        after()
    return torch.nn.utils.parameters_to_vector(network.parameters()).detach()


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_are_pytorchs(name: str) -> None:
    ours = inspect.signature(getattr(crossoptim, name)).parameters
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    shared = [parameter for parameter in ours.values() if parameter.name in theirs]
    assert {p.name for p in shared} >= {"params", "lr", "maximize"} & set(theirs)
    for parameter in shared:
        assert parameter.default == theirs[parameter.name].default
    positional = [p.name for p in shared if p.kind is p.POSITIONAL_OR_KEYWORD and theirs[p.name].kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == list(theirs)[: len(positional)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"lr": 0.1}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
        ("Adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
        ("Adam", {"lr": 0.01, "betas": (0.5, 0.75), "eps": 1e-3}),
        ("AdamW", {}),
        ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
        ("Adamax", {"lr": 0.01, "weight_decay": 0.1}),
    ],
)
def test_training_goes_as_with_pytorchs_namesake(name: str, options: dict[str, Any]) -> None:
    ours, theirs = model(), model()
    found = train(ours, getattr(crossoptim, name)(ours.parameters(), **options))
    expected = train(theirs, getattr(torch.optim, name)(theirs.parameters(), **options))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


def test_switches_are_keyword_arguments_unless_the_class_is_defined_by_them() -> None:
    assert inspect.signature(crossoptim.Adam).parameters["eps_placement"].default == "outside"
    assert "decay" not in inspect.signature(crossoptim.AdamW).parameters
    plain, inside = model(), model()
    a = train(plain, crossoptim.Adam(plain.parameters(), lr=0.1, eps=0.1))
    b = train(inside, crossoptim.Adam(inside.parameters(), lr=0.1, eps=0.1, eps_placement="inside"))
    assert not torch.allclose(a, b)


def test_state_has_pytorchs_names_and_counts_each_parameter_by_itself() -> None:
    network = model()
    optimizer = crossoptim.Adam(network.parameters(), amsgrad=True)
    train(network, optimizer, 2)
    first, *rest = network.parameters()
    first.grad = None
    optimizer.step()
    assert set(optimizer.state[first]) == {"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"}
    assert optimizer.state[first]["step"] == 2
    assert [optimizer.state[p]["step"] for p in rest] == [3, 3, 3]


@pytest.mark.parametrize("name", [name for name in NAMES if not getattr(crossoptim, name).rule.converse])
def test_training_continues_from_a_saved_state_as_if_never_interrupted(name: str) -> None:
    straight, broken = model(), model()
    cls = getattr(crossoptim, name)
    options = {"momentum": 0.9} if name == "SGD" else {}
    taken = [[p for p in network.parameters() if name != "Muon" or p.ndim == 2] for network in (straight, broken)]
    expected = train(straight, cls(taken[0], lr=0.1, **options), 6)
    optimizer = cls(taken[1], lr=0.1, **options)
    train(broken, optimizer, 3)
    buffer = io.BytesIO()
    torch.save(optimizer.state_dict(), buffer)
    buffer.seek(0)
    fresh = cls(taken[1], lr=0.7, **options)
    fresh.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(train(broken, fresh, 3), expected)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])  # noqa: S301
def test_an_optimizer_can_be_copied_and_pickled(copied: Callable[[Any], Any]) -> None:
    network = model()
    optimizer = crossoptim.AdamW(network.parameters(), lr=0.1)
    train(network, optimizer, 2)
    twin = copied(optimizer)
    assert type(twin) is crossoptim.AdamW
    assert twin.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]
    assert torch.equal(twin.state_dict()["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])


def test_schedulers_set_the_learning_rate_and_momentum() -> None:
    ours, theirs = model(), model()
    ends = []
    for network, library in ((ours, crossoptim), (theirs, torch.optim)):
        optimizer = library.SGD(network.parameters(), lr=0.1, momentum=0.9)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=8)
        ends.append(train(network, optimizer, 7, after=schedule.step))
    torch.testing.assert_close(*ends, rtol=1e-11, atol=1e-12)


def test_a_scheduler_that_leaves_the_interval_is_stopped_before_anything_moves() -> None:
    network = model()
    optimizer = crossoptim.SGD(network.parameters(), lr=0.1)
    before = train(network, optimizer, 1)
    optimizer.param_groups[0]["lr"] = float("nan")
    with pytest.raises(HyperError, match=r"SGD: lr = nan is outside \[0, inf\)"):
        optimizer.step()
    assert torch.equal(torch.nn.utils.parameters_to_vector(network.parameters()).detach(), before)


def test_groups_have_options_of_their_own_and_a_bad_one_is_not_added() -> None:
    first, second, third = (torch.ones(2, requires_grad=True) for _ in range(3))
    optimizer = crossoptim.SGD([{"params": [first]}, {"params": [second], "lr": 0.5}], lr=0.25)
    with pytest.raises(HyperError, match="weight_decay = -1.0 is outside"):
        optimizer.add_param_group({"params": [third], "weight_decay": -1.0})
    optimizer.add_param_group({"params": [third], "lr": 1.0})
    for p in (first, second, third):
        p.grad = torch.ones(2)
    optimizer.step()
    assert [p[0].item() for p in (first, second, third)] == [0.75, 0.5, 0.0]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("SGD", {"lr": -0.1}, r"SGD: lr = -0.1 is outside \[0, inf\)"),
        ("SGD", {"lr": "fast"}, "SGD: lr = 'fast' is not a number"),
        ("SGD", {"nesterov": True}, "SGD: nesterov = true needs momentum > 0"),
        ("SGD", {"momentum_form": "mine"}, "SGD: momentum_form = 'mine' is not a variant"),
        ("Adam", {"betas": (0.9, 1.2)}, r"Adam: beta2 = 1.2 is outside \[0, 1\)"),
        ("Adam", {"betas": 0.9}, r"Adam: betas = 0.9 is not 2 numbers \(expected beta1, beta2\)"),
        ("Adam", {"betas": (0.9,)}, r"Adam: betas = \(0.9,\) is not 2 numbers"),
        ("Adam", {"amsgrad": 1}, "Adam: amsgrad = 1 is not a flag"),
        ("AdamW", {"decay": "coupled"}, r"AdamW: got an unexpected keyword argument 'decay' \(expected params, lr, betas,"),
        ("RAdam", {"decoupled_weight_decay": "yes"}, r"RAdam: decoupled_weight_decay = 'yes' is not known \(expected one of False, True\)"),
        ("Rprop", {"fused": True}, "Rprop: got an unexpected keyword argument 'fused'"),
    ],
)
def test_a_bad_hyperparameter_is_one_clear_line(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(HyperError, match=message):
        getattr(crossoptim, name)([torch.zeros(2, requires_grad=True)], **options)


def test_a_closure_is_called_once_with_gradients_on_and_its_loss_returned() -> None:
    p = torch.tensor([3.0], requires_grad=True)
    optimizer = crossoptim.SGD([p], lr=0.5)
    calls = []

    def closure() -> torch.Tensor:
        calls.append(torch.is_grad_enabled())
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert calls == [True]
    assert p.item() == 0.0


def test_with_a_lookahead_the_closure_sees_the_lookahead_and_the_parameter_comes_back() -> None:
    p = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    optimizer = crossoptim.SGD([p], lr=0.25, momentum=0.5, nesterov=True, nesterov_form="lookahead")
    seen = []

    def closure() -> torch.Tensor:
        seen.append(p.item())
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)
    assert p.item() == 0.5  # velocity 2
    optimizer.step(closure)
    assert seen == [1.0, 0.25]  # 0.5 - 0.25 * 0.5 * 2
    assert p.item() == 0.125  # velocity 0.5 * 2 + 2 * 0.25
    with optimizer.at_gradient_point():
        assert p.item() == optimizer.state[p]["lookahead"].item() != 0.125
    assert p.item() == 0.125


def test_zeroing_gradients_in_place_does_not_reach_the_state() -> None:
    p = torch.ones(2, requires_grad=True)
    optimizer = crossoptim.SGD([p], lr=1.0, momentum=0.5)
    p.grad = torch.ones(2)
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()
    assert optimizer.state[p]["momentum_buffer"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("name", [*all_rules(), *all_presets()])
def test_every_rule_and_preset_is_an_optimizer_under_the_specifications_names(name: str) -> None:
    cls = optimizer_class(specification_binding(name))
    optimizer = cls([torch.zeros(2, 2, requires_grad=True)])
    assert dict(optimizer.setting(optimizer.param_groups[0]).values) == dict(resolve(name).values)
    assert all(f"{option.name}:" in str(cls.__doc__) for option in cls.rule.options())


@given(
    st.sampled_from(["adam", "adamw"]),
    st.floats(0, 10),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 10_000),
)
def test_the_scalars_are_the_ones_that_fixtures_store(name: str, lr: float, beta1: float, beta2: float, t: int) -> None:
    setting = resolve(name, {"lr": lr, "beta1": beta1, "beta2": beta2})
    stored = rounded_scalars(setting, t)
    used = exact_scalars(setting, t, {})
    assert {key: used[key] for key in stored} == stored


OWN = {cls.rule.name: cls for cls in (getattr(crossoptim, name) for name in crossoptim.optim.__all__ if name not in NAMES)}


def test_a_rule_that_pytorch_does_not_have_is_a_class_of_its_own_name() -> None:
    assert {*OWN} == {*all_rules()} - {binding.rule for binding in pytorch.bindings}
    assert OWN["lion"] is crossoptim.Lion and OWN["schedule_free_adamw"] is crossoptim.ScheduleFreeAdamW
    for cls in OWN.values():
        parameters = [*inspect.signature(cls).parameters.values()][1:]
        assert {p.name: p.default for p in parameters} == {option.name: option.default for option in cls.rule.options()}
        assert {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} >= {switch.name for switch in cls.rule.switches}


@pytest.mark.parametrize("cls", OWN.values(), ids=list(OWN))
def test_state_and_numbers_that_are_kept_continue_from_a_saved_state(cls: Any) -> None:
    straight, broken = model(), model()
    options = {k: v for k, v in cls.rule.examples().items() if k in ("weight_decay", "warmup_steps", "momentum", "lr")}
    expected = train(straight, cls(straight.parameters(), **options), 6)
    optimizer = cls(broken.parameters(), **options)
    train(broken, optimizer, 3)
    fresh = cls(broken.parameters(), lr=0.7)
    fresh.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert torch.equal(train(broken, fresh, 3), expected)
    assert not torch.equal(expected, torch.nn.utils.parameters_to_vector(model().parameters()))


@pytest.mark.parametrize("inside", ["closure", "context"])
def test_schedule_free_training_goes_as_with_its_authors_library(inside: str) -> None:
    ours, theirs = model(), model()
    x = torch.linspace(-1, 1, 30, dtype=torch.float64).reshape(10, 3)
    optimizer = crossoptim.ScheduleFreeSGD(ours.parameters(), lr=0.1, warmup_steps=4)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (ours(x) - x.sum(1, keepdim=True)).square().mean()
        loss.backward()
        return loss

    for _ in range(6):
        if inside == "closure":
            optimizer.step(closure)
        else:
            with optimizer.at_gradient_point():
                closure()
            optimizer.step()
    authors = schedulefree.SGDScheduleFree(theirs.parameters(), lr=0.1, warmup_steps=4)
    authors.train()
    train(theirs, authors, 6)
    authors.eval()
    torch.testing.assert_close([*ours.parameters()], [*theirs.parameters()], rtol=1e-12, atol=1e-13)


def test_unknown_names_are_attribute_errors() -> None:
    for module in (crossoptim, crossoptim.optim):
        with pytest.raises(AttributeError, match="has no attribute 'SGDD'"):
            module.SGDD  # noqa: B018
