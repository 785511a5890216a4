"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import pytest
import typer
from rich.console import Console

from crossoptim import __version__
from crossoptim import cli as command_line
from crossoptim.check.reports.table import print_attention, print_table
from crossoptim.check.result import Result
from crossoptim.check.verdict import Judgement
from crossoptim.cli import KINDS, app, main
from crossoptim.errors import UnavailableError
from crossoptim.golden import fixture
from crossoptim.golden.cases import all_cases
from crossoptim.golden.export import every_case, read_manifest
from crossoptim.golden.fixture import golden_path, root, schema
from crossoptim.golden.flags import FLAGS
from crossoptim.golden.json_text import compact
from crossoptim.runners.recorded import recorded_implementations
from crossoptim.runners.registry import IMPLEMENTATIONS
from crossoptim.spec.ecosystems import all_ecosystems, all_quirks
from crossoptim.spec.problems import all_problems
from crossoptim.spec.rules import all_presets, all_rules
from crossoptim.spec.schedules import all_schedules

FAKE = Path(__file__).parent / "fakes" / "wrong_answers.py"
QUIRK = "r-torch/sgd/weight-decay-adds-index"
HAVE_RECORDINGS = ", ".join(recorded_implementations(root()))
RECORDED = ("check", "--source", "recorded", "-r", "r-torch")
COMMANDS = [
    "list", "show", "export", "fixtures", "generate", "check", "diagnose", "record", "quirks", "report-bug", "power", "sharpness", "bench",
    "study", "serve",
]  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Standard output on one line: terminals differ in width."""
        return " ".join(self.out.split())


Cli = Callable[..., Said]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Run ``crossoptim`` with these arguments on a wide terminal."""
    monkeypatch.setattr(command_line, "out", Console(highlight=False, width=200))
    monkeypatch.setattr(command_line, "err", Console(highlight=False, width=200, stderr=True))

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["crossoptim", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capfd.readouterr()
        return Said(code, printed.out, printed.err)

    return run


# list, show


@pytest.mark.parametrize(
    "kind, names",
    [
        ("optimizers", [*all_rules(), *all_presets()]),
        ("cases", list(every_case())),
        ("schedules", list(all_schedules())),
        ("problems", list(all_problems())),
        ("implementations", list(IMPLEMENTATIONS)),
        ("ecosystems", list(all_ecosystems())),
        ("quirks", list(all_quirks())),
        ("flags", list(FLAGS)),
    ],
)
def test_list_names_everything(cli: Cli, kind: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "implementations":  # starting each of them takes seconds; their own tests do
        monkeypatch.setattr("crossoptim.runners.registry.r_child", _absent)
        monkeypatch.setattr("crossoptim.runners.registry.adapter_child", _absent)
    table = cli("list", kind, "--json", str(tmp_path / "rows.json"))
    assert (table.code, table.err) == (0, "")
    assert names[0].split("/")[0] in table.out
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row.get("name") or row.get("id") for row in rows] == names
    assert cli("list", kind).out == table.out
    assert json.loads(cli("list", kind, "--json", "-").out) == rows
    if kind == "implementations":
        recorded = recorded_implementations(root())
        outside = {i.name: "recorded" if i.name in recorded else "missing: not asked" for i in IMPLEMENTATIONS.values() if not i.module}
        assert {row["name"]: row["here"] for row in rows} == {**dict.fromkeys(IMPLEMENTATIONS, "live"), **outside}


def _absent(*_: object) -> NoReturn:
    raise UnavailableError("not asked")


def test_every_kind_is_tested_above_and_the_first_is_the_default(cli: Cli) -> None:
    assert set(KINDS) == {"optimizers", "schedules", "cases", "problems", "implementations", "ecosystems", "quirks", "flags"}
    assert cli("list").out == cli("list", "optimizers").out


def test_show_an_optimizer(cli: Cli) -> None:
    said = cli("show", "sgd", "--set", "momentum=0.9", "--set", "nesterov=true")
    assert said.code == 0
    for part in ("Stochastic gradient descent", "velocity_new = momentum * velocity + g", "momentum_buffer", "optim_sgd", QUIRK):
        assert part in said.words, part
    for rule in all_rules().values():
        for switch in rule.switches:
            assert switch.name in cli("show", rule.name).out


def test_show_a_preset_is_its_rule_with_other_switches(cli: Cli) -> None:
    said = cli("show", "adamw")
    assert "AdamW (adamw; weight_decay=0.01" in said.words and "p * shrink" in said.words
    assert json.loads(cli("show", "adamw", "--json", "-").out)["setting"]["decay"] == "decoupled"


def test_show_json_holds_the_equation_and_every_librarys_names(cli: Cli) -> None:
    data = json.loads(cli("show", "adam", "--set", "amsgrad=true", "--json", "-").out)
    assert data["equation"]["id"] == "adam[amsgrad]" and len(data["equation"]["sha256"]) == 64
    assert set(data["ecosystems"]) == set(all_ecosystems())
    assert data["ecosystems"]["r_torch"]["classes"]["optim_adamw"]["defaults"]["weight_decay"] == 0.01


@pytest.mark.parametrize("quirk", sorted(all_quirks()))
def test_show_a_quirk_says_what_where_and_since_when(cli: Cli, quirk: str) -> None:
    said = cli("show", quirk)
    assert said.code == 0
    for part in (quirk, all_quirks()[quirk].title, all_quirks()[quirk].upstream, all_quirks()[quirk].versions):
        assert " ".join(part.split()) in said.words


def test_show_a_problem_and_a_case(cli: Cli) -> None:
    assert "x [2] from [-5" in cli("show", "ravine").words
    groups = cli("show", "sgd/decay_groups-injected-f64").words
    assert "IndexInsteadOfValue: Weight decay" in groups and "https://github.com/mlverse/torch/issues/821" in groups
    assert "group 0 of vector, matrix: lr=0.1, weight_decay=0.5 group 1 of scalar: lr=0.1" in groups
    assert str(root() / "v1" / golden_path("sgd/decay_groups-injected-f64")) in groups
    said = cli("show", "sgd/lookahead_lr_drops-ravine-f64")
    assert "step 11: set" in said.words and "lookahead_new = " in said.words and "ravine, float64, 30 steps" in said.words


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "sgd/decay-ravine-f64"])
def test_latex_is_one_aligned_block(cli: Cli, name: str) -> None:
    said = cli("show", name, "--latex")
    assert said.code == 0 and said.out.startswith("\\begin{aligned}\n") and said.out.endswith("\\end{aligned}\n")


def test_latex_and_json_do_not_mix(cli: Cli) -> None:
    said = cli("show", "sgd", "--latex", "--json", "-")
    assert json.loads(said.out)["name"] == "sgd" and "\\begin{aligned}" in said.err


# check


def test_check_exits_0_when_all_is_as_expected(cli: Cli) -> None:
    said = cli(*RECORDED, "-s", "sgd/decay-*")
    assert said.code == 0
    assert said.err.splitlines() == ["judging 1 implementation on 4 cases", "r-torch: 6 documented"]
    assert QUIRK in said.out and "4 cases" in said.words and "6 results, 0 unexpected" in said.words
    assert "R torch 0.17.0.9000, recorded: 6 documented" in said.words


def test_check_exits_1_when_a_quirk_is_not_known(cli: Cli, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    said = cli(*RECORDED, "-s", "sgd/decay-*", "--ignore-quirk", QUIRK, "--json", str(report))
    assert said.code == 1 and "Unexpected (6)" in said.words
    blocks = said.out.partition("Unexpected (6)\n")[2].splitlines()
    assert blocks[0] == "  diverges  sgd/decay-ravine-f32  r-torch, replay"
    assert [line.split()[0] for line in blocks[1:6]] == ["step", "got", "expected", "bound", "ulps"]
    assert blocks[1:4] == ["    step 1, params/x[0]", "    got       -4.91", "    expected  -4.85"]
    why = "it matches if the parameter in weight_decay * p is replaced by the parameter's 1-based index in its group"
    assert blocks[6].startswith(f"    {why} (p_new = p - lr * (g + weight_decay * p) -> p_new = p - lr * (g + weight_decay * index))")
    assert blocks[7] == "    and 5 more like it in sgd, weight decay"
    found = {(r["case"], r["mode"]): r for r in json.loads(report.read_text())["results"]}
    assert all((r["verdict"], r["expected"], r["step"]) == ("diverges", False, 1) for r in found.values())
    assert all(r["diagnosis"].startswith(why) for r in found.values())
    first = found["sgd/decay-injected-f64", "replay"]
    assert first["ulps"] > 1e5 and (first["tensor"], first["element"]) == ("params/matrix", [0, 1])  # the first value is its index


def test_diagnose_names_the_change_with_the_equation_before_and_after(cli: Cli) -> None:
    said = cli("diagnose", "sgd/decay-injected-f64", *RECORDED[1:], "--ignore-quirk", QUIRK)
    assert said.code == 1
    assert [line.strip() for line in said.out.splitlines()][2:] == [
        "it matches if the parameter in weight_decay * p is replaced by the parameter's 1-based index in its group",
        "- p_new = p - lr * (g + weight_decay * p)",
        "+ p_new = p - lr * (g + weight_decay * index)",
    ]
    known = cli("diagnose", "sgd/decay-injected-f64", *RECORDED[1:])
    assert known.code == 0 and "documented" in known.words and QUIRK in known.words


def test_the_report_follows_its_schema_and_holds_the_documented_fields(cli: Cli) -> None:
    selected = ("-s", "adam*/*injected-f64", "-s", "sgd/*max*", "-m", "replay", "-m", "lockstep")
    said = cli(*RECORDED, *selected, "--json", "-")
    assert said.code == 0
    report = json.loads(said.out)
    jsonschema.Draft202012Validator(schema("report")).validate(report)
    assert list(report) == ["schema", "results", "summary"] and isinstance(report["schema"], str)
    always = {"case", "optimizer", "implementation", "version", "source", "mode", "verdict", "expected"}
    sometimes = {"step", "tensor", "element", "ulps", "quirk", "reason", "got", "wanted", "bound", "drift"}
    for result in report["results"]:
        assert always <= set(result) <= always | sometimes
    assert report["summary"]["results"] == len(report["results"])
    assert {result["verdict"] for result in report["results"]} == {"rounding", "documented", "unsupported", "not run"}


def test_with_json_on_standard_output_the_table_is_on_standard_error(cli: Cli) -> None:
    said = cli(*RECORDED, "-s", "sgd/plain-ravine-*", "--json", "-")
    assert json.loads(said.out)["summary"]["unexpected"] == 0
    assert "R torch" in said.err and "0 unexpected" in said.err


NO_R = "nothing was judged (R is not installed: no Rscript on PATH or in R_HOME (apt install r-base, or see cran.r-project.org))"


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (("-r", "base-r", "-s", "sgd/plain-ravine-*"), f"crossoptim: base-r: {NO_R}"),
        (("-r", "r-torch", "--source", "live", "-s", "sgd/plain-ravine-*"), f"crossoptim: r-torch: {NO_R}"),
        (
            ("-r", "r-torch", "--source", "recorded", "-s", "sgd/maximize-ravine-*"),
            "crossoptim: r-torch: nothing was judged (all 4 unsupported: optim_sgd has no argument for maximize)",
        ),
        (
            ("-r", "r-torch", "--source", "recorded", "-m", "lockstep", "-s", "sgd/plain-ravine-*"),
            "crossoptim: r-torch: nothing was judged (lockstep was not recorded)",
        ),
    ],
)
def test_it_is_no_success_when_nothing_was_judged(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("R_HOME", raising=False)
    report = tmp_path / "report.json"
    said = cli("check", *arguments, "--json", str(report))
    assert said.code == 2 and said.err.splitlines()[-1] == complaint
    verdicts = {(r["verdict"], r["expected"]) for r in json.loads(report.read_text())["results"]}
    assert verdicts == ({("unsupported", True)} if "unsupported" in complaint else {("not run", False)})
    assert "0 unexpected" in said.words or "not run!" in said.words


@pytest.mark.filterwarnings("ignore:crossoptim. optimizers run on torch")  # nor is there a C compiler
def test_what_nobody_asked_for_by_name_may_be_missing(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("R_HOME", raising=False)
    said = cli("check", "-s", "sgd/plain-ravine-*")
    assert said.code == 0 and "not run base-r: R is not installed" in said.words


def test_closed_loop_of_injected_gradients_is_nothing(cli: Cli) -> None:
    said = cli("check", "-r", "reference", "-m", "closed", "-s", "sgd/decay-injected-f64")
    assert (said.code, said.out) == (2, "") and said.err.startswith("crossoptim: nothing to judge: ")


def test_rows_begin_with_the_plain_cases_and_the_simplest_optimizer(cli: Cli) -> None:
    said = cli("check", "-r", "reference", "-m", "replay", "-s", "sgd/*-ravine-f64", "-s", "adam*/*-ravine-f64")
    lines = [line.rstrip() for line in said.out.splitlines()]
    assert [line for line in lines if line in ("sgd", "adam", "adamw")] == ["sgd", "adam", "adamw"]
    assert all(lines[lines.index(optimizer) + 1].startswith(" plain ") for optimizer in ("sgd", "adam", "adamw"))
    assert lines.index("sgd") + 2 == next(i for i, line in enumerate(lines) if line.startswith(" momentum "))


def test_a_narrow_table_has_short_words_and_a_legend_for_them(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "out", Console(highlight=False, width=80))
    said = cli(*RECORDED, "-s", "sgd/decay-*", "-s", "sgd/maximize-*", "-s", "sgd/plain-ravine-*")
    assert "plain round" in said.words and "weight decay quirk" in said.words and "maximize -" in said.words
    said = cli(*RECORDED, "-s", "sgd/decay-*", "--ignore-quirk", QUIRK)
    assert "weight decay diverge!" in said.words and "diverge outside every bound ! not expected: see below" in said.words


def test_state_that_a_library_does_not_show_is_a_footnote(capfd: pytest.CaptureFixture[str]) -> None:
    note = "v not exposed: carried by the oracle"
    results = [
        Result("adam/plain-ravine-f64", "adam", topic, "mine", "1", "live", "replay", Judgement("rounding", True, reason))
        for topic, reason in (("plain", ""), ("amsgrad", note))
    ]
    console = Console(highlight=False, width=200)
    print_table(results, console, {}, topics=True)
    print_attention(results, console, {}, topics=True)
    words = " ".join(capfd.readouterr().out.split())
    assert "plain rounding amsgrad rounding*" in words and "* judged with a state variable" in words
    assert words.endswith(f"mine 1, live: 2 rounding Not shown by the library * mine: {note}")


def test_what_is_not_a_terminal_gets_lines_without_wraps_or_trailing_spaces() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(fixture.__file__).parents[2])}
    for arguments in (("list", "cases"), ("show", "adam"), ("check", "-r", "reference", "-s", "sgd/plain-*")):
        done = subprocess.run(
            [sys.executable, "-m", "crossoptim", *arguments], capture_output=True, text=True, check=True, env=environment, timeout=120
        )
        assert not [line for line in done.stdout.splitlines() if line != line.rstrip()]
        if arguments == ("list", "cases"):
            assert [line.split()[0] for line in done.stdout.splitlines()] == ["id", *every_case()]


def test_no_name_is_cut_on_a_narrow_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "out", Console(highlight=False, width=70))
    assert set(cli("list", "quirks").out.splitlines()) >= set(all_quirks())
    assert set(cli("list", "cases").out.splitlines()) >= set(all_cases())
    said = cli("show", "adam")
    assert "…" not in said.out and "optim_ignite_adam" not in said.out.split("State")[0].split("Hyperparameters")[0]


def test_non_finite_numbers_are_strings_in_the_report(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    command = shlex.join([sys.executable, str(FAKE), "sgd/plain-ravine-f64=NaN where finite"])
    said = cli("check", "--command", command, "-s", "sgd/plain-ravine-f64", "-m", "replay", "--json", "-")
    assert said.code == 1
    result = json.loads(said.out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))["results"][0]
    assert (result["verdict"], result["got"], result["ulps"], result["step"]) == ("diverges", "NaN", "Inf", 4)
    jsonschema.Draft202012Validator(schema("report")).validate(json.loads(said.out))


def test_a_picture_of_the_table(cli: Cli, tmp_path: Path) -> None:
    assert cli(*RECORDED, "-s", "sgd/plain-ravine-*", "--svg", str(tmp_path / "table.svg")).code == 0
    assert (tmp_path / "table.svg").read_text().startswith("<svg")


# export, record


def test_export_verify_says_that_nothing_would_change(cli: Cli) -> None:
    said = cli("export", "--verify", "--select", "sgd/decay-*")
    assert said.code == 0 and "4 cases, 0 files differ" in said.words


def test_export_writes_where_and_what_it_is_told(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    said = cli("export", "--output", str(folder), "--select", "sgd/plain-ravine-*")
    assert said.code == 0 and "2 cases" in said.words and "3 files changed" in said.words
    assert set(read_manifest(folder)) == {"spec.json", *(golden_path(f"sgd/plain-ravine-{d}") for d in ("f32", "f64"))}
    assert "0 files changed" in cli("export", "--output", str(folder), "--select", "sgd/plain-ravine-*").words
    file = folder / "v1" / golden_path("sgd/plain-ravine-f32")
    file.write_text(file.read_text().replace("gradient descent", "gradient ascent"))
    stale = cli("export", "--output", str(folder), "--select", "sgd/plain-ravine-*", "--verify")
    assert stale.code == 1 and "1 file differs" in stale.words and file.name in stale.words
    assert cli("check", "-r", "reference", "--fixtures", str(folder)).code == 2
    assert cli("export", "--output", str(folder), "--select", "sgd/plain-ravine-*").code == 0
    assert cli("check", "-r", "reference", "--fixtures", str(folder)).code == 0


# Bad usage and unusable input: exit code 2, one line, nothing written


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("show", "admw"), "name 'admw' does not exist (did you mean 'adamw'? see: crossoptim list optimizers | schedules | quirks | "),
        (("show", "foo"), "name 'foo' does not exist (see: crossoptim list optimizers | schedules | quirks | problems | cases)"),
        (("show", "sgd", "--set", "momentm=1"), "sgd: 'momentm' is not a hyperparameter"),
        (("show", "sgd", "--set", "momentum"), "--set 'momentum': expected KEY=VALUE, e.g. --set momentum=0.9"),
        (("show", "adam", "--set", "beta1=1"), "adam: beta1 = 1.0 is outside [0, 1)"),
        (("show", "sgd", "--set", "nesterov=true"), "sgd: nesterov = true needs momentum > 0"),
        (("show", "ravine", "--latex"), "--latex: ravine has no equation (expected an optimizer or a case)"),
        (("check", "-s", "sgd/plain-ravine-f46"), "case 'sgd/plain-ravine-f46' does not exist (did you mean 'sgd/plain-ravine-f64'?)"),
        (("check", "-s", "nothing*"), "--select 'nothing*' matches no case (crossoptim list cases)"),
        (("check", "-r", "r-troch"), "runner 'r-troch' does not exist (did you mean 'r-torch'?)"),
        (("check", "--timeout", "0"), "timeout 0 is not positive (expected seconds)"),
        (("check", "--ignore-quirk", "none/such"), "quirk 'none/such' does not exist"),
        (("check", "--command", ""), "command is empty"),
        (("check", "--command", "no-such-program"), "'no-such-program' does not start"),
        (("check", "--fixtures", "/no/such/folder"), "/no/such/folder: no such folder"),
        (("check", "--json", "/no/such/report.json"), "--json /no/such/report.json: the folder /no/such does not exist"),
        (("list", "--json", "/"), "--json /: is a folder (expected a file)"),
        (("export", "--select", "sgd/plane"), "case 'sgd/plane' does not exist"),
        (("record", "-r", "r-torche"), "runner 'r-torche' does not exist"),
        (("record", "-r", "reference", "--verify"), f"reference has no recording (recorded: {HAVE_RECORDINGS})"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("crossoptim: ") and message in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, choices",
    [
        (("chek",), ""),
        (("check", "--runer", "r-torch"), ""),
        (("show",), ""),
        (("list", "optimzers"), "optimizers"),
        (("check", "-m", "reply"), "replay"),
        (("check", "--transport", "telnet"), "rscript"),
        (("check", "--source", "lively"), "live"),
        (("record", "--transport", "telnet"), "rscript"),
        (("check", "--timeout", "soon"), ""),
    ],
)
def test_what_the_parser_refuses_is_exit_code_2_too(cli: Cli, arguments: tuple[str, ...], choices: str) -> None:
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "") and "Usage" in said.err and choices in said.err


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"crossoptim {__version__}\n"


@pytest.mark.parametrize("spoil", ["truncated", "no manifest", "hash"])
def test_unusable_fixtures_are_exit_code_2_and_name_the_file(cli: Cli, tmp_path: Path, spoil: str) -> None:
    assert cli("export", "--output", str(tmp_path), "--select", "sgd/plain-ravine-f64").code == 0
    file = tmp_path / "v1" / golden_path("sgd/plain-ravine-f64")
    if spoil == "no manifest":
        file = tmp_path / "MANIFEST.json"
        file.unlink()
    else:
        text = file.read_text()
        file.write_text(text[:500] if spoil == "truncated" else text.replace("0.4", "0.5", 1))
    said = cli("check", "-r", "reference", "--fixtures", str(tmp_path), "--json", str(tmp_path / "report.json"))
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"crossoptim: {file}: ") and said.err.count("\n") == 1
    assert not (tmp_path / "report.json").exists()


def test_what_cannot_be_written_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = cli("export", "--output", str(tmp_path / "file" / "folder"), "--select", "sgd/plain-ravine-f64")
    started, complaint = said.err.splitlines()
    assert said.code == 2 and started == "exporting 1 case" and complaint.startswith("crossoptim: ")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# help, serve


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(cli: Cli, command: str) -> None:
    said = cli(command, "--help")
    assert said.code == 0 and f"crossoptim {command}" in said.words
    if command != "serve":
        assert "Example" in said.out
    else:
        assert "docs/protocol.md" in said.out


def test_help_names_every_command_and_where_to_start(cli: Cli) -> None:
    said = cli("--help")
    assert all(command in said.out for command in COMMANDS)
    assert "Start with: crossoptim list" in said.words
    group = typer.main.get_command(app)
    assert sorted(group.commands) == sorted(COMMANDS)  # type: ignore[attr-defined]


def ask(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Talk to ``crossoptim serve`` as another language does."""
    lines = "".join(compact(message) + "\n" for message in messages)
    environment = {**os.environ, "PYTHONPATH": str(Path(fixture.__file__).parents[2])}
    words = [sys.executable, "-m", "crossoptim", "serve"]
    done = subprocess.run(words, input=lines, capture_output=True, text=True, check=True, env=environment, timeout=60)
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_serve_drives_an_optimizer_for_another_process() -> None:
    opened = {
        "command": "open",
        "implementation": "reference",
        "optimizer": "sgd",
        "arguments": {"lr": 0.5},
        "dtype": "float64",
        "params": [{"name": "x", "shape": [2], "data": [1.0, -2.0]}],
    }
    step = {"command": "step", "session": 1, "gradients": {"x": [1.0, "NaN"]}}
    answers = ask(opened, step, {"command": "fly"}, {"command": "stop"}, step)
    assert [answer["outcome"] for answer in answers] == ["ok", "ok", "error"]
    assert answers[1]["params"] == {"x": [0.5, "NaN"]}
    assert "command 'fly' is unknown" in answers[2]["message"] and "traceback" not in answers[2]


def test_the_committed_fixtures_are_the_default(cli: Cli) -> None:
    chosen = ("check", "-r", "reference", "-s", "sgd/plain-parabola-f64")
    assert cli(*chosen).out == cli(*chosen, "--fixtures", str(root())).out
