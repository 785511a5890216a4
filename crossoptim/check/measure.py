"""How far each step of a run lies from the specification's step from the same state, in ulps, and how far it may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.check.judge import Compared, Judge, Run, ulps
from crossoptim.check.predict import Prediction
from crossoptim.golden.trajectory import Trajectory

Array = NDArray[Any]
Series = list[float | None]


@dataclass
class Errors:
    """Of one tensor, one entry a step: the largest error of its elements, and the bound of the element nearest to its own or beyond it.

    None where the tensor takes no step. Both in units of the last place of the exact value; an error may be infinite, a bound too.
    """

    error: Series
    bound: Series


class Measured(Run):
    """A run whose errors are kept while it is judged: ``errors`` by tensor (``params/x``, ``state/x/m``)."""

    def __init__(self, judge: Judge, got: Trajectory, mode: str) -> None:
        super().__init__(judge, got, mode)
        self.errors: dict[str, Errors] = {}

    def _compare(self, one: Compared) -> None:
        there = [place for place, step in enumerate(one.steps) if one.rows[step - 1] is not None]
        if there and one.plain.reference.size:
            steps = [one.steps[place] for place in there]
            actual = np.stack([np.ravel(one.rows[step - 1]) for step in steps])  # type: ignore[arg-type]
            mask = np.zeros(len(one.steps), dtype=bool)
            mask[there] = True
            self._keep(one.label, steps, actual, one.plain.rows(mask))
        super()._compare(one)

    def _keep(self, label: str, steps: Sequence[int], actual: Array, plain: Prediction) -> None:
        empty: Series = [None] * self.case.steps
        kept = self.errors.setdefault(label, Errors(list(empty), list(empty)))
        exact = plain.centre().astype(actual.dtype)
        error = ulps(actual, exact)
        with np.errstate(all="ignore"):
            bound = np.broadcast_to(plain.bound, error.shape) / np.spacing(np.abs(exact)).astype(np.float64)
            nearest = np.argmax(np.nan_to_num(error / bound, nan=0.0, posinf=np.inf), axis=1)
        for row, (step, element) in enumerate(zip(steps, nearest, strict=True)):
            kept.error[step - 1], kept.bound[step - 1] = float(error[row, element]), float(bound[row, element])
