"""R torch live, where it is installed: both transports, and one libtorch a process."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from crossoptim.check.judge import Judge
from crossoptim.golden.cases import get_case
from crossoptim.golden.trajectory import golden
from crossoptim.runners.registry import IMPLEMENTATIONS, Runners
from crossoptim.runners.request import read_trajectory

R_TORCH = [name for name, i in IMPLEMENTATIONS.items() if (i.ecosystem or "").startswith("r_torch") and not i.imitates]
CASES = ("sgd/decay_momentum-ravine-f32", "adam/resume_amsgrad-injected-f64", "adam/plain-iris-f32", "adam/groups-injected-f32")


@pytest.mark.parametrize("name", R_TORCH)
def test_both_transports_give_the_same_bits_and_these_are_as_expected(r_transports: Mapping[str, Runners], name: str) -> None:
    implementation = IMPLEMENTATIONS[name]
    for case_id in CASES:
        case = get_case(case_id)
        truth = golden(case)
        request = implementation.request(case, truth, "replay")
        answers = [runners[name].run(request) for runners in r_transports.values()]
        assert answers[0] == answers[1], case_id
        judgement = Judge(case, truth, implementation.quirks(case.base)).judge(read_trajectory(answers[0], case, name), "replay")
        assert judgement.expected, f"{case_id}: {judgement.reason}"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the maps of processes under /proc")
def test_no_process_holds_two_libtorches(r_transports: Mapping[str, Runners]) -> None:
    case = get_case("sgd/plain-ravine-f32")
    implementation = IMPLEMENTATIONS["r-torch"]
    for runners in r_transports.values():
        assert runners["r-torch"].run(implementation.request(case, golden(case), "closed"))["outcome"] == "ok"
    loaded = {pid: libtorches(pid) for pid in family(os.getpid())}
    assert all(len(found) <= 1 for found in loaded.values()), loaded
    ours = loaded.pop(os.getpid())
    assert sum(bool(found) and found != ours for found in loaded.values()) >= len(r_transports), "R's libtorch is not in the children"


def libtorches(pid: int) -> set[str]:
    """The libtorch files that a process has mapped."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except OSError:
        return set()
    return {line.split()[-1] for line in lines if "libtorch_cpu" in line}


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    return [pid, *(descendant for child in parents.get(pid, []) for descendant in family(child))]
