"""A closure rule's conversation as R: the Python text of the rule, translated statement by statement.

R has no generators. Where the rule yields a point and is sent what was found there, the R function calls ``evaluate(point)``. What the
translation knows is the part of Python that such rules are written in; anything else is refused, so that nothing is translated wrongly.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from dataclasses import is_dataclass
from typing import Any

from crossoptim.spec.conversation import Memory
from crossoptim.spec.model import Rule
from crossoptim.spec.rules import all_rules

WIDTH = 120
_OPERATORS: dict[type[ast.AST], tuple[str, int]] = {  # R's own order of precedence
    ast.Or: ("||", 1),
    ast.And: ("&&", 2),
    ast.Not: ("!", 3),
    ast.Lt: ("<", 4),
    ast.LtE: ("<=", 4),
    ast.Gt: (">", 4),
    ast.GtE: (">=", 4),
    ast.Eq: ("==", 4),
    ast.Add: ("+", 5),
    ast.Sub: ("-", 5),
    ast.Mult: ("*", 6),
    ast.Div: ("/", 6),
    ast.FloorDiv: ("%/%", 7),
    ast.USub: ("-", 8),
}
_ATOM = 9
_NAMES = {"inf": "Inf"}
_CALLS = {"abs": "abs", "reversed": "rev", "field": "list"}  # a field's default is an empty list
_RESERVED = {"if", "else", "repeat", "while", "function", "for", "next", "break", "in", "TRUE", "FALSE", "NULL", "parts", "item"}


def r_conversations() -> str:
    """The whole of ``conversations-generated.R``."""
    head = "# Made by `crossoptim generate` from the specification: not to be edited by hand.\n"
    return "\n".join([head, *(f"# {rule.title}\n{r_conversation(rule)}" for rule in all_rules().values() if rule.converse)])


def r_conversation(rule: Rule) -> str:
    """``<rule>_conversation``, an R function of ``evaluate``: a list of ``converse``, the rule's ``conduct``, and what makes the records.

    Raises:
        ValueError: for a construct that has no translation, with its line.
    """
    assert rule.converse is not None
    module = inspect.getmodule(rule.converse)
    assert module is not None
    tree = ast.parse(inspect.getsource(module))
    ours = {Memory.__module__, module.__name__}
    kinds: list[type] = [Memory, *(kind for kind in vars(module).values() if isinstance(kind, type) and is_dataclass(kind))]
    records = [kind for kind in kinds if kind.__module__ in ours]
    constants = [node for node in tree.body if isinstance(node, ast.Assign)]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    holder = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == rule.class_name)
    converse = next(node for node in holder.body if isinstance(node, ast.FunctionDef) and node.name == rule.converse.__name__)
    translate = _Translator(tree, constants, {record.__name__ for record in records})
    body = [
        *(line for node in constants for line in translate.statement(node)),
        *(line for record in records for line in translate.record(ast.parse(inspect.getsource(record)).body[0])),
        *(line for node in (*functions, converse) for line in ["", *translate.function(node)]),
        "",
        f"conduct <- list({', '.join(f'{key} = {_literal(value)}' for key, value in rule.conduct.items())})",
        f"list(converse = {converse.name}, conduct = conduct, new_memory = new_memory, new_evaluation = new_evaluation)",
    ]
    head = f"{rule.name}_conversation <- function(evaluate) {{ # nolint: cyclocomp_linter. It is many functions."
    return "\n".join([head, *_indented(body), "}"]) + "\n"


def _literal(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "NULL", True: "TRUE", False: "FALSE"}[value]
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]


def _wrapped(before: str, arguments: list[str], after: str) -> list[str]:
    """A call on one line, or with one argument a line."""
    line = f"{before}{', '.join(arguments)}{after}"
    return [line] if len(line) <= WIDTH - 8 else [before, *_indented([f"{a}," for a in arguments[:-1]]), f"  {arguments[-1]}", after]


def _said(node: ast.AST) -> set[str]:
    return {ast.unparse(part) for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute | ast.Subscript)}


class _Translator:
    def __init__(self, tree: ast.Module, constants: list[ast.Assign], records: set[str]) -> None:
        self.constants = {name.id for node in constants for name in ast.walk(node) if isinstance(name, ast.Name)}
        self.records = records
        names = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        arguments = {part.arg for part in ast.walk(tree) if isinstance(part, ast.arg)}
        self.known = names | arguments | {part.name for part in ast.walk(tree) if isinstance(part, ast.FunctionDef)}
        self.sequences: set[str] = set()  # names that are indexed, hence no truth values

    def function(self, node: ast.FunctionDef) -> list[str]:
        self.sequences |= {s.value.id for s in ast.walk(node) if isinstance(s, ast.Subscript) and isinstance(s.value, ast.Name)}
        head = f"{node.name} <- function({', '.join(self.name(arg.arg) for arg in node.args.args)}) {{"
        comment = textwrap.wrap(" ".join((ast.get_docstring(node) or "").split()), WIDTH - 8)
        body = node.body[1:] if ast.get_docstring(node) else node.body
        return [*(f"# {line}" for line in comment), head, *self.block(body[:-1]), *_indented(self.last(body[-1])), "}"]

    def last(self, node: ast.stmt) -> list[str]:
        """A function's last statement; its value needs no return()."""
        return [self.expression(node.value)] if isinstance(node, ast.Return) and node.value else self.statement(node)

    def record(self, node: ast.stmt) -> list[str]:
        """A dataclass as the function that makes it; its properties are computed at once."""
        assert isinstance(node, ast.ClassDef)
        takes, keeps = [], []
        for part in node.body:
            match part:
                case ast.AnnAssign(target=ast.Name(id=name), value=default):
                    takes.append(name if default is None else f"{name} = {self.expression(default)}")
                    keeps.append(f"{name} = {name}")
                case ast.FunctionDef(name=name, body=[*_, result]):
                    keeps.append(f"{name} = {self.last(result)[0].replace('self$', '')}")
        return [*_wrapped(f"new_{node.name.lower()} <- function(", takes, ") {"), *_indented(_wrapped("list(", keeps, ")")), "}"]

    def block(self, body: list[ast.stmt]) -> list[str]:
        return _indented([line for node in body for line in self.statement(node)])

    def statement(self, node: ast.stmt) -> list[str]:
        match node:
            case ast.FunctionDef():
                return [*self.function(node), ""]
            case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
                return self.assignment(target, value)
            case ast.Assign(targets=targets, value=value):
                return self.fit("".join(f"{self.expression(target)} <- " for target in targets), value)
            case ast.AugAssign(target=target, op=op, value=value):
                return self.assignment(target, ast.BinOp(target, op, value))
            case ast.Return(value=ast.expr() as value):
                return self.fit("return(", value, ")")
            case ast.If(test=test, body=body, orelse=orelse):
                lines = [f"if ({self.condition(test)}) {{", *self.block(body), "}"]
                if orelse:
                    rest = self.statement(orelse[0]) if len(orelse) == 1 and isinstance(orelse[0], ast.If) else []
                    rest = rest or ["{", *self.block(orelse), "}"]
                    lines[-1:] = [f"}} else {rest[0]}", *rest[1:]]
                return lines
            case ast.While(test=test, body=body, orelse=orelse):
                if not orelse:
                    return [f"while ({self.condition(test)}) {{", *self.block(body), "}"]
                ended = [f"if (!({self.condition(test)})) {{", *self.block(orelse), "  break", "}"]
                return ["repeat {", *_indented(ended), *self.block(body), "}"]
            case ast.For(target=target, iter=each, body=body, orelse=[]):
                name, unpacked = self.loop(target)
                return [f"for ({name} in {self.expression(each)}) {{", *_indented(unpacked), *self.block(body), "}"]
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[value])):
                return [f"{name} <- c({name}, list({self.expression(value)}))"]
            case ast.Break():
                return ["break"]
            case ast.Continue():
                return ["next"]
        raise self.refusal(node)

    def assignment(self, target: ast.expr, value: ast.expr) -> list[str]:
        if not isinstance(target, ast.Tuple):
            return self.fit(f"{self.expression(target)} <- ", value)
        if isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=True))
            # one after the other, where no value reads what was assigned before
            if not any(ast.unparse(early) in _said(late) for i, (early, _) in enumerate(pairs) for _, late in pairs[i + 1 :]):
                return [line for one, its in pairs for line in self.assignment(one, its)]
        if isinstance(value, ast.Name):
            return self.unpacked(target, self.name(value.id))
        return [*self.fit("parts <- ", value), *self.unpacked(target, "parts")]

    def unpacked(self, target: ast.expr, source: str) -> list[str]:
        if not isinstance(target, ast.Tuple):
            return [f"{self.expression(target)} <- {source}"]
        return [line for i, part in enumerate(target.elts, 1) for line in self.unpacked(part, f"{source}[[{i}]]")]

    def loop(self, target: ast.expr) -> tuple[str, list[str]]:
        """The variable of a loop, and what its parts are called."""
        return (self.name(target.id), []) if isinstance(target, ast.Name) else ("item", self.unpacked(target, "item"))

    def fit(self, before: str, node: ast.expr, after: str = "") -> list[str]:
        """An expression in its place; a call too long for a line with one argument a line."""
        if isinstance(node, ast.Call) and ast.unparse(node.func) != "partial":
            head, arguments = self.call(node)
            return _wrapped(f"{before}{head}(", arguments, f"){after}")
        return f"{before}{self.expression(node)}{after}".split("\n")

    def expression(self, node: ast.expr, level: int = 0) -> str:
        match node:
            case ast.Constant(value=value):
                return _literal(value)
            case ast.Name(id=name):
                return self.name(name)
            case ast.Attribute(value=value, attr=attr):
                return f"{self.expression(value, _ATOM)}${attr}"
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                return self.sequence(elts)
            case ast.Yield(value=ast.expr() as point):
                return f"evaluate({self.expression(point)})"
            case ast.YieldFrom(value=value):
                return self.expression(value, level)
            case ast.Call(func=ast.Name(id="partial"), args=[function, *given]):
                return f"function(value) {self.expression(function)}({', '.join([*map(self.expression, given), 'value'])})"
            case ast.Call():
                head, arguments = self.call(node)
                return f"{head}({', '.join(arguments)})"
            case ast.Subscript():
                return self.element(node)
            case ast.ListComp(elt=elt, generators=[made]) | ast.GeneratorExp(elt=elt, generators=[made]) if not made.ifs:
                name, unpacked = self.loop(made.target)
                inner = "\n".join(["{", *_indented([*unpacked, self.expression(elt)]), "}"]) if unpacked else self.expression(elt)
                return f"lapply({self.expression(made.iter)}, function({name}) {inner})"
            case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
                return f"is.null({self.expression(left)})"
            case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)) if name in self.sequences:
                text, own = f"length({self.name(name)}) == 0", 4
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                symbol, own = _OPERATORS[type(op)]
                text = f"{symbol}{self.expression(operand, own)}"
            case ast.BoolOp(op=op, values=values):
                symbol, own = _OPERATORS[type(op)]
                text = f" {symbol} ".join(self.condition(value, own + 1) for value in values)
            case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
                symbol, own = _OPERATORS[type(op)]
                text = f"{self.expression(left, own)} {symbol} {self.expression(right, own + 1)}"
            case ast.IfExp(test=test, body=body, orelse=orelse):
                own = 0
                text = f"if ({self.condition(test)}) {self.expression(body)} else {self.expression(orelse)}"
            case _:
                raise self.refusal(node)
        return f"({text})" if own < level else text

    def call(self, node: ast.Call) -> tuple[str, list[str]]:
        arguments = node.args
        match node.func, arguments:
            case ast.Name(id="zip"), _:
                return "Map", ["list", *map(self.expression, arguments)]
            case ast.Name(id="range"), [ast.Constant(value=1), ast.BinOp(left=last, op=ast.Add(), right=ast.Constant(value=1))]:
                return "seq_len", [self.expression(last)]
            case ast.Name(id=name), _ if name in self.records and not node.keywords:
                return f"new_{name.lower()}", list(map(self.expression, arguments))
            case ast.Name(id=name), _ if name in _CALLS or (name in self.known and not node.keywords):
                return _CALLS.get(name, name), list(map(self.expression, arguments))
            case ((ast.Attribute() as method), _) if not node.keywords:
                return self.expression(method), list(map(self.expression, arguments))
        raise self.refusal(node)

    def sequence(self, elts: list[ast.expr]) -> str:
        if not any(isinstance(part, ast.Starred) for part in elts):
            return f"list({', '.join(map(self.expression, elts))})"
        parts = [self.expression(part.value if isinstance(part, ast.Starred) else ast.List([part])) for part in elts]
        return parts[0] if len(parts) == 1 else f"c({', '.join(parts)})"

    def element(self, node: ast.Subscript) -> str:
        held = self.expression(node.value)
        match node.slice:
            case ast.Slice(lower=ast.UnaryOp(op=ast.USub(), operand=count), upper=None, step=None):
                return f"utils::tail({held}, {self.expression(count)})"
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)):
                return f"{held}[[length({held})]]"
            case ast.Name(id=name):
                return f"{held}[[{self.name(name)} + 1]]"
        raise self.refusal(node)

    def condition(self, node: ast.expr, level: int = 0) -> str:
        """An expression that decides; of a sequence only its being empty is asked, by ``not``."""
        if isinstance(node, ast.Name) and node.id in self.sequences:
            raise self.refusal(node)
        return self.expression(node, level)

    def name(self, name: str) -> str:
        if name in _RESERVED or name not in (self.known | _NAMES.keys()):
            raise ValueError(f"the name {name} is R's or the translation's own, or unknown (expected another)")
        return name.lower() if name in self.constants else _NAMES.get(name, name)

    @staticmethod
    def refusal(node: ast.AST) -> ValueError:
        return ValueError(f"line {getattr(node, 'lineno', '?')}: '{ast.unparse(node).splitlines()[0]}' has no translation to R")
