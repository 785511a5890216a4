"""What `crossoptim generate` makes: what is committed is what the specification says now, and R reads it as it is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crossoptim.cli import app
from crossoptim.generated import GENERATED, outdated
from crossoptim.golden.fixture import root
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.emit.r_optimizers import WIDTH, r_optimizers
from crossoptim.spec.model import Binding, Setting
from crossoptim.spec.r_functions import r_function, r_functions
from crossoptim.spec.rules import all_presets, all_rules, resolve


def test_what_is_committed_is_what_the_specification_says() -> None:
    assert outdated(root().parent) == {}, "run: crossoptim generate"


@pytest.mark.parametrize("name", [*all_rules(), *all_presets()])
def test_every_option_of_a_rule_is_an_argument_or_is_fixed_by_the_name(name: str) -> None:
    binding, rule = r_functions()[name], resolve(name).rule
    said = [ours for own in binding.args.values() for ours in ([own] if isinstance(own, str) else own)]
    assert sorted([*said, *binding.switches]) == sorted(option.name for option in rule.options())
    assert list(binding.state) == [var.name for var in rule.state] and list(binding.kept) == [number.name for number in rule.kept]
    assert binding.bounds == {}, "options are the specification's, and so are their intervals"


@pytest.mark.parametrize("binding", get_ecosystem("r_torch").bindings, ids=lambda b: b.name)
def test_what_r_torch_has_comes_first_with_its_names_and_defaults(binding: Binding) -> None:
    ours = r_functions()[binding.name.removeprefix("optim_")]
    shared = list(binding.args)
    assert list(ours.args)[: len(shared)] == shared
    assert {key: ours.defaults.get(key) for key in shared} == {key: binding.defaults.get(key) for key in shared}
    assert {key: ours.state[key] for key in binding.state} == dict(binding.state)


@pytest.mark.parametrize("name", [*all_rules(), *all_presets()])
def test_the_defaults_are_the_published_form(name: str) -> None:
    """Switches that a function leaves open have the specification's default."""
    setting = resolve(name)
    binding = r_functions()[name]
    for switch in setting.rule.switches:
        said: Any = binding.switches.get(switch.name)
        if argument := binding.foreign(switch.name):
            said = binding.defaults[argument]
            spelled = binding.spellings.get(argument)
            said = next(ours for ours, theirs in spelled.items() if theirs == said) if spelled else said
        assert said == setting.values[switch.name]


@pytest.mark.parametrize("setting", [resolve(name) for name in (*all_rules(), *all_presets())], ids=lambda s: s.rule.name)
def test_every_setting_has_a_function(setting: Setting) -> None:
    for switch in setting.rule.switches:
        for value in switch.values:
            found = r_function(setting.with_values(**{switch.name: value}))
            assert found and found.rule == setting.rule.name


def test_a_preset_is_run_with_the_function_of_its_name() -> None:
    assert {name: r_function(resolve(name)) for name in ("adam", "adamw")} == {name: r_functions()[name] for name in ("adam", "adamw")}


def test_no_line_is_too_long() -> None:
    assert [line for line in r_optimizers().splitlines() if len(line) > WIDTH] == []


def test_generate_writes_what_is_missing_and_verify_says_what_is_stale(tmp_path: Path) -> None:
    for name in GENERATED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    run = CliRunner().invoke
    stale = run(app, ["generate", "--verify", "--output", str(tmp_path)])
    assert stale.exit_code == 1 and f"{len(GENERATED)} out of date" in stale.output
    assert not any((tmp_path / name).exists() for name in GENERATED)
    assert f"{len(GENERATED)} changed" in run(app, ["generate", "--output", str(tmp_path)]).output
    assert all((tmp_path / name).read_text() == make() for name, make in GENERATED.items())
    assert "0 changed" in run(app, ["generate", "--output", str(tmp_path)]).output
    assert run(app, ["generate", "--verify", "--output", str(tmp_path)]).exit_code == 0


def test_generate_needs_a_checkout(tmp_path: Path) -> None:
    failed = CliRunner().invoke(app, ["generate", "--output", str(tmp_path)])
    assert "expected the root of a checkout" in str(failed.exception)
