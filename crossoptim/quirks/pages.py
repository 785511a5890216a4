"""One Markdown page a quirk, with the table of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from crossoptim.catalogue import effect_text
from crossoptim.check.diagnosis.candidates import differing
from crossoptim.check.predict import numeric_effects
from crossoptim.golden.refusals.case import all_refusal_cases
from crossoptim.golden.schedules.cases import all_schedule_cases
from crossoptim.golden.sites import Sites
from crossoptim.quirks.effect import effect
from crossoptim.quirks.reproduction import Reproduction, reproduction
from crossoptim.quirks.showing import cases_of, ecosystem_of, implementation_of, known_quirks, showing
from crossoptim.runners import refusals, schedules
from crossoptim.spec.ecosystems import all_ecosystems, all_quirks
from crossoptim.spec.edit import apply
from crossoptim.spec.emit.document import quirk_document
from crossoptim.spec.model import Edit, GradientAfter, Quirk
from crossoptim.spec.refusals import InputQuirk
from crossoptim.spec.schedule import ScheduleQuirk
from crossoptim.spec.trace import trace

INDEX = "README.md"
_SHOWN = 12  # cases that a page names
_REPOSITORIES = (
    (re.compile(r"github\.com/(?P<repo>[\w-]+/[\w-]+)@(?P<ref>\w+):"), "https://github.com/{repo}/blob/{ref}"),
    (re.compile(r"(?:lib)?torch (?P<ref>[\d.]+): "), "https://github.com/pytorch/pytorch/blob/v{ref}"),
    (re.compile(r"optax (?P<ref>[\d.]+): "), "https://github.com/google-deepmind/optax/blob/v{ref}"),
    (re.compile(r"keras (?P<ref>[\d.]+): "), "https://github.com/keras-team/keras/blob/v{ref}"),
    (re.compile(r"tfjs (?P<ref>[\d.]+): "), "https://github.com/tensorflow/tfjs/blob/tfjs-v{ref}"),
)
_FILE = re.compile(r"(?P<path>[\w./-]+\.(?:py|R|cpp|ts))(?::(?P<first>\d+)(?:-(?P<last>\d+))?)?")


def pages(tick: Callable[[str], None] = lambda _: None) -> dict[str, str]:
    """Path below the folder of pages → text; ``tick`` is told of each quirk."""
    out = {INDEX: index()}
    for quirk in all_quirks().values():
        tick(quirk.id)
        out[path_of(quirk)] = page(quirk)
    return out


def path_of(quirk: Quirk) -> str:
    """A quirk's page, below the folder of pages."""
    return f"{quirk.id}.md"


def pictures() -> dict[str, str]:
    """Path below the folder of pages → SVG.

    Raises:
        UnavailableError: without matplotlib.
    """
    from crossoptim.quirks.plot import svg

    drawn = {quirk: found for quirk in all_quirks().values() if (found := effect(quirk)) and found.curves}
    return {f"{quirk.id}.svg": svg(found) for quirk, found in drawn.items()}


def index() -> str:
    """The table of all quirks, a section a library."""
    out = [
        "# Known departures",
        "",
        "Each page says what a library does otherwise than the equation, shows it in a program to paste, and says what it does to a",
        "training run. `crossoptim report-bug ID` prints a bug report for a defect. The pages are made by `crossoptim quirks` from the",
        "specification's data; the tests run every program in them whose library is installed.",
    ]
    for ecosystem in all_ecosystems().values():
        if ecosystem.quirks:
            out += [
                "",
                f"## {ecosystem.title}",
                "",
                "| departure | kind | classes | versions | cases | what |",
                "|---|---|---|---|---|---|",
            ]
        for quirk in ecosystem.quirks:
            cells = (f"[{quirk.id}]({path_of(quirk)})", quirk.kind, _classes(quirk), quirk.versions, str(len(cases(quirk))), quirk.title)
            out.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(out) + "\n"


def _classes(quirk: Quirk) -> str:
    return f"{len(quirk.bindings)} classes" if len(quirk.bindings) > 2 else ", ".join(quirk.bindings)


def cases(quirk: Quirk) -> list[str]:
    """The cases that show a quirk; of one about input, each with its probe."""
    if isinstance(quirk, ScheduleQuirk):
        classes = {binding.rule for binding in ecosystem_of(quirk).schedules if binding.name in quirk.bindings}
        asked = [case for case in all_schedule_cases().values() if case.schedule in classes and quirk.applies(case.site)]
        return [case.id for case in asked if schedules.unsupported(implementation_of(quirk), case) is None]
    if isinstance(quirk, InputQuirk):
        return list(_probes(quirk))
    return cases_of(quirk)


def _probes(quirk: InputQuirk) -> Iterator[str]:
    implementation = implementation_of(quirk)
    for case in all_refusal_cases().values():
        judge = refusals.judge_of(implementation, case)
        if judge.binding and judge.binding.name in quirk.bindings and refusals.unsupported(implementation, case) is None:
            yield from (f"{case.id}, {probe.id}" for probe in case.probes if judge.predict(probe).quirk == quirk.id)


def page(quirk: Quirk) -> str:
    """A quirk's page."""
    ecosystem, told = ecosystem_of(quirk), reproduction(quirk)
    listed = cases(quirk)
    facts = {
        "library": f"{ecosystem.title} ({', '.join(f'`{name}`' for name in quirk.bindings)})",
        "path": ", ".join(quirk.implementations),
        "kind": quirk.kind,
        "seen in": quirk.versions,
        "where": linked(quirk.upstream),
        "issue": linked_issue(quirk.issue),
    }
    up = "../" * (quirk.id.count("/"))
    out = [f"# {sentence(quirk.title)[:-1]}", "", f"`{quirk.id}` ([all departures]({up}{INDEX}))", "", "| | |", "|---|---|"]
    out += [f"| {key} | {value} |" for key, value in facts.items() if value]
    out += section("What happens", what_happens(quirk)) + section("Reproduction", _reproduced(quirk, told))
    out += section("What it does to a training run", _trained(quirk)) + section("How to avoid it", [sentence(quirk.advice)])
    names = [f"- `{name}`" for name in listed[:_SHOWN]]
    more = [f"- and {len(listed) - _SHOWN} more"] if len(listed) > _SHOWN else []
    none = ["No golden case does; the program above varies one."] if not listed else []
    out += section(f"Cases that show it ({len(listed)})", none + names + more)
    if quirk.kind == "defect":
        out += ["", f"`crossoptim report-bug {quirk.id}` prints a bug report with a failing test."]
    return "\n".join(out) + "\n"


def sentence(text: str) -> str:
    """Words with a capital, unless they begin with a name of code, and a full stop."""
    begin = text if re.match(r"\w+[_(.]", text) else text[:1].upper() + text[1:]
    return f"{begin}."


def section(title: str, lines: list[str]) -> list[str]:
    """A section of a page."""
    return ["", f"## {title}", "", *lines]


def linked(upstream: str) -> str:
    """The upstream source as a link to its file and line; the text as it is where it names no file."""
    for pattern, address in _REPOSITORIES:
        if (where := pattern.search(upstream)) and (file := _FILE.search(upstream, where.end())):
            lines = "" if not file["first"] else f"#L{file['first']}" + (f"-L{file['last']}" if file["last"] else "")
            rest = upstream[file.end() :]
            return f"{_short(where)}[{file[0]}]({address.format(**where.groupdict())}/{file['path']}{lines}){rest}"
    return upstream


def _short(where: re.Match[str]) -> str:
    repo = where.groupdict().get("repo")
    return f"{repo} at {where['ref'][:7]}: " if repo else where[0]


def linked_issue(issue: str) -> str:
    """An issue's address as a link, with the words behind it."""
    address, _, rest = issue.partition(" ")
    return f"<{address}>{f' {rest}' if rest else ''}" if address else ""


def what_happens(quirk: Quirk) -> list[str]:
    """The lines of the equation that differ, and in words what no line shows."""
    words = [f"It {effect_text(e)}." for e in quirk_document(quirk)["effects"] if e["type"] not in ("Edit", "GradientAfter")]
    if isinstance(quirk, ScheduleQuirk):
        return words or [f"The rates of {_classes(quirk)} are not those of its closed form; the last lines of the program below say both."]
    if isinstance(quirk, InputQuirk):
        return words or ["The constructor takes the input."]
    before, after = changed_lines(quirk)
    if before or after:
        words = ["```diff", *(f"- {line}" for line in before), *(f"+ {line}" for line in after), "```", *([""] if words else []), *words]
    return words or ["No line of the equation changes: what a step reads is not what the step before it kept."]


def changed_lines(quirk: Quirk) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The statements of the equation in the quirk's case that it changes, as they should be and as they are."""
    edits = [e for e in quirk.effects if isinstance(e, Edit)]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    if edits and (found := showing(quirk)):
        member = found.case.timeline[-1][found.param or found.members[0]]
        site = Sites(found.case).at(member)
        every = known_quirks(found)
        first = [q for q in every[: every.index(quirk)] if q.when(site)]  # what it may build on
        own = apply(trace(member.setting), numeric_effects(first))
        before, after = differing(own, apply(own, edits))
    for e in quirk.effects:
        if isinstance(e, GradientAfter):
            before, after = (*before, "the gradient after the step: g"), (*after, f"the gradient after the step: {e.expression}")
    return before, after


def _reproduced(quirk: Quirk, told: Reproduction | None) -> list[str]:
    if told is None:
        name = implementation_of(quirk).name
        return ["```", f"crossoptim diagnose '{cases(quirk)[0]}' -r {name} --ignore-quirk {quirk.id}", "```"]
    fence = told.dialect.fence
    after = [f"The case is `{told.source}`, cut down to what shows it."]
    if not told.runs:
        after.append(f"It needs {' or '.join(quirk.implementations)}, which the tests do not run.")
    return [f"```{fence}", *program(told), "```", "", *after]


def program(told: Reproduction) -> list[str]:
    """The lines of a program, with what comes of it as comments."""
    return [*told.program, *(f"{told.dialect.comment} {line}" for line in outcome(told))]


def outcome(told: Reproduction) -> list[str]:
    """What a program does, and what it should do."""
    if told.message:
        should = f"refused: {told.refusal}" if told.refusal else "no error"
        return [f"raises:    {told.message.strip()} …", f"should be: {should}"]
    if not told.numbers:
        return ["accepted", f"should be refused: {told.refusal}"]
    right = "True" if told.condition else told.printed(told.right)
    return [f"prints:    {told.printed(told.wrong)}", f"should be: {right}"]


def _trained(quirk: Quirk) -> list[str]:
    found = effect(quirk)
    if found:
        if not found.curves:
            return [found.sentence]
        name = quirk.id.rsplit("/", 1)[1]
        return [found.sentence, "", f"![{found.y} over {found.x}s, as it should be and with the departure]({name}.svg)"]
    if any(e["type"] == "Raises" for e in quirk_document(quirk)["effects"]):
        return ["It ends in the error."]
    if isinstance(quirk, InputQuirk):
        return ["None where the input is valid; else whatever the equation makes of such numbers."]
    if not quirk.everywhere:
        return ["None while all numbers are finite and far from overflow: it shows in corners of arithmetic only."]
    return ["The numbers above are all that is said here: a run on a small problem is not drawn."]


def outdated(folder: Path, files: Mapping[str, str]) -> dict[Path, str]:
    """The files that differ from what would be made, with what they should hold."""
    texts = {folder / name: text for name, text in files.items()}
    return {path: text for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text}
