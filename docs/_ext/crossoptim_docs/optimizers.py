"""A page an optimizer, and one of all."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from crossoptim import catalogue, optim
from crossoptim.check.diagnosis.candidates import differing
from crossoptim.errors import HyperError
from crossoptim.golden.cases import all_cases
from crossoptim.golden.described import value_text
from crossoptim.golden.refusals.case import FOLDER as REFUSALS
from crossoptim.optim.signature import left_open
from crossoptim.runners.registry import IMPLEMENTATIONS
from crossoptim.spec.ecosystems import all_ecosystems, all_quirks
from crossoptim.spec.model import Binding, Ecosystem, Setting
from crossoptim.spec.rules import all_presets, resolve
from crossoptim.spec.trace import format_setting, trace
from crossoptim.studies import draw
from crossoptim_docs import markup, pictures
from crossoptim_docs.markup import bullets, code, dropdown, escape, fenced, section, table
from crossoptim_docs.writing import Page

FOLDER = "optimizers"
_UP = "../../"
_SYMBOLS = "θ is the parameter, g the gradient, t the number of the step; subscripts tell before and after."
_REFUSED = f"What [must be refused, and what may not be]({_UP}verdicts.md#invalid-input), with what each library makes of it."
_KINDS = {
    "elementwise": "each element is stepped by itself",
    "reducing": "a step also sums or multiplies over a tensor",
    "closure": "a step chooses itself where to evaluate the objective",
}


def pages() -> Iterator[Page]:
    """All of them."""
    rows = sorted(catalogue.optimizers(), key=lambda row: str(row["title"]).lower())
    yield Page(f"{FOLDER}/index.md", _overview(rows))
    for row in rows:
        picture, told = pictures.paths(row["name"])
        yield Page(f"{FOLDER}/{row['name']}.svg", draw.svg(picture, {}))
        yield Page(f"{FOLDER}/{row['name']}.md", _page(row, told))


def _overview(rows: list[dict[str, Any]]) -> str:
    judged = [i.ecosystem for i in IMPLEMENTATIONS.values()]
    libraries = [e.title for e in sorted(all_ecosystems().values(), key=lambda e: judged.index(e.name))]
    head = ["name", "crossoptim", *libraries, "cases"]
    body = []
    for row in rows:
        ours = _class_of(resolve(row["name"])).name
        link = f"[{escape(row['title'])}]({row['name']}.md)"
        body.append([link, code(ours), *(code(row[library]) for library in libraries), str(row["cases"])])
    return markup.joined(
        "# Optimizers",
        "Each is one equation, written once. A page has the equation, its published variants, the path that it takes, what each library "
        "calls it, and where a library departs from it. `crossoptim list` and `crossoptim show adam` print the same.",
        table(head, body, left=2 + len(libraries)),
        fenced("{toctree}", [":hidden:", "", *(row["name"] for row in rows)]),
    )


def _page(row: dict[str, Any], told: str) -> str:
    name, setting = row["name"], resolve(row["name"])
    data = catalogue.page(name, {}).data
    related = [all_ecosystems()[e] for e in data["ecosystems"]]
    title = row["title"]
    sources = (*all_presets()[name][1].sources, *data["sources"]) if name in all_presets() else data["sources"]
    about = f"`{name}` ({escape(format_setting(setting))}); {_KINDS[data['kind']]}."
    return markup.joined(
        f"# {escape(title)}",
        about,
        bullets(map(escape, dict.fromkeys(sources))),
        section(
            "Equation",
            "" if setting.rule.algorithm else _SYMBOLS,
            markup.math(trace(setting)),
            f"As text: `crossoptim show {name}`" + ("." if setting.rule.algorithm else f", as LaTeX: `crossoptim show {name} --latex`."),
        ),
        section("Path", f"![The path of {escape(title)} over contours]({name}.svg)", told),
        section("Use", _use(name, setting)),
        section("Hyperparameters", _hyper(data, setting), _added(name, setting)),
        section("Variants", _variants(name, data, setting)),
        section("State", _state(data)),
        section("In each library", *_libraries(setting, related)),
        section("Known departures", *_quirks(data)),
        section("Invalid input", _REFUSED, markup.printed(f"{REFUSALS}/{name}")),
        section("Cases", *_cases(name)),
    )


def _class_of(setting: Setting) -> Binding:
    """Our class of a setting."""
    known = [binding for binding in optim.bindings().values() if binding.rule == setting.rule.name]
    return max(known, key=lambda binding: (binding.implements(setting), len(binding.switches)))


def _use(name: str, setting: Setting) -> str:
    ours = _class_of(setting)
    rate = f", lr={setting.values['lr']:g}"
    python = ["import crossoptim as co", "", f"optimizer = co.{ours.name}(model.parameters(){rate})"]
    if open_ := left_open(setting.rule, ours):
        switch = open_[0]
        python += ["", *wrap(f"a published variant: {switch.doc}", 76, initial_indent="# ", subsequent_indent="# ")]
        python.append(f'optimizer = co.{ours.name}(model.parameters(){rate}, {switch.name}="{switch.values[1]}")')
    r = [f"optimizer <- crossoptim::optim_{name}(model$parameters{rate.replace('=', ' = ')})"]
    native = all_ecosystems()["r_torch"].binding(setting)
    if native:
        r.insert(0, f"optimizer <- torch::{native.name}(model$parameters{rate.replace('=', ' = ')})")
    return "\n\n".join([fenced("python", python), fenced("r", r)])


def _hyper(data: dict[str, Any], setting: Setting) -> str:
    rows = [
        [code(o["name"]), code(value_text(setting.values[o["name"]])), escape(o.get("interval", "true, false")), escape(o["doc"])]
        for o in data["hyper"]
    ]
    constraints = [escape(c["text"]) for c in data["constraints"]]
    if setting.rule.takes:
        constraints.append(f"a parameter must be {escape(setting.rule.takes.text)}")
    return "\n\n".join(filter(None, [table(["", "default", "admissible", "meaning"], rows), bullets(constraints)]))


def _added(name: str, setting: Setting) -> str:
    """What each option changes in the equation, where it does."""
    changed = {o.name: _changed(name, o.name) for o in setting.rule.hyper}
    parts = [f"{code(option)}:\n\n{lines}" for option, lines in changed.items() if lines]
    return section("What they add to the equation", *parts, level=3)


def _variants(name: str, data: dict[str, Any], setting: Setting) -> str:
    parts = []
    for switch in data["switches"]:
        rows = [
            [code(value) + (" (here)" if setting.values[switch["name"]] == value else ""), escape(told["source"]), escape(told["witness"])]
            for value, told in switch["values"].items()
        ]
        own = setting.values[switch["name"]]
        changed = [_changed(name, switch["name"], value) for value in switch["values"] if value != own]
        values = table(["value", "published by", "checked against"], rows)
        parts.append(section(code(switch["name"]), _sentence(switch["doc"]), values, *changed, level=3))
    return "\n\n".join(parts)


def _changed(name: str, option: str, value: str | None = None) -> str:
    """The lines of the equation that a value of an option changes (any but the default), in the simplest case that sets it."""
    setting = resolve(name)
    if setting.rule.algorithm:
        return ""
    own = setting.values[option]
    bases = [case.base for case in all_cases().values() if case.rule == setting.rule.name]
    found = [base for base in bases if (base.values[option] != own if value is None else base.values[option] == value)]
    for base in sorted(found, key=lambda base: sum(base.values[key] != setting.values[key] for key in base.values)):
        try:
            plain, changed = trace(base.with_values(**{option: own})), trace(base)
        except HyperError:
            continue
        if all(plain.as_json()[part] == changed.as_json()[part] for part in ("scalars", "update")):  # a number alone is another
            continue
        before, after = differing(plain, changed)
        if before or after:
            return fenced("diff", [*(f"- {line}" for line in before), *(f"+ {line}" for line in after)])
    return ""


def _sentence(text: str) -> str:
    return escape(f"{text[:1].upper()}{text[1:]}." if text else "")


def _state(data: dict[str, Any]) -> str:
    rows = [[code(v["name"]), code(v["init"]), escape(v["doc"])] for v in (*data["state"], *data["kept"])]
    return table(["", "starts as", "meaning"], rows) if rows else "None."


def _libraries(setting: Setting, related: list[Ecosystem]) -> list[str]:
    if not related:
        return ["No library that crossoptim judges has it."]
    classes = [catalogue.class_for(e, setting) for e in related]
    head = ["", *(f"{escape(e.title)}<br>{code(b.name)}" for e, b in zip(related, classes, strict=True))]
    rows = [[code(o.name), *(_cell(catalogue.foreign_text(b, o)) for b in classes)] for o in setting.rule.hyper]
    rows += [[code(s.name), *(_switch(b, s.name, setting) for b in classes)] for s in setting.rule.switches]
    rows += [[f"state {code(v.name)}", *(_cell(b.state.get(v.name, "-")) for b in classes)] for v in setting.rule.state]
    others = [
        f"{escape(e.title)}: {', '.join(code(b.name) for b in more)}"
        for e, shown in zip(related, classes, strict=True)
        if (more := [b for b in e.bindings if b.rule == setting.rule.name and b is not shown])
    ]
    return [
        "What each class calls an option, with its default where that is another; – where it has none.",
        table(head, rows),
        "Other classes of the same equation: " + "; ".join(others) + "." if others else "",
    ]


def _cell(text: str) -> str:
    return "–" if text == "-" else code(text)


def _switch(binding: Binding, name: str, setting: Setting) -> str:
    """A variant: the argument that chooses it, or what the class computes."""
    if argument := binding.foreign(name):
        return code(argument)
    fixed = binding.switches.get(name, next(s for s in setting.rule.switches if s.name == name).default)
    return escape(fixed)


def _quirks(data: dict[str, Any]) -> list[str]:
    parts = []
    for name, told in data["ecosystems"].items():
        if told["quirks"]:
            links = [markup.quirk_link(all_quirks()[quirk], _UP) for quirk in told["quirks"]]
            parts.append(f"**{escape(all_ecosystems()[name].title)}**\n\n{bullets(links)}")
    return parts


def _cases(name: str) -> list[str]:
    mine = [case for case in all_cases().values() if case.optimizer == name]
    return [
        f"{len(mine)} golden trajectories:",
        fenced("console", [f"$ crossoptim check --select '{name}/*'", f"$ crossoptim show {mine[0].id}"]),
        dropdown("All cases", fenced("text", [f"{case.id}: {case.comment}" for case in mine])),
    ]
