"""The score: of all mutants that are not equivalent, the share that some golden case catches."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any, Literal

from crossoptim.check.power import lbfgs, schedule_equivalence, schedules, stack
from crossoptim.check.power.criteria import CRITERIA
from crossoptim.check.power.equivalence import disagreement
from crossoptim.check.power.mutants import Mutant, mutants, settings
from crossoptim.check.power.reasons import reason
from crossoptim.errors import CrossoptimError

SCHEMA = "crossoptim/power/1"


@dataclass(frozen=True)
class Subject:
    """What is mutated: an equation by its id, one of L-BFGS's mutants by its name, or a schedule by its name."""

    kind: Literal["equation", "port", "schedule"]
    name: str

    @property
    def rule(self) -> str:
        """The rule or schedule that it belongs to, as fixtures name their folders."""
        return {"equation": self.name.split("[")[0], "port": "lbfgs", "schedule": f"schedules/{self.name}"}[self.kind]


@dataclass
class Score:
    """Counts of mutants. ``equivalent`` maps mutants to the reason why they are none, ``missed`` lists those that no case catches.

    ``others`` has for each criterion of other test suites how many of the mutants of the equations that it runs it catches, and how many
    those are.
    """

    mutants: int = 0
    caught: int = 0
    equivalent: dict[str, str] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    others: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """Caught mutants over those that are not equivalent; 1 where there is none."""
        real = self.mutants - len(self.equivalent)
        return self.caught / real if real else 1.0

    def __add__(self, other: Score) -> Score:
        others = dict(self.others)
        for key, (caught, of) in other.others.items():
            before = others.get(key, (0, 0))
            others[key] = (before[0] + caught, before[1] + of)
        return Score(
            self.mutants + other.mutants,
            self.caught + other.caught,
            {**self.equivalent, **other.equivalent},
            [*self.missed, *other.missed],
            others,
        )

    def as_json(self) -> dict[str, Any]:
        """As the report holds it."""
        shares = {key: {"caught": caught, "mutants": of} for key, (caught, of) in self.others.items()}
        return {
            "score": self.score,
            "mutants": self.mutants,
            "caught": self.caught,
            "equivalent": len(self.equivalent),
            **({"missed": self.missed} if self.missed else {}),
            **({"others": shares} if shares else {}),
        }


def subjects() -> list[Subject]:
    """Everything that is mutated, rule by rule, then the schedules."""
    rules = [*(Subject("equation", equation) for equation in settings()), *(Subject("port", wrong) for wrong in lbfgs.MUTANTS)]
    named = [Subject("schedule", name) for name in schedules.schedules()]
    return [*sorted(rules, key=lambda subject: subject.rule), *named]


def measured(subject: Subject, others: bool = False, every: int = 1) -> Score:
    """The score of one subject; of a sample, each ``every``-th of its mutants."""
    if subject.kind == "port":
        caught = lbfgs.caught_by(*lbfgs.MUTANTS[subject.name]) is not None
        return Score(1, int(caught), missed=[] if caught else [f"lbfgs: {subject.name}"])
    if subject.kind == "schedule":
        return _schedule(subject.name, every)
    chosen = mutants(subject.name, every)
    score = Score(len(chosen))
    for mutant in chosen:
        if stack.caught_by(mutant) is not None:
            score.caught += 1
        elif (why := equivalent(mutant)) is not None:
            score.equivalent[mutant.id] = why
        else:
            score.missed.append(mutant.id)
    if others:
        real = [mutant for mutant in chosen if mutant.id not in score.equivalent]
        for criterion in CRITERIA:
            if criterion.covers(subject.name):
                score.others[criterion.name] = (sum(map(criterion.catches, real)), len(real))
    return score


def _schedule(name: str, every: int) -> Score:
    score = Score()
    for wrong, same in list(schedules.mutants_of(name).items())[::every]:
        score.mutants += 1
        if any(schedules.caught_by(mutant) for mutant in same):
            score.caught += 1
        elif (why := reason(f"schedules/{name}", wrong)) is not None and schedule_equivalence.disagreement(same) is None:
            score.equivalent[f"schedules/{name}: {wrong}"] = why
        else:
            score.missed.append(f"schedules/{name}: {wrong}")
    return score


def equivalent(mutant: Mutant) -> str | None:
    """Why a mutant is the equation itself, where there is a reason and the machine agrees."""
    why = reason(mutant.original, mutant.wrong)
    return why if why is not None and disagreement(mutant) is None else None


def measure(
    chosen: Sequence[Subject], others: bool = False, every: int = 1, jobs: int = 1, tick: Callable[[str], None] = lambda _: None
) -> dict[str, Score]:
    """The scores by rule and schedule; on ``jobs`` processes."""
    found: dict[str, Score] = {rule: Score() for rule in dict.fromkeys(subject.rule for subject in chosen)}
    for subject, score in _each(chosen, others, every, jobs):
        found[subject.rule] += score
        tick(subject.name)
    return found


def _each(chosen: Sequence[Subject], others: bool, every: int, jobs: int) -> Iterator[tuple[Subject, Score]]:
    if jobs == 1:
        yield from ((subject, measured(subject, others, every)) for subject in chosen)
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(measured, subject, others, every): subject for subject in chosen}
        yield from ((futures[future], future.result()) for future in as_completed(futures))


def total(scores: Iterable[Score]) -> Score:
    """All scores together."""
    return sum(scores, Score())


def report(scores: dict[str, Score]) -> dict[str, Any]:
    """The JSON report."""
    together = total(scores.values())
    return {
        "schema": SCHEMA,
        "summary": {key: value for key, value in together.as_json().items() if key != "missed"},
        "rules": {rule: score.as_json() for rule, score in scores.items()},
        "equivalent": together.equivalent,
    }


def selected(pick: Callable[[list[str]], list[str]]) -> list[Subject]:
    """The subjects whose rule is picked."""
    every = subjects()
    rules = pick(list(dict.fromkeys(subject.rule for subject in every)))
    if not rules:
        raise CrossoptimError("nothing to mutate was selected")
    return [subject for subject in every if subject.rule in rules]
