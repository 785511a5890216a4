"""Takes a run to an implementation and brings back its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from crossoptim.check.judge import ulps
from crossoptim.errors import RunnerError, UnavailableError
from crossoptim.golden.trajectory import Trajectory, golden, initial_params
from crossoptim.runners.registry import Runners, get_implementation
from crossoptim.runners.request import read_trajectory
from crossoptim.studies.model import Array, Path, Paths, Run, Study

REFERENCE = "reference"


def descend(run: Run, name: str, runners: Runners) -> Path:
    """The path of a run in an implementation, which evaluates the objective and its gradient itself.

    Raises:
        UnavailableError: where the implementation, or what the run needs of it, is missing.
        RunnerError: where it failed.
    """
    if name == REFERENCE:
        return _path(run, golden(run))
    implementation = get_implementation(name)
    if run.alike and implementation.unsupported(run):
        run = replace(run, hyper={**run.hyper, **run.alike})
    if reason := implementation.unsupported(run):
        raise UnavailableError(f"{name}: {run.id}: {reason}")
    answer = runners[name].run(implementation.request(run, golden(run), "closed" if run.problem.value else "replay"))
    if answer["outcome"] == "unsupported":
        raise UnavailableError(f"{name}: {run.id}: {answer['reason']}")
    if answer["outcome"] == "error":
        raise RunnerError(f"{name}: {run.id}: {answer['class']}: {answer['message']}")
    return _path(run, read_trajectory(answer, run, f"{name}: {run.id}"))


def asked(names: Sequence[str] | None) -> list[str]:
    """These implementations, each once, and the reference; raises :class:`~crossoptim.errors.UnknownNameError`."""
    every = dict.fromkeys((*(names or ()), REFERENCE))
    return [get_implementation(name).name for name in every]


def descents(study: Study, names: Sequence[str], tick: Callable[[str], None] = lambda _: None) -> dict[str, Paths]:
    """The paths of a study's runs in each implementation; ``tick`` is told of each run that is done. Raises as :func:`descend` does."""
    out: dict[str, Paths] = {}
    with Runners() as runners:
        for name in names:
            paths: dict[str, Path] = {}
            for run in study.runs:
                paths[run.id] = descend(run, name, runners)
                tick(f"{name}: {run.id}")
            out[name] = paths
    return out


def distance(path: Path, reference: Path) -> float | str:
    """The greatest distance of a parameter from the reference's, over all steps, in ulps of the latter; in words where that is 0."""
    apart = ulps(path.points, reference.points)
    place = np.unravel_index(np.argmax(apart), apart.shape)
    if apart[place] and reference.points[place] == 0:
        return f"{path.points[place]:.0e} beside 0"
    return float(apart[place])


def _path(run: Run, trajectory: Trajectory) -> Path:
    start = initial_params(run)
    kind = next(iter(start.values())).dtype

    def rows(table: Mapping[str, Sequence[Any]]) -> Array:
        missing = {key: np.full(value.size, np.nan) for key, value in start.items()}
        steps = [
            np.concatenate([np.ravel(missing[key] if row[step] is None else row[step]) for key, row in table.items()])
            for step in range(run.steps)
        ]
        return np.asarray(steps, dtype=kind)

    variables = dict.fromkeys(variable for held in trajectory.state.values() for variable in held)
    origin = np.concatenate([np.ravel(value) for value in start.values()])
    return Path(
        points=np.vstack([origin, rows(trajectory.params)]),
        gradients=rows(trajectory.grads),
        losses=np.asarray([np.nan if value is None else value for value in trajectory.loss], dtype=kind),
        state={v: rows({key: held[v] for key, held in trajectory.state.items() if v in held}) for v in variables},
    )
