"""Any ``torch.optim.Optimizer`` behind the harness: crossoptim's own and PyTorch's."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from crossoptim.errors import HyperError, RunnerError
from crossoptim.optim.namespace import Tensors as TensorNamespace
from crossoptim.runners.harness import Adapter, Array, GroupOptions, Numbers, Start, States, Tensors
from crossoptim.runners.torch_memory import read_memory, write_memory
from crossoptim.spec.conversation import Memory
from crossoptim.spec.expr import evaluate, parse

DTYPES = {"float32": torch.float32, "float64": torch.float64}
MakeOptimizer = Callable[..., torch.optim.Optimizer]
Unused = Mapping[int, Collection[str]]

_settling = threading.RLock()


@contextmanager
def one_thread_float32() -> Iterator[None]:
    """One thread and default dtype float32, which decides the precision of PyTorch's scalar state; both restored afterwards."""
    with _settling:
        threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.set_default_dtype(dtype)


def details() -> dict[str, Any]:
    """What decides torch's numbers on this machine."""
    return {"torch": torch.__version__, "cpu": torch.backends.cpu.get_cpu_capability(), "default_dtype": "float32", "threads": 1}


def torch_adapter(
    start: Start,
    make: MakeOptimizer,
    number: Callable[[float], Any],
    sparse: bool = False,
    converses: bool = False,
    unused: Unused | None = None,
) -> TorchAdapter:
    """An adapter.

    Args:
        start: what it starts from.
        make: builds the optimizer from groups and the options of the first one.
        number: turns a step count or kept number into what the optimizer's state holds.
        sparse: whether it takes gradients as sparse tensors, of the entries that are not zero.
        converses: whether it chooses itself where to evaluate, and remembers what it found.
        unused: by step, the parameters that take no part in its loss, which keep what ``zero_grad()`` leaves; None where gradients are
            forgotten without it.
    """
    return TorchAdapter(start, make, number, sparse, converses, unused)


class TorchAdapter(Adapter):
    """An optimizer of torch over named leaves."""

    def __init__(
        self, start: Start, make: MakeOptimizer, number: Callable[[float], Any], sparse: bool, converses: bool, unused: Unused | None
    ) -> None:
        self.start = start
        self._make = make
        self._number = number
        self._sparse = sparse
        self._converses = converses
        self._unused, self._done = unused, 0
        self._left: dict[str, Tensor] = {}
        self._dtype = DTYPES[start.dtype]
        self._tensors = {
            name: torch.from_numpy(value.copy()).requires_grad_(name not in start.frozen) for name, value in start.params.items()
        }
        self._optimizer: torch.optim.Optimizer
        objective = start.objective or {"statements": [], "data": {}}
        self._statements = [(label, parse(text)) for label, text in objective["statements"]]
        self._data = {
            key: torch.tensor(value["data"], dtype=self._dtype).reshape(value["shape"]) for key, value in objective["data"].items()
        }

    def _group(self, group: GroupOptions) -> dict[str, Any]:
        unknown = [name for name in group.params if name not in self._tensors]
        if unknown:
            raise RunnerError(f"parameter {unknown[0]!r} does not exist (expected one of {', '.join(self._tensors)})")
        given = {key: value for key, value in _options(group.arguments).items() if value is not None}  # None: the class finds it itself
        return {"params": [self._tensors[name] for name in group.params], **given}

    def construct(self, groups: Sequence[GroupOptions]) -> None:
        # some classes read an option where they are made, not in the group
        self._optimizer = self._make([self._group(group) for group in groups], **_options(groups[0].arguments if groups else {}))

    def add_params(self, params: Tensors) -> None:
        self._tensors.update({name: torch.from_numpy(value.copy()).requires_grad_() for name, value in params.items()})

    def add_group(self, group: GroupOptions) -> None:
        self._optimizer.add_param_group(self._group(group))

    def set_options(self, group: int, arguments: Mapping[str, Any]) -> None:
        groups = self._optimizer.param_groups
        if not 0 <= group < len(groups):
            raise HyperError(f"{self.start.optimizer}: group {group} does not exist (expected 0 to {len(groups) - 1})")
        groups[group].update(_options(arguments))

    def zero_gradients(self) -> None:
        if self._unused is not None:
            self._optimizer.zero_grad()
            now = self._unused.get(self._done + 1, ())
            self._left = {name: grad.clone() for name in now if (grad := self._tensors[name].grad) is not None}
            return
        for tensor in self._tensors.values():
            tensor.grad = None

    def add_gradients(self, gradients: Tensors) -> None:
        for name, values in gradients.items():
            tensor = self._tensors[name]
            fresh = torch.from_numpy(values.copy())
            fresh = fresh.to_sparse() if self._sparse else fresh
            if tensor.grad is None:
                tensor.grad = fresh
            else:
                tensor.grad.add_(fresh)

    def differentiate(self, value: Callable[[Mapping[str, Tensor]], Tensor]) -> float:
        """Evaluate a loss of the parameters where the optimizer wants its gradient, add its gradients, return the loss."""
        with self._evaluation_point():
            loss = value(self._tensors)
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def value(self, value: Callable[[Mapping[str, Tensor]], Tensor]) -> float:
        """A loss of the parameters as they stand, without gradients."""
        with torch.no_grad():
            return float(value(self._tensors))

    def backward(self) -> float:
        loss = self.differentiate(self._objective)
        if self._sparse:
            for tensor in self._tensors.values():
                tensor.grad = None if tensor.grad is None else tensor.grad.to_dense().to_sparse()
        return loss

    def _objective(self, params: Mapping[str, Tensor]) -> Tensor:
        env: dict[str, Any] = {**self._data, **params}
        for label, expression in self._statements:
            env[label] = evaluate(expression, env, TensorNamespace)
        loss: Tensor = env["loss"]
        return loss

    def _evaluation_point(self) -> AbstractContextManager[None]:
        move: Callable[[], AbstractContextManager[None]] = getattr(self._optimizer, "at_gradient_point", nullcontext)
        return move()

    def drop_gradients(self, names: Iterable[str]) -> None:
        for name in names:
            self._tensors[name].grad = self._left.get(name)

    def gradients(self) -> Mapping[str, Array | None]:
        return {name: None if t.grad is None else _array(t.grad) for name, t in self._tensors.items()}

    def step(self) -> None:
        self._optimizer.step()
        self._done += 1

    def converse(self, evaluate: Callable[[], float]) -> float:
        return float(self._optimizer.step(evaluate))

    def params(self) -> Tensors:
        return {name: _array(tensor) for name, tensor in self._tensors.items()}

    def state(self) -> States:
        out: States = {}
        for name, tensor in self._tensors.items():
            held = self._optimizer.state.get(tensor, {})
            out[name] = {var: _array(held[key]) for var, key in self.start.state.items() if held.get(key) is not None}
        return out

    def save(self) -> bytes:
        buffer = io.BytesIO()
        torch.save(self._optimizer.state_dict(), buffer)
        return buffer.getvalue()

    def load(self, saved: bytes) -> None:
        self._optimizer.load_state_dict(torch.load(io.BytesIO(saved), weights_only=True))

    def kept(self) -> Numbers:
        out: dict[str, dict[str, float]] = {}
        for name, tensor in self._tensors.items():
            held = self._optimizer.state.get(tensor, {})
            out[name] = {var: float(held[key]) for var, key in self.start.kept.items() if key in held}
        return out

    def memory(self) -> Memory | None:
        return read_memory(self._optimizer.state.get(self._first(), {})) if self._converses else None

    def _first(self) -> Tensor:
        first: Tensor = self._optimizer.param_groups[0]["params"][0]
        return first

    def assign(self, params: Tensors, state: States, count: Mapping[str, int], kept: Numbers, memory: Memory | None = None) -> None:
        with torch.no_grad():
            for name, value in params.items():
                self._tensors[name].copy_(torch.from_numpy(value.copy()))
        for name, number in count.items():
            held = self._optimizer.state
            held.pop(self._tensors[name], None)
            if number or state.get(name):  # some libraries make it early
                tensors = {self.start.state[var]: torch.from_numpy(value.copy()) for var, value in state.get(name, {}).items()}
                numbers = {self.start.kept[key]: self._number(value) for key, value in kept.get(name, {}).items()}
                held[self._tensors[name]] = {"step": self._number(number), **tensors, **numbers}
        if memory is not None and self._converses:
            self._optimizer.state[self._first()] = write_memory(memory)


def _array(tensor: Tensor) -> Array:
    return tensor.detach().to_dense().cpu().numpy().copy()


def _options(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}
