"""A bug report for a defect, ready to be posted upstream: what was expected, what happens, a program, and a failing test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from sysconfig import get_platform

from crossoptim.catalogue import effect_text
from crossoptim.errors import CrossoptimError
from crossoptim.golden.fixture import root
from crossoptim.quirks.dialects import Dialect
from crossoptim.quirks.pages import changed_lines, linked, linked_issue, program, section, sentence
from crossoptim.quirks.reproduction import Reproduction, reproduction
from crossoptim.quirks.showing import ecosystem_of, implementation_of, showing
from crossoptim.runners import recorded
from crossoptim.spec.ecosystems import all_quirks
from crossoptim.spec.emit.document import quirk_document
from crossoptim.spec.expr import text
from crossoptim.spec.model import Quirk, lookup
from crossoptim.spec.refusals import InputQuirk
from crossoptim.spec.rules import get_rule
from crossoptim.spec.schedule import ScheduleQuirk
from crossoptim.spec.schedules import get_schedule
from crossoptim.spec.trace import trace

SCHEMA = "crossoptim/bug-report/1"
_TOLERANCE = {"float32": 1e-5, "float64": 1e-9}
_GROWN = 1e-3  # where rounding grows from iteration to iteration


class ChoiceError(CrossoptimError):
    """A departure that its library chose: there is nothing to report."""


@dataclass(frozen=True)
class BugReport:
    """``body`` is Markdown and holds ``test``, a file of ``framework`` that fails while the defect is there."""

    id: str
    title: str
    language: str
    framework: str
    test: str
    body: str

    def as_json(self) -> dict[str, str]:
        """As plain data."""
        return {"schema": SCHEMA, **asdict(self)}


def bug_report(quirk_id: str) -> BugReport:
    """The report of a defect.

    Raises:
        UnknownNameError: when there is no such quirk.
        ChoiceError: when it is a choice, not a defect.
        CrossoptimError: when it is not known how programs with its library are written.
    """
    quirk = lookup("quirk", all_quirks(), quirk_id)
    if quirk.kind != "defect":
        raise ChoiceError(f"{quirk.id}: a choice of {ecosystem_of(quirk).title}, not a defect: {quirk.title} (expected a defect)")
    told = reproduction(quirk)
    if told is None:
        raise CrossoptimError(f"{quirk.id}: no program is written for {ecosystem_of(quirk).title} (expected PyTorch or R torch)")
    framework, write = _FRAMEWORKS[told.dialect.language]
    test = "\n".join(write(quirk, told)) + "\n"
    title = f"{told.class_name}: {quirk.title}"
    body = "\n".join(_body(quirk, told, title, framework, test)) + "\n"
    return BugReport(quirk.id, title, told.dialect.language, framework, test, body)


def _body(quirk: Quirk, told: Reproduction, title: str, framework: str, test: str) -> list[str]:
    fence = told.dialect.fence
    out = [f"# {title}", *section("Expected", _expected(quirk, told)), *section("What happens", _happens(quirk))]
    out += section("Reproduction", [f"```{fence}", *program(told), "```"])
    out += section(f"A failing test ({framework})", [f"```{fence}", *test.rstrip("\n").split("\n"), "```"])
    return [*out, *section("Versions", _versions(quirk)), *section("Until it is mended", [sentence(quirk.advice)])]


def _expected(quirk: Quirk, told: Reproduction) -> list[str]:
    if isinstance(quirk, InputQuirk):
        return [f"The input is refused where the optimizer is made: {told.refusal}."]
    if isinstance(quirk, ScheduleQuirk):
        rule = next(binding.rule for binding in ecosystem_of(quirk).schedules if binding.name in quirk.bindings)
        schedule = get_schedule(rule)
        return [schedule.doc, "", *(f"- {source}" for source in schedule.sources)]
    found = showing(quirk)
    assert found is not None
    setting = found.case.timeline[-1][found.param or found.members[0]].setting
    equation = trace(setting)
    lines = equation.algorithm.splitlines() if equation.algorithm else [f"{key} = {text(root)}" for key, root in equation.scalars.items()]
    lines += [f"{key} = {body}" for key, body in equation.statements]
    words = "The equation (p parameter, g gradient, t step count):" if not equation.algorithm else "The algorithm:"
    return [words, "", "```", *lines, "```", "", *(f"- {source}" for source in get_rule(setting.rule.name).sources)]


def _happens(quirk: Quirk) -> list[str]:
    out = [f"{sentence(quirk.title)[:-1]}: {linked(quirk.upstream)}."]
    before, after = changed_lines(quirk) if not isinstance(quirk, InputQuirk | ScheduleQuirk) else ((), ())
    if before or after:
        out += ["", "```diff", *(f"- {line}" for line in before), *(f"+ {line}" for line in after), "```"]
    words = [f"It {effect_text(e)}." for e in quirk_document(quirk)["effects"] if e["type"] not in ("Edit", "GradientAfter")]
    out += ["", *words] if words else []
    return [*out, "", f"See also {linked_issue(quirk.issue)}."] if quirk.issue else out


def _versions(quirk: Quirk) -> list[str]:
    ecosystem = ecosystem_of(quirk)
    out = [f"- {ecosystem.title}: {quirk.versions}"]
    if folders := recorded.folders(root(), implementation_of(quirk).name):
        for folder in folders:
            about = recorded.read_about(folder)
            details = about.get("details", {})
            known = ", ".join(f"{key} {details[key]}" for key in ("libtorch", "R", "cpu", "jax", "node") if details.get(key))
            out.append(f"- seen with {ecosystem.package} {about['version']} on {about['platform']}{f' ({known})' if known else ''}")
        return out
    try:
        return [*out, f"- here: {ecosystem.package} {version(ecosystem.package)} on {get_platform()}"]
    except PackageNotFoundError:
        return out


# Tests.


def _tolerance(told: Reproduction) -> float:
    """A tenth of the difference that is to be found, but no more than rounding may need."""
    apart = [abs(a - b) / max(abs(a), abs(b)) for a, b in zip(told.right, told.wrong, strict=True) if a != b and math.isfinite(a + b)]
    least = max(apart, default=1.0) / 10
    return float(min(_GROWN if told.converges else _TOLERANCE[told.dtype], 10.0 ** math.floor(math.log10(least))))


def _words(quirk: Quirk) -> str:
    return quirk.title.replace('"', "'")


def _testthat(quirk: Quirk, told: Reproduction) -> list[str]:
    dialect, setup = told.dialect, list(told.setup)
    head = [f"# Made from the case {told.source}.", "library(testthat)", *told.dialect.head(told.dtype)]
    if isinstance(quirk, InputQuirk):
        *before, last = setup
        call = last.split(" <- ", 1)[1]
        body = [*before, f"expect_error({call})"]
        if told.message:
            body = [*before, f'message <- tryCatch({{ {call}; "" }}, error = conditionMessage)', "expect_true(nzchar(message))"]
            body.append(f"expect_false(grepl({dialect.value(told.message)}, message, fixed = TRUE))")
    elif told.message:
        body = ["expect_no_error({", *_indented(setup), "})"]
    else:
        numbers = _exact(told.right, dialect)
        # of vectors expect_equal() compares means, and before edition 3 it also compares absolutely
        each = f"expect_equal(got[[i]], expected[[i]], tolerance = {_tolerance(told):g})"
        body = ["local_edition(3)", *setup, f"got <- {told.numbers}", f"expected <- {numbers}", f"for (i in seq_along(expected)) {each}"]
    return [*head, f'test_that("{told.class_name}: {_words(quirk)}", {{', *_indented(body), "})"]


def _pytest(quirk: Quirk, told: Reproduction) -> list[str]:
    dialect, setup = told.dialect, list(told.setup)
    torch = dialect.package == "torch"
    modules = ["import torch"] if torch else [] if isinstance(quirk, InputQuirk) else ["import numpy"]
    modules += ["import pytest"] if isinstance(quirk, InputQuirk) else []
    theirs = [] if torch else list(dialect.head(told.dtype))
    head = [f"# Made from the case {told.source}.", *sorted(modules), *theirs, "", ""]
    name = quirk.id.split("/", 1)[1].replace("/", "_").replace("-", "_")
    if isinstance(quirk, InputQuirk):
        *before, last = setup
        body = [*before, "with pytest.raises((TypeError, ValueError)):", f"    {last.split(' = ', 1)[1]}"]
    elif told.message:
        body = setup
    else:
        tolerance = f"rtol={_tolerance(told):g}, atol=0"
        got, expected = told.numbers, f"[{', '.join(map(dialect.value, told.right))}]"
        close = f"numpy.testing.assert_allclose(got, {expected}, {tolerance})"
        if torch:
            got = f"torch.tensor({told.numbers}, dtype=torch.float64)"
            expected = dialect.tensor(told.right, [len(told.right)], "float64")
            close = f"torch.testing.assert_close(got, {expected}, {tolerance}, equal_nan=True)"
        body = [*setup, f"got = {got}", close]
    return [*head, f"def test_{name}():", f'    """{told.class_name}: {_words(quirk)}."""', *_indented(body, 4)]


def _node(quirk: Quirk, told: Reproduction) -> list[str]:
    dialect, setup = told.dialect, list(told.setup)
    modules = ['const assert = require("node:assert");', 'const test = require("node:test");']
    if isinstance(quirk, InputQuirk):
        *before, last = setup
        body = [*before, f"assert.throws(() => {last.split(' = ', 1)[1].rstrip(';')});"]
    elif told.message:
        body = setup
    else:
        expected = f"[{', '.join(map(dialect.value, told.right))}]"
        near = f"Math.abs(value - expected[i]) <= {_tolerance(told):g} * Math.abs(expected[i])"
        body = [*setup, f"const expected = {expected};", f"{told.numbers}.forEach((value, i) => assert.ok({near}));"]
    head = [f"// Made from the case {told.source}.", *modules, *dialect.head(told.dtype)]
    return [*head, f'test("{told.class_name}: {_words(quirk)}", () => {{', *_indented(body), "});"]


_FRAMEWORKS = {"R": ("testthat", _testthat), "Python": ("pytest", _pytest), "JavaScript": ("node:test", _node)}


def _exact(values: Sequence[float], dialect: Dialect) -> str:
    """Numbers with 17 digits, in R."""
    said = [f"{value:.17g}" if math.isfinite(value) else dialect.value(value) for value in values]
    return f"c({', '.join(said)})"


def _indented(lines: Sequence[str], width: int = 2) -> list[str]:
    return [f"{' ' * width}{line}" if line else "" for line in lines]
