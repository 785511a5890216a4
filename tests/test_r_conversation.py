"""Closure rules as R: what is translated computes in R what it does in Python, and what cannot be is refused."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent
from types import SimpleNamespace
from typing import Any

import pytest

from crossoptim.golden.closure import conclude
from crossoptim.spec.conversation import Evaluation, Memory
from crossoptim.spec.emit.r_conversation import WIDTH, r_conversation, r_conversations

MODULE = """
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any
from crossoptim.spec.conversation import Evaluation, Outcome

SLOPE, FIRST = 2.5, 7

@dataclass(frozen=True)
class Pair:
    left: Any
    right: Any

    @property
    def loss(self):
        return self.left.loss * self.right

class Walk:
    def converse(xp, h, memory, x):
{body}

def twice(xp, value):
    '''Twice.'''
    at = yield value
    return at.loss * 2, value
"""
WORKS = {
    "precedence": "return Outcome((x * 5 // 3) * 2 - -(x + 1) / (2 * (x - 8)) - (3 - (2 - x)), x - 1 - 2)",
    "logic": "return Outcome([not (x > 1 and x < 5) or x == 3, (x >= 2 or x < 1) and not x <= 0], x if x > 100 else -x)",
    "swap": "a, b = x, 2\na, b = b, a\nreturn Outcome(a, b)",
    "in turn": "a, b = 1, x\na, (c, d), b = b, (a, 5), 3\nreturn Outcome(a, [b, c, d])",
    "several": "a = b = x + SLOPE\nb += 1\nreturn Outcome(a, b)",
    "ends": "n = 0\nwhile n < x:\n    n += 1\nelse:\n    n = -n\nreturn Outcome(n, FIRST)",
    "breaks": "n = 0\nwhile n < 9:\n    if n == x:\n        break\n    n += 1\nelse:\n    n = -n\nreturn Outcome(n, 0)",
    "skips": "n = 0\nfor i in range(1, h.rounds + 1):\n    if i == 2:\n        continue\n    n += i\nreturn Outcome(n, 0)",
    "branches": "if x > 9:\n    n = 1\nelif x > 2:\n    n = 2\nelse:\n    n = 3\nreturn Outcome(n, 0)",
    "pairs": "n: list[Any] = []\nfor (a, b), c in reversed([*zip([(1, 2), (3, x)], [5, 6], strict=True)]):\n    n.append(a * b - c)\n"
    "return Outcome(n, [a + b for a, b in [(1, x), (x, 2)]])",
    "elements": "n, k = [1, x, 3], 1\nn[k] = n[k] + 4\n"
    "m = (*n, (7, 8))[-2:]\nfirst, (a, b) = m\nreturn Outcome(n[-1], [first, a, b, n[k]])",
    "empty": "n, m = [], [1]\nif not n and not (not m):\n    return Outcome(1 if not n else 2, m[-1])\nreturn Outcome(0, n[-1])",
    "nested": "held = partial(xp.named, 'k')\ndef inner(y):\n    at = yield y + x\n    return at.loss\nz = yield from inner(3)\n"
    "return Outcome(held(z), abs(1 - x))",
    "asks": "loss, point = yield from twice(xp, x)\nat = yield point + 1\nreturn Outcome(loss, Pair(at, 3).loss)",
    "memory": "memory.iterations += 2\nmemory.pairs = (*memory.pairs, (x, 1))\nmemory.travel = None\n"
    "return Outcome(memory.iterations, [memory.pairs[-1], memory.travel is None, h.flag is None, x < inf])",
}
LACKS = {
    "return Outcome(0 < x < 1, 0)": "0 < x < 1",
    "return Outcome([a for a in [1, 2] if a], 0)": "[a for a in [1, 2] if a]",
    "return Outcome(point=x, stop=0)": "Outcome(point=x, stop=0)",
    "return Outcome(xp.named(name='k', value=x), 0)": "xp.named(name='k', value=x)",
    "for i in range(x):\n    x = i\nreturn Outcome(x, 0)": "range(x)",
    "n = [1]\nreturn Outcome(n[0], 0)": "n[0]",
    "return Outcome(x ** 2, 0)": "x ** 2",
    "try:\n    x = 1\nfinally:\n    x = 2\nreturn Outcome(x, 0)": "try:",
    "assert x > 0\nreturn Outcome(x, 0)": "assert x > 0",
    "function = x\nreturn Outcome(function, 0)": "function",
    "return Outcome(round(x), 0)": "round(x)",
    "return Outcome(x + y, 0)": "y",
    "n = [x]\nk = 0\nif n:\n    x = n[k]\nreturn Outcome(x, 0)": "n",
    "parts = x\nreturn Outcome(parts, 0)": "parts",
}
RSCRIPT = shutil.which("Rscript")


def walk(folder: Path, body: str) -> Any:
    """A rule whose conversation is an evaluation, then ``body``; in a module of its own."""
    path = folder / "walk.py"
    path.write_text(MODULE.format(body=indent(f"at = yield x\n{body}", " " * 8)), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("walk", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "walk", module)
        spec.loader.exec_module(module)
        rule: Any = SimpleNamespace(name="walk", class_name="Walk", converse=module.Walk.converse, conduct={"flag": None})
        rule.text = r_conversation(rule)
    return rule


def flat(value: Any) -> list[float]:
    """All numbers of nested sequences."""
    return [part for one in value for part in flat(one)] if isinstance(value, list | tuple) else [float(value)]


def test_lines_fit() -> None:
    assert max(map(len, r_conversations().splitlines())) <= WIDTH


@pytest.mark.skipif(RSCRIPT is None, reason="R is not installed")
def test_r_computes_what_python_does(tmp_path: Path) -> None:
    wanted, programs = {}, []
    for name, body in WORKS.items():
        rule = walk(tmp_path, body)
        for x in (0, 1, 3, 4.5):
            talk = rule.converse(SimpleNamespace(named=lambda _, value: value * 2), SimpleNamespace(rounds=3, flag=None), Memory(), x)
            done = conclude(talk, lambda point: Evaluation(point, point * 10, None))
            wanted[f"{name} {x}"] = flat([done.point, done.stop])
            programs.append(f"tell({json.dumps(f'{name} {x}')}, {x}, {{\n{rule.text}walk_conversation\n}})")
    script = dedent("""
        tell <- function(name, x, conversation) {
          talk <- conversation(function(point) list(point = point, loss = point * 10, gradient = NULL))
          xp <- list(named = function(name, value) value * 2)
          done <- talk$converse(xp, list(rounds = 3, flag = NULL), list2env(talk$new_memory()), x)
          cat(name, sprintf("%.17g", as.double(unlist(list(done$point, done$stop)))), sep = "\\t")
          cat("\\n")
        }
    """)
    path = tmp_path / "walk.R"
    path.write_text(script + "\n".join(programs), encoding="utf-8")
    assert RSCRIPT is not None
    ran = subprocess.run([RSCRIPT, "--vanilla", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert not ran.returncode, ran.stderr
    got = {name: [float(part) for part in parts] for name, *parts in (line.split("\t") for line in ran.stdout.splitlines())}
    assert got == wanted


@pytest.mark.parametrize("body", LACKS)
def test_what_has_no_translation_is_refused(tmp_path: Path, body: str) -> None:
    part = re.escape(LACKS[body])
    with pytest.raises(
        ValueError, match=rf"^line \d+: '{part}' has no translation to R$|^the name {part} is R's or the translation's own, or unknown"
    ):
        walk(tmp_path, body)
