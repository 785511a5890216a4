"""How a program that steps an optimizer is written in Python with PyTorch, and in R with R torch; others begin from these."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 110
Options = Mapping[str, Any]
Objective = Sequence[tuple[str, str]]
_FUNCTIONS = ("exp", "log", "sqrt", "tanh", "cos", "floor", "sum")


class Python:
    """PyTorch."""

    package, language, fence, suffix = "torch", "Python", "python", "py"
    assign, none, comment = "=", "None", "#"
    digits = 6  # that a program prints at least: as many as the library's numbers share with what is predicted
    nan, infinity = "torch.nan", "torch.inf"

    def head(self, dtype: str) -> tuple[str, ...]:
        """The lines at the beginning of a program that computes in this dtype."""
        return ("import torch", "")

    def begin(self, name: str) -> list[str]:
        """What follows the line that makes ``opt`` over a parameter."""
        return []

    def step(self, name: str) -> list[str]:
        """One step of ``opt`` over a parameter, or more of them."""
        return ["opt.step()"]

    def value(self, value: Any) -> str:
        """An option's value."""
        if isinstance(value, list | tuple):
            return f"({', '.join(map(self.value, value))}{',' if len(value) == 1 else ''})"
        if isinstance(value, float) and not math.isfinite(value):
            return self.nan if math.isnan(value) else self.infinity if value > 0 else f"-{self.infinity}"
        return f'"{value}"' if isinstance(value, str) else repr(value)

    def tensor(self, values: Sequence[float], shape: Sequence[int], dtype: str) -> str:
        """A tensor."""
        return self.made(self.nested(values, shape), dtype)

    def made(self, values: str, dtype: str) -> str:
        """A tensor of values that are written already."""
        return f"torch.tensor({values}{', dtype=torch.float64' if dtype == 'float64' else ''})"

    def nested(self, values: Sequence[float], shape: Sequence[int]) -> str:
        """Values as lists of lists."""
        if not shape:
            return self.value(float(values[0]))
        width = math.prod(shape[1:])
        return f"[{', '.join(self.nested(values[i * width : (i + 1) * width], shape[1:]) for i in range(shape[0]))}]"

    def parameter(self, name: str, values: Sequence[float], shape: Sequence[int], dtype: str) -> str:
        """The line that makes a parameter."""
        return f"{name} = {self.tensor(values, shape, dtype)[:-1]}, requires_grad=True)"

    def options(self, options: Options) -> str:
        """Arguments after the first one."""
        return "".join(f", {key}={self.value(value)}" for key, value in options.items())

    def group(self, params: Sequence[str], own: Options) -> str:
        """A parameter group with what it sets of its own."""
        rest = "".join(f', "{key}": {self.value(value)}' for key, value in own.items())
        return f'{{"params": [{", ".join(params)}]{rest}}}'

    def optimizer(self, class_name: str, groups: Sequence[tuple[Sequence[str], Options]], options: Options) -> str:
        """The line that makes ``opt``: of each group its parameters and what it sets of its own."""
        given = ", ".join(groups[0][0]) if len(groups) == 1 and not groups[0][1] else ", ".join(self.group(*g) for g in groups)
        return f"opt = torch.optim.{class_name}([{given}]{self.options(options)})"

    def add_group(self, params: Sequence[str], own: Options) -> str:
        """A group that joins ``opt``."""
        return f"opt.add_param_group({self.group(params, own)})"

    def set_option(self, group: int, key: str, value: Any) -> str:
        """A changed option of a group, by its 0-based number."""
        return f'opt.param_groups[{group}]["{key}"] = {self.value(value)}'

    def resume(self, construct: str) -> list[str]:
        """The state saved, a new optimizer made, the state loaded."""
        return ["saved = opt.state_dict()", construct, "opt.load_state_dict(saved)"]

    def set_gradient(self, name: str, tensor: str) -> str:
        """A gradient that replaces what was there."""
        return f"{name}.grad = {tensor}"

    def add_gradient(self, name: str, tensor: str) -> str:
        """A gradient that is added to what was there."""
        return f"{name}.grad.add_({tensor})"

    zero_gradients = "opt.zero_grad()"

    def repeated(self, name: str, rows: Sequence[Sequence[float]], shape: Sequence[int], dtype: str) -> list[str]:
        """Steps that differ in the gradient of one parameter only."""
        given = wrapped("for g in [", [self.nested(row, shape) for row in rows], "]:")
        return [*given, f"    {self.set_gradient(name, self.made('g', dtype))}", *(f"    {line}" for line in self.step(name))]

    def lines(self, objective: Objective, data: Mapping[str, str]) -> list[str]:
        """A function ``closure`` that evaluates an objective."""
        used = [f for f in _FUNCTIONS if any(f"{f}(" in body for _, body in objective)]
        out = [f"from torch import {', '.join(used)}"] if used else []
        out += [f"{key} = {tensor}" for key, tensor in data.items()]
        body = [f"    {label} = {text}" for label, text in objective]
        return [*out, "", "def closure():", "    opt.zero_grad()", *body, "    loss.backward()", "    return loss", ""]

    step_closure = "opt.step(closure)"

    def loop(self, times: int, line: str) -> list[str]:
        """A line, so many times."""
        return [line] if times == 1 else [f"for _ in range({times}):", f"    {line}"]

    def counted(self, name: str, first: int, last: int, body: Sequence[str]) -> list[str]:
        """Lines for each number from ``first`` to ``last``."""
        return [f"for {name} in range({first}, {last + 1}):", *(f"    {line}" for line in body)]

    def numbers(self, tensor: str) -> str:
        """A tensor's elements, row by row, as plain numbers."""
        return f"{tensor}.detach().flatten().tolist()"

    def gradient(self, name: str) -> str:
        """A parameter's gradient."""
        return f"{name}.grad"

    def state(self, name: str, place: int, key: str) -> str:
        """A state tensor of a parameter, which is number ``place`` of all."""
        return f'opt.state[{name}]["{key}"]'

    def show(self, numbers: str, digits: int) -> str:
        """The line that prints numbers with so many digits."""
        return f'print(*(f"{{v:.{digits}g}}" for v in {numbers}))'

    def formatted(self, values: Sequence[float], digits: int) -> str:
        """What :meth:`show` prints."""
        return " ".join(f"{float(v):.{digits}g}" for v in values)

    def formula(self, text: str) -> str:
        """A function of ``t``."""
        return f"lambda t: {text}"

    def scheduler(self, class_name: str, arguments: Mapping[str, str], more: str = "") -> str:
        """A scheduler on ``opt``."""
        first = "" if class_name == "ChainedScheduler" else "opt, "
        given = ", ".join(f"{key}={value}" for key, value in arguments.items())
        return f"torch.optim.lr_scheduler.{class_name}({first}{given}{more})"


class R:
    """R torch."""

    package, language, fence, suffix = "torch", "R", "r", "R"
    assign, none, comment = "<-", "NULL", "#"
    digits = 6

    def head(self, dtype: str) -> tuple[str, ...]:
        """The lines at the beginning of a program that computes in this dtype."""
        return ("library(torch)", "")

    def begin(self, name: str) -> list[str]:
        """What follows the line that makes ``opt`` over a parameter."""
        return []

    def step(self, name: str) -> list[str]:
        """One step of ``opt`` over a parameter, or more of them."""
        return ["opt$step()"]

    def value(self, value: Any) -> str:
        """An option's value."""
        if isinstance(value, list | tuple):
            return f"c({', '.join(map(self.value, value))})"
        if isinstance(value, bool):
            return str(value).upper()
        if isinstance(value, str):
            return f'"{value}"'
        if isinstance(value, float) and not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
        short = f"{value:.15g}"  # R may misread a decimal with more digits that are not 17
        return short if float(short) == value else f"{value:.17g}"

    def _dtype(self, dtype: str) -> str:
        return ", dtype = torch_float64()" if dtype == "float64" else ""

    def _vector(self, values: Sequence[float]) -> str:
        return self.value(float(values[0])) if len(values) == 1 else self.value([float(v) for v in values])

    def tensor(self, values: Sequence[float], shape: Sequence[int], dtype: str) -> str:
        """A tensor; the clone, because zero_grad() refuses a gradient that is a view."""
        return self._shaped(f"torch_tensor({self._vector(values) if len(values) else 'numeric(0)'}{self._dtype(dtype)})", shape)

    def _shaped(self, flat: str, shape: Sequence[int]) -> str:
        if len(shape) == 1:
            return flat
        return f"{flat}$reshape({'c(' + ', '.join(map(str, shape)) + ')' if shape else 'integer(0)'})$clone()"

    def parameter(self, name: str, values: Sequence[float], shape: Sequence[int], dtype: str) -> str:
        """The line that makes a parameter."""
        made = self.tensor(values, shape, dtype)
        return f"{name} <- {made[:-1]}, requires_grad = TRUE)" if len(shape) == 1 else f"{name} <- {made}$requires_grad_(TRUE)"

    def options(self, options: Options) -> str:
        """Arguments after the first one."""
        return "".join(f", {key} = {self.value(value)}" for key, value in options.items())

    def group(self, params: Sequence[str], own: Options) -> str:
        """A parameter group with what it sets of its own."""
        return f"list(params = list({', '.join(params)}){self.options(own)})"

    def optimizer(self, class_name: str, groups: Sequence[tuple[Sequence[str], Options]], options: Options) -> str:
        """The line that makes ``opt``: of each group its parameters and what it sets of its own."""
        given = ", ".join(groups[0][0]) if len(groups) == 1 and not groups[0][1] else ", ".join(self.group(*g) for g in groups)
        return f"opt <- {class_name}(list({given}){self.options(options)})"

    def add_group(self, params: Sequence[str], own: Options) -> str:
        """A group that joins ``opt``."""
        return f"opt$add_param_group({self.group(params, own)})"

    def set_option(self, group: int, key: str, value: Any) -> str:
        """A changed option of a group, by its 0-based number."""
        return f"opt$param_groups[[{group + 1}]]${key} <- {self.value(value)}"

    def resume(self, construct: str) -> list[str]:
        """The state saved, a new optimizer made, the state loaded."""
        return ["saved <- opt$state_dict()", construct, "opt$load_state_dict(saved)"]

    def set_gradient(self, name: str, tensor: str) -> str:
        """A gradient that replaces what was there."""
        return f"{name}$grad <- {tensor}"

    def add_gradient(self, name: str, tensor: str) -> str:
        """A gradient that is added to what was there."""
        return f"with_no_grad({name}$grad$add_({tensor}))"

    zero_gradients = "opt$zero_grad()"

    def repeated(self, name: str, rows: Sequence[Sequence[float]], shape: Sequence[int], dtype: str) -> list[str]:
        """Steps that differ in the gradient of one parameter only."""
        given = wrapped("for (g in list(", [self._vector(row) for row in rows], ")) {")
        return [*given, f"  {name}$grad <- {self._shaped(f'torch_tensor(g{self._dtype(dtype)})', shape)}", "  opt$step()", "}"]

    def lines(self, objective: Objective, data: Mapping[str, str]) -> list[str]:
        """A function ``closure`` that evaluates an objective."""
        body = [f"  {label} <- {text}" for label, text in objective]
        made = [f"{key} <- {tensor}" for key, tensor in data.items()]
        return [*made, "closure <- function() {", "  opt$zero_grad()", *body, "  loss$backward()", "  loss", "}"]

    step_closure = "opt$step(closure)"

    def loop(self, times: int, line: str) -> list[str]:
        """A line, so many times."""
        return [line] if times == 1 else [f"for (i in 1:{times}) {line}"]

    def counted(self, name: str, first: int, last: int, body: Sequence[str]) -> list[str]:
        """Lines for each number from ``first`` to ``last``."""
        return [f"for ({name} in {first}:{last}) {{", *(f"  {line}" for line in body), "}"]

    def numbers(self, tensor: str) -> str:
        """A tensor's elements, row by row, as plain numbers."""
        return f"as.numeric({tensor}$reshape(-1))"

    def gradient(self, name: str) -> str:
        """A parameter's gradient."""
        return f"{name}$grad"

    def state(self, name: str, place: int, key: str) -> str:
        """A state tensor of a parameter, which is number ``place`` of all."""
        return f"opt$state_dict()$state[[{place}]]${key}"

    def show(self, numbers: str, digits: int) -> str:
        """The line that prints numbers with so many digits."""
        return f'cat(sprintf("%.{digits}g", {numbers}))'

    def formatted(self, values: Sequence[float], digits: int) -> str:
        """What :meth:`show` prints."""
        return " ".join({"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}.get(text := f"{float(v):.{digits}g}", text) for v in values)

    def formula(self, text: str) -> str:
        """A function of ``t``."""
        return f"function(t) {text}"

    def scheduler(self, class_name: str, arguments: Mapping[str, str], more: str = "") -> str:
        """A scheduler on ``opt``."""
        return f"{class_name}(opt, {', '.join(f'{key} = {value}' for key, value in arguments.items())}{more})"


PYTHON = Python()


def wrapped(begin: str, parts: Sequence[str], end: str) -> list[str]:
    """A list in as few lines as the width allows."""
    whole = f"{begin}{', '.join(parts)}{end}"
    if len(whole) <= WIDTH:
        return [whole]
    out, line = [begin], "   "
    for number, part in enumerate(parts, 1):
        piece = part + ("," if number < len(parts) else "")
        if line.strip() and len(line) + 1 + len(piece) > WIDTH:
            out.append(line)
            line = "   "
        line += f" {piece}"
    return [*out, line, end]
