"""Imports go one way, and importing the package is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import crossoptim

ROOT = Path(crossoptim.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# What a part may import of ours besides itself and the errors. Parts that are not named here may import anything.
ALLOWED = {
    "errors": set[str](),
    "spec": set[str](),
    "golden": {"spec"},
    "check": {"spec", "golden"},
    "kernels": {"spec"},
    "optim": {"spec", "golden", "kernels"},  # golden: the exact per-step scalars
    "rtorch": {"spec", "golden", "kernels", "optim"},
}
LIBRARIES = {"torch", "rpy2"}
FREE_OF_LIBRARIES = {"errors", "spec", "golden", "check"}


def part(module: str) -> str:
    """The first name below the package: ``crossoptim.spec.expr`` belongs to ``spec``."""
    return module.split(".")[1] if "." in module else ""


def dotted(path: Path) -> str:
    """A file's module name."""
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, at any level, also inside functions and for type checkers; with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: imports are absolute"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}" if node.module == "crossoptim" else str(node.module)


files = pytest.mark.parametrize("path", MODULES, ids=dotted)


@files
def test_a_part_imports_only_what_stands_before_it(path: Path) -> None:
    own = part(dotted(path))
    if own not in ALLOWED:
        return
    for line, module in imports(path):
        if module.split(".")[0] == "crossoptim":
            assert part(module) in {own, "errors", *ALLOWED[own]}, f"{dotted(path)}:{line} imports {module}"


@files
def test_the_specification_and_its_judges_never_import_a_library_under_judgement(path: Path) -> None:
    if part(dotted(path)) not in FREE_OF_LIBRARIES:
        return
    for line, module in imports(path):
        assert module.split(".")[0] not in LIBRARIES, f"{dotted(path)}:{line} imports {module}"


def test_every_part_that_has_a_direction_is_named_here() -> None:
    parts = {part(dotted(path)) for path in MODULES}
    assert {"spec", "golden", "check"} <= parts & set(ALLOWED)


def test_witnesses_import_nothing_of_ours() -> None:
    witnesses = sorted((Path(__file__).parent / "witness").glob("*.py"))
    assert len(witnesses) >= 2
    for path in witnesses:
        for line, module in imports(path):
            assert module.split(".")[0] != "crossoptim", f"{path.name}:{line} imports {module}"


def loaded_after(statement: str) -> set[str]:
    """The top-level modules of a fresh interpreter after a statement."""
    program = f"import sys\n{statement}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT.parent, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import crossoptim",
        "from crossoptim.spec import problems, rules; rules.all_rules(); problems.all_problems()",
        "from crossoptim.spec.emit import document, latex",
        "import crossoptim.golden.trajectory, crossoptim.golden.bounded, crossoptim.golden.export",
        "import crossoptim.check.judge",
        "import crossoptim.cli",
    ],
)
def test_importing_loads_neither_torch_nor_rpy2(statement: str) -> None:
    loaded = loaded_after(statement)
    assert "crossoptim" in loaded
    assert not loaded & LIBRARIES


def test_importing_the_package_alone_loads_no_numpy_either() -> None:
    assert not loaded_after("import crossoptim") & {"numpy", "mpmath", "rich", "typer"}


def test_the_package_answers_for_a_name_that_it_lacks() -> None:
    with pytest.raises(AttributeError, match="module 'crossoptim' has no attribute 'Adamm'"):
        crossoptim.Adamm  # noqa: B018
