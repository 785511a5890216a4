"""Single edits of the source of a rule that chooses where to evaluate: it has no graph, but a conversation that is a program."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from crossoptim.check.diagnosis.candidates import Candidate
from crossoptim.spec.model import Rule

_OPPOSITE: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
}  # fmt: skip
_SIZES = {"total": "largest", "largest": "total"}


def source_edits(rule: Rule) -> Iterator[Candidate]:
    """The conversation with one constant, operation, decision or statement otherwise."""
    module = inspect.getmodule(inspect.unwrap(rule.converse)) if rule.converse else None
    if module is None or not isinstance(rule.converse, FunctionType):
        return
    for name, value in vars(module).items():
        if isinstance(value, float) and name.isupper():
            for other in (0.0, value / 10, 10 * value, value / 2, 2 * value):
                converse = _rebound(module, rule.converse, {name: other})
                yield Candidate(f"{name} is {other:g}", before=f"{name} = {value:g}", after=f"{name} = {other:g}", converse=converse)
    own = [value for value in vars(module).values() if isinstance(value, FunctionType) and value.__module__ == module.__name__]
    for function in (rule.converse, *own):
        yield from _of_function(module, rule.converse, function)


def _of_function(module: ModuleType, converse: FunctionType, function: FunctionType) -> Iterator[Candidate]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    for place in _places(definition):
        own = place.get()
        decision = [ast.Constant(True), ast.Constant(False)] if place.key == "test" and not isinstance(own, ast.Call) else []
        for instead in (*decision, *_instead(own)):
            before, said = ast.unparse(own), ast.unparse(instead)
            place.put(instead)
            try:
                code = compile(ast.fix_missing_locations(tree), "edited", "exec")
            except (SyntaxError, ValueError):
                continue
            finally:
                place.put(own)
            names: dict[str, Any] = {}
            exec(code, vars(module).copy(), names)  # noqa: S102 - the rule's own source
            edited = names[definition.name]
            if function is converse:
                made = _rebound(module, edited, {})
            else:
                made = _rebound(module, converse, {definition.name: edited})
            where = f"in {definition.name}, line {getattr(own, 'lineno', 0)}"
            yield Candidate(f"{where}, `{before}` is `{said}`", before=before, after=said, converse=made)


def _rebound(module: ModuleType, converse: FunctionType, others: dict[str, Any]) -> Callable[..., Any]:
    """The conversation in a module of its own, in which some names stand for something else."""
    names = {**vars(module), **others}
    for name, value in list(names.items()):
        if isinstance(value, FunctionType) and (name in others or value.__module__ == module.__name__):
            names[name] = FunctionType(value.__code__, names, name, value.__defaults__)
    return FunctionType(converse.__code__, names, converse.__name__, converse.__defaults__)


class _Place:
    """Where in a syntax tree a node stands."""

    def __init__(self, parent: ast.AST, key: str, number: int | None) -> None:
        self.parent, self.key, self.number = parent, key, number

    def get(self) -> Any:
        held = getattr(self.parent, self.key)
        return held if self.number is None else held[self.number]

    def put(self, node: ast.AST) -> None:
        if self.number is None:
            setattr(self.parent, self.key, node)
        else:
            getattr(self.parent, self.key)[self.number] = node


def _places(root: ast.AST) -> list[_Place]:
    out = []
    for parent in ast.walk(root):
        for key, held in ast.iter_fields(parent):
            if key in ("annotation", "returns", "args") and isinstance(parent, ast.FunctionDef):
                continue
            if isinstance(held, ast.AST):
                out.append(_Place(parent, key, None))
            elif isinstance(held, list):
                out += [_Place(parent, key, number) for number, each in enumerate(held) if isinstance(each, ast.AST)]
    return out


def _instead(node: ast.AST) -> list[ast.AST]:
    """What may stand in a node's place."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            other = _OPPOSITE.get(type(op))
            return [left, right, *([ast.BinOp(left, other(), right)] if other else [])]
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            return [operand]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _TURNED:
            return [ast.Compare(left, [_TURNED[type(op)]()], [right])]
        case ast.BoolOp(values=values):
            return list(values)
        case ast.Constant(value=bool(value)):
            return [ast.Constant(not value)]
        case ast.Constant(value=int() | float() as number):
            others = (number + 1, number - 1, 2 * number, number / 2, 10 * number, number / 10, 0)
            return [ast.Constant(each) for each in dict.fromkeys(others)]
        case ast.Call(func=ast.Attribute(attr="holds")):
            return [ast.Constant(True), ast.Constant(False)]
        case ast.Call(func=ast.Name(id="reversed" | "abs" | "held"), args=[inner]):
            return [inner]
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=args) if attr in _SIZES:
            return [ast.Call(ast.Attribute(value, _SIZES[attr], ast.Load()), args, [])]
        case ast.Assign() | ast.AugAssign():
            return [ast.Pass()]
    return []
