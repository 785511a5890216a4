"""What ``crossoptim list`` and ``crossoptim show`` print: views of the specification, nothing of its own."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from crossoptim import flag_pages, refusal_pages, schedule_pages
from crossoptim.errors import CrossoptimError
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases
from crossoptim.golden.described import event_lines, value_text
from crossoptim.golden.fixture import VERSION, golden_path, root
from crossoptim.golden.flags import flags_document
from crossoptim.golden.refusals.case import FOLDER as REFUSALS
from crossoptim.golden.refusals.case import all_refusal_cases
from crossoptim.golden.schedules.cases import all_schedule_cases
from crossoptim.page import Page, Rows
from crossoptim.runners.registry import IMPLEMENTATIONS
from crossoptim.screen import plain_table
from crossoptim.spec.ecosystems import all_ecosystems, all_quirks
from crossoptim.spec.emit.document import binding_document, quirk_document, rule_document
from crossoptim.spec.emit.latex import latex
from crossoptim.spec.expr import text
from crossoptim.spec.model import Binding, Ecosystem, Flag, Problem, Quirk, Real, Setting
from crossoptim.spec.problems import all_problems
from crossoptim.spec.rules import all_presets, all_rules, resolve
from crossoptim.spec.schedules import all_schedules
from crossoptim.spec.trace import NEW, Equation, format_setting, trace


def optimizers() -> Rows:
    """Rules and presets with the classes that implement them."""
    names: list[tuple[str, str, str, dict[str, str]]] = [(r.name, r.title, r.name, {}) for r in all_rules().values()]
    names += [(p.name, p.title, r.name, dict(p.switches)) for r, p in all_presets().values()]
    return [
        {
            "name": name,
            "title": title,
            "equation": name if name == rule else f"{rule} with {', '.join(f'{k} = {v}' for k, v in switches.items())}",
            **{e.title: b.name if (b := e.binding(resolve(name))) else "" for e in all_ecosystems().values()},
            "cases": sum(case.optimizer == name for case in all_cases().values()),
        }
        for name, title, rule, switches in names
    ]


def cases() -> Rows:
    """Every case with its one-line comment."""
    return [
        {"id": c.id, "setting": format_setting(c.base), "events": list(dict.fromkeys(e.kind for e in c.events)), "comment": c.comment}
        for c in all_cases().values()
    ] + [*schedule_pages.case_rows(), *refusal_pages.case_rows()]


def schedules() -> Rows:
    """Every learning-rate schedule with the classes that implement it."""
    return schedule_pages.schedule_rows()


def problems() -> Rows:
    """Every objective and table of gradients."""
    return [
        {"name": p.name, "title": p.title, "params": [f"{q.name}{list(q.shape)}" for q in p.params], "source": p.source}
        for p in all_problems().values()
    ]


def implementations() -> Rows:
    """Everything that can be judged, with what answers for it here."""
    from crossoptim.runners.campaign import Campaign

    return [{**row, "ecosystem": IMPLEMENTATIONS[row["name"]].ecosystem or ""} for row in Campaign(root(), list(IMPLEMENTATIONS)).found()]


def ecosystems() -> Rows:
    """Every foreign library."""
    return [
        {"name": e.name, "language": e.language, "package": e.package, "classes": [b.name for b in e.bindings], "quirks": len(e.quirks)}
        for e in all_ecosystems().values()
    ]


def quirks() -> Rows:
    """Every known departure."""
    return [
        {"id": q.id, "kind": q.kind, "classes": list(q.bindings), "versions": q.versions, "title": q.title} for q in all_quirks().values()
    ]


def flags() -> Rows:
    """Every flag that a case can have."""
    return flag_pages.flag_rows()


def quirk_titles() -> dict[str, str]:
    """Quirk id → one line."""
    return {quirk.id: quirk.title for quirk in all_quirks().values()}


def implementation_titles() -> dict[str, str]:
    """Implementation → the head of its column."""
    return {i.name: i.title for i in IMPLEMENTATIONS.values()}


def page(name: str, settings: dict[str, Any]) -> Page:
    """The page of an optimizer, schedule, quirk, problem or case.

    Raises:
        CrossoptimError: when nothing has that name.
        HyperError: when ``settings`` do not fit the optimizer.
    """
    if name in all_rules() or name in all_presets():
        return _optimizer_page(name, resolve(name, settings))
    if name in all_quirks():
        return _quirk_page(all_quirks()[name])
    if name in all_problems():
        return _problem_page(all_problems()[name])
    if name in all_cases():
        return _case_page(all_cases()[name])
    if (schedule := name.removeprefix("schedules/")) in all_schedules():
        return schedule_pages.schedule_page(all_schedules()[schedule], settings)
    if name in all_schedule_cases():
        return schedule_pages.schedule_case_page(all_schedule_cases()[name])
    if name in all_refusal_cases():
        return refusal_pages.refusal_page(all_refusal_cases()[name])
    optimizers, cases = [*all_rules(), *all_presets()], [*all_cases(), *all_schedule_cases(), *all_refusal_cases()]
    known = [*optimizers, *all_quirks(), *all_problems(), *all_schedules(), *cases]
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise CrossoptimError(f"name {name!r} does not exist ({hint}see: crossoptim list optimizers | schedules | quirks | problems | cases)")


def _optimizer_page(name: str, setting: Setting) -> Page:
    equation = trace(setting)
    related = [e for e in all_ecosystems().values() if any(b.rule == setting.rule.name for b in e.bindings)]
    data = {
        "name": name,
        **rule_document(setting.rule),
        "setting": dict(setting.values),
        "equation": {**equation.as_json(), "sha256": equation.sha256},
        "ecosystems": {
            e.name: {
                "classes": {b.name: binding_document(b) for b in e.bindings if b.rule == setting.rule.name},
                "quirks": {q.id: quirk_document(q) for q in _quirks_of(e, setting)},
            }
            for e in related
        },
    }

    def show(out: Console) -> None:
        title = all_presets()[name][1].title if name in all_presets() else setting.rule.title
        out.print(Text.assemble((title, "bold"), f" ({name}; {format_setting(setting)})"))
        for source in setting.rule.sources:
            out.print(Padding.indent(Text(source, "dim"), 2))
        head = "Algorithm" if equation.algorithm else "Equation[/bold]  (p parameter, g gradient, t step count)[bold]"
        out.print(f"\n[bold]{head}[/bold]")
        _print_equation(equation, out)
        out.print("\n[bold]Hyperparameters[/bold]")
        out.print(_hyper_table(setting, related))
        out.print("\n[bold]Variants[/bold]  (--set NAME=VALUE)")
        for switch in setting.rule.switches:
            out.print(Padding.indent(Text.assemble((switch.name, "bold"), f": {switch.doc}"), 2))
            for value in switch.values:
                mark = "*" if setting.values[switch.name] == value else " "
                out.print(f"   {mark} {value}")
                for label, known in (("", switch.sources.get(value)), ("witness: ", switch.witness.get(value, "unverified"))):
                    if known:
                        out.print(Padding.indent(Text.assemble((label, "dim"), known), 7))
        out.print("\n[bold]State[/bold]")
        out.print(_state_table(setting, related))
        found = [q for e in related for q in _quirks_of(e, setting)]
        if found:
            out.print("\n[bold]Quirks[/bold]")
            for quirk in found:
                out.print(Padding.indent(Text(quirk.id, "yellow"), 2))
                out.print(Padding.indent(Text(quirk.title), 4))
        out.print(f"\n[bold]Invalid input[/bold]  crossoptim show {REFUSALS}/{name}", soft_wrap=True)

    return Page(data, "" if equation.algorithm else latex(equation), show)


def _quirks_of(ecosystem: Ecosystem, setting: Setting) -> list[Quirk]:
    classes = {b.name for b in ecosystem.bindings if b.rule == setting.rule.name}
    return [q for q in ecosystem.quirks if classes & set(q.bindings)]


def _print_equation(equation: Equation, out: Console) -> None:
    for line in equation.algorithm.splitlines():
        out.print(Padding.indent(Text(line, "green"), 2))
    for key, value in equation.scalars.items():
        out.print(Padding.indent(Text(f"{key} = {text(value)}", "cyan"), 2))
    for key, body in equation.statements:
        out.print(Padding.indent(Text(f"{key} = {body}", "green"), 2))


def _hyper_table(setting: Setting, related: list[Ecosystem]) -> Table:
    classes = [f"{e.title}\n{class_for(e, setting).name}" for e in related]
    table = plain_table("", "value", "default", "admissible", *classes, head="dim")
    for option in setting.rule.hyper:
        where = [foreign_text(class_for(e, setting), option) for e in related]
        interval = option.interval if isinstance(option, Real) else "true, false"
        row = (value_text(setting.values[option.name]), value_text(option.default), interval, *where)
        table.add_row(f"  {option.name}", *map(Text, row))
    return table


def class_for(ecosystem: Ecosystem, setting: Setting) -> Binding:
    """The class of a library that has the rule: the one that implements the setting, else its first one."""
    return ecosystem.binding(setting) or next(b for b in ecosystem.bindings if b.rule == setting.rule.name)


def foreign_text(binding: Binding, option: Real | Flag) -> str:
    """The foreign name of a hyperparameter, with its default where that is not ours."""
    for foreign, ours in binding.args.items():
        names = (ours,) if isinstance(ours, str) else ours
        if option.name not in names:
            continue
        place = names.index(option.name)
        label = foreign if isinstance(ours, str) else f"{foreign}[{place}]"
        if foreign not in binding.defaults:
            return f"{label} (required)"
        default = binding.defaults[foreign] if isinstance(ours, str) else binding.defaults[foreign][place]
        return label if default == option.default else f"{label} = {value_text(default)}"
    return "-"


def _state_table(setting: Setting, related: list[Ecosystem]) -> Table:
    table = plain_table("", "starts as", *(e.title for e in related), "meaning", head="dim")
    for var in setting.rule.state:
        keys = [class_for(e, setting).state.get(var.name, "-") for e in related]
        table.add_row(f"  {var.name}", var.init, *keys, var.doc)
    return table


def _quirk_page(quirk: Quirk) -> Page:
    data = {"id": quirk.id, **quirk_document(quirk)}

    def show(out: Console) -> None:
        out.print(Text(quirk.id, "bold yellow"))
        out.print(Padding.indent(Text(f"{quirk.title} ({quirk.kind})"), 2))
        for label, value in {
            "classes": ", ".join(quirk.bindings),
            "effect": "; ".join(effect_text(effect) for effect in data["effects"]),
            "upstream": quirk.upstream,
            "issue": quirk.issue,
            "versions": quirk.versions,
            "advice": quirk.advice,
            "page": f"docs/quirks/{quirk.id}.md",
        }.items():
            if value:
                row = Table.grid(padding=(0, 1))
                row.add_column(width=9, style="dim")
                row.add_column(overflow="fold")
                row.add_row(label, Text(str(value)))
                out.print(Padding.indent(row, 2))

    return Page(data, "", show)


_IN_FLOAT32 = {
    "all": "computes",
    "product": "computes, powers as products that grow from step to step,",
    "counted": "makes, from the step count on,",
    "last": "does the last operation of",
    "none": "holds",
}


def effect_text(effect: dict[str, Any]) -> str:
    """What a quirk's effect is, after "it"."""
    match effect["type"]:
        case "Edit":
            return f"computes {effect['replace']} where the equation has {effect['find']}"
        case "Conduct":
            return f"goes on with {', '.join(f'{key} = {value_text(value)}' for key, value in effect['values'].items())}"
        case "Forgets":
            return f"once resumed, keeps only {', '.join(effect['keeps'])} from step to step"
        case "HalfPrecision":
            return f"computes with bfloat16 numbers from A in {effect['first']} to A in {effect['last']}"
        case "LeavesZeros":
            return "leaves zeros in the gradients where zero_grad() is called"
        case "StartsAs":
            return f"starts {effect['variable']} as {effect['init']} of the first group"
        case "GradientAfter":
            return f"leaves {effect['expression']} in the gradient"
        case "Precision":
            return f"{_IN_FLOAT32[effect['operations']]} {', '.join(name.removesuffix(NEW) for name in effect['scalars'])} in float32"
        case _:
            return f"raises an error: {effect.get('message', '')}"


def _problem_page(problem: Problem) -> Page:
    data = next(row for row in problems() if row["name"] == problem.name)
    data |= {"start": {p.name: list(p.start) for p in problem.params}, "minimum": problem.minimum}

    def show(out: Console) -> None:
        out.print(Text.assemble((problem.name, "bold"), f": {problem.title}"))
        out.print(Padding.indent(Text(problem.source, "dim"), 2))
        for p in problem.params:
            out.print(Padding.indent(Text(f"{p.name} {list(p.shape)} from {list(p.start)}"), 2))

    return Page(data, "", show)


def _case_page(case: Case) -> Page:
    equation = trace(case.base)
    data = next(row for row in cases() if row["id"] == case.id)
    data |= {"optimizer": case.optimizer, "problem": case.problem_name, "dtype": case.dtype, "steps": case.steps}
    path = root() / VERSION / golden_path(case.id)
    groups = [{"params": list(g.params), "setting": format_setting(case.base.with_values(**g.hyper))} for g in case.initial_groups]
    data |= {"equation": equation.as_json(), "fixture": str(path), "groups": groups, "flags": flags_document(case.flags)}

    def show(out: Console) -> None:
        out.print(Text(case.id, "bold"))
        lines = [case.comment, f"{case.optimizer} ({format_setting(case.base)}) on {case.problem_name}, {case.dtype}, {case.steps} steps"]
        for number, group in enumerate(groups):
            lines.append(f"group {number} of {', '.join(group['params'])}: {group['setting']}")
        lines += event_lines(case)
        for line in lines:
            out.print(Padding.indent(Text(line), 2))
        flag_pages.print_flags(case.flags, out)
        out.print(f"  {path}", soft_wrap=True, markup=False)
        _print_equation(equation, out)

    return Page(data, "" if equation.algorithm else latex(equation), show)
