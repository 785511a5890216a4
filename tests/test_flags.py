"""Flags: every case says what it catches, and every flag is explained."""

from __future__ import annotations

import re

import pytest

from crossoptim.errors import UnknownNameError
from crossoptim.flag_pages import flag_rows
from crossoptim.golden.case import Case, Event, Group
from crossoptim.golden.cases import Cases, all_cases
from crossoptim.golden.export import specification
from crossoptim.golden.flags import FLAGS, Flag, flags_document
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.cases import all_schedule_cases

CASES: list[Case | ScheduleCase] = [*all_cases().values(), *all_schedule_cases().values()]


def test_every_case_has_flags_and_each_is_in_the_table() -> None:
    assert [case.id for case in CASES if not case.flags] == []
    assert {flag for case in CASES for flag in case.flags} == set(FLAGS)
    assert [case.id for case in CASES if len(set(case.flags)) != len(case.flags)] == []


@pytest.mark.parametrize("flag", FLAGS.values(), ids=lambda flag: flag.name)
def test_a_flag_is_a_name_a_sentence_and_links(flag: Flag) -> None:
    assert re.fullmatch(r"([A-Z][A-Za-z]*)+", flag.name)
    assert re.fullmatch(r"[A-Z][^\n]*\.", flag.title) and flag.title.count(". ") == 0
    assert all(re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/(issues|pull)/[0-9]+", url) for url in flag.issues)
    assert len(set(flag.issues)) == len(flag.issues)


def test_an_unknown_flag_is_refused_where_a_case_is_added() -> None:
    cases = Cases("sgd")
    with pytest.raises(UnknownNameError, match="'Resumed'.*'Resume'"):
        cases.add("some", "some", flags=("Resumed",))
    cases.topic("some", "Nothing")
    with pytest.raises(UnknownNameError, match="flag 'Nothing'"):
        cases.add("some", "some")
    assert cases.collected == []


def test_flags_come_from_the_topic_the_case_and_its_events() -> None:
    cases = Cases("sgd", dtypes="f64")
    cases.topic("some", "Momentum", "Nesterov")
    cases.add("own", "some", flags=("Nesterov", "Dampening"))
    happens = (Event("resume", 2), Event("set", 3, hyper={"lr": 0.1}), Event("set", 3, hyper={"momentum": 0.1}), Event("none", 4))
    cases.add("happens", "some", events=happens, groups=(Group(("x",)),))
    cases.topic("another")
    cases.add("bare", "some")
    own, happening, bare = cases.collected
    assert own.flags == ("Momentum", "Nesterov", "Dampening")
    assert happening.flags == ("Momentum", "Nesterov", "GroupOptions", "Resume", "LearningRateChanged", "OptionSetMidRun", "NoGradient")
    assert bare.flags == ()


def test_a_flag_of_shapes_and_options_is_where_they_are() -> None:
    for case in all_cases().values():
        if "ZeroDimensional" in case.flags:
            assert () in [param.shape for param in case.problem.params], case.id
        if "EmptyTensor" in case.flags:
            assert any(0 in param.shape for param in case.problem.params), case.id
        if "Amsgrad" in case.flags:
            settings = [setting.values for setting in (spell.setting for spell in case.spells)]
            assert any(values.get("amsgrad") or values.get("amsbound") for values in settings), case.id


def test_the_exported_specification_explains_them() -> None:
    assert specification([])["flags"] == flags_document() == {f.name: {"title": f.title, "issues": list(f.issues)} for f in FLAGS.values()}


def test_how_many_cases_have_a_flag() -> None:
    rows = {row["name"]: row for row in flag_rows()}
    assert list(rows) == list(FLAGS)
    assert rows["Resume"]["cases"] == sum("Resume" in case.flags for case in CASES) > 100
    assert min(row["cases"] for row in rows.values()) > 0
