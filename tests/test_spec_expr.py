"""Expression text says what the graph says, in Python and in R; equations are named and made as the specification promises."""

from __future__ import annotations

import ast
import keyword
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trials import settings_of_every_kind

from crossoptim.errors import CrossoptimError, HyperError, UnknownNameError
from crossoptim.golden import reference
from crossoptim.runners.registry import IMPLEMENTATIONS
from crossoptim.spec.ecosystems import all_ecosystems, all_quirks
from crossoptim.spec.edit import apply, match
from crossoptim.spec.emit.objective import objective_text
from crossoptim.spec.expr import BINARY, CALLS, Expr, Symbols, call, evaluate, literal_text, name, names, number, parse, rebuild, text, walk
from crossoptim.spec.model import Edit, GradientAfter, Interval, QuirkSite
from crossoptim.spec.problems import all_problems
from crossoptim.spec.rules import all_rules, resolve
from crossoptim.spec.trace import Equation, format_setting, statements, trace

# help("reserved") in R; T and F are no keywords there, but everybody's TRUE and FALSE
R_RESERVED = set("if else repeat while function for next break TRUE FALSE NULL Inf NaN NA in T F".split())
R_RESERVED |= {"NA_integer_", "NA_real_", "NA_complex_", "NA_character_"}

leaves = st.sampled_from(["a", "b", "c", "weight_decay"]).map(name) | st.floats(0, 1e6).map(number) | st.integers(0, 100).map(number)


def trees(comparisons: bool = False) -> st.SearchStrategy[Expr]:
    """Random graphs; comparisons only where asked, as they have no place under arithmetic."""
    operators = [op for op in BINARY if op not in ("<", ">", "<=", ">=")]

    def grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
        compared = st.builds(call, st.sampled_from(["<", ">", "<=", ">="]), inner, inner)
        return (
            st.builds(call, st.sampled_from(operators), inner, inner)
            | st.builds(call, st.just("neg"), inner)
            | st.builds(call, st.just("sqrt"), inner)
            | st.builds(call, st.just("maximum"), inner, inner)
            | (st.builds(call, st.just("where"), compared, inner, inner) if comparisons else st.nothing())
        )

    return st.recursive(leaves, grow, max_leaves=12)


class Plain:
    """The namespace on Python numbers."""

    maximum = staticmethod(max)

    @staticmethod
    def sqrt(x: float) -> float:
        return math.sqrt(abs(x)) if isinstance(x, int | float) else math.nan

    @staticmethod
    def where(condition: bool, a: float, b: float) -> float:
        return a if condition else b


# Text.


@given(trees(comparisons=True))
def test_text_parses_back_to_the_same_graph(tree: Expr) -> None:
    assert match(parse(text(tree)), tree, {})
    assert text(parse(text(tree))) == text(tree)


@given(trees(comparisons=True), st.lists(st.floats(0.5, 2.0), min_size=4, max_size=4))
def test_python_reads_the_text_as_the_graph_means_it(tree: Expr, numbers: list[float]) -> None:
    env = dict(zip(["a", "b", "c", "weight_decay"], numbers, strict=True))
    functions = {"sqrt": Plain.sqrt, "maximum": Plain.maximum, "where": Plain.where}
    try:
        expected = evaluate(tree, env, Plain)
    except (OverflowError, ZeroDivisionError) as error:
        with pytest.raises(type(error)):
            eval(text(tree), {**functions, **env})
        return
    assert eval(text(tree), {**functions, **env}) == expected or expected != expected


@given(trees(comparisons=True))
def test_text_uses_only_what_python_and_r_write_alike(tree: Expr) -> None:
    # in both, ** associates to the right and binds tighter than unary minus, which binds tighter than * and /
    allowed = ast.Expression | ast.BinOp | ast.UnaryOp | ast.Compare | ast.Call | ast.Name | ast.Constant | ast.Load
    operators = ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow | ast.USub | ast.Lt | ast.Gt | ast.LtE | ast.GtE
    for node in ast.walk(ast.parse(text(tree), mode="eval")):
        assert isinstance(node, allowed | operators)
        assert not isinstance(node, ast.Compare) or len(node.ops) == 1


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=0))
def test_a_literal_reads_back_exactly(value: float) -> None:
    assert float(literal_text(value)) == value == evaluate(parse(literal_text(value)), {}, None)


@pytest.mark.parametrize(
    "source",
    ["a - (b - c)", "a - b - c", "a / (b / c)", "a / b * c", "a / (b * c)", "(a + b) * c", "-a**2", "(-a)**2", "a**b**c"]
    + ["(a**b)**c", "a**(-b)", "-(a + b)", "a - -b", "(a < b) < c", "sqrt(a + b)**2", "where(a < b, a - b, b - a)", "a * -b"],
)
def test_brackets_are_kept_where_they_matter_and_nowhere_else(source: str) -> None:
    ours = text(parse(source))
    assert ast.dump(ast.parse(ours)) == ast.dump(ast.parse(source))
    assert ours.count("(") == source.count("(")


@pytest.mark.parametrize(
    "source, complaint",
    [
        ("a < b < c", "outside the grammar"),
        ("a if b else c", "outside the grammar"),
        ("a and b", "outside the grammar"),
        ("a.b", "outside the grammar"),
        ("a[0]", "outside the grammar"),
        ("open(a)", "outside the grammar"),
        ("sqrt(x=a)", "outside the grammar"),
        ("'a'", "outside the grammar"),
        ("a % b", "outside the grammar"),
        ("a +", "expression 'a \\+'"),
        ("", "expression ''"),
    ],
)
def test_anything_else_is_refused(source: str, complaint: str) -> None:
    with pytest.raises(CrossoptimError, match=complaint):
        parse(source)


# Names.


def texts() -> Iterator[tuple[str, list[str]]]:
    """Every piece of text that leaves the specification, with the names that it assigns."""
    for equation in every_equation():
        data = equation.as_json()
        for label, source in [*data["scalars"], *data["update"]]:
            yield source, [label, *equation.reals, *equation.state]
    for problem in all_problems().values():
        if problem.value is not None:
            for label, source in objective_text(problem)["statements"]:
                yield source, [label, *problem.data, *(p.name for p in problem.params)]
    for quirk in all_quirks().values():
        for effect in quirk.effects:
            if isinstance(effect, Edit):
                yield from ((source, []) for source in (effect.find, effect.replace))
            elif isinstance(effect, GradientAfter):
                yield effect.expression, []


def every_equation() -> list[Equation]:
    """The equation of every setting."""
    return [trace(setting) for setting in settings_of_every_kind()]


def test_there_is_text_of_every_rule() -> None:
    stepping = {rule.name for rule in all_rules().values() if rule.kind != "closure"}
    assert {e.rule for e in every_equation()} == stepping and len(every_equation()) > 20


def test_no_name_is_a_keyword_in_python_or_in_r() -> None:
    for source, assigned in texts():
        used = names(parse(source)) + assigned
        for label in used:
            assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", label), f"{label!r} in {source!r}"
            assert not keyword.iskeyword(label) and label not in R_RESERVED and label not in CALLS, f"{label!r} in {source!r}"


# Graphs.


def test_a_node_used_twice_becomes_one_statement() -> None:
    a = name("a")
    shared = a * a
    found = statements({"p": shared + 1, "m": call("sqrt", shared)}, "_new")
    assert found == (("x1", "a * a"), ("p_new", "x1 + 1"), ("m_new", "sqrt(x1)"))


def test_an_output_used_by_another_is_not_written_twice() -> None:
    m = name("m") + name("g")
    assert statements({"p": name("p") - m, "m": m}, "_new") == (("m_new", "m + g"), ("p_new", "p - m_new"))


def test_an_output_that_does_not_change_is_still_assigned() -> None:
    assert statements({"p": name("p"), "m": number(0)}, "_new") == (("p_new", "p"), ("m_new", "0"))


def test_two_outputs_that_are_one_node_are_both_assigned() -> None:
    v = name("v") * name("g")
    assert statements({"v": v, "v_max": v}, "_new") == (("v_new", "v * g"), ("v_max_new", "v_new"))


@pytest.mark.parametrize("equation", every_equation(), ids=lambda e: e.id)
def test_statements_compute_what_the_graph_does(equation: Equation) -> None:
    generator = np.random.default_rng(0)
    leaves = {label for root in equation.outputs.values() for label in names(root)}
    numbers = {*equation.reals, *equation.scalars, *equation.kept}
    env: dict[str, Any] = {key: np.abs(generator.normal(size=() if key in numbers else (2, 3))) for key in sorted(leaves | {"p"})}
    expected = reference.step(equation, env, "float64")
    scope = {**env, **{op: getattr(reference.Reference, op) for op in CALLS if hasattr(reference.Reference, op)}}
    assigned = []
    for label, source in equation.statements:
        with np.errstate(invalid="ignore"):  # a variance that rounding makes negative
            scope[label] = eval(source, scope)
        assigned.append(label)
    assert len(set(assigned)) == len(assigned)
    for key, value in expected.items():
        # a tensor's power is rounded once by the reference, and to a neighbour by NumPy
        power = any(node.op == "**" for node in walk(equation.outputs[key]))
        np.testing.assert_allclose(np.broadcast_to(scope[f"{key}_new"], value.shape), value, rtol=1e-15 if power else 0)


@given(trees())
def test_rebuilding_without_changes_returns_the_graph_itself(tree: Expr) -> None:
    assert rebuild(tree, lambda node, args: None) is tree


def test_operands_come_before_their_users_each_once() -> None:
    a = name("a")
    root = (a + 1) * (a + 1) - a
    order = list(walk(root))
    assert len(order) == len({id(n) for n in order})
    for place, node in enumerate(order):
        assert all(any(arg is earlier for earlier in order[:place]) for arg in node.args)


def test_the_namespace_knows_its_functions_and_no_others() -> None:
    with pytest.raises(AttributeError, match="the namespace has no 'sin' .it has sqrt, "):
        Symbols().sin(name("x"))


def test_a_tensor_in_a_condition_is_an_error_that_shows_the_expression() -> None:
    with pytest.raises(CrossoptimError, match=r"trace: 'g < 0' was used as a condition"):
        bool(name("g") < 0)


# Equations.


@pytest.mark.parametrize(
    "optimizer, hyper, identity",
    [
        ("sgd", {}, "sgd[]"),
        ("sgd", {"lr": 0.5}, "sgd[]"),
        ("sgd", {"momentum": 0.9}, "sgd[momentum]"),
        ("sgd", {"momentum": 0.9, "nesterov": True, "maximize": True}, "sgd[momentum,nesterov,maximize]"),
        ("sgd", {"momentum": 0.9, "momentum_form": "lr_inside"}, "sgd[momentum,momentum_form=lr_inside]"),
        ("adam", {"eps": 0.5}, "adam[]"),
        ("adam", {"weight_decay": 0.1, "amsgrad": True}, "adam[weight_decay,amsgrad]"),
        ("adamw", {}, "adam[weight_decay,decay=decoupled]"),
    ],
)
def test_an_equations_id_names_what_shapes_it(optimizer: str, hyper: dict[str, Any], identity: str) -> None:
    assert trace(resolve(optimizer, hyper)).id == identity


def test_equal_ids_mean_equal_equations_and_other_text_another_hash() -> None:
    hashes = {e.id: e.sha256 for e in every_equation()}
    assert trace(resolve("adam", {"lr": 0.5, "eps": 0.1})).sha256 == trace(resolve("adam")).sha256
    assert len(set(hashes.values())) == len(hashes)


@given(st.floats(1e-6, 10), st.floats(0.01, 0.99), st.floats(1e-12, 1))
def test_values_do_not_enter_the_text(lr: float, beta1: float, eps: float) -> None:
    assert trace(resolve("adam", {"lr": lr, "beta1": beta1, "eps": eps})).statements == trace(resolve("adam")).statements


def test_an_equation_needs_no_more_than_it_names() -> None:
    for equation in every_equation():
        known = {"p", "g", *equation.state, *equation.reals, *equation.scalars, *equation.kept}
        assert set(names(*equation.outputs.values())) <= known, equation.id
        assert set(names(*equation.scalars.values())) <= {"t", *equation.reals, *equation.kept}, equation.id
        kept = {f"{key}_new" for key in equation.kept}
        assert set(equation.scalars) - kept <= set(names(*equation.outputs.values())), equation.id


def test_settings_print_what_differs_from_the_defaults() -> None:
    assert format_setting(resolve("adam")) == "defaults"
    assert format_setting(resolve("adam", {"lr": 0.1, "amsgrad": True})) == "lr=0.1, amsgrad=true"


# Edits.


def test_an_edit_replaces_every_occurrence_and_leaves_the_rest() -> None:
    equation = trace(resolve("sgd", {"weight_decay": 0.1}))
    edited = apply(equation, [Edit("weight_decay * p", "weight_decay * index")])
    assert [source for _, source in equation.statements] == ["p - lr * (g + weight_decay * p)"]
    assert [source for _, source in edited.statements] == ["p - lr * (g + weight_decay * index)"]


def test_a_capital_in_a_pattern_stands_for_any_operand() -> None:
    equation = trace(resolve("sgd", {"weight_decay": 0.1, "maximize": True}))
    assert [source for _, source in equation.statements] == ["p - lr * (-g + weight_decay * p)"]
    edited = apply(equation, [Edit("A + weight_decay * p", "A - weight_decay * p")])
    assert [source for _, source in edited.statements] == ["p - lr * (-g - weight_decay * p)"]


def test_a_capital_used_twice_stands_for_the_same_operand_both_times() -> None:
    squared = trace(resolve("adam"))
    assert text(apply(squared, [Edit("C * A * A", "C * A")]).outputs["v"]) == "v * beta2 + mix2 * g"
    with pytest.raises(CrossoptimError, match="does not occur"):
        apply(squared, [Edit("m + A * (A - m)", "m")])


def test_an_edit_that_finds_nothing_complains() -> None:
    with pytest.raises(CrossoptimError, match=r"sgd\[\]: the edit's pattern 'weight_decay \* p' does not occur in the equation"):
        apply(trace(resolve("sgd")), [Edit("weight_decay * p", "weight_decay * index")])


def test_edits_reach_scalars_and_may_build_on_each_other() -> None:
    equation = apply(trace(resolve("adam")), [Edit("1 - beta2 ** t", "1 - beta2"), Edit("1 - beta2", "beta2")])
    assert text(equation.scalars["root_bias2"]) == "sqrt(beta2)"


def test_what_a_step_leaves_in_the_gradient_is_an_output_but_no_state() -> None:
    equation = apply(trace(resolve("adam", {"weight_decay": 0.1})), [GradientAfter("g + weight_decay * p")])
    assert text(equation.outputs["g"]) == "g + weight_decay * p"
    assert equation.state == ("m", "v")


def test_a_quirk_has_an_id_of_its_own() -> None:
    ids = [quirk.id for ecosystem in all_ecosystems().values() for quirk in ecosystem.quirks]
    assert [key for key in ids if ids.count(key) > 1] == []


def test_every_quirk_edits_every_equation_that_it_says_it_does() -> None:
    for ecosystem in all_ecosystems().values():
        for quirk in ecosystem.quirks:
            for setting in settings_of_every_kind():
                binding = ecosystem.binding(setting)
                if binding and binding.name in quirk.bindings:
                    for late in (False, True):
                        if quirk.when(QuirkSite(h=setting.h, shapes=((2, 2), (2,)), late_start=late, first=setting.h)):
                            apply(trace(setting), quirk.effects)


def test_quirks_that_meet_edit_the_equation_together_and_without_any_one_of_them() -> None:
    for implementation in IMPLEMENTATIONS.values():
        for setting in settings_of_every_kind() if implementation.ecosystem else ():
            for dtype in ("float32", "float64"):
                site = QuirkSite(h=setting.h, shapes=((2, 2),), late_start=True, dtype=dtype, first=setting.h)
                met = [quirk for quirk in implementation.quirks(setting) if quirk.when(site) and quirk.effects]
                for ignored in (None, *met):
                    apply(trace(setting), [effect for quirk in met if quirk is not ignored for effect in quirk.effects])


# Validation.


@pytest.mark.parametrize(
    "optimizer, values, message",
    [
        ("adam", {"beta2": 1.2}, "adam: beta2 = 1.2 is outside [0, 1)"),
        ("adam", {"beta1": 1.0}, "adam: beta1 = 1.0 is outside [0, 1)"),
        ("adam", {"lr": -1}, "adam: lr = -1 is outside [0, inf)"),
        ("adam", {"lr": math.nan}, "adam: lr = nan is outside [0, inf)"),
        ("adam", {"lr": math.inf}, "adam: lr = inf is outside [0, inf)"),
        ("adam", {"lr": "fast"}, "adam: lr = 'fast' is not a number (expected a number in [0, inf))"),
        ("adam", {"lr": True}, "adam: lr = True is not a number (expected a number in [0, inf))"),
        ("adam", {"amsgrad": 1}, "adam: amsgrad = 1 is not a flag (expected true or false)"),
        ("adam", {"decay": "none"}, "adam: decay = 'none' is not a variant (expected one of coupled, decoupled)"),
        ("adam", {"decay": ["coupled"]}, "adam: decay = ['coupled'] is not a variant (expected one of coupled, decoupled)"),
        ("sgd", {"nesterov": True}, "sgd: nesterov = true needs momentum > 0 and dampening = 0"),
    ],
)
def test_a_wrong_value_is_one_clear_line(optimizer: str, values: dict[str, object], message: str) -> None:
    with pytest.raises(HyperError) as caught:
        resolve(optimizer, values)
    assert str(caught.value) == message


def test_an_unknown_hyperparameter_is_answered_with_the_known_ones() -> None:
    with pytest.raises(HyperError, match="sgd: 'beta1' is not a hyperparameter .expected one of lr, momentum, "):
        resolve("sgd", {"beta1": 0.9})


def test_an_unknown_optimizer_is_answered_with_the_nearest_name_presets_included() -> None:
    with pytest.raises(UnknownNameError, match="optimizer 'adamv' does not exist"):
        resolve("adamv")


@pytest.mark.parametrize(
    "interval, inside, outside",
    [
        ("[0, 1)", [0.0, 0.999], [-1e-300, 1.0, math.inf]),
        ("(0, 1]", [1e-300, 1.0], [0.0, 1.0000001]),
        ("[0, inf)", [0.0, 1e308], [-0.1, math.inf]),
        ("(-inf, inf)", [-1e308, 1e308], [math.inf, -math.inf, math.nan]),
    ],
)
def test_intervals_mean_what_they_say(interval: str, inside: list[float], outside: list[float]) -> None:
    assert all(x in Interval(interval) for x in inside)
    assert not any(x in Interval(interval) for x in outside)


def test_defaults_are_inside_their_intervals_and_options_have_a_meaning() -> None:
    for rule in all_rules().values():
        rule.resolve({})
        assert rule.sources and rule.witness
        assert all(option.doc for option in rule.options()), rule.name
        assert len({o.name for o in rule.options()}) == len(list(rule.options()))
