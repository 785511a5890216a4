"""An equation as MathML, which browsers show without a script: the LaTeX of each line, translated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from crossoptim.errors import CrossoptimError
from crossoptim.spec.emit.latex import lines
from crossoptim.spec.trace import Equation

_TOKENS = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|\s+|.", re.DOTALL)
_LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ",
    "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "psi": "ψ", "omega": "ω", "Delta": "Δ", "Pi": "Π",
    "top": "⊤",
}  # fmt: skip
_SIGNS = {"cdot": "·", "le": "≤", "ge": "≥", "sum": "∑", "star": "⋆"}
_FUNCTIONS = ("exp", "log", "tanh", "cos", "max", "min")
_ACCENTS = {"hat": "^", "bar": "¯", "tilde": "~"}
_SPACES = {",": "<mspace width='0.17em'/>", " ": "<mspace width='0.25em'/>"}


def mathml(equation: Equation) -> list[str]:
    """One ``<math>`` element a line: the scalars, then the statements of the update."""
    return [translated(" = ".join(line)) for line in lines(equation)]


def translated(latex: str) -> str:
    """A formula in the LaTeX that :mod:`~crossoptim.spec.emit.latex` writes.

    Raises:
        CrossoptimError: for anything that it does not write.
    """
    reader = _Reader(latex)
    out = reader.row()
    if reader.next:
        raise CrossoptimError(f"MathML: {latex!r}: {reader.next!r} is out of place")
    return f"<math display='block'>{out}</math>"


class _Reader:
    """Reads tokens from left to right; ``next`` is the one that comes, empty at the end."""

    def __init__(self, latex: str) -> None:
        self.latex = latex
        self._tokens: Iterator[str] = iter(_TOKENS.findall(latex))
        self.next = ""
        self.step()

    def step(self) -> str:
        """Take a token; spaces outside plain text say nothing."""
        taken = self.next
        self.next = next((token for token in self._tokens if not token.isspace()), "")
        return taken

    def row(self, *ends: str) -> str:
        """Everything up to one of ``ends``, which is left."""
        parts = []
        while self.next and self.next not in ends and self.next != "}":
            parts.append(self.scripted())
        return f"<mrow>{''.join(parts)}</mrow>" if len(parts) != 1 else parts[0]

    def scripted(self) -> str:
        """An atom with its subscript and superscript."""
        base = self.atom()
        scripts = {}
        while self.next in ("_", "^"):
            place = self.step()
            scripts[place] = self.atom()
        match scripts:
            case {"_": low, "^": high}:
                return f"<msubsup>{base}{low}{high}</msubsup>"
            case {"_": low}:
                return f"<msub>{base}{low}</msub>"
            case {"^": high}:
                return f"<msup>{base}{high}</msup>"
        return base

    def group(self) -> str:
        """What stands in braces."""
        self.expect("{")
        out = self.row()
        self.expect("}")
        return out

    def words(self) -> str:
        """Plain text in braces."""
        out = self.next  # the opening brace
        while self.next and not out.endswith("}"):
            self.next = next(self._tokens, "")
            out += self.next
        self.step()
        return out[1:-1].replace(r"\_", "_")

    def expect(self, token: str) -> None:
        """Take a token that must come."""
        if self.next != token:
            raise CrossoptimError(f"MathML: {self.latex!r}: {self.next!r} (expected {token!r})")
        self.step()

    def atom(self) -> str:
        """One letter, number, sign, group or command with what belongs to it."""
        if self.next == "{":
            return self.group()
        token = self.step()
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        return f"<mo>{'′' if token == chr(39) else '−' if token == '-' else escape(token)}</mo>"

    def command(self, name: str) -> str:
        """A command, its arguments taken."""
        if name in _LETTERS:
            return f"<mi>{_LETTERS[name]}</mi>"
        if name in _SIGNS:
            return f"<mo>{_SIGNS[name]}</mo>"
        if name in _FUNCTIONS:
            return f"<mi>{name}</mi>"
        if name in _SPACES:
            return _SPACES[name]
        if name in _ACCENTS:
            return f"<mover accent='true'>{self.group()}<mo>{_ACCENTS[name]}</mo></mover>"
        match name:
            case "frac":
                return f"<mfrac>{self.group()}{self.group()}</mfrac>"
            case "sqrt":
                return f"<msqrt>{self.group()}</msqrt>"
            case "mathrm" | "text":
                words = escape(self.words()).replace(" ", "\u00a0")  # spaces at its ends would be dropped
                return f"<mi mathvariant='normal'>{words}</mi>" if name == "mathrm" else f"<mtext>{words}</mtext>"
            case "left":
                opening = self.step()
                inside = self.row("\\right")
                self.expect("\\right")
                return f"<mrow><mo>{escape(opening)}</mo>{inside}<mo>{escape(self.step())}</mo></mrow>"
            case "begin":
                return self.cases()
        raise CrossoptimError(f"MathML: {self.latex!r}: no such command: \\{name}")

    def cases(self) -> str:
        """The branches of a ``where``."""
        self.words()
        rows = []
        while self.next and self.next != "\\end":
            cells = [self.row("&", "\\\\", "\\end")]
            while self.next == "&":
                self.step()
                cells.append(self.row("&", "\\\\", "\\end"))
            rows.append("".join(f"<mtd>{cell}</mtd>" for cell in cells))
            if self.next == "\\\\":
                self.step()
        self.expect("\\end")
        self.words()
        table = "".join(f"<mtr>{row}</mtr>" for row in rows)
        return f"<mrow><mo>{{</mo><mtable columnalign='left' columnspacing='1em'>{table}</mtable></mrow>"
