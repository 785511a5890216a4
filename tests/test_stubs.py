"""Type stubs: what a type checker and an editor know of the optimizers."""

from __future__ import annotations

import ast
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest

import crossoptim
from crossoptim.errors import HyperError
from crossoptim.optim import bindings

PACKAGE = Path(crossoptim.__file__).parent
STUBS = [PACKAGE / "__init__.pyi", PACKAGE / "optim/__init__.pyi"]


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_a_stub_has_the_arguments_and_the_docstring_of_its_class() -> None:
    classes = {node.name: node for node in ast.parse(STUBS[1].read_text()).body if isinstance(node, ast.ClassDef)}
    assert list(classes) == list(bindings())
    for name, stub in classes.items():
        cls = getattr(crossoptim, name)
        made = next(node for node in stub.body if isinstance(node, ast.FunctionDef)).args
        kinds = [(p.name, p.kind is p.KEYWORD_ONLY) for p in signature(cls).parameters.values()]
        assert [(a.arg, False) for a in made.args[1:]] + [(a.arg, True) for a in made.kwonlyargs] == kinds
        given = [p.default for p in signature(cls).parameters.values() if p.default is not p.empty]
        assert [ast.literal_eval(value) for value in (*made.defaults, *made.kw_defaults) if value] == given
        assert ast.get_docstring(stub) == str(cls.__doc__).strip()


RIGHT = """\
import crossoptim as co
from crossoptim.optim import Muon

co.AdamW(params, lr=3e-4, betas=(0.9, 0.999))
co.Adam(params, 1e-3, foreach=None, fused=True, eps_placement="inside")
co.Adafactor(params, eps=(None, 1e-3))
co.LBFGS(params, line_search_fn="strong_wolfe")
Muon(params, adjust_lr_fn="original")
co.optim.Lion(params)
"""
WRONG = {
    "co.AdamW(params, learning_rate=1)": 'Unexpected keyword argument "learning_rate"',
    "co.AdamW(params, betas=0.9)": 'incompatible type "float"',
    "co.Adam(params, 1e-3, (0.9, 0.999), 1e-8, 0.0, False, None)": "Too many positional arguments",
    "co.Adam(params, eps_placement='there')": "Literal['outside', 'inside']",
    "co.AdamWW(params)": 'Module has no attribute "AdamWW"',
}


def errors(script: Path, code: str) -> list[str]:
    script.write_text(f"from torch.optim.optimizer import ParamsT\nparams: ParamsT\n{code}\n")
    options = ["--follow-imports=skip", "--hide-error-context", "--no-error-summary", "--config-file=", f"--cache-dir={script.parent}"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *map(str, STUBS), str(script)], capture_output=True, text=True, check=False, timeout=120
    )
    assert not done.stderr, done.stderr
    return [line for line in done.stdout.splitlines() if ": note: " not in line]


def test_mypy_takes_what_a_class_takes_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    assert errors(tmp_path / "right.py", RIGHT) == []
    said = errors(tmp_path / "wrong.py", "\n".join(["import crossoptim as co", *WRONG]))
    for line, message in zip(said, WRONG.values(), strict=True):
        assert message in line


def test_an_argument_that_mypy_refuses_is_refused() -> None:
    with pytest.raises(HyperError, match="unexpected keyword argument 'learning_rate'"):
        crossoptim.AdamW([], learning_rate=1)
