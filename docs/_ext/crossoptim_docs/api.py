"""The Python API: what is public, read from its docstrings by autodoc."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sphinx.application import Sphinx

from crossoptim import optim, rtorch, state, testing
from crossoptim_docs import markup
from crossoptim_docs.markup import fenced, section
from crossoptim_docs.writing import Page

_FOLDER = "api"


def pages() -> Iterator[Page]:
    """One page a module."""
    made = {
        "optimizers": _optimizers(),
        "state": _state(),
        "testing": _testing(),
        "rtorch": _rtorch(),
        "implementations": _implementations(),
        "errors": _errors(),
    }
    yield Page(f"{_FOLDER}/index.md", _index(made))
    for name, text in made.items():
        yield Page(f"{_FOLDER}/{name}.md", text)


def _index(made: Iterable[str]) -> str:
    return markup.joined(
        "# Python",
        "`import crossoptim` loads neither torch nor NumPy; what is named below is loaded on first use. Everything is typed (`py.typed`).",
        fenced("{toctree}", [":maxdepth: 2", "", *made]),
    )


def _auto(kind: str, name: str, *options: str) -> str:
    return fenced("{eval-rst}", [f".. auto{kind}:: {name}", *(f"   {option}" for option in options)])


def _optimizers() -> str:
    return markup.joined(
        "# Optimizers: `crossoptim`",
        "Subclasses of `torch.optim.Optimizer`, made from the rules: `crossoptim.Adam`, or `crossoptim.optim.Adam`. How they are used: "
        "[training](../../training.md); their equations: [optimizers](../optimizers/index.md).",
        *(_auto("class", f"crossoptim.optim.{name}") for name in optim.__all__),
        section(
            "What all of them have",
            _auto("class", "crossoptim.optim.base.RuleOptimizer", ":members:", ":show-inheritance:"),
        ),
    )


def _state() -> str:
    return markup.joined(
        "# States between libraries: `crossoptim.state`",
        "Also as `crossoptim.save_optimizer_state` and `crossoptim.load_optimizer_state`: [what a file holds](../../state.md).",
        *(_auto("function", f"crossoptim.state.{name}") for name in state.__all__),
    )


def _testing() -> str:
    kinds = {name: "class" if isinstance(getattr(testing, name), type) else "function" for name in testing.__all__}
    return markup.joined(
        "# Tests: `crossoptim.testing`",
        "How it is used, and the pytest plugin: [testing](../../testing.md).",
        *(_auto(kind, f"crossoptim.testing.{name}", *([":members:"] if kind == "class" else [])) for name, kind in kinds.items()),
        section(
            "What a report holds",
            _auto("class", "crossoptim.check.result.Result", ":members:"),
            _auto("class", "crossoptim.check.verdict.Judgement", ":members:"),
            _auto("class", "crossoptim.check.verdict.Finding", ":members:"),
        ),
    )


def _rtorch() -> str:
    return markup.joined(
        "# R torch's names in Python: `crossoptim.rtorch`",
        "How it is used: [rtorch](../../rtorch.md).",
        *(_auto("class", f"crossoptim.rtorch.{name}") for name in (*rtorch.OPTIMIZERS, *rtorch.SCHEDULERS)),
        _auto("function", "crossoptim.rtorch.optim_required"),
    )


def _implementations() -> str:
    return markup.joined(
        "# Implementations: `crossoptim.runners`",
        "What runs a case. A program of your own needs none of this: it speaks [the protocol](../../protocol.md), and an adapter for a "
        "Python library is a few functions ([adapters](../../adapters.md)).",
        _auto("class", "crossoptim.runners.base.Runner", ":members:"),
        _auto("class", "crossoptim.runners.base.Description", ":members:"),
    )


def _errors() -> str:
    return markup.joined(
        "# Errors: `crossoptim.errors`",
        fenced("{eval-rst}", [".. automodule:: crossoptim.errors", "   :members:", "   :show-inheritance:"]),
    )


def as_plain_text(_: Sphinx, what: str, name: str, _made: object, _options: object, lines: list[str]) -> None:
    """Docstrings that are made from the specification are no markup: their signs stand for themselves, their sources are a list."""
    if what != "class" or not name.startswith(("crossoptim.optim.", "crossoptim.rtorch.")) or "Sources:" not in lines:
        return
    begin = lines.index("Sources:")
    sources = re.sub(r"\n {5,}", " ", "\n".join(lines[begin + 1 :])).splitlines()
    lines[:] = [*lines[:begin], ".. rubric:: Sources", "", *(f"- {line.strip()}" for line in sources if line.strip())]
    lines[:] = [re.sub(r"([|*])", r"\\\1", line) for line in lines]
