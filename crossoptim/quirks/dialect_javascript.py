"""How a program that steps an optimizer of TensorFlow.js is written: in JavaScript, over one parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from crossoptim.quirks.dialect import Options, Python, wrapped
from crossoptim.spec.ecosystems import get_ecosystem


class JavaScript(Python):
    """TensorFlow.js: the arguments of an optimizer have places, no names."""

    package, language, fence, suffix = "@tensorflow/tfjs", "JavaScript", "js", "cjs"
    none, comment, nan, infinity = "null", "//", "NaN", "Infinity"
    digits = 4

    def head(self, dtype: str) -> tuple[str, ...]:
        """There is float32 alone."""
        return ('const tf = require("@tensorflow/tfjs-core");', 'require("@tensorflow/tfjs-backend-cpu");', "")

    def value(self, value: Any) -> str:
        """An argument's value."""
        return str(value).lower() if isinstance(value, bool) else super().value(value)

    def made(self, values: str, dtype: str) -> str:
        """A tensor of values that are written already."""
        return f"tf.tensor({values})"

    def parameter(self, name: str, values: Sequence[float], shape: Sequence[int], dtype: str) -> str:
        """The line that makes a parameter."""
        return f'const {name} = tf.variable({self.tensor(values, shape, dtype)}, true, "{name}");'

    def optimizer(self, class_name: str, groups: Sequence[tuple[Sequence[str], Options]], options: Options) -> str:
        """The line that makes ``opt``: every argument up to the last one that is given."""
        places = next(list(binding.args) for binding in get_ecosystem("tfjs").bindings if binding.name == class_name)
        count = 1 + max((places.index(name) for name in options), default=-1)
        given = (self.value(options[name]) if name in options else "undefined" for name in places[:count])
        return f"const opt = tf.train.{class_name}({', '.join(given)});"

    def set_gradient(self, name: str, tensor: str) -> str:
        """The gradient of the next step."""
        return f"let g = {tensor};"

    def step(self, name: str) -> list[str]:
        """One update."""
        return [f"opt.applyGradients({{ {name}: g }});"]

    def repeated(self, name: str, rows: Sequence[Sequence[float]], shape: Sequence[int], dtype: str) -> list[str]:
        """Steps that differ in the gradient only."""
        given = wrapped("for (const g of [", [self.nested(row, shape) for row in rows], "]) {")
        return [*given, f"  opt.applyGradients({{ {name}: {self.made('g', dtype)} }});", "}"]

    def numbers(self, tensor: str) -> str:
        """A tensor's elements, row by row, as plain numbers."""
        return f"Array.from({tensor}.dataSync())"

    def state(self, name: str, place: int, key: str) -> str:
        """A state tensor of a parameter, which is number ``place`` of all."""
        return f"opt.{key}[{place - 1}].variable"

    def show(self, numbers: str, digits: int) -> str:
        """The line that prints numbers with so many digits."""
        return f'console.log({numbers}.map((v) => Number(v.toPrecision({digits}))).join(" "));'

    def formatted(self, values: Sequence[float], digits: int) -> str:
        """What :meth:`show` prints."""
        return " ".join(_number(float(f"{float(v):.{digits}g}")) for v in values)


def _number(value: float) -> str:
    """A number as JavaScript writes it."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        text = f"{Decimal(repr(value)):f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    return f"{mantissa}e{int(exponent):+d}"
