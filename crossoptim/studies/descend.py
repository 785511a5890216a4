"""Takes runs to implementations and brings back their paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from crossoptim.check.judge import ulps
from crossoptim.errors import UnavailableError
from crossoptim.golden.trajectory import Trajectory, initial_params
from crossoptim.runners.registry import Runners, get_implementation
from crossoptim.runners.request import read_trajectory
from crossoptim.studies.fit import checked, fitted
from crossoptim.studies.model import REFERENCE, Array, Experiment, Path, Paths, Run
from crossoptim.studies.train import train
from crossoptim.studies.training import BY_HAND, Training


def descend(run: Run, name: str, runners: Runners) -> Path:
    """The path of a run in an implementation, which evaluates the objective and its gradient itself.

    Raises:
        UnavailableError: where the implementation, or what the run needs of it, is missing.
        RunnerError: where it failed.
    """
    if name == REFERENCE:
        return _path(run, run.golden)
    implementation = get_implementation(name)
    run = fitted(run, implementation)
    answer = runners[name].run(implementation.request(run, run.golden, "closed" if run.problem.value else "replay"))
    return _path(run, read_trajectory(checked(answer, f"{name}: {run.id}"), run, f"{name}: {run.id}"))


def asked(names: Sequence[str] | None, study: Experiment[Any, Any]) -> list[str]:
    """These implementations, each once, and the study's standard, or its usual ones.

    Raises:
        UnknownNameError: of a name that is none of an implementation.
    """
    every = dict.fromkeys((*names, study.standard) if names else study.usual)
    return [name if name == BY_HAND and name in study.usual else get_implementation(name).name for name in every]


def meet(names: Sequence[str], runners: Runners) -> None:
    """Let each implementation say what it is, before anything that takes long; raises :class:`UnavailableError` where one is missing."""
    for name in names:
        if name != BY_HAND:
            runners[name].describe()


def descents(
    study: Experiment[Any, Any],
    names: Sequence[str],
    tick: Callable[[str], None] = lambda _: None,
    lacks: dict[str, str] | None = None,
    runners: Runners | None = None,
) -> dict[str, Paths]:
    """The paths of a study's runs in each implementation.

    Args:
        study: the study.
        names: the implementations.
        tick: is told of each run that is done.
        lacks: takes up what an implementation cannot run, and why; without it that is an error.
        runners: those to ask, which are closed afterwards; None for new ones.

    Raises:
        UnavailableError: as :func:`descend`.
        RunnerError: as :func:`descend`.
    """
    out: dict[str, Paths] = {}
    with runners or Runners() as runners:
        meet(names, runners)  # so that what one lacks is an optimizer, not all of them
        for name in names:
            paths: dict[str, Path] = {}
            for run in study.runs:
                try:
                    paths[run.id] = train(run, name, runners) if isinstance(run, Training) else descend(run, name, runners)
                except UnavailableError as lack:
                    if lacks is None:
                        raise
                    lacks[f"{name}: {run.id}"] = str(lack)
                tick(f"{name}: {run.id}")
            if lacks and not paths:
                raise UnavailableError(next(why for run, why in lacks.items() if run.startswith(f"{name}: ")))
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
