"""A page a schedule, and one of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crossoptim import catalogue, schedule_pages
from crossoptim.golden.described import value_text
from crossoptim.golden.refusals.case import FOLDER as REFUSALS
from crossoptim.golden.schedules.case import FOLDER as CASES
from crossoptim.golden.schedules.case import ScheduleCase
from crossoptim.golden.schedules.cases import all_schedule_cases
from crossoptim.golden.schedules.rates import golden
from crossoptim.spec.ecosystems import all_ecosystems, all_quirks
from crossoptim.spec.emit.latex import render, symbol
from crossoptim.spec.expr import parse
from crossoptim.spec.model import Binding
from crossoptim.spec.schedules import all_schedules
from crossoptim.studies import draw
from crossoptim_docs import markup, pictures
from crossoptim_docs.markup import bullets, code, dropdown, escape, fenced, section, table
from crossoptim_docs.writing import Page

FOLDER = "schedules"
_UP = "../../"
_STEPS = 60
_WARM: dict[str, Any] = {"name": "linear", "arguments": {"start_factor": 0.1, "total_iters": 10}}
_FADE: dict[str, Any] = {"name": "exponential", "arguments": {"gamma": 0.95}}
SHOWN: dict[str, dict[str, Any]] = {
    "chained": {"schedules": [_WARM, _FADE]},
    "constant": {"factor": 0.3, "total_iters": 20},
    "cosine_annealing": {"T_max": 60},
    "cosine_warm_restarts": {"T_0": 10, "T_mult": 2},
    "cyclic": {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 10},
    "exponential": {"gamma": 0.95},
    "lambda": {"factor": "0.9 ** floor(t / 5)"},
    "linear": {"start_factor": 0.1, "total_iters": 20},
    "multi_step": {"milestones": [20, 40], "gamma": 0.3},
    "multiplicative": {"factor": "0.97"},
    "one_cycle": {"max_lr": 0.1, "total_steps": 61},
    "polynomial": {"total_iters": 50, "power": 2.0},
    "reduce_on_plateau": {"factor": 0.5, "patience": 4},
    "sequential": {"schedules": [_WARM, _FADE], "milestones": [10]},
    "step": {"step_size": 15, "gamma": 0.5},
}
"""What a page draws, and sets in its example: options at which the shape is seen within 60 steps."""
_METRICS = tuple(max(0.2, 1 - 0.05 * t) + 0.02 * (t % 3) for t in range(_STEPS))


def pages() -> Iterator[Page]:
    """All of them."""
    rows = catalogue.schedules()
    yield Page(f"{FOLDER}/index.md", _overview(rows))
    for row in rows:
        case = _shown(row["name"])
        columns = {key: [values[0] for values in column] for key, column in golden(case).columns.items()}
        yield Page(f"{FOLDER}/{row['name']}.svg", draw.svg(pictures.curve(columns), {}))
        yield Page(f"{FOLDER}/{row['name']}.md", _page(row, case))


def _shown(name: str) -> ScheduleCase:
    hyper = dict(SHOWN[name])
    base = hyper.pop("base_lr", 0.1)
    metrics = _METRICS if all_schedules()[name].metric else ()
    return ScheduleCase(f"{CASES}/{name}/shown", name, hyper, ({"base_lr": base},), _STEPS, "", metrics=metrics)


def _overview(rows: list[dict[str, Any]]) -> str:
    libraries = [e.title for e in all_ecosystems().values() if e.schedules]
    body = [
        [
            f"[{escape(row['title'])}]({row['name']}.md)",
            *(code(row[library]) for library in libraries),
            str(row["cases"]),
            escape(all_schedules()[row["name"]].doc),
        ]
        for row in rows
    ]
    return markup.joined(
        "# Schedules",
        "What sets the learning rate from step to step, as pure functions of the number of the step. `crossoptim list schedules` and "
        "`crossoptim show step` print the same.",
        table(["name", *libraries, "cases", "what it does"], body),
        fenced("{toctree}", [":hidden:", "", *(row["name"] for row in rows)]),
    )


def _page(row: dict[str, Any], case: ScheduleCase) -> str:
    name, schedule = row["name"], all_schedules()[row["name"]]
    setting = case.settings[0]
    data = schedule_pages.schedule_page(schedule, setting.as_json()).data
    classes = {e: next(b for b in all_ecosystems()[e].schedules if b.rule == name) for e in data["ecosystems"]}
    mine = [case for case in all_schedule_cases().values() if case.schedule == name]
    given = ", ".join(f"{key} = {value_text(value)}" for key, value in SHOWN[name].items())
    told = f"{_STEPS} steps with {escape(given)}" + (
        "; the metric falls for 16 epochs, then wavers." if schedule.metric else "."
    )
    return markup.joined(
        f"# {escape(schedule.title)}",
        f"`{name}`. {escape(schedule.doc)}",
        bullets(map(escape, schedule.sources)),
        section(
            "Equation",
            "t counts the steps of the scheduler so far" + (
                ", `_new` marks what a step makes." if schedule.start else "; t = 0 is what holds before the first one."
            ),
            markup.mathml_table([(symbol(left), render(parse(right), {})) for left, right in setting.text()]),
            f"As text, with other options: `crossoptim show {CASES}/{name} --set KEY=VALUE`.",
        ),
        section("Rate", f"![The learning rate over {_STEPS} steps]({name}.svg)", told),
        section("Use", _use(name, classes)),
        section("Options", _options(data, classes), bullets(map(escape, data["constraints"]))),
        section("Known departures", *_quirks(data)),
        section("Invalid input", markup.printed(f"{REFUSALS}/{CASES}/{name}")),
        section(
            "Cases",
            f"{len(mine)} golden trajectories:",
            fenced("console", [f"$ crossoptim check --select '{CASES}/{name}/*'", f"$ crossoptim show {mine[0].id}"]),
            dropdown("All cases", fenced("text", [f"{case.id}: {case.comment}" for case in mine])),
        ),
    )


def _options(data: dict[str, Any], classes: Mapping[str, Binding]) -> str:
    head = ["", "default", "admissible", "meaning", *(f"{all_ecosystems()[e].title}<br>{code(b.name)}" for e, b in classes.items())]
    rows = []
    for option in data["options"]:
        admissible = option.get("interval") or ", ".join(option.get("values", ()))
        default = code(value_text(option["default"])) if "default" in option else "required"
        where = [code(b.foreign(option["name"]) or "") or "–" for b in classes.values()]
        rows.append([code(option["name"]), default, escape(admissible), escape(option["doc"]), *where])
    return table(head, rows) if rows else "None but the base rate."


def _quirks(data: dict[str, Any]) -> list[str]:
    return [
        f"**{escape(all_ecosystems()[name].title)}**\n\n"
        + bullets(markup.quirk_link(all_quirks()[quirk], _UP) for quirk in told["quirks"])
        for name, told in data["ecosystems"].items()
        if told["quirks"]
    ]


def _use(name: str, classes: Mapping[str, Binding]) -> str:
    parts = []
    if "pytorch" in classes:
        lines = ["import crossoptim as co", "from torch.optim import lr_scheduler", ""]
        lines += [f"optimizer = co.SGD(model.parameters(), lr={SHOWN[name].get('base_lr', 0.1)}, momentum=0.9)"]
        parts.append(fenced("python", [*lines, f"scheduler = {_python(name, SHOWN[name], classes['pytorch'])}"]))
    if "r_torch" in classes:
        arguments = [f"{_foreign(classes['r_torch'], key)} = {_r(key, value)}" for key, value in SHOWN[name].items()]
        made = f"scheduler <- torch::{classes['r_torch'].name}({', '.join(['optimizer', *arguments])})"
        parts.append(fenced("r", ["optimizer <- torch::optim_sgd(model$parameters, lr = 0.1, momentum = 0.9)", made]))
    return "\n\n".join(parts)


def _foreign(binding: Binding, key: str) -> str:
    return binding.foreign(key) or key


def _python(name: str, values: Mapping[str, Any], binding: Binding) -> str:
    def text(key: str, value: Any) -> str:
        if key == "schedules":
            return "[" + "".join(f"\n    {_python(child['name'], child['arguments'], _pytorch(child['name']))}," for child in value) + "\n]"
        if key == "factor" and isinstance(value, str):
            return f"lambda t: {value.replace('floor(t / 5)', '(t // 5)')}"
        return repr(value)

    arguments = [f"{_foreign(binding, key)}={text(key, value)}" for key, value in values.items()]
    first = [] if name == "chained" else ["optimizer"]
    return f"lr_scheduler.{binding.name}({', '.join([*first, *arguments])})"


def _pytorch(name: str) -> Binding:
    return next(b for b in all_ecosystems()["pytorch"].schedules if b.rule == name)


def _r(key: str, value: Any) -> str:
    if key == "factor" and isinstance(value, str):
        return f"function(t) {value.replace('**', '^')}"
    return repr(value)
