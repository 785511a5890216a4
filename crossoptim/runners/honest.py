"""What honest implementations make of a case in replay: PyTorch's paths live, R torch as it was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from crossoptim.check.sharpness import Run
from crossoptim.golden.case import Case
from crossoptim.golden.export import read_manifest
from crossoptim.golden.fixture import VERSION
from crossoptim.golden.trajectory import Trajectory
from crossoptim.runners import recorded
from crossoptim.runners.registry import get_implementation, local_runner
from crossoptim.runners.request import read_trajectory

LIVE = ("torch-single", "torch-foreach", "torch-fused")
RECORDED = ("r-torch", "r-torch-ignite")


class Honest:
    """Implementations whose numbers are right but for what their quirks say.

    Args:
        fixtures: the folder with the recordings.
    """

    def __init__(self, fixtures: Path) -> None:
        self.fixtures = fixtures
        self._runners = {name: local_runner(name) for name in LIVE}
        self._folders = {name: found[-1] for name in RECORDED if (found := recorded.folders(fixtures, name))}

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return read_manifest(self.fixtures)

    def runs(self, case: Case, golden: Trajectory) -> Iterator[Run]:
        """What each that can made of a case."""
        for name in (*self._runners, *self._folders):
            implementation = get_implementation(name)
            if implementation.unsupported(case):
                continue
            if name in self._runners:
                answer = self._runners[name].run(implementation.request(case, golden, "replay"))
            else:
                path = self._folders[name] / f"{case.id}.json"
                known = self._hashes.get(path.relative_to(self.fixtures / VERSION).as_posix())
                answer = recorded.load(self._folders[name], case, golden, known).get("replay", {"outcome": "none"})
            if answer["outcome"] == "ok":
                yield name, read_trajectory(answer, case, f"{name}, {case.id}"), implementation.quirks(case.base)
