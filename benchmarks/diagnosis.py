"""How much the diagnosis finds by itself: each known departure is taken out of its library's list, and searched for.

    python benchmarks/diagnosis.py [-r NAME ...] [--seconds 5]

For each departure of an optimizer's numbers, the cases on which it bears are run (R torch: as recorded) and judged without it; the first
``--cases`` that then diverge are diagnosed. *Right* is an explanation that makes the same change as the list: the same equation, the same
float32 numbers, the same start, or the same conduct. Departures that raise say what they are themselves, and are not counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from crossoptim.check.candidates import Candidate
from crossoptim.check.diagnose import diagnose
from crossoptim.check.judge import Judge
from crossoptim.errors import CrossoptimError
from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases
from crossoptim.golden.fixture import root
from crossoptim.golden.sites import cases_of_quirks
from crossoptim.golden.trajectory import Trajectory, golden
from crossoptim.runners.recorded import folders, load
from crossoptim.runners.registry import IMPLEMENTATIONS, Implementation, local_runner
from crossoptim.runners.request import read_trajectory
from crossoptim.spec.edit import apply
from crossoptim.spec.expr import parse, text
from crossoptim.spec.model import Edit, GradientAfter, Precision, Quirk, Raises, Setting
from crossoptim.spec.trace import trace

NAMES = ("torch-single", "torch-foreach", "torch-fused", "r-torch", "r-torch-ignite")


@dataclass(frozen=True)
class Found:
    """What became of one departure on one case."""

    quirk: str
    implementation: str
    case: str
    seconds: float
    right: bool
    said: str


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
            return _lines(apply(own, theirs)) == _lines(apply(own, mine))
        except CrossoptimError:
            return False
    left = [text(parse(effect.expression)) for effect in theirs if isinstance(effect, GradientAfter)]
    if left:
        return left == [text(parse(effect.expression)) for effect in mine if isinstance(effect, GradientAfter)]
    return any(effect in mine for effect in theirs)


def _float32(effects: Any) -> set[str]:
    return {name for effect in effects if isinstance(effect, Precision) for name in effect.scalars}


def _lines(equation: Any) -> list[str]:
    return [text(root) for root in (*equation.scalars.values(), *equation.outputs.values())]


def measure(name: str, most: int, seconds: float) -> Iterator[Found]:
    """Every departure of an implementation, on as many cases as are asked for."""
    implementation, cases = IMPLEMENTATIONS[name], all_cases()
    bearing = cases_of_quirks(cases.values())
    quirks = {quirk.id: quirk for case in cases.values() for quirk in implementation.quirks(case.base)}
    for quirk in quirks.values():
        if all(isinstance(effect, Raises) for effect in quirk.effects):
            continue
        done = 0
        for case in (cases[key] for key in bearing[quirk.id] if implementation.unsupported(cases[key]) is None):
            for mode, truth, got in runs(implementation, case):
                others = [other for other in implementation.quirks(case.base) if other.id != quirk.id]
                if Judge(case, truth, others).judge(got, mode).verdict != "diverges":
                    continue
                start = monotonic()
                found = diagnose(case, truth, got, mode, others, seconds)
                took = monotonic() - start
                setting = next(iter(case.timeline[-1].values())).setting
                hit = any(is_right(quirk, candidate, setting) for e in found.explanations for candidate in e.candidates)
                yield Found(quirk.id, name, case.id, took, hit, found.sentence())
                done += 1
            if done >= most:
                break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-r", "--runner", action="append", choices=NAMES)
    parser.add_argument("--cases", type=int, default=3, help="for each departure, at most")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each search")
    asked = parser.parse_args()
    found = [each for name in asked.runner or NAMES for each in measure(name, asked.cases, asked.seconds)]
    print("| departure | library | runs | found | slowest, s | what is said |\n|---|---|---|---|---|---|")
    groups: dict[tuple[str, str], list[Found]] = {}
    for each in found:
        groups.setdefault((each.quirk, each.implementation), []).append(each)
    for (quirk, implementation), of in groups.items():
        said = next((each.said for each in of if each.right), of[0].said)
        slowest = max(each.seconds for each in of)
        print(f"| `{quirk}` | {implementation} | {len(of)} | {sum(each.right for each in of)} | {slowest:.1f} | {said} |")
    quirks = {each.quirk for each in found}
    explained = {each.quirk for each in found if each.right}
    print(f"\n{len(explained)} of {len(quirks)} departures are found; {sum(e.right for e in found)} of {len(found)} runs;", end=" ")
    print(f"{sum(e.seconds < asked.seconds for e in found)} of them in less than {asked.seconds:g} s")
    print("not found: " + (", ".join(sorted(quirks - explained)) or "none"))


if __name__ == "__main__":
    main()
