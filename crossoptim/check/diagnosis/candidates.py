"""What may be wrong about an implementation of an equation: published variants, options that are not heeded, single edits of the graph.

Everything here follows from the rule and its graph; nothing knows a library. The order is that of plausibility.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from crossoptim.check.diagnosis.memory import Memory
from crossoptim.errors import CrossoptimError
from crossoptim.golden.oracle import faithful_operations
from crossoptim.spec.edit import half_precision
from crossoptim.spec.expr import Expr, call, name, names, number, rebuild, text, walk
from crossoptim.spec.model import (
    Edit,
    Effect,
    Flag,
    GradientAfter,
    HalfPrecision,
    LeavesZeros,
    Operations,
    Precision,
    Real,
    Setting,
    StartsAs,
    Swap,
    Whole,
)
from crossoptim.spec.trace import GRAD, NEW, PARAM, STEP, Equation, labels

INDEX = "index"
WORDS = {
    PARAM: "the parameter",
    GRAD: "the gradient",
    INDEX: "the parameter's 1-based index in its group",
    STEP: "the step count",
}
_GUESSES = 3  # powers and roots of which each may be an ulp off: every way to round them is tried
Options = Iterator[tuple[str, Expr]]
Leaves = Mapping[str, Expr]
Say = Callable[[Expr], str]
_LONGEST = 300  # characters of an expression that an edit may replace: beyond, it says nothing to a reader


@dataclass(frozen=True)
class Candidate:
    """A change that may explain foreign numbers.

    ``sentence`` completes "it matches if …". ``values`` are other settings of the rule; ``effects`` change the equation as a quirk's do;
    ``everywhere`` as in :class:`~crossoptim.spec.model.Quirk`. ``before`` and ``after`` are the part of the equation that changes.
    ``memory`` is what is kept otherwise from step to step, ``converse`` the conversation of a rule that chooses where to evaluate.
    """

    sentence: str
    values: Mapping[str, Any] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    everywhere: bool = True
    before: str = ""
    after: str = ""
    memory: Memory | None = None
    converse: Callable[..., Any] | None = None


def variants(setting: Setting) -> Iterator[Candidate]:
    """Each other value of each switch, each option at its default, each flag turned."""
    rule = setting.rule
    for switch in rule.switches:
        for value in switch.values:
            if value != setting.values[switch.name]:
                yield Candidate(f"{switch.name} is {value!r} ({switch.doc})", {switch.name: value})
    for option in rule.hyper:
        value = setting.values[option.name]
        if isinstance(option, Flag):
            yield Candidate(f"{option.name} is {str(not value).lower()}: {option.doc}", {option.name: not value})
        elif isinstance(option, Real) and value != option.default:
            yield Candidate(f"{option.name} keeps its default {option.default}: the option is not heeded", {option.name: option.default})
        if isinstance(option, Real) and value and option.default != 0 and not isinstance(option, Whole):
            yield Candidate(f"{option.name} is 0: its term is missing", {option.name: 0.0})


def pairs(setting: Setting) -> Iterator[Candidate]:
    """Two variants or options at once."""
    for a, b in combinations(variants(setting), 2):
        if not {*a.values} & {*b.values}:
            yield Candidate(f"{a.sentence}, and {b.sentence}", {**a.values, **b.values})


def edits(equation: Equation) -> Iterator[Candidate]:
    """Single edits of the graph, the likelier ones first: at every place that reads the same, then at one of them, or at a long one."""
    roots = (*equation.outputs.values(), *equation.scalars.values())
    nodes = [node for node in walk(*roots) if node.args]
    said = {id(node): _said(node) for node in nodes}
    places = Counter(said.values())
    leaves = _leaves(equation)
    for node, instead, sentence in single_edits(equation, [node for node in nodes if said[id(node)]], leaves, text):
        yield _edit(node, instead, sentence)
    named = labels(equation.outputs, NEW)

    def whole(node: Expr) -> str:
        return text(Expr(node.op, node.args, node.label, node.value), named)

    for node, instead, sentence in single_edits(
        equation, [node for node in nodes if not said[id(node)] or places[said[id(node)]] > 1], leaves, whole
    ):
        one = f"{sentence}, at one place" if said[id(node)] else sentence
        yield Candidate(one, effects=(Swap(node, instead),), before=whole(node), after=whole(instead))


def single_edits(equation: Equation, nodes: Sequence[Expr], leaves: Leaves, say: Say) -> Iterator[tuple[Expr, Expr, str]]:
    """Each operation of an equation with each thing that may stand in its place, and what is then wrong.

    Args:
        equation: the graph.
        nodes: the operations.
        leaves: what may stand in a leaf's place.
        say: how an operation is written.
    """
    kinds: tuple[Callable[[Expr], Options], ...] = (
        lambda node: _replaced_leaf(node, equation, leaves, say),
        lambda node: _dropped(node, say),
        lambda node: _signs(node, say),
        lambda node: _moved(node, say),
        lambda node: _stale(node, equation, leaves, say),
        lambda node: _literals(node, say),
    )
    for kind in kinds:
        for node in nodes:
            for sentence, instead in kind(node):
                yield node, instead, sentence


def precisions(equation: Equation) -> Iterator[Candidate]:
    """Scalars that are float32 numbers: those that the step count enters, all of them, each."""
    every = tuple(equation.scalars)
    counted = tuple(key for key, root in equation.scalars.items() if STEP in names(root))
    chosen = [group for group in dict.fromkeys((counted, every, *((key,) for key in every))) if group]
    manners: tuple[tuple[Operations, str], ...] = (
        ("none", "made in double and held in float32"),
        ("last", "made in double up to the last operation, which is a float32 one"),
        ("counted", "made in float32 where the step count enters"),
        ("all", "computed in float32"),
    )
    for operations, how in manners:
        for group in chosen:
            guesses = sum(faithful_operations(equation.scalars[key]) for key in group) if operations in ("counted", "all") else 0
            if guesses <= _GUESSES:
                listed = ", ".join(key.removesuffix(NEW) for key in group)
                sentence = f"{listed} {'is' if len(group) == 1 else 'are'} {how}"
                yield Candidate(sentence, effects=(Precision(group, operations),))
                if operations in ("counted", "all") and (reciprocals := _reciprocals(equation, group)):
                    said = f"{sentence}, where a quotient is a product with the reciprocal"
                    yield Candidate(said, effects=(*reciprocals, Precision(group, operations)))


def _reciprocals(equation: Equation, scalars: Sequence[str]) -> tuple[Edit, ...]:
    """The quotients by something that the step count enters, as products."""
    nodes = [node for key in scalars for node in walk(equation.scalars[key]) if node.op == "/" and STEP in names(node.args[1])]
    edits = [Edit(text(node), text(call("/", 1, node.args[1]) * node.args[0])) for node in nodes if text(node.args[0]) != "1"]
    return tuple(dict.fromkeys(edits))


def half_precisions(equation: Equation) -> Iterator[Candidate]:
    """Matrix products that are made with bfloat16 numbers, from the norm or from the first product on."""
    root = equation.outputs[PARAM]
    if root.op != "-" or not any(node.op == "matmul" for node in walk(root)):
        return
    last = "P - S * A" if root.args[1].op == "*" else "P - A"
    for first, place in (("sum(A * A)", "the norm"), ("matmul(A, transpose(A))", "the first product")):
        effect = HalfPrecision(first, last)
        try:
            half_precision(equation, (effect,))
        except CrossoptimError:
            continue
        yield Candidate(f"the matrices are bfloat16 ones from {place} on", effects=(effect,))


def gradients(equation: Equation) -> Iterator[Candidate]:
    """The gradient changed in place: what the step leaves in it is something that it computed on the way."""
    yield Candidate("zero_grad() leaves zeros, so that a parameter that takes no part in a loss is stepped", effects=(LeavesZeros(),))
    for node in walk(*equation.outputs.values()):
        if node.args and GRAD in {leaf.label for leaf in walk(node)} and (said := _said(node)) and node.op not in "<><=>=":
            yield Candidate(
                f"the step leaves {said} in the gradient: it changes the gradient in place",
                effects=(GradientAfter(said),),
                before=GRAD,
                after=said,
            )


def starts(setting: Setting) -> Iterator[Candidate]:
    """State that starts from something else."""
    hypers = [option.name for option in setting.rule.hyper if isinstance(option, Real) and setting.values[option.name] is not None]
    for var in setting.state:
        if var.init in hypers:
            sentence = f"{var.name} starts from the constructor's {var.init}, not from its group's"
            yield Candidate(sentence, effects=(StartsAs(var.name, var.init),), before=f"{var.init} of the group", after=var.init)
        for init in ("0", "1", PARAM, GRAD, f"{GRAD} * {GRAD}", f"-{GRAD}", *hypers):
            if init != var.init:
                yield Candidate(f"{var.name} starts as {init}", effects=(StartsAs(var.name, init),), before=var.init, after=init)


def corners(equation: Equation) -> Iterator[Candidate]:
    """Other habits at the corners of arithmetic, which show in some elements only: NaN in a maximum, a weight of one, a selection."""
    for node in walk(*equation.outputs.values()):
        if not _said(node):
            continue
        a, b = (*node.args, node, node)[:2]
        if node.op == "maximum":
            for instead in (call("where", call("<", a, b), b, a), call("where", call("<", b, a), a, b)):
                yield _edit(node, instead, "the maximum ignores NaN in one operand", everywhere=False)
        if node.op == "+" and (weight := _weight(a, b)) is not None:
            inside = call("where", call("<", weight, 1), node, next(d for d in b.args if d.op == "-").args[0])
            yield _edit(node, inside, f"the interpolation returns its end point where {text(weight)} is 1", everywhere=False)
            weighs = f"{{}} * {text(weight)}" if b.args[0].op == "-" else f"{text(weight)} * {{}}"
            forward, back = f"B + {weighs.format('(A - B)')}", f"A - (A - B) * (1 - {text(weight)})"
            yield Candidate(
                f"from {text(weight)} = 1/2 on the interpolation is made from its other end",
                effects=(Edit(forward, f"where({text(weight)} < 0.5, {forward}, {back})"),),
                everywhere=False,
                before=forward,
                after=back,
            )
        for instead, how in _multiplied_out(node, equation):
            yield _edit(node, instead, how, everywhere=False)
        if node.op == "where":
            condition, yes, no = node.args
            for instead, other in ((call("where", condition, yes, no + 0 * yes), yes), (call("where", condition, yes + 0 * no, no), no)):
                yield _edit(node, instead, f"the selection adds zero times {text(other)}", everywhere=False)
            for inner in walk(yes):
                if inner.op == "/":
                    instead = call("where", condition, yes, no + call("/", 0, inner.args[1]))
                    yield _edit(node, instead, f"the selection multiplies 1 / ({text(inner.args[1])}) by zero", everywhere=False)
        if node.op == "sqrt" and node.args[0].op == "/":
            top, bottom = node.args[0].args
            yield _edit(node, call("sqrt", top) / call("sqrt", bottom), "the roots are taken before the division", everywhere=False)


def _multiplied_out(node: Expr, equation: Equation) -> Iterator[tuple[Expr, str]]:
    """``x * s - e * g`` with ``s = 1 - l * e`` as ``x - l * e * x - e * g``, and as ``x - e * (g + l * x)``."""
    if node.op != "-" or node.args[0].op != "*" or node.args[0].args[1].op != "name":
        return
    (x, factor), taken = node.args[0].args, node.args[1]
    root = equation.scalars.get(factor.label)
    if root is None or root.op != "-" or text(root.args[0]) != "1" or root.args[1].op != "*":
        return
    yield (x - root.args[1] * x) - taken, f"{text(factor)} * {text(x)} is multiplied out"
    for share, rate in (root.args[1].args, root.args[1].args[::-1]):
        if taken.op == "*" and text(taken.args[0]) == text(rate):
            how = f"{text(share * x)} joins {text(taken.args[1])}, which is the same but for rounding"
            yield x - rate * (taken.args[1] + share * x), how


def _weight(a: Expr, b: Expr) -> Expr | None:
    """``w`` of ``a + (x - a) * w`` or ``a + w * (x - a)``."""
    if b.op != "*":
        return None
    for difference, weight in (b.args, b.args[::-1]):
        if difference.op == "-" and text(difference.args[1]) == text(a):
            return weight
    return None


def _edit(node: Expr, instead: Expr, sentence: str, everywhere: bool = True) -> Candidate:
    before, after = text(node), text(instead)
    return Candidate(sentence, effects=(Edit(before, after),), everywhere=everywhere, before=before, after=after)


def _said(node: Expr) -> str:
    """The node's text, empty where it is too long."""
    said = _text_length(node)
    return text(node) if said <= _LONGEST else ""


def _text_length(node: Expr) -> int:
    """About how long the text is, without writing it: a shared operand counts as often as it is used."""
    lengths: dict[int, int] = {}
    for each in walk(node):
        lengths[id(each)] = min(sum(lengths[id(a)] for a in each.args) + len(each.label) + 3, 10 * _LONGEST)
    return lengths[id(node)]


def _leaves(equation: Equation) -> dict[str, Expr]:
    """What a programmer may have written in a leaf's place."""
    labels = [INDEX, PARAM, GRAD, *equation.state, *equation.reals, *equation.scalars, *equation.kept, STEP]
    return {label: name(label) for label in dict.fromkeys(labels)}


def _with(node: Expr, position: int, instead: Expr) -> Expr:
    return call(node.op, *(instead if i == position else arg for i, arg in enumerate(node.args)))


def _replaced_leaf(node: Expr, equation: Equation, leaves: Leaves, say: Say) -> Options:
    scalar = any(node is each for root in equation.scalars.values() for each in walk(root))
    tensors = {PARAM, GRAD, *equation.state, INDEX}
    for position, arg in enumerate(node.args):
        if arg.op != "name":
            continue
        for label, leaf in leaves.items():
            if label != arg.label and not (scalar and label in tensors):
                meaning = WORDS.get(label, label)
                yield f"{WORDS.get(arg.label, arg.label)} in {say(node)} is replaced by {meaning}", _with(node, position, leaf)
        if arg.label == STEP:
            yield f"the step count in {say(node)} is one too low", _with(node, position, arg - 1)
            yield f"the step count in {say(node)} is one too high", _with(node, position, arg + 1)


def _dropped(node: Expr, say: Say) -> Options:
    match node.op:
        case "+" | "-" | "*" | "/" | "**" | "maximum":
            yield f"{say(node.args[1])} is missing from {say(node)}", node.args[0]
            if node.op in "+*maximum":
                yield f"{say(node.args[0])} is missing from {say(node)}", node.args[1]
            if node.op == "-":
                yield f"{say(node.args[0])} is missing from {say(node)}", call("neg", node.args[1])
        case "sqrt" | "neg":
            yield f"the {'root' if node.op == 'sqrt' else 'sign'} is missing from {say(node)}", node.args[0]
        case "where":
            yield f"{say(node)} is always {say(node.args[1])}", node.args[1]
            yield f"{say(node)} is always {say(node.args[2])}", node.args[2]


def _signs(node: Expr, say: Say) -> Options:
    match node.op:
        case "+":
            yield f"{say(node)} subtracts", node.args[0] - node.args[1]
        case "-":
            yield f"{say(node)} adds", node.args[0] + node.args[1]
            yield f"the operands of {say(node)} are swapped", node.args[1] - node.args[0]
        case "/":
            yield f"the operands of {say(node)} are swapped", node.args[1] / node.args[0]
            yield f"{say(node)} multiplies", node.args[0] * node.args[1]
        case "*":
            yield f"{say(node)} divides", node.args[0] / node.args[1]
            yield f"{say(node)} adds", node.args[0] + node.args[1]
        case "maximum":
            a, b = node.args
            yield f"{say(node)} takes the smaller one", call("where", call("<", a, b), a, b)
        case "where":
            condition, a, b = node.args
            yield f"the branches of {say(node)} are swapped", call("where", condition, b, a)
        case "<" | ">" | "<=" | ">=":
            turned = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}[node.op]
            yield f"{say(node)} compares with {turned}", call(turned, *node.args)


def _moved(node: Expr, say: Say) -> Options:
    """A term on the other side of a root or a quotient."""
    a, b = (*node.args, node)[:2]
    if node.op == "+":
        for inner, term in ((a, b), (b, a)):
            if inner.op == "sqrt":
                yield f"{say(term)} is under the root", call("sqrt", inner.args[0] + term)
            if inner.op == "/":
                yield f"{say(term)} joins before the division", (inner.args[0] + term) / inner.args[1]
    if node.op == "sqrt" and a.op == "+":
        yield f"{say(a.args[1])} is outside the root", call("sqrt", a.args[0]) + a.args[1]
    if node.op == "/" and a.op == "+":
        yield f"{say(a.args[1])} joins after the division", a.args[0] / b + a.args[1]
    if node.op not in ("<", ">", "<=", ">=", "where", "sqrt"):
        yield f"{say(node)} is under a root", call("sqrt", node)
        yield f"{say(node)} is squared", node * node


def _stale(node: Expr, equation: Equation, leaves: Leaves, say: Say) -> Options:
    """State that is read before or after its update."""
    for position, arg in enumerate(node.args):
        for key in equation.state:
            new = equation.outputs[key]
            if arg is new:
                yield f"{key} in {say(node)} is read before its update", _with(node, position, leaves[key])
            if arg.op == "name" and arg.label == key and not any(each is node for each in walk(new)):
                yield f"{key} in {say(node)} is read after its update", _with(node, position, new)
        if arg.op == "name" and arg.label == PARAM and not any(each is node for each in walk(equation.outputs[PARAM])):
            yield f"the parameter in {say(node)} is read after its update", _with(node, position, equation.outputs[PARAM])


def _literals(node: Expr, say: Say) -> Options:
    for position, arg in enumerate(node.args):
        others: list[float] = []
        if arg.op == "number":
            changed = (arg.value + 1, arg.value - 1, 2 * arg.value, arg.value / 2, -arg.value)
            others = [value for value in changed if value != arg.value]
        for value in others:
            yield f"{say(arg)} in {say(node)} is {value:g}", _with(node, position, number(value))
    if node.op in ("*", "/", "+", "-"):
        for factor in (2.0, 0.5):
            yield f"{say(node)} is multiplied by {factor:g}", node * factor


def differing(before: Equation, after: Equation) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The statements in which two forms of an equation differ, of each."""

    def lines(equation: Equation) -> list[str]:
        scalars = [f"{key} = {text(root)}" for key, root in equation.scalars.items()]
        return [*scalars, *(f"{key} = {value}" for key, value in equation.statements)]

    ours, theirs = lines(before), lines(_shared(after))
    return tuple(line for line in ours if line not in theirs), tuple(line for line in theirs if line not in ours)


def _shared(equation: Equation) -> Equation:
    """The same equation with equal operations as one node, as it was before an edit's text was read."""
    known: dict[tuple[Any, ...], Expr] = {}

    def one(node: Expr, args: tuple[Expr, ...]) -> Expr:
        return known.setdefault((node.op, node.label, node.value, *map(id, args)), Expr(node.op, args, node.label, node.value))

    memo: dict[int, Expr] = {}
    outputs = {key: rebuild(root, one, memo) for key, root in equation.outputs.items()}
    return replace(equation, outputs=outputs)
