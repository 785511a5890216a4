"""A state that crosses languages: fifteen steps in one library, saved, and fifteen in another follow the golden trajectory of thirty."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import relay

from crossoptim.check.verdict import Judgement
from crossoptim.golden.case import Case
from crossoptim.golden.evaluations import read_evaluations
from crossoptim.golden.json_text import compact
from crossoptim.golden.reference import DTYPES
from crossoptim.golden.row import flat
from crossoptim.golden.trajectory import Trajectory, initial_params
from crossoptim.runners.r import installation
from crossoptim.runners.registry import IMPLEMENTATIONS
from crossoptim.runners.request import objective_text

R = ("r-torch", "r-torch-ignite", "r-crossoptim", "base-r")
PYTHON = ("torch", "crossoptim")
TIMEOUT = 300


def job(library: str, case: Case, truth: Trajectory, first: bool, load: Path | None = None, save: Path | None = None) -> dict[str, Any]:
    """Half of a case for R: the options of the second half are the optimizer's defaults but for the learning rate."""
    binding = IMPLEMENTATIONS[library].binding(case.base) if library in relay.QUIRKS_OF else None
    start = initial_params(case)
    steps = range(relay.HALF) if first else range(relay.HALF, relay.STEPS)
    chooses = case.base.rule.converse is not None
    return {
        "library": library,
        "optimizer": case.optimizer,
        "class": binding.name if binding else None,
        "dtype": case.dtype,
        "params": {n: {"shape": list(v.shape), "data": flat(v if first else np.zeros_like(v))} for n, v in start.items()},
        "groups": [
            {"params": list(g.params), "values": dict(case.base.with_values(**g.hyper).values) if first else {"lr": 0.123}}
            for g in case.initial_groups
        ],
        "steps": len(steps),
        "gradients": {} if chooses else {n: [flat(truth.injected(n)[step]) for step in steps] for n in start},
        "objective": objective_text(case.problem) if chooses else None,
        "load": str(load) if load else None,
        "save": str(save) if save else None,
    }


def ask(jobs: Mapping[Any, dict[str, Any]], folder: Path) -> dict[Any, Any]:
    """What one R process answers to all jobs."""
    asked, answered = folder / "jobs.json", folder / "answers.json"
    asked.write_text(compact(list(jobs.values())))
    found = installation()
    script = Path(__file__).with_name("relay.R")
    command = [found.rscript, "--vanilla", str(script), str(asked), str(answered)]
    done = subprocess.run(command, env=dict(found.environment), capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(jobs, json.loads(answered.read_text()), strict=True))


def steps_of(answer: Any, case: Case) -> relay.Steps | str:
    """An answer's steps in NumPy arrays; or what went wrong."""
    if "error" in answer:
        return str(answer["error"])
    shapes = {p.name: p.shape for p in case.problem.params}
    out = relay.Steps()
    if "evaluations" in answer:
        out.evaluations = read_evaluations(answer["evaluations"], replace(case, steps=relay.HALF))
    for step in answer["steps"]:
        out.rows.append(
            {
                name: {
                    "" if var == "params" else var: np.array(row, dtype=DTYPES[case.dtype]).reshape(
                        shapes[name] if var == "params" else case.state_shape(var, shapes[name])
                    )
                    for var, row in held.items()
                }
                for name, held in step.items()
            }
        )
    return out


def pairs_of(libraries: list[str], turn: int) -> list[tuple[str, str]]:
    """Each library goes before one and after one, another at each turn; where both are Python's, test_state.py has them."""
    ahead = 1 + turn % (len(libraries) - 1)
    pairs = zip(libraries, [*libraries[ahead:], *libraries[:ahead]], strict=True)
    return [pair for pair in pairs if not set(pair) <= set(PYTHON)]


@pytest.mark.usefixtures("r_transports")
def test_every_optimizer_goes_on_in_every_other_library(tmp_path: Path) -> None:
    cases = {case.id: case for case in (*relay.plain_cases(), *relay.closure_cases(), *relay.other_cases())}
    truths = {key: relay.golden_of(case) for key, case in cases.items()}
    having = {key: [library for library in (*PYTHON, *R) if relay.has(library, case)] for key, case in cases.items()}
    files = {(key, library): tmp_path / f"{key.replace('/', '-')}-{library}.safetensors" for key in cases for library in having[key]}

    def python(place: tuple[str, str], load: Path | None = None) -> relay.Steps:
        key, library = place
        return relay.run(library, cases[key], truths[key], load is None, load=load, save=None if load else files[place])

    with ThreadPoolExecutor(1) as r:
        begun = {place: job(place[1], cases[place[0]], truths[place[0]], True, save=file) for place, file in files.items() if place[1] in R}
        answers = r.submit(ask, begun, tmp_path)
        firsts: dict[Any, Any] = {place: python(place) for place in files if place[1] in PYTHON}
        firsts |= {place: steps_of(answer, cases[place[0]]) for place, answer in answers.result().items()}
        assert {place: found for place, found in firsts.items() if isinstance(found, str)} == {}

        alike: dict[int, list[str]] = {}  # cases that as many libraries have
        for key in cases:
            alike.setdefault(len(having[key]), []).append(key)
        pairs = [(key, a, b) for keys in alike.values() for turn, key in enumerate(keys) for a, b in pairs_of(having[key], turn)]
        going = {pair: job(pair[2], cases[pair[0]], truths[pair[0]], False, load=files[pair[:2]]) for pair in pairs if pair[2] in R}
        answers = r.submit(ask, going, tmp_path)
        seconds: dict[Any, Any] = {(key, a, b): python((key, b), files[key, a]) for key, a, b in pairs if b in PYTHON}
        judged = {
            (key, a): relay.judge_first(cases[key], truths[key], a, first) for (key, a), first in firsts.items() if not first.evaluations
        }
        seconds |= {pair: steps_of(answer, cases[pair[0]]) for pair, answer in answers.result().items()}
        assert {pair: found for pair, found in seconds.items() if isinstance(found, str)} == {}

    verdicts: dict[Any, Judgement] = {**judged}
    for (key, a, b), second in seconds.items():
        case, truth, first = cases[key], truths[key], firsts[key, a]
        if second.evaluations:
            verdicts[key, a, b] = relay.judge_conversation(case, truth, (a, b), first, second)
        else:
            verdicts[key, a, b] = relay.judge_second(case, truth, b, first, second, files[key, a])
    assert {place: one.reason for place, one in verdicts.items() if not one.expected} == {}
    # torch.optim, crossoptim, R torch, ignite, this package's for R torch, base R: each after each
    assert {(a, b) for _, a, b in pairs} == {pair for pair in permutations((*PYTHON, *R), 2) if not set(pair) <= set(PYTHON)}
