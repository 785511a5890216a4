"""How sharp the bounds are: their size over the goldens in ulps, and how much of them honest implementations use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.check.judge import Judge
from crossoptim.check.measure import Measured
from crossoptim.check.predict import Prediction
from crossoptim.errors import CrossoptimError
from crossoptim.golden.case import Case
from crossoptim.golden.trajectory import Trajectory
from crossoptim.spec.model import Quirk

Array = NDArray[np.float64]
SCHEMA = "crossoptim/sharpness/1"
Run = tuple[str, Trajectory, Sequence[Quirk]]
"""An implementation's name, what it did in replay, and its quirks."""


class Elements(Measured):
    """A run in replay of which every element is kept that has a bound and a golden value other than zero.

    ``bounds``: in ulps of the golden value; ``used``: the share of the bound that lies between the run and the exact value, of what is
    inside. ``boundless`` counts those that may be anything.
    """

    def __init__(self, judge: Judge, got: Trajectory) -> None:
        super().__init__(judge, got, "replay")
        self.bounds: list[Array] = []
        self.used: list[Array] = []
        self.boundless = 0
        self.judgement()

    def _keep(self, label: str, steps: Sequence[int], actual: NDArray[Any], plain: Prediction) -> None:
        if label.startswith("grads_after"):
            return
        value = plain.reference
        with np.errstate(all="ignore"):
            bound = np.broadcast_to(plain.bound, value.shape)
            there = np.isfinite(value) & (value != 0)
            bounded = there & np.isfinite(bound)
            self.boundless += int((there & ~bounded).sum())
            self.bounds.append((bound / np.spacing(np.abs(value)).astype(np.float64))[bounded])
            self.used.append((plain.distance(actual) / bound)[bounded & (bound > 0) & plain.inside(actual)])


@dataclass
class Sharpness:
    """Of the steps of a rule's cases in a dtype."""

    bounds: list[Array] = field(default_factory=list)
    boundless: int = 0
    used: dict[str, list[Array]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Median, 90 % quantile and maximum of the bounds in ulps; of each implementation, median and maximum of its share of them."""
        bounds = _joined(self.bounds)
        shares = {name: _joined(parts) for name, parts in self.used.items()}
        return {
            "elements": int(bounds.size),
            "boundless": self.boundless,
            "bound": dict(zip(("median", "q90", "max"), _quantiles(bounds, (0.5, 0.9, 1.0)), strict=True)),
            "used": {name: dict(zip(("median", "max"), _quantiles(x, (0.5, 1.0)), strict=True)) for name, x in shares.items() if x.size},
        }


def stepped(cases: Iterable[tuple[Any, Any]]) -> list[tuple[Case, Trajectory]]:
    """Those of the cases whose optimizer is stepped with gradients.

    Raises:
        CrossoptimError: when there is none.
    """
    found = [(case, golden) for case, golden in cases if isinstance(case, Case) and not case.base.rule.converse]
    if not found:
        raise CrossoptimError("nothing to measure: none of the selected cases is of an optimizer that is stepped with gradients")
    return found


def _quiet(_: str) -> None:
    """Tell nobody."""


def measure(
    cases: Iterable[tuple[Case, Trajectory]],
    runs: Callable[[Case, Trajectory], Iterable[Run]],
    tick: Callable[[str], None] = _quiet,
) -> dict[tuple[str, str], Sharpness]:
    """The sharpness of each rule in each dtype.

    Args:
        cases: with their golden trajectories.
        runs: what honest implementations made of a case.
        tick: called for each case that is done.
    """
    out: dict[tuple[str, str], Sharpness] = {}
    for case, golden in cases:
        here = out.setdefault((case.rule, case.dtype), Sharpness())
        own = Elements(Judge(case, golden), golden)
        here.bounds += own.bounds
        here.boundless += own.boundless
        for name, trajectory, quirks in runs(case, golden):
            here.used.setdefault(name, []).extend(Elements(Judge(case, golden, quirks), trajectory).used)
        tick(case.id)
    return dict(sorted(out.items()))


def report(found: dict[tuple[str, str], Sharpness]) -> dict[str, Any]:
    """As ``--json`` writes it: by rule and dtype."""
    rules: dict[str, Any] = {}
    for (rule, dtype), sharpness in found.items():
        rules.setdefault(rule, {})[dtype] = sharpness.as_json()
    return {"schema": SCHEMA, "rules": rules}


def rows(data: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The report as a table: one row a rule and dtype, in ulps and in percent of the bound."""
    for rule, dtypes in data["rules"].items():
        for dtype, one in dtypes.items():
            used, bound = one["used"], one["bound"]
            nearest = max(used, key=lambda name: used[name]["max"], default="")
            yield {
                "rule": rule, "dtype": dtype, "elements": str(one["elements"]),
                **{f"{word} ulps": _short(bound[key]) for word, key in (("median", "median"), ("90 %", "q90"), ("max", "max"))},
                "used, median": _percent(used[nearest]["median"]) if nearest else "",
                "used, max": _percent(used[nearest]["max"]) if nearest else "", "by": nearest,
            }  # fmt: skip


def _joined(parts: Sequence[Array]) -> Array:
    return np.concatenate(parts) if parts else np.zeros(0)


def _quantiles(values: Array, at: Sequence[float]) -> list[float]:
    return [float(x) for x in np.quantile(values, at)] if values.size else [0.0 for _ in at]


def _short(ulps: float) -> str:
    return f"{ulps:.1f}" if ulps < 1000 else f"{ulps:.0e}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
