"""A network trained in this process: torch's layers, losses and autograd, and any ``torch.optim.Optimizer``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from crossoptim.runners.harness import GroupOptions, LocalRunner, Start, read_arguments
from crossoptim.runners.torch_adapter import DTYPES, TorchAdapter, one_thread_float32


def _half_squared_error(out: Tensor, labels: Tensor) -> Tensor:
    return functional.mse_loss(out, labels) / 2


def _cross_entropy(out: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(out, labels.long())


LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {"half_squared_error": _half_squared_error, "cross_entropy": _cross_entropy}


class LocalTorchRunner(LocalRunner):
    """A runner of optimizers over Python's torch."""

    def settled(self) -> AbstractContextManager[None]:
        """One thread, default dtype float32."""
        return one_thread_float32()

    def train(self, request: Mapping[str, Any], at: list[str]) -> dict[str, Any]:
        """Train a network, as docs/protocol.md says."""
        given = load_file(request["data"])
        features, labels, order = given.pop("features"), given.pop("labels"), given.pop("order").long()
        names = [name for layer in request["layers"] for name in layer]
        optimizer, loss = request["optimizer"], LOSSES[request["loss"]]
        at[0] = "making the optimizer"
        adapter = self.open(Start(optimizer["name"], {}, request["dtype"], {name: given[name].numpy() for name in names}))
        assert isinstance(adapter, TorchAdapter)
        adapter.construct([GroupOptions(tuple(names), read_arguments(optimizer["arguments"]))])

        def value(x: Tensor, y: Tensor) -> Callable[[Mapping[str, Tensor]], Tensor]:
            return lambda params: loss(_network(x, params, request["layers"]), y)

        whole, every = value(features, labels), request["every"]
        losses, seconds = [], []
        curve = [adapter.value(whole)] if every else []
        for epoch, examples in enumerate(order, 1):
            began, batches = perf_counter(), examples.split(request["batch"])
            for step, batch in enumerate(batches, 1):
                at[0] = f"epoch {epoch}, step {step}"
                adapter.zero_gradients()
                losses.append(adapter.differentiate(value(features[batch], labels[batch])))
                adapter.step()
                if every and (step % every == 0 or step == len(batches)):
                    curve.append(adapter.value(whole))
            seconds.append(perf_counter() - began)
        dtype = DTYPES[request["dtype"]]
        found = {name: torch.from_numpy(value) for name, value in adapter.params().items()}
        measured = {"losses": torch.tensor(losses, dtype=dtype), "curve": torch.tensor(curve, dtype=dtype)}
        save_file({**found, **measured, "seconds": torch.tensor(seconds, dtype=torch.float64)}, request["answer"])
        return {}


def _network(x: Tensor, params: Mapping[str, Tensor], layers: list[list[str]]) -> Tensor:
    for number, (weight, bias) in enumerate(layers):
        x = functional.linear(functional.relu(x) if number else x, params[weight], params[bias])
    return x
