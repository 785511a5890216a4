"""The specification computes what others published: every rule and every switch value against a witness that we did not write.

Both sides run the same steps from the same start and may part by roundoff alone (``trials.tolerance``). A wrong variant is off by a hundred
times more, which is asserted too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from trials import STEPS, Array, by_torch, ours, single, table_of, tolerance, torch_bindings, trial, witnessed
from witness.forms import Form, forms

from crossoptim.errors import HyperError
from crossoptim.golden.case import Case
from crossoptim.spec.model import Binding, Problem, Real, Rule, Switch
from crossoptim.spec.problems import get_problem
from crossoptim.spec.rules import all_rules, resolve

TORCH = "torch.optim."
POWER = 100  # a flipped switch moves the path by more than so many tolerances
MATRIX, RAVINE = single("matrix"), get_problem("ravine")


@dataclass(frozen=True)
class Witness:
    """A witness of one setting of a rule: a transcription, or a class of PyTorch. ``options`` are the hyperparameters that it takes."""

    place: str
    optimizer: str
    setting: Mapping[str, Any]
    options: frozenset[str]
    by: Form | Binding

    @property
    def rule(self) -> Rule:
        """The rule that it is a witness of."""
        return resolve(self.optimizer).rule

    def path(self, case: Case) -> Array:
        """What it computes."""
        return witnessed(self.by, case) if isinstance(self.by, Form) else by_torch(self.by, case)

    def examples(self) -> dict[str, Any]:
        """Values at which its options are felt."""
        return {name: value for name, value in self.rule.examples().items() if name in self.options and name not in self.setting}

    def trials(self) -> Iterator[dict[str, Any]]:
        """Its setting with all options that go together, with none, then with one and two."""
        examples = self.examples()
        rate = {"lr": examples["lr"]} if "lr" in examples else {}
        for size in (len(examples), 0, 1, 2, 3):
            for chosen in combinations(examples, size):
                hyper = {**rate, **self.setting, **{name: examples[name] for name in chosen}}
                try:
                    resolve(self.optimizer, dict(hyper))
                except HyperError:
                    continue
                yield hyper


def witnesses() -> list[Witness]:
    """Every witness in every setting."""
    found = [Witness(f.place, f.optimizer, setting, frozenset(f.notation.values()), f) for f in forms() for setting in f.settings or ({},)]
    for binding in torch_bindings():
        options = frozenset(key for ours in binding.args.values() for key in ([ours] if isinstance(ours, str) else ours))
        said = {ours: binding.spellings[foreign] for foreign, ours in binding.args.items() if foreign in binding.spellings}
        for values in product(*said.values()):
            setting = {**binding.switches, **dict(zip(said, values, strict=True))}
            found.append(Witness(TORCH + binding.name, binding.rule, setting, options, binding))
    return found


def stepping_rules() -> list[Rule]:
    """The rules whose step takes one gradient."""
    return [rule for rule in all_rules().values() if rule.kind != "closure"]


def declared() -> list[tuple[Rule, Switch, str]]:
    """Every switch value of every rule."""
    return [(rule, switch, value) for rule in stepping_rules() for switch in rule.switches for value in switch.values]


def slower(hyper: Mapping[str, Any]) -> float | None:
    """A learning rate to change to, in mid-run."""
    return hyper["lr"] / 3 if "lr" in hyper else None


def arenas(witness: Witness) -> tuple[Problem, ...]:
    """Where the point of evaluation matters, an objective; a table of gradients elsewhere first; matrices where nothing else is taken."""
    if witness.rule.takes:
        return MATRIX, get_problem("matrix_ravine"), get_problem("tall_ravine")
    ahead = resolve(witness.optimizer, next(witness.trials())).gradient_point is not None
    return (RAVINE,) if ahead else (MATRIX, RAVINE)


def agree(witness: Witness, case: Case) -> bool:
    expected = witness.path(case)
    return bool(np.max(np.abs(ours(case) - expected)) <= tolerance(expected, case.dtype))


every_value = pytest.mark.parametrize("rule, switch, value", [pytest.param(*d, id=f"{d[0].name}-{d[1].name}-{d[2]}") for d in declared()])
both_dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])


@pytest.mark.parametrize("rule", all_rules().values(), ids=lambda rule: rule.name)
def test_every_rule_and_every_switch_value_names_a_source_and_a_witness_that_exists(rule: Rule) -> None:
    known = {w.place for w in witnesses()} | {TORCH + name for name in torch.optim.__all__ if rule.kind == "closure"}
    assert rule.sources and rule.witness in known, f"{rule.name}: no witness {rule.witness!r}"
    for switch in rule.switches:
        for value in switch.values:
            assert switch.sources.get(value), f"{rule.name}: {switch.name} = {value} names no source"
            assert switch.witness.get(value) in known, f"{rule.name}: {switch.name} = {value}: no witness {switch.witness.get(value)!r}"


@both_dtypes
@every_value
def test_every_switch_value_matters_and_computes_what_its_witness_does(rule: Rule, switch: Switch, value: str, dtype: str) -> None:
    for witness in witnesses():
        if witness.place == switch.witness[value] and witness.rule is rule:
            for hyper, problem in product(witness.trials(), arenas(witness)):
                values = resolve(witness.optimizer, dict(hyper)).values
                if values[switch.name] == value and matters(rule, switch, dict(values), problem, dtype):
                    assert agree(witness, trial(rule.name, values, problem, dtype, lr_after=slower(values)))
                    return
    pytest.fail(f"{switch.witness[value]} is a witness of no setting in which {switch.name} = {value} matters")


def matters(rule: Rule, switch: Switch, values: dict[str, Any], problem: Problem, dtype: str) -> bool:
    """Whether the switch's other values change the path by far more than rounding."""
    path = ours(trial(rule.name, values, problem, dtype, lr_after=slower(values)))
    others = [value for value in switch.values if value != values[switch.name]]
    flipped = [ours(trial(rule.name, {**values, switch.name: v}, problem, dtype, lr_after=slower(values))) for v in others]
    return all(np.max(np.abs(path - other)) > POWER * tolerance(path, dtype) for other in flipped)


@both_dtypes
@pytest.mark.parametrize("witness", witnesses(), ids=lambda w: f"{w.place}-{','.join(map(str, w.setting.values()))}")
def test_every_witness_agrees_in_its_own_notation(witness: Witness, dtype: str) -> None:
    hyper = next(witness.trials())
    for problem in arenas(witness):
        assert agree(witness, trial(witness.optimizer, hyper, problem, dtype, lr_after=slower(hyper)))


@pytest.mark.parametrize("witness", [w for w in witnesses() if isinstance(w.by, Binding)], ids=lambda w: w.place)
def test_every_option_alone_and_with_others_computes_what_pytorch_does(witness: Witness) -> None:
    wrong = [hyper for hyper in witness.trials() if not agree(witness, trial(witness.optimizer, hyper, MATRIX))]
    assert wrong == []


# For any hyperparameters and gradients.

sizes = st.floats(2.0**-10, 2.0**10) | st.sampled_from([0.25, 1.0, 3.0])
numbers = st.builds(lambda size, sign: sign * size, sizes, st.sampled_from([-1.0, 1.0]))
gradient_tables = st.lists(st.tuples(numbers, numbers, numbers), min_size=STEPS, max_size=STEPS).map(
    lambda rows: [np.array(r) for r in rows]
)
START = np.array([1.0, -2.0, 0.5])
INJECTED = [w for w in witnesses() if isinstance(w.by, Form) and MATRIX in arenas(w) and w.rule.kind == "elementwise"]


@given(st.sampled_from(INJECTED), st.data(), gradient_tables)
def test_published_forms_agree_for_any_hyperparameters_and_gradients(witness: Witness, data: st.DataObject, rows: list[Array]) -> None:
    hyper = dict(witness.setting)
    for option in witness.rule.hyper:
        if isinstance(option, Real) and option.example is not None and option.name in witness.options and option.name not in hyper:
            low, high = sorted((option.example, (option.default + option.example) / 2))
            hyper[option.name] = data.draw(st.floats(low, high), label=option.name)
    case = trial(witness.optimizer, hyper, table_of(rows, START), lr_after=slower(hyper))
    expected = witness.path(case)
    # far gradients move the parameter little and the velocity much: errors scale with what was added up
    scale = np.max(np.abs(expected)) + 1 / (1 - 0.95)
    assert np.max(np.abs(ours(case) - expected)) <= 1e-11 * scale


@given(st.sampled_from([r for r in stepping_rules() if "maximize" in r.examples()]), gradient_tables)
def test_maximizing_is_minimizing_the_negated_gradient(rule: Rule, rows: list[Array]) -> None:
    hyper = {name: value for name, value in rule.examples().items() if isinstance(value, float)}
    down = ours(trial(rule.name, hyper, table_of([-g for g in rows], START)))
    np.testing.assert_array_equal(ours(trial(rule.name, {**hyper, "maximize": True}, table_of(rows, START))), down)
