"""A relay: an optimizer of one library takes the first half of a case, another the second, with a saved state between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import crossoptim
from crossoptim.check.judge import Judge, Run
from crossoptim.check.predict import Row, Scalar, kept_after, kept_choices
from crossoptim.check.verdict import Judgement
from crossoptim.golden.case import Case, Event
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.evaluations import Evaluations
from crossoptim.golden.trajectory import Trajectory, golden, initial_params
from crossoptim.optim.namespace import Tensors
from crossoptim.runners.registry import IMPLEMENTATIONS
from crossoptim.runners.request import arguments, objective_text
from crossoptim.runners.torch_adapter import DTYPES, one_thread_float32
from crossoptim.spec.ecosystems.pytorch import pytorch
from crossoptim.spec.expr import evaluate, parse
from crossoptim.spec.model import Quirk
from crossoptim.state.saved import Saved, read_state
from crossoptim.state.torch_state import snapshot

STEPS, HALF = 30, 15
QUIRKS_OF = {"torch": "torch-single", "r-torch": "r-torch", "r-torch-ignite": "r-torch-ignite"}
"""The libraries that depart from the specification, as the registry calls them."""


def plain_cases() -> list[Case]:
    """One of each rule that has an equation, as golden fixtures have it."""
    found = [case for case in all_cases().values() if case.id.endswith(("/plain-ravine-f64", "/plain-matrix_ravine-f64"))]
    return [case for case in found if not case.base.rule.converse]


def closure_cases() -> list[Case]:
    """One iteration of L-BFGS a step, on a vector, and on a matrix, a vector and a 0-d tensor."""
    plain = get_case("lbfgs/plain-ravine-f64")
    return [plain, replace(plain, id="lbfgs/relay-shapes-f64", problem_name="shapes")]


def other_cases() -> list[Case]:
    """A velocity with dampening, whose first step differs; float32; groups with options of their own, in both dtypes."""
    momentum = get_case("sgd/momentum-ravine-f64")
    return [
        replace(momentum, id="sgd/relay_dampening-ravine-f64", hyper={**momentum.hyper, "dampening": 0.25}, steps=STEPS),
        replace(get_case("adam/plain-ravine-f64"), id="adam/relay-ravine-f32", dtype="float32"),
        *(
            replace(get_case(f"adamw/groups-injected_1d-{key}"), id=f"adamw/relay_groups-injected_1d-{key}", steps=STEPS)
            for key in ("f32", "f64")
        ),
    ]


class Steps:
    """What each step left: a snapshot for each, in NumPy arrays by parameter, then "" for it or the state variable.

    ``evaluations``: of an optimizer that chooses where to evaluate.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, dict[str, Any]]] = []
        self.evaluations: list[Evaluations] = []

    def add(self, saved: Saved) -> None:
        """Record what an optimizer of this process holds."""
        found = {name: {"": saved.tensors[f"params/{name}"], **saved.state(name)} for name in saved.parameters}
        self.rows.append({name: {var: value.numpy() for var, value in held.items()} for name, held in found.items()})


def has(library: str, case: Case) -> bool:
    """Whether a library can run the case."""
    if library in ("torch", "r-torch", "r-torch-ignite"):
        implementation = IMPLEMENTATIONS[QUIRKS_OF[library]]
        return implementation.binding(case.base) is not None and implementation.unsupported(case) is None
    return library != "base-r" or case.base.rule.converse is None


def quirks(library: str, case: Case) -> list[Quirk]:
    """The named departures of a library."""
    return IMPLEMENTATIONS[QUIRKS_OF[library]].quirks(case.base) if library in QUIRKS_OF else []


def run(library: str, case: Case, truth: Trajectory, first: bool, load: Path | None = None, save: Path | None = None) -> Steps:
    """Half of a case in Python: with torch.optim, or with crossoptim.

    The second half begins with parameters of zeros, and an optimizer that has its defaults but for another learning rate.
    """
    out = Steps()
    with one_thread_float32():
        optimizer, tensors = _made(library, case, first)
        if load:
            crossoptim.load_optimizer_state(optimizer, load)
        step = _closure_step(optimizer, tensors, case, out) if case.base.rule.converse else _plain_step(optimizer, tensors, case, truth)
        for number in range(HALF) if first else range(HALF, STEPS):
            step(number)
            out.add(snapshot(optimizer))
        if save:
            crossoptim.save_optimizer_state(optimizer, save)
    return out


def _made(library: str, case: Case, first: bool) -> tuple[torch.optim.Optimizer, dict[str, torch.Tensor]]:
    binding = pytorch.binding(case.base)
    namespace: Any = torch.optim if library == "torch" else crossoptim.optim
    made = getattr(namespace, binding.name if binding else case.base.rule.class_name)
    start = initial_params(case)
    tensors = {n: torch.from_numpy(v.copy() if first else np.zeros_like(v)).requires_grad_() for n, v in start.items()}
    groups: list[dict[str, Any]] = []
    for group in case.initial_groups:
        setting = case.base.with_values(**group.hyper)
        given = arguments(setting, binding) if binding else dict(setting.values)
        options = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items() if value is not None}
        groups.append({"params": [(name, tensors[name]) for name in group.params], **(options if first else {"lr": 0.123})})
    return made(groups), tensors


def _plain_step(optimizer: Any, tensors: Mapping[str, torch.Tensor], case: Case, truth: Trajectory) -> Callable[[int], None]:
    """A step with the golden gradients."""
    binding = pytorch.binding(case.base)

    def step(number: int) -> None:
        for name, tensor in tensors.items():
            row = truth.injected(name)[number]
            grad = None if row is None else torch.from_numpy(np.array(row)).to(DTYPES[case.dtype])
            tensor.grad = grad.to_sparse() if grad is not None and binding and binding.gradients == "sparse" else grad
        optimizer.step()

    return step


def _closure_step(optimizer: Any, tensors: Mapping[str, torch.Tensor], case: Case, out: Steps) -> Callable[[int], None]:
    """A step that evaluates the problem where it wants."""
    objective = objective_text(case.problem)
    data = {key: torch.tensor(d["data"], dtype=DTYPES[case.dtype]).reshape(d["shape"]) for key, d in objective["data"].items()}

    def step(_: int) -> None:
        seen = Evaluations.of(list(tensors))

        def closure() -> Any:
            optimizer.zero_grad()
            env: dict[str, Any] = {**data, **tensors}
            for label, text in objective["statements"]:
                env[label] = evaluate(parse(text), env, Tensors)
            env["loss"].backward()
            at = {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}
            seen.add(at, float(env["loss"].detach()), {name: tensor.grad.numpy().copy() for name, tensor in tensors.items()})
            return env["loss"]

        optimizer.step(closure)
        out.evaluations.append(seen)

    return step


def judge_first(case: Case, truth: Trajectory, library: str, first: Steps) -> Judgement:
    """The verdict on a first half: one step from the library's own previous state."""
    return Judge(replace(case, steps=HALF), _cut(truth), quirks(library, case)).judge(_cut(_trajectory(truth, first.rows)), "replay")


def judge_second(case: Case, truth: Trajectory, library: str, first: Steps, second: Steps, file: Path) -> Judgement:
    """The verdict on a second half, whose first step goes from where the other library's first half ended."""
    got = _trajectory(truth, [*first.rows, *second.rows])
    resumed = replace(case, events=(*case.events, Event("resume", step=HALF + 1)))
    kept = {name: dict(one.kept) for name, one in read_state(file).parameters.items()}
    return _Rest(Judge(resumed, truth, quirks(library, case)), got, kept).judgement()


def judge_conversation(case: Case, truth: Trajectory, libraries: tuple[str, str], first: Steps, second: Steps) -> Judgement:
    """The verdict on both halves of an optimizer that chooses where to evaluate; departures of either library may show in each."""
    seen = [*first.evaluations, *second.evaluations]
    rows = _trajectory(truth, [*first.rows, *second.rows])
    got = replace(
        rows,
        state={},
        grads={name: [one.grads[name][0] for one in seen] for name in rows.params},
        loss=[one.loss[0] for one in seen],
        evaluations=seen,
    )
    named = {quirk.id: quirk for library in libraries for quirk in quirks(library, case)}
    return Judge(case, truth, list(named.values())).judge(got, "closed")


class _Rest(Run):
    """Judges the steps of the second half; the numbers that are kept from step to step begin as the file has them."""

    def __init__(self, judge: Judge, got: Trajectory, kept: Mapping[str, Mapping[str, float]]) -> None:
        super().__init__(judge, got, "replay")
        self.kept = kept

    def rows(self, name: str) -> Iterator[Row]:
        kept = {key: Scalar(value, value, 0.0, 0.0) for key, value in self.kept[name].items()}
        bent, others = kept, []
        for row in super().rows(name):
            if row.step > HALF:
                row = replace(row, kept=kept, bent_kept=bent, bent_others=others)
                yield row
                if kept:
                    kept, (bent, *others) = kept_after(row), kept_choices(row.bent(), self.judge.active(row.member, row.loaded))


def _trajectory(truth: Trajectory, rows: list[dict[str, dict[str, Any]]]) -> Trajectory:
    names = list(rows[0])
    variables = {name: sorted({var for row in rows for var in row[name] if var}) for name in names}
    return Trajectory(
        params={name: [row[name][""] for row in rows] for name in names},
        state={name: {var: [row[name].get(var) for row in rows] for var in variables[name]} for name in names},
        grads=truth.grads,
        loss=truth.loss,
    )


def _cut(whole: Trajectory) -> Trajectory:
    def short(table: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        return {key: column[:HALF] for key, column in table.items()}

    return replace(
        whole,
        params=short(whole.params),
        state={key: short(columns) for key, columns in whole.state.items()},
        grads=short(whole.grads),
        scalars=short(whole.scalars),
        loss=whole.loss[:HALF],
    )


def golden_of(case: Case) -> Trajectory:
    """The golden trajectory, of thirty steps."""
    assert case.steps == STEPS
    return golden(case)
