"""An equation as C: one function that takes all tensors of a group through a step, in one pass over their memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import copysign
from string import Template

from crossoptim.errors import CrossoptimError
from crossoptim.spec.expr import CALLS, Expr, literal_text, names, text, walk
from crossoptim.spec.trace import GRAD, NEW, PARAM, Equation, labels

_FUNCTIONS = {"sqrt": "SQRT", "maximum": "MAXIMUM", "**": "POWER"}
_THIRD = 1e-7  # how far from 1/3 an exponent may be: what rounding makes of it; POWER makes cube roots only
_CONDITIONS = ("<", ">", "<=", ">=")


@dataclass(frozen=True)
class Storage:
    """How the elements of a tensor lie in memory, and the C type in which they are computed."""

    name: str
    stored: str
    computed: str
    suffix: str = ""


STORAGES = {
    "float32": Storage("float32", "float", "float", "f"),
    "float64": Storage("float64", "double", "double"),
    "bfloat16": Storage("bfloat16", "uint16_t", "float", "f"),
    "float16": Storage("float16", "_Float16", "float", "f"),
}


@dataclass(frozen=True)
class Arguments:
    """What a kernel takes, in order: tensors, of which ``g`` is only read, and numbers."""

    tensors: tuple[str, ...]
    numbers: tuple[str, ...]


def arguments(equation: Equation) -> Arguments:
    """What the kernel of an equation takes."""
    tensors = (PARAM, GRAD, *equation.state)
    return Arguments(tensors, tuple(key for key in names(*equation.outputs.values()) if key not in tensors))


def source(equation: Equation, dtype: str) -> str:
    """A whole C file that exports ``step``, for tensors of one dtype.

    Each operation is rounded in the written order where the compiler contracts none (``-ffp-contract=off``). Half precision is computed
    in float32 and rounded when it is stored.

    Args:
        equation: one that is elementwise.
        dtype: a key of :data:`STORAGES`.

    Raises:
        CrossoptimError: where the equation is not elementwise.
    """
    storage = STORAGES[dtype]
    taken, read = arguments(equation), names(*equation.outputs.values())
    named = labels(equation.outputs, NEW)
    body = [f"const number {key} = numbers_[{i}];" for i, key in enumerate(taken.numbers)]
    loads = [f"const number {key} = LOAD({key}_at[i_]);" for key in (GRAD, PARAM, *equation.state) if key in read]
    pointers = [
        f"{'const ' if key == GRAD else ''}stored *restrict {key}_at = ({'const ' if key == GRAD else ''}stored *)tensors_[{i}] + from_;"
        for i, key in enumerate(taken.tensors)
        if key != GRAD or key in read
    ]
    written: dict[int, str] = {}
    made = []
    for node in walk(*equation.outputs.values()):
        if id(node) in named:
            kind = "int" if node.op in _CONDITIONS else "number"
            made.append(f"const {kind} {named[id(node)]} = {_c(node, written, storage)};")
            written[id(node)] = named[id(node)]
    stores = [
        f"{key}_at[i_] = STORE({_c(root, written, storage)});"
        for key, root in equation.outputs.items()
        if not (root.op == "name" and root.label == key)
    ]
    return _FILE.substitute(
        equation=equation.id,
        stored=storage.stored,
        number=storage.computed,
        dtype=dtype.upper(),
        tensors=len(taken.tensors),
        pointers="\n    ".join(pointers),
        numbers="\n    ".join(body),
        statements="\n        ".join([*loads, *made, *stores]),
    )


def _c(node: Expr, written: Mapping[int, str], storage: Storage) -> str:
    """An operation as a C expression, each operand in brackets: C then has nothing to choose."""
    if id(node) in written:
        return written[id(node)]
    if node.op == "name":
        return node.label
    if node.op == "number":
        digits = literal_text(abs(node.value))
        sign = "-" if copysign(1.0, node.value) < 0 else ""
        return f"{sign}{digits if set(digits) & set('.e') else digits + '.0'}{storage.suffix}"
    if node.op == "**" and not (node.args[1].op == "number" and abs(node.args[1].value - 1 / 3) < _THIRD):
        raise CrossoptimError(f"a kernel cannot have {text(node)} (expected the power 1/3)")
    args = [_c(arg, written, storage) for arg in node.args]
    if node.op == "neg":
        return f"(-{args[0]})"
    if node.op == "where":
        return f"({args[0]} ? {args[1]} : {args[2]})"
    if node.op in _FUNCTIONS:
        return f"{_FUNCTIONS[node.op]}({', '.join(args)})"
    if node.op in CALLS:
        raise CrossoptimError(f"a kernel cannot have {node.op}() (expected an elementwise equation)")
    return f"({args[0]} {node.op} {args[1]})"


_FILE = Template("""\
/* $equation */
#include <stdint.h>
#define $dtype
typedef $number number;
typedef $stored stored;
#include "prelude.h"

static void part(stored *const *tensors_, const number *numbers_, int64_t from_, int64_t to_)
{
    $pointers
    $numbers
    const int64_t n_ = to_ - from_;
    INDEPENDENT
    for (int64_t i_ = 0; i_ < n_; i_++) {
        $statements
    }
}

STEP(part, $tensors)
""")
