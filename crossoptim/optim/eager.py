"""A parameter's step in torch's own operations, in place: what no kernel takes, and what runs on other devices.

The equation's graph becomes one of ``torch.fx``. It runs operation by operation, differentiably where autograd records, or is compiled by
``torch.compile``, once for each equation and dtype, whatever the shapes and numbers.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx
from torch.autograd.graph import increment_version

from crossoptim.errors import UnsupportedError
from crossoptim.optim.namespace import Tensors
from crossoptim.spec.expr import BINARY, Expr, names, rebuild, walk
from crossoptim.spec.model import Setting
from crossoptim.spec.trace import GRAD, PARAM, Equation, trace

COMPILED = ("cuda",)
"""The types of device for which a step is compiled."""
BACKEND = "inductor"
"""What compiles it."""
BUNDLE = 8
"""Parameters to a call of what is compiled: with fewer the calls take longer, with more the compiler does."""


def as_real(x: Tensor) -> Tensor:
    """A complex tensor's memory as real numbers, the two parts along a last axis; a real tensor itself."""
    return torch.view_as_real(x.resolve_conj()).resolve_neg() if x.is_complex() else x


@dataclass(frozen=True)
class Step:
    """A step of one parameter.

    ``setting`` has the facts about the parameter's shape; ``numbers`` holds the step's hyperparameters, scalars and kept numbers; ``p``, of
    any device and layout in memory, and ``state``, by the specification's names, change in place; ``grad``, dense or sparse, does not.
    """

    setting: Setting
    numbers: Mapping[str, float]
    p: Tensor
    grad: Tensor
    state: Mapping[str, Tensor]


def run(steps: Iterable[Step], compiled: bool = True) -> None:
    """Take parameters through a step.

    Half precision is computed in float32 and rounded when it is stored. A complex tensor is a real one of twice as many elements. Of a
    sparse gradient an entry is what is stored, be it zero: where nothing else would change, only its entries are looked at.

    Args:
        steps: one for each parameter.
        compiled: whether elementwise rules are compiled on the devices :data:`COMPILED`.
    """
    bundles: dict[_Kind, list[_Flat]] = {}
    for step in steps:
        equation, grad = trace(step.setting), step.grad
        state = [step.state[key] for key in equation.state]
        if grad.is_sparse and grad.sparse_dim() and not step.setting.values.get("momentum"):
            _run_entries(equation, step.numbers, [step.p, grad, *state])
            continue
        tensors = [as_real(x) for x in (step.p, grad.to_dense() if grad.is_sparse else grad, *state)]
        row = tuple(step.numbers[key] for key in _numbers(equation))
        wanted = compiled and step.p.device.type in COMPILED and step.setting.rule.kind == "elementwise" and not torch.is_grad_enabled()
        flat = _flat(tensors) if wanted and step.p.numel() > 1 else None
        if flat is None:
            _run(equation, row, tensors)
        else:
            kind = _Kind(equation, row, step.p.device, tuple(x.dtype for x in tensors))
            bundles.setdefault(kind, []).append(_Flat(step.p, flat))
    for kind, members in bundles.items():
        for first in range(0, len(members), BUNDLE):
            _run_bundle(kind, members[first : first + BUNDLE])


def _run(equation: Equation, row: tuple[float, ...], tensors: Sequence[Tensor]) -> None:
    p = tensors[0]
    dtype = _computed(p.dtype)
    _graph(equation, dtype, recorded=torch.is_grad_enabled()).forward(_placed(row, dtype, p.device), *tensors)


class _Kind(NamedTuple):
    """What the members of a bundle have in common."""

    equation: Equation
    row: tuple[float, ...]
    device: torch.device
    dtypes: tuple[torch.dtype, ...]


class _Flat(NamedTuple):
    """A parameter, and it, its gradient and its state as tensors of one axis."""

    p: Tensor
    tensors: list[Tensor]


def _run_bundle(kind: _Kind, members: Sequence[_Flat]) -> None:
    """A call of what is compiled for :data:`BUNDLE` parameters; where there are fewer, others that nobody looks at fill it up."""
    dtype = _computed(kind.dtypes[0])
    row = _placed(kind.row, dtype, kind.device)
    compiled = _compiled(kind.equation, kind.device, kind.dtypes, BACKEND, BUNDLE)
    if compiled is None:
        for member in members:
            _graph(kind.equation, dtype).forward(row, *member.tensors)
    else:
        spare = [x.new_ones(2) for _ in range(BUNDLE - len(members)) for x in members[0].tensors]
        compiled(row, *(x for member in members for x in member.tensors), *spare)
    increment_version([member.p for member in members])


def _run_entries(equation: Equation, numbers: Mapping[str, float], tensors: Sequence[Tensor]) -> None:
    """The step of a sparse gradient's entries; all else stays."""
    p, given, *state = tensors
    grad = given.coalesce()
    at = grad.indices().unbind()
    moved = [x.index_select(0, *at) if len(at) == 1 else x[at] for x in (p, *state)]
    known = _of_entries(equation)
    row = tuple(numbers[key] for key in _numbers(known))
    _run(known, row, [as_real(x) for x in (moved[0], grad.values(), *moved[1:])])
    for x, entries in zip((p, *state), moved, strict=True):
        if len(at) == 1:
            x.index_copy_(0, *at, entries)
        else:
            x[at] = entries


@cache
def _of_entries(equation: Equation) -> Equation:
    """The equation without its question whether there is an entry, which a gradient of zero answers with no."""

    def answer(node: Expr, args: tuple[Expr, ...]) -> Expr | None:
        return args[2] if node.op == "where" and names(args[0]) == [GRAD] else None

    memo: dict[int, Expr] = {}
    outputs = {key: rebuild(root, answer, memo) for key, root in equation.outputs.items()}
    return Equation(equation.id, equation.rule, equation.scalars, outputs, equation.reals, equation.init)


@cache
def _numbers(equation: Equation) -> tuple[str, ...]:
    """The numbers that an equation reads."""
    return tuple(key for key in names(*equation.outputs.values()) if key not in (PARAM, GRAD, *equation.state))


def _computed(stored: torch.dtype) -> torch.dtype:
    return torch.float32 if stored in (torch.bfloat16, torch.float16) else stored


def _placed(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Numbers as a vector on a device; nobody waits for what the device still does."""
    if device.type != "cuda":
        return torch.tensor(values, dtype=dtype, device=device)
    if torch.cuda.is_current_stream_capturing():
        raise UnsupportedError("a step in a CUDA graph would take the same numbers at each replay (expected a step outside of the capture)")
    return torch.tensor(values, dtype=dtype, device="cpu").pin_memory().to(device, non_blocking=True)


def _flat(tensors: Sequence[Tensor]) -> list[Tensor] | None:
    """Views of one axis, where all tensors lie densely in the same order of elements; else None."""
    p = tensors[0]
    axes = sorted(range(p.ndim), key=p.stride, reverse=True)
    views = [x.detach().permute(axes) for x in tensors if x.shape == p.shape]
    if len(views) < len(tensors) or not all(x.is_contiguous() for x in views):
        return None
    return [x.view(-1).data for x in views]  # .data: what is compiled for views is bound to the shape of what they are views of


@cache
def _graph(equation: Equation, dtype: torch.dtype, recorded: bool = False, count: int = 1) -> fx.GraphModule:
    """An equation as a module that takes numbers and then, of each parameter, itself, its gradient and its state, which it changes.

    Args:
        equation: the graph.
        dtype: in which it is computed.
        recorded: whether autograd will want the old values, which are copied then.
        count: how many parameters.
    """
    graph = fx.Graph()
    row = graph.placeholder("numbers")
    numbers = {key: graph.call_function(operator.getitem, (row, i)) for i, key in enumerate(_numbers(equation))}
    for i in range(count):
        stored = {key: graph.placeholder(f"{key}_stored_{i}") for key in (PARAM, GRAD, *equation.state)}
        loaded = {key: graph.call_method("to", (x, dtype)) for key, x in stored.items()}
        if recorded:
            loaded = {key: graph.call_method("clone", (x,)) for key, x in loaded.items()}
        made: dict[int, fx.Node | float] = {}
        for node in walk(*equation.outputs.values()):
            if node.op == "name":
                made[id(node)] = loaded[node.label] if node.label in loaded else numbers[node.label]
            elif node.op == "number":
                made[id(node)] = node.value
            else:
                made[id(node)] = graph.call_function(_operation(node.op), tuple(made[id(arg)] for arg in node.args))
        changed = {key: root for key, root in equation.outputs.items() if root.op != "name" or root.label != key}
        # a rule may hand an operand through, which may change before it is stored
        kept = {key: graph.call_method("clone", (made[id(root)],)) for key, root in changed.items() if root.op == "name"}
        for key, root in changed.items():
            graph.call_method("copy_", (stored[key], kept.get(key, made[id(root)])))
    graph.output(None)
    return fx.GraphModule({}, graph)


def _operation(op: str) -> Callable[..., Any]:
    if op == "neg":
        return operator.neg
    return BINARY[op] if op in BINARY else getattr(Tensors, op)


@cache
def _compiled(
    equation: Equation, device: torch.device, dtypes: tuple[torch.dtype, ...], backend: str, count: int
) -> Callable[..., None] | None:
    """What is compiled of an equation for tensors of these dtypes; None where the compiler fails."""
    dtype = _computed(dtypes[0])
    made = torch.compile(_graph(equation, dtype, count=count), backend=backend, dynamic=True)
    # sizes that are equal when it is compiled would have to be so for ever; and it is made for large ones
    parts = [torch.ones((1 << 17) + i, dtype=x, device=device) for i in range(count) for x in dtypes]
    try:
        made(torch.ones(len(_numbers(equation)), dtype=dtype, device=device), *parts)
    except torch._dynamo.exc.TorchDynamoException as error:
        _say_once(" ".join(str(error).split("\n", 2)[:2]))
        return None
    return made


@cache
def _say_once(reason: str) -> None:
    warnings.warn(f"crossoptim: a step is not compiled, which is slower: {reason}", RuntimeWarning, stacklevel=2)
