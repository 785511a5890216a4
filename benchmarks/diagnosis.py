"""How much the diagnosis finds by itself: known departures that are taken out of their library's list, and mistakes made at random.

    python benchmarks/diagnosis.py [-r NAME ...] [--cases 3] [--mutants 200] [--seed 0] [--seconds 5]

*Departures.* For each departure of a library's numbers, the cases on which it bears are run (what lives outside this process: as recorded)
and judged without it; the first ``--cases`` that then diverge are diagnosed. *Found* is, of an optimizer's, an explanation that makes the
change that the list makes: the same equation, the same float32 numbers, the same start, or the same conduct; of a schedule's, whose
departures are listed as recursions, one that gives the same rates at every step. Departures that raise, or that are about what is accepted,
change no numbers: they say what they are themselves, and are counted apart.

*Mistakes.* A mutant of an equation (one of those that ``crossoptim power`` makes), drawn at random, is the foreign library on the first
case that tells it from the rule. *Explained* is one for which the diagnosis names a change that reproduces all of its numbers; *itself*
says that the change is the mutant's.

Seconds are of the processor, with ``--seconds`` of the clock for each search.
"""

from __future__ import annotations

import argparse
import random
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time
from typing import Any

from crossoptim.check.diagnosis.candidates import Candidate
from crossoptim.check.diagnosis.diagnose import Diagnosis, diagnose
from crossoptim.check.diagnosis.schedules import diagnose_schedule
from crossoptim.check.judge import Judge
from crossoptim.check.power import lbfgs, schedules, stack
from crossoptim.check.power.mutants import Mutant, mutants, settings
from crossoptim.check.power.replay import replayed, trajectory
from crossoptim.check.schedules import ScheduleJudge
from crossoptim.errors import CrossoptimError
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.fixture import root
from crossoptim.golden.schedules.cases import all_schedule_cases, get_schedule_case
from crossoptim.golden.schedules.rates import Rates
from crossoptim.golden.schedules.rates import golden as golden_rates
from crossoptim.golden.sites import cases_of_quirks
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.runners.kinds import Judged, kind_of
from crossoptim.runners.recorded import folders, load
from crossoptim.runners.registry import IMPLEMENTATIONS, Implementation, local_runner
from crossoptim.runners.request import read_trajectory
from crossoptim.runners.schedules import quirks_of, unsupported
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.edit import apply
from crossoptim.spec.expr import parse, text
from crossoptim.spec.model import Edit, GradientAfter, Precision, Quirk, Raises, Setting, StartsAs
from crossoptim.spec.schedule import ScheduleQuirk
from crossoptim.spec.trace import Equation, trace

NAMES = ("torch-single", "torch-foreach", "torch-fused", "r-torch", "r-torch-ignite")
OTHERS = tuple(name for name, i in IMPLEMENTATIONS.items() if i.ecosystem and name not in NAMES and i.own is None)


@dataclass(frozen=True)
class Found:
    """What became of one departure, or of one mistake, on one case."""

    what: str
    where: str
    case: str
    seconds: float
    right: bool
    said: str


# Departures.


def runs(implementation: Implementation, case: Case) -> Iterator[tuple[str, Trajectory, Trajectory]]:
    """Mode, golden trajectory, what the library does."""
    truth = golden(case)
    held: Any = None
    if implementation.module is None:
        held = load(folders(root(), implementation.name)[-1], case, truth)
    for mode in ("closed",) if case.base.rule.converse else ("replay",):
        answer = held.get(mode) if held is not None else local_runner(implementation.name).run(implementation.request(case, truth, mode))
        if answer and answer["outcome"] == "ok":
            yield mode, truth, read_trajectory(answer, case, case.id)


def is_right(quirk: Quirk, candidate: Candidate, setting: Setting) -> bool:
    """Whether a candidate makes the change that a quirk makes."""
    mine, theirs = candidate.effects, quirk.effects
    if setting.rule.converse:
        return any(effect in mine for effect in theirs) or bool(_float32(theirs) & _float32(mine))
    own = trace(setting)
    if _float32(theirs):
        return bool(_float32(theirs) & _float32(mine) & set(own.scalars))
    if any(isinstance(effect, Edit) for effect in theirs):
        try:
            return _lines(apply(own, theirs)) == _lines(_changed(own, candidate, setting))
        except CrossoptimError:
            return False
    left = [text(parse(effect.expression)) for effect in theirs if isinstance(effect, GradientAfter)]
    if left:
        return left == [text(parse(effect.expression)) for effect in mine if isinstance(effect, GradientAfter)]
    return any(effect in mine for effect in theirs)


def _changed(own: Equation, candidate: Candidate, setting: Setting) -> Equation:
    return trace(setting.with_values(**candidate.values)) if candidate.values else apply(own, candidate.effects)


def _float32(effects: Any) -> set[str]:
    return {name for effect in effects if isinstance(effect, Precision) for name in effect.scalars}


def _lines(equation: Equation) -> list[str]:
    return [text(root) for root in (*equation.scalars.values(), *equation.outputs.values())]


def of_optimizers(name: str, most: int, seconds: float) -> Iterator[Found]:
    """Every departure of an implementation's optimizers, on as many cases as are asked for."""
    implementation, cases = IMPLEMENTATIONS[name], all_cases()
    bearing = cases_of_quirks(cases.values())
    quirks = {quirk.id: quirk for case in cases.values() for quirk in implementation.quirks(case.base)}
    for quirk in quirks.values():
        if kind_of_quirk(quirk) != "numbers":
            continue
        done = 0
        for case in (cases[key] for key in bearing[quirk.id] if implementation.unsupported(cases[key]) is None):
            for mode, truth, got in runs(implementation, case):
                others = [other for other in implementation.quirks(case.base) if other.id != quirk.id]
                judgement = Judge(case, truth, others).judge(got, mode)
                if judgement.verdict != "diverges":
                    continue
                start = process_time()
                found = diagnose(case, truth, got, mode, others, seconds, judgement=judgement)
                took = process_time() - start
                wheres = {id(m.setting): m.setting for members in case.timeline for m in members.values()}.values()
                candidates = [candidate for e in found.explanations for candidate in e.candidates]
                hit = any(is_right(quirk, candidate, setting) for candidate in candidates for setting in wheres)
                yield Found(quirk.id, name, case.id, took, hit, found.sentence())
                done += 1
            if done >= most:
                break


def of_schedules(name: str, most: int, seconds: float) -> Iterator[Found]:
    """Every departure of an implementation's schedules."""
    implementation = IMPLEMENTATIONS[name]
    done: Counter[str] = Counter()
    for case in all_schedule_cases().values():
        quirks = [q for q in quirks_of(implementation, case.schedule) if q.departs and q.applies(case.site)]
        if not quirks or unsupported(implementation, case) is not None or done[quirks[0].id] >= most:
            continue
        kind, truth = kind_of(case), golden_rates(case)
        if implementation.module is None:
            answer = kind.load(folders(root(), name)[-1], case, truth, None).get("replay")
        else:
            answer = kind.ask(implementation, case, truth, "replay", local_runner(name).run)
        ignored = [quirk.id for quirk in quirks]
        if not answer or answer["outcome"] != "ok":
            continue
        judgement = kind.judge(implementation, case, truth, ignored)(answer, "replay")
        if judgement.verdict == "diverges":
            start = process_time()
            found = kind.diagnose(implementation, case, truth, Judged(answer, "replay", ignored, judgement), seconds)
            assert found is not None
            yield Found(quirks[0].id, name, case.id, process_time() - start, bool(found.explanations), found.sentence())
            done[quirks[0].id] += 1


def kind_of_quirk(quirk: Quirk) -> str:
    """What a departure changes."""
    if isinstance(quirk, ScheduleQuirk):
        return "rates" if quirk.departs else "errors"
    if not quirk.effects or not hasattr(quirk, "when"):
        return "input"
    if all(isinstance(effect, Raises) for effect in quirk.effects):
        return "input" if type(quirk) is not Quirk else "errors"
    return "input" if type(quirk) is not Quirk else "numbers"


# Mistakes.


def of_rules(number: int, draw: random.Random, seconds: float) -> Iterator[Found]:
    """Mutants of the rules' equations: each rule as often, of its mutants any."""
    rules: dict[str, list[str]] = {}
    for equation in sorted(settings()):
        rules.setdefault(equation.partition("[")[0], []).append(equation)
    for place in range(number):
        rule = sorted(rules)[place % len(rules)]
        mutant = draw.choice(mutants(draw.choice(rules[rule])))
        case_id = stack.caught_by(mutant)
        if case_id is None:
            continue
        case, truth = get_case(case_id), trajectory(case_id)
        try:
            got = replayed(case, mutant)
        except (ValueError, IndexError):  # it raises, and so explains itself
            continue
        judgement = Judge(case, truth).judge(got, "replay")
        if judgement.verdict == "diverges":
            start = process_time()
            found = diagnose(case, truth, got, "replay", (), seconds, judgement=judgement)
            yield _mistake(mutant.id, rule, case_id, process_time() - start, found, _is_itself(mutant, case, found))


def _is_itself(mutant: Mutant, case: Case, found: Diagnosis) -> bool:
    wheres = {id(m.setting): m.setting for members in case.timeline for m in members.values()}.values()
    for setting in (setting for setting in wheres if trace(setting).id == mutant.original):
        for candidate in (candidate for e in found.explanations for candidate in e.candidates):
            begun = {effect.variable: effect.init for effect in candidate.effects if isinstance(effect, StartsAs)}
            if mutant.values or mutant.starts:
                if candidate.values == mutant.values and begun == mutant.starts:
                    return True
                continue
            try:
                if _lines(_changed(trace(setting), candidate, setting)) == _lines(mutant.equation):
                    return True
            except CrossoptimError:
                continue
    return False


def of_schedule_texts(number: int, draw: random.Random, seconds: float) -> Iterator[Found]:
    """Mutants of the schedules' texts."""
    names = schedules.schedules()
    for place in range(number):
        name = names[place % len(names)]
        made = schedules.mutants_of(name)
        mutant = draw.choice(made[draw.choice(sorted(made))])
        case_id = schedules.caught_by(mutant)
        if case_id is None:
            continue
        case = get_schedule_case(case_id)
        truth = golden_rates(case)
        try:
            rows = schedules.in_floats(mutant.statements, case, 0)
            keys = list(truth.columns)
            got = Rates({k: [[float(r[k]), *w[1:]] for r, w in zip(rows, truth.columns[k], strict=True)] for k in keys})
        except (ArithmeticError, ValueError, TypeError):  # it raises, and so explains itself
            continue
        judgement = ScheduleJudge(case, truth).judge(got)
        if judgement.verdict == "diverges" and len(case.groups) == 1:
            start = process_time()
            found = diagnose_schedule(case, got, judgement, seconds)
            after = {f"{key} = {body}" for key, body in mutant.statements}
            itself = any(e.after and set(e.after) <= after for e in found.explanations)
            yield _mistake(mutant.id, f"schedules/{name}", case_id, process_time() - start, found, itself)


def of_lbfgs(seconds: float) -> Iterator[Found]:
    """The mutants of L-BFGS, which has no graph."""
    for said, (old, new) in lbfgs.MUTANTS.items():
        converse = lbfgs.conversation(old, new)
        for case in lbfgs.cases():
            try:
                got = lbfgs.run(case, converse)
            except (RuntimeError, ArithmeticError):
                continue
            judgement = Judge(case, trajectory(case.id)).judge(got, "closed")
            if judgement.verdict == "diverges":
                start = process_time()
                found = diagnose(case, trajectory(case.id), got, "closed", (), seconds, judgement=judgement)
                yield _mistake(said, "lbfgs", case.id, process_time() - start, found, False)
                break


def _mistake(what: str, where: str, case: str, seconds: float, found: Diagnosis, itself: bool) -> Found:
    said = ("itself" if itself else "the same numbers") if found.explanations else "nothing"
    return Found(what, where, case, seconds, bool(found.explanations), said)


# What is printed.


def departures(asked: argparse.Namespace) -> None:
    names = asked.runner or NAMES
    found = [each for name in names for each in of_optimizers(name, asked.cases, asked.seconds)]
    found += [each for name in names for each in of_schedules(name, asked.cases, asked.seconds)]
    print("| departure | library | runs | found | slowest, s | what is said |\n|---|---|---|---|---|---|")
    groups: dict[tuple[str, str], list[Found]] = {}
    for each in found:
        groups.setdefault((each.what, each.where), []).append(each)
    for (quirk, implementation), of in groups.items():
        said = next((each.said for each in of if each.right), of[0].said)
        slowest = max(each.seconds for each in of)
        said = said if len(said) < 250 else said.split(" (", 1)[0]  # without the equations
        print(f"| `{quirk}` | {implementation} | {len(of)} | {sum(each.right for each in of)} | {slowest:.1f} | {said} |")
    known = {q.id: q for n in names if (e := IMPLEMENTATIONS[n].ecosystem) for q in get_ecosystem(e).quirks}
    kinds = {key: kind_of_quirk(quirk) for key, quirk in known.items()}
    shown = {each.what for each in found}
    for kind in ("numbers", "rates"):
        of_kind = [each for each in found if kinds[each.what] == kind]
        explained = {each.what for each in of_kind if each.right}
        print(f"\n{kind}: {len(explained)} of {len({e.what for e in of_kind})} departures are found;", end=" ")
        print(f"{sum(e.right for e in of_kind)} of {len(of_kind)} runs;", end=" ")
        print(f"{sum(e.seconds < asked.seconds for e in of_kind)} of them in less than {asked.seconds:g} s", end="")
    wrong = [f"{each.what} ({each.where}, {each.case}): {each.said}" for each in found if not each.right]
    print("\n" + "\n".join(f"not found: {each}" for each in wrong))
    counts = Counter(kinds.values())
    print(f"not counted: {counts['errors']} that raise, {counts['input']} about what is accepted;", end=" ")
    unseen = [key for key, kind in kinds.items() if kind in ("numbers", "rates") and key not in shown]
    print(f"without a run that shows them: {', '.join(unseen) or 'none'}")


def mistakes(asked: argparse.Namespace) -> None:
    draw = random.Random(asked.seed)
    parts = {
        "optimizers' equations": of_rules(asked.mutants, draw, asked.seconds),
        "schedules' texts": of_schedule_texts(asked.mutants, draw, asked.seconds),
        "L-BFGS": of_lbfgs(asked.seconds) if asked.mutants else iter(()),
    }
    print("| mistakes in | tried | explained | the change itself | median, s | slowest, s |\n|---|---|---|---|---|---|")
    unexplained = []
    for name, part in parts.items():
        if found := list(part):
            times = sorted(each.seconds for each in found)
            hits, itself = sum(each.right for each in found), sum(each.said == "itself" for each in found)
            print(f"| {name} | {len(found)} | {hits} | {itself} | {times[len(times) // 2]:.1f} | {times[-1]:.1f} |", flush=True)
            unexplained += [each for each in found if not each.right]
    print("\n" + "\n".join(f"not explained: {each.what} ({each.case})" for each in unexplained))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-r", "--runner", action="append", choices=(*NAMES, *OTHERS))
    parser.add_argument("--cases", type=int, default=3, help="for each departure, at most; 0 leaves departures out")
    parser.add_argument("--mutants", type=int, default=0, help="drawn of the optimizers, and as many of the schedules")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each search")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.cases:
        departures(asked)
    if asked.mutants:
        mistakes(asked)


if __name__ == "__main__":
    main()
