"""The command line. Each command parses its input, calls the library, prints; errors of ours become one line and exit code 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from enum import StrEnum
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from crossoptim import __version__, screen
from crossoptim.errors import CrossoptimError, UnknownNameError
from crossoptim.runners.base import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from crossoptim.runners.campaign import Golden

app = typer.Typer(
    help="One specification of gradient optimizers; golden trajectories made from it; PyTorch and R torch judged against it.",
    epilog="Start with:\n  crossoptim list\n  crossoptim show adam\n  crossoptim check --select 'adam/*'",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = screen.console("stdout")
err = screen.console("stderr")


class ModeName(StrEnum):
    """What ``--mode`` takes."""

    replay = "replay"
    closed = "closed"
    lockstep = "lockstep"


class SourceName(StrEnum):
    """What ``--source`` takes."""

    auto = "auto"
    live = "live"
    recorded = "recorded"


class TransportName(StrEnum):
    """What ``--transport`` takes."""

    auto = "auto"
    rpy2 = "rpy2"
    rscript = "rscript"


class Kind(StrEnum):
    """What ``list`` lists."""

    optimizers = "optimizers"
    schedules = "schedules"
    cases = "cases"
    problems = "problems"
    implementations = "implementations"
    ecosystems = "ecosystems"
    quirks = "quirks"
    flags = "flags"


KINDS = tuple(kind.value for kind in Kind)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"crossoptim {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """What comes before a command."""


def _target(option: typer.CallbackParam, target: str | None) -> str | None:
    """Refuse what cannot be written before anything runs."""
    if target not in (None, "-"):
        path, where = Path(str(target)), f"{option.opts[0]} {target}"
        if not path.parent.is_dir():
            raise CrossoptimError(f"{where}: the folder {path.parent} does not exist")
        _writable(path.parent, where)
        if path.is_dir():
            raise CrossoptimError(f"{where}: is a folder (expected a file)")
    return target


def _folder(option: typer.CallbackParam, folder: Path | None) -> Path | None:
    """Refuse a folder that cannot be made, or written in, before anything runs."""
    if folder is not None:
        there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
        where = f"{option.opts[0]} {folder}"
        if not there.is_dir():
            raise CrossoptimError(f"{where}: {there} is a file (expected a folder)")
        _writable(there, where)
    return folder


def _writable(folder: Path, where: str) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CrossoptimError(f"{where}: the folder {folder} cannot be written in")


JsonFile = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write the result as JSON; - for standard output.", callback=_target),
]
FixturesDir = Annotated[
    Path | None, typer.Option("--fixtures", metavar="DIR", help="The fixtures folder (default: the one of this installation).")
]
Select = Annotated[
    list[str] | None, typer.Option("--select", "-s", metavar="GLOB", help="Cases by id, e.g. 'adam/*' or '*resume*'. Repeatable.")
]
Transport = Annotated[TransportName, typer.Option(help="How to reach R: auto is rpy2 where it works, else rscript.")]
Runners = Annotated[
    list[str] | None, typer.Option("--runner", "-r", metavar="NAME", help="Implementations (crossoptim list implementations). Repeatable.")
]


def main() -> None:
    """Entry point: exit code 0 as expected, 1 on an unexpected verdict, 2 on bad usage or unusable input."""
    try:
        app()
    except CrossoptimError as error:
        _complain(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        _complain(str(error))
        sys.exit(2)


def _complain(text: str) -> None:
    from rich.markup import escape

    err.print(f"[red]crossoptim:[/red] {escape(text)}", soft_wrap=True)


def _emit(data: Any, target: str | None) -> None:
    """Write a result as JSON, whole or not at all."""
    from crossoptim.golden.json_text import pretty

    _write(target, lambda: pretty(data) + "\n")


def _write(target: str | None, text: Callable[[], str]) -> None:
    """Write a text, if it is wanted, whole or not at all."""
    from crossoptim.golden.json_text import write_whole

    if target == "-":
        sys.stdout.write(text())
    elif target is not None:
        write_whole(Path(target), text())


def _screen(*targets: str | None) -> Console:
    """Tables go to standard error when standard output carries a file; it can carry one."""
    if targets.count("-") > 1:
        raise CrossoptimError("- was given more than once (standard output takes one report)")
    return err if "-" in targets else out


Say = Callable[[str], None]


def _print_rows(rows: list[dict[str, str]], to: Console, markdown: bool, left: int | None = None) -> None:
    """Rows as a table for a terminal, or as Markdown, where the columns after the first ``left`` ones are numbers."""
    if markdown:
        from crossoptim.check.reports.markdown import table

        to.print(table(list(rows[0]), [list(row.values()) for row in rows], left), soft_wrap=True, markup=False)
    else:
        screen.print_rows(rows, to)


@contextmanager
def _progress(title: str, total: int) -> Iterator[tuple[Say, Say]]:
    """Where to tell that a case is done, and where to write a line now and then: a bar on a terminal, the lines elsewhere."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=err, transient=True, disable=not err.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task(title, total=total)

        def tick(label: str) -> None:
            bar.update(task, advance=1, description=f"{title} [dim]{label[:48]:<48}[/dim]")

        def say(line: str) -> None:
            if not err.is_terminal:
                err.print(line, soft_wrap=True, markup=False)

        yield tick, say


@app.command("list")
def list_command(
    what: Annotated[Kind, typer.Argument(help="What to list.")] = Kind.optimizers,
    json_file: JsonFile = None,
) -> None:
    """List what there is; for implementations, what answers for them here.

    Examples:
      crossoptim list implementations
      crossoptim list cases --json - | jq '.[].id'
    """
    from crossoptim import catalogue

    rows = getattr(catalogue, what)()
    _emit(rows, json_file)
    if json_file != "-":
        screen.print_rows(rows, out)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="An optimizer, schedule, quirk, problem or case.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A hyperparameter or switch of the equation shown.")
    ] = None,
    latex: Annotated[bool, typer.Option("--latex", help="The equation as LaTeX.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Show one thing whole: equations, hyperparameters, names and defaults in each ecosystem, quirks.

    Examples:
      crossoptim show adam --set amsgrad=true
      crossoptim show adamw --latex
      crossoptim show r-torch/sgd/weight-decay-adds-index
    """
    from crossoptim import catalogue

    page = catalogue.page(name, dict(_assignment(s) for s in settings or []))
    if latex and not page.latex:
        raise CrossoptimError(f"--latex: {name} has no equation (expected an optimizer or a case)")
    _emit(page.data, json_file)
    if latex:
        _screen(json_file).print(page.latex, soft_wrap=True, markup=False)
    elif json_file != "-":
        page.print(out)


def _assignment(text: str) -> tuple[str, Any]:
    key, sep, value = text.partition("=")
    if not sep:
        raise CrossoptimError(f"--set {text!r}: expected KEY=VALUE, e.g. --set momentum=0.9")
    if value.lower() in ("true", "false"):
        return key, value.lower() == "true"
    try:
        return key, float(value)
    except ValueError:
        return key, value


def _fixtures(path: Path | None) -> Path:
    from crossoptim.golden.fixture import root

    folder = path or root()
    if not folder.is_dir():
        raise CrossoptimError(f"{folder}: no such folder (make the fixtures with: crossoptim export --output {folder})")
    return folder


def _selected(ids: Sequence[str], patterns: Sequence[str] | None, what: str = "case") -> list[str]:
    if not patterns:
        return list(ids)
    chosen = [i for i in ids if any(fnmatch(i, p) for p in patterns)]
    for pattern in patterns:
        if not any(fnmatch(i, pattern) for i in ids):
            close = [] if set("*?[") & set(pattern) else get_close_matches(pattern, ids, n=1, cutoff=0.5)
            if close:
                raise UnknownNameError(what, pattern, close)
            raise CrossoptimError(f"--select {pattern!r} matches no {what} (crossoptim list {'cases' if what == 'case' else 'optimizers'})")
    return chosen


def _load(folder: Path, patterns: Sequence[str] | None) -> Golden:
    """The selected golden fixtures, checked against the manifest; in the order in which the cases are listed, optimizer by optimizer."""
    from crossoptim.golden.export import every_case, load, read_manifest
    from crossoptim.spec.ecosystems import all_ecosystems
    from crossoptim.spec.rules import all_presets, all_rules

    bound = {binding.rule for ecosystem in all_ecosystems().values() for binding in ecosystem.bindings}
    # what the libraries have comes first, then the simplest
    rules = sorted(all_rules().values(), key=lambda rule: (rule.name not in bound, rule.kind == "closure", len(rule.resolve({}).state)))
    optimizers = [name for rule in rules for name in (rule.name, *(p for p, (r, _) in all_presets().items() if r is rule))]
    place = {name: number for number, name in enumerate(every_case())}

    def order(name: str) -> tuple[int, int, str]:
        optimizer = name.split("/")[0]
        return (optimizers.index(optimizer) if optimizer in optimizers else len(optimizers), place.get(name, len(place)), name)

    hashes = read_manifest(folder)
    names = [path.removeprefix("golden/").removesuffix(".json") for path in hashes if path.startswith("golden/")]
    return [load(folder, name, hashes) for name in _selected(sorted(names, key=order), patterns)]


@app.command()
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where to write (default: the fixtures of this checkout).")
    ] = None,
    select: Select = None,
    verify: Annotated[bool, typer.Option("--verify", help="Write nothing; exit 1 if a file would change.")] = False,
) -> None:
    """Generate the fixtures from the specification: spec.json, one golden trajectory a case, the manifest.

    The same bytes on every machine.

    Example:
      crossoptim export --output my-fixtures --select 'adam/*'
    """
    from crossoptim.check.result import plural
    from crossoptim.golden.export import every_case, outdated
    from crossoptim.golden.export import export as write
    from crossoptim.golden.fixture import root

    folder = output or root()
    cases = every_case()
    chosen = [cases[i] for i in _selected(list(cases), select)]
    with _progress("export", len(chosen)) as (tick, say):
        say(f"{'verifying' if verify else 'exporting'} {plural(len(chosen), 'case')}")
        if verify:
            stale = outdated(folder, chosen, tick)
        else:
            changed = write(folder, chosen if select else None, tick)
    if verify:
        for path in stale:
            out.print(f"  would change: {path}", soft_wrap=True, markup=False)
        differ = f"{plural(len(stale), 'file')} {'differs' if len(stale) == 1 else 'differ'}"
        out.print(f"{plural(len(chosen), 'case')}, {differ} from the specification")
        raise typer.Exit(1 if stale else 0)
    out.print(f"{plural(len(chosen), 'case')} in {folder}, {plural(len(changed), 'file')} changed", soft_wrap=True)


@app.command("fixtures")
def fixtures_command(json_file: JsonFile = None) -> None:
    """Print the folder of the fixtures that came with this installation.

    Example:
      ls "$(crossoptim fixtures)/v1/golden/adam"
    """
    folder = str(_fixtures(None))
    _emit(folder, json_file)
    if json_file != "-":
        out.print(folder, soft_wrap=True, markup=False, highlight=False)


@app.command()
def generate(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="The root of a checkout (default: this one).")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Write nothing; exit 1 if a file would change.")] = False,
) -> None:
    """Generate the code that follows from the specification: the R package's optimizers for R torch, type stubs of ours for torch.

    Example:
      crossoptim generate --verify
    """
    from crossoptim.check.result import plural
    from crossoptim.generated import GENERATED, outdated
    from crossoptim.golden.fixture import checkout
    from crossoptim.golden.json_text import write_whole

    folder = output or checkout()
    for name in GENERATED:
        if not (folder / name).parent.is_dir():
            raise CrossoptimError(f"{folder}: has no folder {Path(name).parent} (expected the root of a checkout)")
    stale = outdated(folder)
    for path, text in stale.items():
        if verify:
            out.print(f"  would change: {path}", soft_wrap=True, markup=False)
        else:
            write_whole(path, text)
    out.print(f"{plural(len(GENERATED), 'file')}, {len(stale)} {'out of date' if verify else 'changed'}")
    raise typer.Exit(1 if verify and stale else 0)


@app.command()
def check(
    select: Select = None,
    runner: Runners = None,
    mode: Annotated[
        list[ModeName] | None, typer.Option("--mode", "-m", help="How to run (default: replay and closed). Repeatable.")
    ] = None,
    transport: Transport = TransportName.auto,
    source: Annotated[SourceName, typer.Option(help="What to judge: auto is live where installed, else recorded.")] = SourceName.auto,
    command: Annotated[
        list[str] | None,
        typer.Option(
            "--command",
            metavar="[NAME=]COMMAND",
            help="Judge a program that speaks the protocol (alone, or beside those of --runner). Repeatable.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long an answer may take before its process is killed.")
    ] = DEFAULT_TIMEOUT,
    ignore_quirk: Annotated[
        list[str] | None, typer.Option("--ignore-quirk", metavar="ID", help="Judge as if this quirk were not known.")
    ] = None,
    fixtures: FixturesDir = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, metavar="N", help="How many processes (default: one a CPU).")] = None,
    topics: Annotated[
        bool | None, typer.Option("--topics/--no-topics", help="A row for each topic, not only for each optimizer (default: where few).")
    ] = None,
    json_file: JsonFile = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Save the table as a picture.")] = None,
    junit_file: Annotated[
        str | None, typer.Option("--junit", metavar="FILE", callback=_target, help="Write JUnit XML; - for standard output.")
    ] = None,
    markdown_file: Annotated[
        str | None, typer.Option("--markdown", metavar="FILE", callback=_target, help="Write a Markdown summary; - for standard output.")
    ] = None,
    badge_file: Annotated[
        str | None,
        typer.Option("--badge", metavar="FILE", callback=_target, help="Save a badge as SVG; one an implementation where the name has {}."),
    ] = None,
    html_file: Annotated[
        str | None, typer.Option("--html", metavar="FILE", callback=_target, help="Save a page to look at everything in a browser.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="OLD", help="Also tell what changed since a report that --json wrote.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="RELEASE",
            help="Instead: what changed, in bits and verdicts, since a recorded version; 'recorded' for the newest.",
        ),
    ] = None,
) -> None:
    """Judge implementations against the golden trajectories.

    Exit code 0 when every verdict is as expected, 1 when one is not; 2 on bad usage or unusable input, or when nothing was judged.
    With --against: 1 when a verdict changed.

    Examples:
      crossoptim check
      crossoptim check -s 'sgd/*' -r r-torch --source live
      crossoptim check --mode lockstep --json report.json
      crossoptim check --command "mine=./my-adapter --fast" -r reference
      crossoptim check --junit junit.xml --markdown summary.md --compare last-week.json
      crossoptim check --html report.html
      crossoptim check --against recorded -r r-torch
    """
    from datetime import UTC, datetime

    from crossoptim import catalogue
    from crossoptim.check.reports.badge import badges
    from crossoptim.check.reports.compare import changes, print_changes, read_report, within
    from crossoptim.check.reports.html.page import page
    from crossoptim.check.reports.junit import junit
    from crossoptim.check.reports.markdown import markdown
    from crossoptim.check.reports.table import in_detail, print_attention, print_table, table_svg
    from crossoptim.check.result import plural, report, unjudged
    from crossoptim.golden.json_text import write_whole
    from crossoptim.runners.campaign import Campaign

    to = _screen(json_file, junit_file, markdown_file, badge_file, html_file)
    if against:
        given = {
            "--command": command, "--svg": svg, "--junit": junit_file, "--markdown": markdown_file, "--badge": badge_file,
            "--compare": compare, "--html": html_file,
        }  # fmt: skip
        if unfit := [option for option, value in given.items() if value] + ["--source"] * (source != SourceName.auto):
            raise CrossoptimError(f"--against: has no use for {unfit[0]} (it runs live what is recorded, and writes --json)")
        source = SourceName.recorded
    before = read_report(compare) if compare else None
    campaign = Campaign(
        fixtures=_fixtures(fixtures), implementations=runner, modes=mode, transport=transport, source=source,
        commands=command or (), ignored_quirks=ignore_quirk or (), timeout=timeout, details=html_file is not None,
    )  # fmt: skip
    cases = _load(campaign.fixtures, select)
    if against:
        with _progress("check", campaign.size(cases)) as (tick, say):
            found = campaign.against(cases, against, tick, say)
        _emit(found.as_json(), json_file)
        found.print(to)
        raise typer.Exit(2 if found.lacking(runner) else 1 if found.changed else 0)
    with _progress("check", campaign.size(cases)) as (tick, say):
        results = campaign.run(cases, tick, say, jobs or os.cpu_count() or 1)
    data = report(results)
    since = None
    if before:
        asked = {r.implementation for r in results} if runner or command else None
        since = changes(within(before, campaign.modes, {case.id for case, _ in cases} if select else None, asked), data)
        data["changes"] = [change.as_json() for change in since]
    _emit(data, json_file)
    titles, quirks = catalogue.implementation_titles(), catalogue.quirk_titles()
    _write(junit_file, lambda: junit(results, datetime.now(UTC), {"crossoptim": __version__}))
    _write(markdown_file, lambda: markdown(results, titles, quirks))
    _write(html_file, lambda: page(results, cases, titles, before, since or (), compare.name if compare else ""))
    for target, text in badges(results, badge_file, titles).items() if badge_file else ():
        _write(target, partial(str, text))
    detail = in_detail(results) if topics is None else topics
    print_table(results, to, titles, detail)
    if svg:
        write_whole(svg, table_svg(results, titles))
    print_attention(results, to, quirks, detail)
    summary = data["summary"]
    to.print(f"\n{plural(summary['results'], 'result')}, {summary['unexpected']} unexpected")
    if since is not None:
        print_changes(since, to, str(compare))
    missed = {name: why for name, why in unjudged(results).items() if name in campaign.named}
    for name, why in missed.items():
        _complain(f"{name}: nothing was judged ({why})")
    raise typer.Exit(2 if missed else 1 if summary["unexpected"] else 0)


@app.command()
def diagnose(
    case: Annotated[str, typer.Argument(metavar="CASE", help="A case's id, or a pattern.")],
    runner: Runners = None,
    mode: Annotated[
        list[ModeName] | None, typer.Option("--mode", "-m", help="How to run (default: replay and closed). Repeatable.")
    ] = None,
    transport: Transport = TransportName.auto,
    source: Annotated[SourceName, typer.Option(help="What to explain: auto is live where installed, else recorded.")] = SourceName.auto,
    command: Annotated[
        list[str] | None, typer.Option("--command", metavar="[NAME=]COMMAND", help="A program that speaks the protocol. Repeatable.")
    ] = None,
    ignore_quirk: Annotated[
        list[str] | None, typer.Option("--ignore-quirk", metavar="ID", help="Explain as if this quirk were not known.")
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long a search may take.")] = 30.0,
    fixtures: FixturesDir = None,
    json_file: JsonFile = None,
) -> None:
    """Explain why an implementation differs: the variant or the single change of the equation that gives its numbers.

    Exit code 0 when nothing diverges, 1 when something does, 2 on bad usage.

    Examples:
      crossoptim diagnose sgd/decay-injected-f64 -r r-torch --ignore-quirk r-torch/sgd/weight-decay-adds-index
      crossoptim diagnose 'adam/*' --command "mine=./my-adapter"
    """
    from crossoptim.runners.campaign import Campaign

    campaign = Campaign(
        fixtures=_fixtures(fixtures), implementations=runner, modes=mode, transport=transport, source=source,
        commands=command or (), ignored_quirks=ignore_quirk or (),
    )  # fmt: skip
    cases = _load(campaign.fixtures, [case])
    with _progress("diagnose", campaign.size(cases)) as (tick, _):
        found = campaign.diagnose(cases, seconds, tick)
    _emit({"schema": "crossoptim/diagnosis/1", "diagnoses": [each.as_json() for each in found]}, json_file)
    for each in found:
        each.print(_screen(json_file))
    raise typer.Exit(1 if any(each.diagnosis.judgement.verdict == "diverges" for each in found) else 0)


@app.command()
def power(
    select: Annotated[
        list[str] | None, typer.Option("--select", "-s", metavar="GLOB", help="Rules or schedules, e.g. adam or 'schedules/*'. Repeatable.")
    ] = None,
    others: Annotated[
        bool, typer.Option("--others", help="Also what R torch's own criterion and PyTorch's C++ baseline catch of the same mutants.")
    ] = False,
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Only each N-th mutant of an equation.")] = 1,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, metavar="N", help="How many processes (default: one a CPU).")] = None,
    json_file: JsonFile = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as Markdown.")] = False,
) -> None:
    """Measure the goldens: make every term of every rule and schedule wrong in turn, and count what some case catches.

    Exit code 0 when every mutant that is not equivalent is caught, 1 when one is not.

    Examples:
      crossoptim power
      crossoptim power -s adam -s 'schedules/*' --others --json power.json
    """
    from crossoptim.check.power import table
    from crossoptim.check.power.score import measure, report, selected

    subjects = selected(lambda ids: _selected(ids, select, "rule or schedule"))
    with _progress("power", len(subjects)) as (tick, _):
        scores = measure(subjects, others, every, jobs or os.cpu_count() or 1, tick)
    data = report(scores)
    _emit(data, json_file)
    to = _screen(json_file)
    _print_rows(list(table.rows(scores, others)), to, markdown, left=1)
    if not markdown:
        for missed in (name for score in scores.values() for name in score.missed):
            to.print(f"not caught: {missed}", soft_wrap=True, markup=False)
    raise typer.Exit(0 if data["summary"]["score"] == 1 else 1)


@app.command()
def sharpness(
    select: Select = None,
    fixtures: FixturesDir = None,
    json_file: JsonFile = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as Markdown.")] = False,
) -> None:
    """Measure the bounds over the goldens, in ulps of the golden value, and how much of them honest implementations use.

    Honest are PyTorch's paths, run here, and R torch as it was recorded; "used" is of the one that comes nearest to its bound.

    Examples:
      crossoptim sharpness
      crossoptim sharpness -s 'adam/*' --json sharpness.json
    """
    from crossoptim.check import sharpness as sharp
    from crossoptim.runners.honest import Honest

    folder = _fixtures(fixtures)
    cases = sharp.stepped(_load(folder, select))
    with _progress("sharpness", len(cases)) as (tick, _):
        data = sharp.report(sharp.measure(cases, Honest(folder).runs, tick))
    _emit(data, json_file)
    _print_rows(list(sharp.rows(data)), _screen(json_file), markdown)


@app.command()
def bench(
    select: Annotated[
        list[str] | None, typer.Option("--select", "-s", metavar="GLOB", help="Optimizer classes, e.g. Adam or 'Ada*'. Repeatable.")
    ] = None,
    workload: Annotated[
        list[str] | None, typer.Option("--workload", "-w", metavar="GLOB", help="Parameters: 1x10M, 100x1000, resnet50, gpt2. Repeatable.")
    ] = None,
    dtype: Annotated[list[str] | None, typer.Option("--dtype", metavar="GLOB", help="float32 or float64. Repeatable.")] = None,
    rounds: Annotated[int, typer.Option(min=1, metavar="N", help="How many steps are timed.")] = 20,
    threads: Annotated[
        list[int] | None, typer.Option("--threads", min=1, metavar="N", help="How many threads (default: torch's choice). Repeatable.")
    ] = None,
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="Where the tensors are: cpu, cuda.")] = "cpu",
    others: Annotated[bool, typer.Option("--others/--no-others", help="Also the libraries beside torch that are installed.")] = True,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Also first steps and memory, in processes of their own.")] = True,
    json_file: JsonFile = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as Markdown.")] = False,
) -> None:
    """Time a step of our elementwise optimizers beside torch's forms of them and other libraries, in milliseconds.

    Times are medians over rounds, each one step of ours and one of theirs; a ratio is theirs to ours. "Of a plain loop" is the speed of
    one pass that reads and writes the same tensors and only adds. "First step" is that on a new machine, and after the kernel is kept.
    "Beyond tensors" is the peak of the memory above parameters, gradients and state. optax takes all processors, whatever --threads is.

    Examples:
      crossoptim bench -s Adam -w 1x10M -w 100x1000
      crossoptim bench -s AdamW --dtype float32 --threads 1 --threads 2 --json bench.json
    """
    import torch

    from crossoptim.bench import report
    from crossoptim.bench.contenders import optimizers
    from crossoptim.bench.measure import measured
    from crossoptim.bench.workloads import WORKLOADS

    names = _selected(optimizers(), select, "optimizer")
    loads = _selected(list(WORKLOADS), workload, "workload")
    dtypes = _selected(["float32", "float64"], dtype, "dtype")
    before = torch.get_num_threads()
    wanted = [(name, load, kind, n) for load in loads for kind in dtypes for name in names for n in threads or [before]]
    try:
        with _progress("bench", len(wanted)) as (tick, _):
            figures = []
            for name, load, kind, n in wanted:
                tick(f"{name} {load} {kind}")
                torch.set_num_threads(n)
                figures.append(measured(name, load, kind, rounds, device, others, start))
    finally:
        torch.set_num_threads(before)
    _emit(report.report(figures), json_file)
    _print_rows(report.rows(figures), _screen(json_file), markdown, left=3)
    _screen(json_file).print(f"\n{report.caption(figures)}", soft_wrap=True, markup=False)


@app.command()
def record(
    runner: Runners = None,
    select: Select = None,
    verify: Annotated[bool, typer.Option("--verify", help="Write nothing; run live and compare every bit with the recording.")] = False,
    transport: Transport = TransportName.auto,
    fixtures: FixturesDir = None,
    json_file: JsonFile = None,
) -> None:
    """Record what live libraries answer, so that machines without them can judge them.

    Examples:
      crossoptim record -r r-torch -r r-torch-ignite
      crossoptim record -r r-torch --verify
    """
    from crossoptim.runners.campaign import RECORDABLE, Campaign

    campaign = Campaign(
        fixtures=_fixtures(fixtures), implementations=runner or list(RECORDABLE), modes=None, transport=transport, source="live"
    )
    cases = _load(campaign.fixtures, select)
    with _progress("verify" if verify else "record", campaign.size(cases)) as (tick, say):
        outcome = campaign.verify(cases, tick, say) if verify else campaign.record(cases, tick, say)
    _emit(outcome.as_json(), json_file)
    outcome.print(_screen(json_file))
    raise typer.Exit(1 if outcome.different else 0)


@app.command()
def quirks(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where to write (default: docs/quirks of this checkout).")
    ] = None,
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Draw the effect on a training run (needs matplotlib).")] = True,
    verify: Annotated[bool, typer.Option("--verify", help="Write nothing; exit 1 if a page would change.")] = False,
) -> None:
    """Write a page for each known departure: what, since when, a program that shows it, its effect on a training run, how to avoid it.

    Examples:
      crossoptim quirks --output my-pages
      crossoptim quirks --verify
    """
    from crossoptim.check.result import plural
    from crossoptim.golden.fixture import checkout
    from crossoptim.golden.json_text import write_whole
    from crossoptim.quirks.pages import outdated, pages, pictures
    from crossoptim.spec.ecosystems import all_quirks

    folder = output or checkout() / "docs" / "quirks"
    with _progress("quirks", len(all_quirks())) as (tick, _):
        files = pages(tick)
        drawn = pictures() if plots and not verify else {}
    stale = outdated(folder, {**files, **drawn})
    for path, text in stale.items():
        if verify:
            out.print(f"  would change: {path}", soft_wrap=True, markup=False)
        else:
            write_whole(path, text)
    state = "out of date" if verify else "changed"
    out.print(f"{plural(len(files) + len(drawn), 'file')} in {folder}, {len(stale)} {state}", soft_wrap=True)
    raise typer.Exit(1 if verify and stale else 0)


@app.command("report-bug")
def report_bug(
    quirk: Annotated[str, typer.Argument(metavar="ID", help="A departure that is a defect (crossoptim list quirks).")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report instead of printing it.", callback=_target)
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Print a bug report for a defect: what was expected, what happens, a program that shows it, and a failing test.

    The test is one of testthat, pytest or node:test, and needs nothing of crossoptim. Exit code 2 for a departure that is a choice.

    Examples:
      crossoptim report-bug r-torch/sgd/weight-decay-adds-index
      crossoptim report-bug pytorch/sgd/not-a-number --output report.md
    """
    from crossoptim.quirks.report import bug_report

    report = bug_report(quirk)
    to = _screen(output, json_file)
    _emit(report.as_json(), json_file)
    _write(output, lambda: report.body)
    if output is None and json_file != "-":
        to.print(report.body, end="", soft_wrap=True, markup=False)


@app.command()
def study(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The study (default: list them).")] = None,
    runner: Runners = None,
    folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", callback=_folder, help="Save the pictures there, as PNG and SVG (needs matplotlib)."),
    ] = None,
    examples: Annotated[int | None, typer.Option(metavar="N", min=1, help="Train on the first N examples of the data only.")] = None,
    fetch_file: Annotated[bool, typer.Option("--fetch", help="Download the data first, into the user's cache (needs pooch).")] = False,
    json_file: JsonFile = None,
) -> None:
    """Repeat an experiment of a tutorial or book on optimizers: its table, and its picture.

    It runs on the specification's reference. With --runner the tables and pictures are those of the first one named, and another table
    says how far each of them is from the reference. Those that train a network (airfoil, from-scratch) show the text's hand-written form,
    PyTorch's and ours side by side, or by-hand and others as --runner names them; they look for data in the folder CROSSOPTIM_DATA.

    Examples:
      crossoptim study
      crossoptim study ravine --out pictures
      crossoptim study learning-rate -r torch-single -r r-torch
      crossoptim study airfoil --fetch -r by-hand -r r-torch
    """
    from crossoptim.check.result import plural
    from crossoptim.golden.json_text import write_whole
    from crossoptim.runners.registry import Runners as Started
    from crossoptim.studies import all_studies, get_study
    from crossoptim.studies.data import fetch
    from crossoptim.studies.descend import asked, descents, meet
    from crossoptim.studies.draw import files, need_matplotlib
    from crossoptim.studies.outcome import Outcome
    from crossoptim.studies.training import fetchable, limited

    to = _screen(json_file)
    if name is None:
        rows = [{"name": each.name, "title": each.title, "sources": list(each.sources)} for each in all_studies().values()]
        _emit(rows, json_file)
        screen.print_rows(rows, to)
        return
    chosen = limited(get_study(name), examples)
    names = asked(runner, chosen)
    if folder:
        need_matplotlib()
    if fetch_file:
        fetch(fetchable(chosen))
    lacks: dict[str, str] | None = {} if chosen.partial else None
    with Started() as runners:
        meet(names, runners)
        with _progress("search", chosen.searches) as (tick, _):
            chosen.search(tick)
        with _progress("study", len(names) * len(chosen.runs)) as (tick, _):
            outcome = Outcome(chosen, descents(chosen, names, tick, lacks, runners), lacks or {})
            drawn = files(chosen.pictures, outcome.shown) if folder else {}
    _emit(outcome.as_json(), json_file)
    outcome.print(to)
    if folder:
        for file, content in drawn.items():
            write_whole(folder / file, content)
        to.print(f"\n{plural(len(drawn), 'file')} in {folder}", soft_wrap=True, markup=False)


@app.command()
def serve() -> None:
    """Serve the protocol on standard input and output: Python's optimizers for any language.

    One JSON object a line; see docs/protocol.md. R's python_optimizer() starts this by itself.
    """
    from crossoptim.runners.serve import serve as loop

    loop()
