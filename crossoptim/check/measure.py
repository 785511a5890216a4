"""How far each step of a run lies from the specification's step from the same state, in ulps, and how far it may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.check.judge import Judge, Run, ulps
from crossoptim.check.predict import Prediction
from crossoptim.golden.trajectory import Rows, Trajectory
from crossoptim.spec.model import Quirk

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

    def _compare(
        self,
        label: str,
        steps: list[int],
        column: Rows,
        plain: Prediction,
        bent: Prediction | None,
        quirks: tuple[Quirk, ...],
        shape: tuple[int, ...],
    ) -> None:
        there = [place for place, step in enumerate(steps) if column[step - 1] is not None]
        if there and plain.reference.size:
            actual = np.stack([np.ravel(column[steps[place] - 1]) for place in there])  # type: ignore[arg-type]
            mask = np.zeros(len(steps), dtype=bool)
            mask[there] = True
            self._keep(label, [steps[place] for place in there], actual, plain.rows(mask))
        super()._compare(label, steps, column, plain, bent, quirks, shape)

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
