"""The shortest golden case in which a departure shows: as few parameters, events and steps as it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.errors import CrossoptimError
from crossoptim.golden.case import Case, Group
from crossoptim.golden.cases import all_cases
from crossoptim.golden.export import read_manifest
from crossoptim.golden.fixture import VERSION, golden_path, load, root
from crossoptim.golden.sites import Sites
from crossoptim.golden.trajectory import Trajectory, conversation, initial_params
from crossoptim.golden.trajectory import golden as golden_trajectory
from crossoptim.quirks.departure import depart
from crossoptim.runners import recorded
from crossoptim.runners.registry import IMPLEMENTATIONS, Implementation
from crossoptim.runners.request import read_trajectory
from crossoptim.spec.ecosystems import all_ecosystems, all_quirks
from crossoptim.spec.model import Binding, Conduct, Ecosystem, HalfPrecision, Precision, Quirk, Raises

Array = NDArray[Any]
_VISIBLE = 1e-3  # relative difference that six digits show
_SMALL = "tiny"  # the problem with gradients below any eps
_SLIGHT = 1e-10  # of numbers made in float32 in a float64 run


@dataclass(frozen=True)
class Showing:
    """Where a departure shows.

    ``case`` is cut down from the one called ``case.id``, ``members`` are the parameters that are left; ``golden`` is the whole case's. What
    differs after the last step is ``tensor`` of ``param``: the parameter, its gradient (``grad``), or a state variable. ``right`` is the
    golden number, or where the library has other departures there, what it would give without this one; None where it raises instead.
    ``wrong`` is None where it raises, or where its numbers are known to a bound only.
    """

    quirk: Quirk
    ecosystem: Ecosystem
    implementation: Implementation
    binding: Binding
    case: Case
    members: tuple[str, ...]
    golden: Trajectory
    param: str = ""
    tensor: str = ""
    right: Array | None = None
    wrong: Array | None = None


def ecosystem_of(quirk: Quirk) -> Ecosystem:
    """The library that a quirk belongs to."""
    return next(e for e in all_ecosystems().values() if any(known.id == quirk.id for known in e.quirks))


def implementation_of(quirk: Quirk) -> Implementation:
    """The first execution path on which a quirk is seen; where none is run here, the library's first one."""
    ecosystem = ecosystem_of(quirk)
    paths = [i for i in IMPLEMENTATIONS.values() if i.ecosystem == ecosystem.name]
    paths = paths or [Implementation(ecosystem.name, ecosystem.title, ecosystem.name)]
    return next((i for i in paths if i.name in quirk.implementations), paths[0])


def cases_of(quirk: Quirk) -> list[str]:
    """The ids of the optimizers' cases on which a quirk bears."""
    return list(_cases_of(quirk.id))


@cache
def _cases_of(quirk_id: str) -> tuple[str, ...]:
    quirk = all_quirks()[quirk_id]
    ecosystem = ecosystem_of(quirk)
    asked = [c for c in all_cases().values() if (b := ecosystem.binding(c.base)) and b.name in quirk.bindings]
    return tuple(c.id for c in asked if bears(quirk, c, golden_case(c.id)[1] if c.base.rule.converse else None))


@cache
def golden_case(case_id: str) -> tuple[Case, Trajectory]:
    """A case of an optimizer with its golden trajectory, from the fixtures."""
    return load(root() / VERSION / golden_path(case_id), _hashes().get(golden_path(case_id)))


@cache
def _hashes() -> dict[str, str]:
    return read_manifest(root())


def showing(quirk: Quirk) -> Showing | None:
    """Where an optimizer's quirk shows soonest; None where no case tells it from what else the library does."""
    return _showing(quirk.id)


def shown(quirk: Quirk) -> Showing:
    """As :func:`showing`.

    Raises:
        CrossoptimError: where that is None.
    """
    if (found := showing(quirk)) is None:
        raise CrossoptimError(f"{quirk.id}: shows in none of its cases")
    return found


@cache  # by id: what an effect holds need not have a hash
def _showing(quirk_id: str) -> Showing | None:
    quirk = all_quirks()[quirk_id]
    ecosystem, implementation = ecosystem_of(quirk), implementation_of(quirk)
    slight = not quirk.effects or any(isinstance(effect, Precision) for effect in quirk.effects)
    for cases in (_golden_cases, _varied_cases):
        every = cases(quirk)
        whole = cache(lambda case_id, known=tuple(every): _whole(next(case for case in known if case.id == case_id)))
        for share in (_SLIGHT,) if slight else (_VISIBLE, _SLIGHT):
            for case, members in _candidates(quirk, implementation, every):
                binding = ecosystem.binding(case.base)
                assert binding is not None
                if share == _SLIGHT and not slight and case.dtype == "float32":
                    continue  # rounding is not told from it
                here = Showing(quirk, ecosystem, implementation, binding, case, members, whole(case.id))
                found = _closure(here, share) if case.base.rule.converse else _stepped(here, share)
                if found:
                    return found
    return None


def _whole(case: Case) -> Trajectory:
    return golden_case(case.id)[1] if case.id in all_cases() else golden_trajectory(case)


def _golden_cases(quirk: Quirk) -> list[Case]:
    return [golden_case(case_id)[0] for case_id in cases_of(quirk)]


def _varied_cases(quirk: Quirk) -> list[Case]:
    """What no golden case shows: cases in the variant that the class computes, where eps is felt, in a dtype that it has."""
    ecosystem, out = ecosystem_of(quirk), []
    for case in all_cases().values():
        binding = ecosystem.binding(case.base)
        if binding is None or binding.name not in quirk.bindings or case.base.rule.converse:
            continue
        dtype = case.dtype if case.dtype in ecosystem.dtypes else ecosystem.dtypes[0]
        felt = {key: value for key, value in case.base.rule.examples().items() if key == "eps" and key in binding.args.values()}
        small = [_SMALL] if case.problem_name == "injected" else []  # gradients
        options: list[Mapping[str, Any]] = [{}, felt, binding.switches, {**binding.switches, **felt}]
        for more, problem in product(options, (case.problem_name, *small)):
            said = [f"{key} = {value}" for key, value in more.items()]
            said += [f"{problem} gradients"] * (problem != case.problem_name) + [dtype] * (dtype != case.dtype)
            name = f"{case.id} with {', '.join(said)}"
            out.append(replace(case, id=name, hyper={**case.hyper, **more}, problem_name=problem, dtype=dtype))
    return out


def _candidates(quirk: Quirk, implementation: Implementation, every: Sequence[Case]) -> Iterator[tuple[Case, tuple[str, ...]]]:
    """Cases on which it bears, cut down in every way that leaves each group a parameter; the simplest first."""
    here = [case for case in every if implementation.unsupported(case) is None and _writable(case, implementation)]
    cut = [(_only(case, members), members) for case in here for members in _subsets(case)]
    for case, members in sorted(cut, key=lambda found: _plainness(*found)):
        if bears(quirk, case, golden_case(case.id)[1] if case.base.rule.converse else None):
            yield case, members


def _writable(case: Case, implementation: Implementation) -> bool:
    """R torch makes float32 of a number on the left of a 0-d tensor, which objectives in R's own words do."""
    scalars = any(param.shape == () for param in case.problem.params)
    return not (case.base.rule.converse and scalars and case.dtype == "float64" and implementation.ecosystem == "r_torch")


def _plainness(case: Case, members: Sequence[str]) -> tuple[Any, ...]:
    wild = case.base.rule.converse and any(not np.isfinite(loss) for one in golden_case(case.id)[1].evaluations for loss in one.loss)
    mine = [param for param in case.problem.params if param.name in members]
    shaped = sum(len(param.shape) != 1 for param in mine)
    size = sum(int(np.prod(param.shape)) for param in mine)
    simple = (case.problem.minimum is None, len(case.events), shaped, case.dtype != "float64", len(case.hyper), len(mine), size)
    return wild, len(case.hyper) if case.base.rule.converse else 0, *simple, case.steps, case.id


def _subsets(case: Case) -> list[tuple[str, ...]]:
    """All parameters, and each one alone, with the smallest of each group that it is not in."""
    names = [param.name for param in case.problem.params]
    if case.base.rule.converse:
        return [tuple(names)]
    sizes = {param.name: (int(np.prod(param.shape)) or 99, abs(len(param.shape) - 1)) for param in case.problem.params}
    groups = [g.params for g in case.initial_groups] + [e.params for e in case.events if e.kind == "add_group"]
    out = [tuple(names)]
    for chosen in names:
        kept = {chosen, *(min(group, key=lambda n: sizes[n]) for group in groups if chosen not in group)}
        out.append(tuple(name for name in names if name in kept))
    return list(dict.fromkeys(out))


def _only(case: Case, members: Sequence[str]) -> Case:
    groups = tuple(Group(tuple(n for n in g.params if n in members), g.hyper) for g in case.initial_groups)
    events = tuple(replace(e, params=tuple(n for n in e.params if n in members)) for e in case.events)
    return replace(case, groups=groups, events=tuple(e for e, was in zip(events, case.events, strict=True) if e.params or not was.params))


def until(case: Case, steps: int) -> Case:
    """The first steps of a case."""
    return replace(case, steps=steps, events=tuple(e for e in case.events if e.step <= steps))


def bears(quirk: Quirk, case: Case, golden: Trajectory | None = None) -> bool:
    """Whether a quirk's condition holds somewhere in a case."""
    return any(quirk.when(site) for site in Sites(case, golden.evaluations if golden else ()).every())


def _stepped(here: Showing, share: float) -> Showing | None:
    quirk, case, golden = here.quirk, here.case, here.golden
    if any(isinstance(effect, Raises) for effect in quirk.effects):
        case = _sooner(quirk, case)
        step = next(k for k in range(1, case.steps + 1) if bears(quirk, until(case, k)))
        return replace(here, case=until(case, step))
    every = known_quirks(here)
    others = [q for q in every if q is not quirk]

    def given(step: int, _: Mapping[str, Array]) -> dict[str, Array | None]:
        return {name: golden.injected(name)[step - 1] for name in golden.params}

    bent = depart(case, every, given)
    try:
        # one that has no effect of its own is what comes of a state that was saved and loaded
        uninterrupted = replace(case, events=tuple(e for e in case.events if e.kind != "resume"))
        without = depart(case, others, given) if quirk.effects else depart(uninterrupted, every, given)
    except CrossoptimError:  # an edit of another quirk needs this one's
        without = golden
    half = any(isinstance(effect, HalfPrecision) for effect in quirk.effects)
    for step in range(1, case.steps + 1):
        if not bears(quirk, until(case, step)):
            continue
        for tensor in ("", "grad", *(var.name for var in case.base.rule.state)):
            for name in here.members:
                right, wrong, else_ = (_row(run, name, tensor, step) for run in (golden, bent, without))
                if right is None or wrong is None or else_ is None:
                    continue
                seen = not (_near(right, wrong, share) or _near(else_, wrong, share))
                if seen or (half and not _near(right, initial_params(case)[name], share)):
                    right = right if _near(right, else_, _SLIGHT) else else_
                    cut = replace(here, case=until(case, step), param=name, tensor=tensor, right=right)
                    return cut if half else replace(cut, wrong=wrong)
    return None


def known_quirks(found: Showing) -> list[Quirk]:
    """All quirks of the class on the execution path, in their order, which matters where one builds on another."""
    known = found.implementation.quirks(found.case.base)
    return known if found.quirk in known else [*known, found.quirk]


def _sooner(quirk: Quirk, case: Case) -> Case:
    """The case with its events at the second step already, where no number is looked at."""
    early = replace(case, events=tuple(replace(e, step=min(e.step, 2)) for e in case.events))
    return early if [e.kind for e in case.events] == ["set"] and bears(quirk, early) else case


def _row(trajectory: Trajectory, name: str, tensor: str, step: int) -> Array | None:
    if tensor in ("", "grad"):
        rows = trajectory.params[name] if not tensor else trajectory.grads_after.get(name, trajectory.grads[name])
        return rows[step - 1]
    column = trajectory.state.get(name, {}).get(tensor)
    return column[step - 1] if column else None


def _near(a: Array, b: Array, share: float) -> bool:
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    with np.errstate(all="ignore"):
        apart = np.abs(a - b) > share * np.maximum(np.abs(a), np.abs(b))
    return not (apart | (np.isnan(a) != np.isnan(b)) | (np.isinf(a) != np.isinf(b))).any()


def _closure(here: Showing, share: float) -> Showing | None:
    quirk, case, golden = here.quirk, here.case, here.golden
    if any(isinstance(effect, Raises) for effect in quirk.effects):
        return here
    conduct = next((dict(e.values) for e in quirk.effects if isinstance(e, Conduct)), None)
    predicted = conversation(case, conduct) if conduct else None
    bent = _recorded(here) if here.ecosystem.language == "R" else predicted
    if bent is None:
        return None
    start = initial_params(case)
    for step in range(max((e.step for e in case.events), default=1), case.steps + 1):
        for name in here.members:
            right, *others = (_row(run, name, "", step) for run in (golden, bent, predicted) if run)
            wrong = others[0]
            assert right is not None and wrong is not None
            if share == _SLIGHT and _far(right, wrong, start[name], _VISIBLE):
                return None  # float32 numbers do not do that
            if all(other is not None and _far(right, other, start[name], share) for other in others):
                return replace(here, case=until(case, step), param=name, right=right, wrong=wrong)
    return None


def _far(a: Array, b: Array, start: Array, share: float) -> bool:
    """Whether two points differ, measured by how far the start is: where a minimum is zero, what is left of it is rounding."""
    size = float(np.max(np.abs(start)))
    return bool(np.isnan(a).any() != np.isnan(b).any() or (np.abs(a - b) > share * size).any())


def _recorded(here: Showing) -> Trajectory | None:
    """What the library was recorded to do in closed loop."""
    whole, _ = golden_case(here.case.id)
    for folder in recorded.folders(root(), here.implementation.name):
        answer = recorded.load(folder, whole, here.golden).get("closed")
        if answer and answer["outcome"] == "ok":
            return read_trajectory(answer, whole, here.case.id)
    return None
