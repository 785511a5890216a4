"""Takes a training to an implementation and brings back its losses, its seconds and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as File
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from crossoptim.errors import RunnerError
from crossoptim.runners.base import Runner
from crossoptim.runners.registry import Runners, get_implementation
from crossoptim.runners.request import PROTOCOL, arguments
from crossoptim.studies.fit import checked, fitted
from crossoptim.studies.model import Array, Path
from crossoptim.studies.training import BY_HAND, Material, Training

PATIENCE = 24 * 3600.0
"""Seconds for one training."""


def train(run: Training, name: str, runners: Runners) -> Path:
    """The training by an implementation, which evaluates the network, its loss and its gradients itself.

    Raises:
        UnavailableError: where the implementation is missing, or has not the optimizer.
        RunnerError: where it failed.
    """
    case, binding = run.case, None
    if name == BY_HAND:
        from crossoptim.runners.by_hand import HandRunner  # loads torch

        runner: Runner = HandRunner(name)
    else:
        implementation, runner = get_implementation(name), runners[name]
        case = fitted(case, implementation)
        binding = implementation.binding(case.base)
    with TemporaryDirectory(prefix="crossoptim-") as folder:
        data, answer = File(folder) / "data.safetensors", File(folder) / "answer.safetensors"
        save_file(_tensors(run.material), data)
        request = {
            "command": "train",
            "protocol": PROTOCOL,
            "implementation": name,
            "case": run.id,
            "dtype": case.dtype,
            "optimizer": {"name": binding.name if binding else case.rule, "arguments": arguments(case.base, binding)},
            "layers": [list(layer) for layer in run.material.layers],
            "loss": run.loss,
            "batch": run.batch,
            "every": run.every,
            "data": str(data),
            "answer": str(answer),
        }
        checked(runner.run(request, PATIENCE), f"{name}: {run.id}")
        return _path(run, answer, f"{name}: {run.id}")


def _tensors(material: Material) -> dict[str, Array]:
    kind = material.features.dtype
    given = {"features": material.features, "labels": material.labels.astype(kind), "order": material.order.astype(np.float64)}
    return {name: np.ascontiguousarray(value) for name, value in {**given, **material.params}.items()}


def _path(run: Training, answer: File, where: str) -> Path:
    try:
        found = load_file(answer)
    except (OSError, SafetensorError) as error:
        raise RunnerError(f"{where}: the answer's file cannot be read ({error})") from None
    start, epochs = run.material.params, len(run.material.order)
    expected = {name: value.shape for name, value in start.items()}
    expected |= {"losses": (epochs * -(-run.material.order.shape[1] // run.batch),), "seconds": (epochs,)}
    for name, shape in expected.items():
        if name not in found or found[name].shape != shape:
            got = f"shape {list(found[name].shape)}" if name in found else "nothing"
            raise RunnerError(f"{where}: {name}: {got} in the answer's file (expected shape {list(shape)})")

    def row(tensors: Mapping[str, Any]) -> Array:
        return np.concatenate([np.ravel(tensors[name]) for name in start])

    points = np.stack([row(start), row(found)])
    nothing = np.empty((0, points.shape[1]))
    return Path(points, nothing, found["losses"], {}, found.get("curve", np.empty(0)), tuple(found["seconds"].tolist()))
