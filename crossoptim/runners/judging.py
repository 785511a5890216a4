"""The ``judge`` command: the verdict on a trajectory that another program ran and recorded, e.g. R's ``expect_trajectory()``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossoptim.check.diagnosis.diagnose import diagnose
from crossoptim.check.verdict import Finding, Judgement
from crossoptim.errors import RunnerError
from crossoptim.golden.cases import get_case
from crossoptim.golden.trajectory import golden
from crossoptim.runners.base import Answer
from crossoptim.runners.registry import get_implementation
from crossoptim.runners.request import read_trajectory

MODES = ("replay", "closed", "lockstep")


def judge(message: Mapping[str, Any]) -> Answer:
    """The verdict on ``message["trajectory"]``, a trajectory of the case ``message["case"]`` as a ``run`` answers it.

    With an ``implementation``, that library's known quirks explain what they predict; what diverges all the same is diagnosed.

    Raises:
        UnknownNameError: there is no such case or implementation.
        RunnerError: the mode is unknown, or the trajectory does not fit the case.
    """
    case, mode = get_case(message["case"]), message["mode"]
    if mode not in MODES:
        raise RunnerError(f"mode {mode!r} (expected one of {', '.join(MODES)})")
    name = message.get("implementation")
    quirks = get_implementation(name).quirks(case.base) if name else []
    trajectory = read_trajectory({"trajectory": message["trajectory"]}, case, f"{name or 'trajectory'}, {case.id}")
    found = diagnose(case, golden(case), trajectory, mode, quirks)
    answer = _answer(found.judgement)
    return {**answer, "diagnosis": found.sentence()} if found.judgement.verdict == "diverges" else answer


def _answer(judgement: Judgement) -> Answer:
    finding = judgement.finding
    return {
        "verdict": judgement.verdict,
        "expected": judgement.expected,
        "quirks": list(judgement.quirks),
        "findings": [_row(finding)] if finding else [],
        "notes": [judgement.reason] if judgement.reason else [],
    }


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "step": finding.step,
        "tensor": finding.tensor,
        "element": list(finding.element),
        "got": finding.got,
        "wanted": finding.expected,
        "bound": finding.bound,
        "ulps": finding.ulps,
        "remark": finding.remark,
    }
