"""Closure rules in the reference: the conversation in the case's dtype, its sums by the oracle, evaluations exact and rounded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossoptim.golden.evaluations import Decisions
from crossoptim.golden.exact import exact_dot, exact_sum
from crossoptim.golden.reference import DTYPES
from crossoptim.spec.conversation import Conversation, Evaluation, Memory, Outcome, Words
from crossoptim.spec.model import Setting

Array = NDArray[Any]
Tensors = Mapping[str, Array]
Shapes = Mapping[str, tuple[int, ...]]


class ReferenceWords:
    """The conversation's namespace on NumPy numbers of one dtype."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self._kind = DTYPES[dtype]

    def number(self, value: float) -> Any:
        """Rounded once."""
        return self._kind(value)

    def dot(self, a: Array, b: Array) -> Any:
        """Exact, rounded once."""
        return exact_dot(a, b)

    def largest(self, x: Array) -> Any:
        """NaN if there is a NaN."""
        return np.max(np.abs(x))

    def total(self, x: Array) -> Any:
        """Exact, rounded once."""
        return self._kind(exact_sum(np.abs(x)))

    def sqrt(self, x: Any) -> Any:
        """Correctly rounded."""
        return np.sqrt(x)

    def holds(self, condition: Any) -> bool:
        """As it is."""
        return bool(condition)

    def named(self, name: str, value: Any) -> Any:
        """As it is."""
        return value

    def clipped(self, x: Any, low: Any, high: Any) -> Any:
        """As it is, or a bound."""
        x = low if low > x else x
        return high if high < x else x

    def measured(self, t: Any, d: Any, travel: Any) -> Any:
        """As it was chosen."""
        return t

    def seen(self, step: Any, travel: Any) -> Any:
        """As it was computed."""
        return step


def flatten(tensors: Mapping[str, Array | None], shapes: Shapes, dtype: str) -> Array:
    """The flat vector of some tensors; zeros for one that is None."""
    parts = [np.zeros(int(np.prod(shape))) if (value := tensors[name]) is None else np.ravel(value) for name, shape in shapes.items()]
    return np.concatenate(parts).astype(DTYPES[dtype])


def unflatten(flat: Array, shapes: Shapes) -> dict[str, Array]:
    """The tensors of a flat vector."""
    out, offset = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        out[name] = np.asarray(flat[offset : offset + size]).reshape(shape).copy()
        offset += size
    return out


def converse(setting: Setting, words: Words, memory: Memory, x: Any, conduct: Mapping[str, Any] | None = None) -> Conversation:
    """A rule's conversation about one step; ``conduct`` replaces some of the rule's own."""
    assert setting.rule.converse is not None
    h = SimpleNamespace(**setting.values, **{**setting.rule.conduct, **(conduct or {})})
    return setting.rule.converse(words, h, memory, x)


def conclude(talk: Conversation, evaluate: Callable[[Any], Evaluation]) -> Outcome:
    """Answer every question until the step is done."""
    with np.errstate(all="ignore"):
        try:
            point = next(talk)
            while True:
                point = talk.send(evaluate(point))
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome


class ReferenceStepper:
    """A closure rule's optimizer in the reference, over the parameters of one group; ``conduct`` replaces some of the rule's own."""

    def __init__(self, shapes: Shapes, dtype: str, conduct: Mapping[str, Any] | None = None) -> None:
        self.shapes, self.dtype, self.conduct = shapes, dtype, conduct
        self.memory = Memory()

    def step(
        self, setting: Setting, params: Tensors, evaluate: Callable[[dict[str, Array]], tuple[float, Mapping[str, Array | None]]]
    ) -> tuple[dict[str, Array], Decisions]:
        """One step from ``params``; ``evaluate`` is asked for loss and gradients at points, in the dtype."""

        def answer(flat: Array) -> Evaluation:
            loss, grads = evaluate(unflatten(flat, self.shapes))
            return Evaluation(flat, DTYPES[self.dtype](loss), flatten(grads, self.shapes, self.dtype))

        talk = converse(setting, ReferenceWords(self.dtype), self.memory, flatten(params, self.shapes, self.dtype), self.conduct)
        outcome = conclude(talk, answer)
        return unflatten(outcome.point, self.shapes), Decisions(outcome.stop, tuple(float(t) for t in outcome.lengths))
