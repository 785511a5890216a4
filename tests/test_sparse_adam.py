"""SparseAdam: what has no entry stands still, in the specification, in PyTorch and in our own class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from trials import Array, by_torch, ours, table_of, tolerance, torch_bindings, trial, witnessed
from witness.forms import forms

import crossoptim
from crossoptim.errors import UnavailableError
from crossoptim.golden.trajectory import golden
from crossoptim.runners.harness import Start
from crossoptim.runners.registry import local_runner
from crossoptim.spec.problems import get_problem
from crossoptim.spec.rules import resolve

BINDING = next(b for b in torch_bindings() if b.name == "SparseAdam")
FORM = next(f for f in forms() if f.optimizer == "sparse_adam")
HYPER = {name: value for name, value in resolve("sparse_adam").rule.examples().items() if name != "maximize"}


def rows() -> list[Array]:
    """The matrix's gradients of the sparse table."""
    table = get_problem("sparse").gradients
    assert table is not None
    return [np.asarray(table(t)["matrix"]).reshape(2, 3) for t in range(1, 31)]


@pytest.mark.parametrize("hyper", [{}, HYPER], ids=["defaults", "examples"])
@pytest.mark.parametrize("witness", ["torch", "transcription"])
def test_on_sparse_gradients_it_computes_what_its_witnesses_do(witness: str, hyper: dict[str, Any]) -> None:
    case = trial("sparse_adam", hyper, table_of(rows(), np.ones((2, 3))))
    expected = by_torch(BINDING, case) if witness == "torch" else witnessed(FORM, case)
    assert np.max(np.abs(ours(case) - expected)) <= tolerance(expected, "float64")


def test_what_has_no_entry_stands_still_and_nan_is_an_entry() -> None:
    gradients = [np.array([1.0, -1.0, 2.0]), np.array([0.0, -0.0, np.nan])]
    run = golden(trial("sparse_adam", HYPER, table_of([*gradients, *gradients * 14], np.ones(3))))
    for column in (run.params["x"], run.state["x"]["m"], run.state["x"]["v"]):
        first, second = np.asarray(column[0]), np.asarray(column[1])
        assert np.array_equal(first[:2], second[:2]) and np.isfinite(first).all() and np.isnan(second[2])


def test_our_class_takes_sparse_gradients_as_pytorchs_does() -> None:
    ends = []
    for library in (crossoptim, torch.optim):
        p = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
        optimizer = library.SparseAdam([p], lr=0.1, betas=(0.5, 0.75), eps=0.01)
        for row in rows():
            p.grad = torch.tensor(row).to_sparse()
            optimizer.step()
        assert p.grad is not None and p.grad.is_sparse, "the gradient is as it was given"
        ends.append(p.detach())
    torch.testing.assert_close(*ends, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("path, form", [("torch-foreach", "foreach"), ("torch-fused", "fused")])
def test_a_form_that_a_class_lacks_is_unsupported_by_name(path: str, form: str) -> None:
    start = Start("SparseAdam", {}, "float64", {"x": np.ones(2)})
    with pytest.raises(UnavailableError, match=f"torch.optim.SparseAdam has no {form} form"):
        local_runner(path).open(start)
    local_runner("torch-single").open(start)
