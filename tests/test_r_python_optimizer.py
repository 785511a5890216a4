"""``python_optimizer()`` in an R that a Python process embeds: the steps are relayed to a Python of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from crossoptim.errors import UnavailableError
from crossoptim.golden.json_text import read_number
from crossoptim.runners.r import TRANSPORTS, installation, r_child, worker_environment
from crossoptim.runners.serve import Server

_R = """
crossoptim:::to_json(local({
  params <- list(x = c(2, -1), y = matrix(1:4 / 4, 2))
  opt <- crossoptim::python_optimizer("adam", params, lr = 0.125)
  torch_there <- requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
  tensor <- if (torch_there) torch::torch_tensor(2, dtype = torch::torch_float64())$requires_grad_(TRUE)
  search <- crossoptim::python_optimizer("lbfgs", if (torch_there) list(x = tensor) else list(x = 2))
  closure <- if (torch_there) {
    function() {
      search$zero_grad()
      loss <- (tensor - 3)$square()$sum()
      loss$backward()
      loss
    }
  } else {
    function(p) list(loss = sum((p$x - 3)^2), gradients = list(x = 2 * (p$x - 3)))
  }
  for (t in 1:3) opt$step(lapply(opt$params, function(p) p * p * p))
  loss <- search$step(closure)
  found <- as.numeric(if (torch_there) tensor$item() else search$params$x)
  pids <- c(opt$pid, search$pid)
  refused <- tryCatch(
    crossoptim::python_optimizer("adam", params, python = "no-such-python"),
    crossoptim_python_error = conditionMessage
  )
  opt$close()
  search$close()
  list(
    x = I(opt$params$x), y = I(as.numeric(t(opt$params$y))), found = found, refused = refused,
    left = sum(vapply(pids, tools::pskill, NA, signal = 0L))
  )
}))
"""
_EMBEDDED = (
    "import sys; from rpy2 import robjects; print('answer ' + str(robjects.r(sys.stdin.read())[0])); assert 'torch' not in sys.modules"
)


@pytest.fixture(scope="module")
def environment() -> Mapping[str, str]:
    try:
        for transport in TRANSPORTS:
            r_child(transport)
        return worker_environment(installation().environment)
    except UnavailableError as missing:
        pytest.skip(str(missing))


def test_from_an_embedded_r_the_steps_are_relayed_to_another_python(environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _EMBEDDED], input=_R, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("answer ")).removeprefix("answer "))
    here = steps_of_adam()
    assert [read_number(v) for v in answer["x"]] == here["x"] and answer["y"] == here["y"]
    assert answer["found"] == pytest.approx(3, abs=1e-6)
    assert answer["refused"].startswith("no Python at 'no-such-python'")
    assert answer["left"] == 0, "a Python is left behind"


def steps_of_adam() -> dict[str, Any]:
    """The same three steps in this process."""
    server = Server()
    params: dict[str, list[float]] = {"x": [2.0, -1.0], "y": [0.25, 0.75, 0.5, 1.0]}
    shapes = {"x": [2], "y": [2, 2]}
    given = [{"name": name, "shape": shapes[name], "data": data} for name, data in params.items()]
    message = {"command": "open", "implementation": "crossoptim", "optimizer": "adam", "arguments": {"lr": 0.125}, "dtype": "float64"}
    server.answer({**message, "params": given})
    for _ in range(3):
        answer = server.answer(
            {"command": "step", "session": 1, "gradients": {name: [v * v * v for v in data] for name, data in params.items()}}
        )
        assert answer is not None
        params = answer["params"]
    return params
