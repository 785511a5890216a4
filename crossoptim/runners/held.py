"""What every optimizer on NumPy arrays holds for the harness: parameters, and the gradients that were added up for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from crossoptim.runners.harness import Array, Start, Tensors


class HeldArrays:
    """The part of an :class:`~crossoptim.runners.harness.Adapter` that is the same whoever takes the steps."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self._params = {name: value.copy() for name, value in start.params.items()}
        self._gradients: dict[str, Array | None] = dict.fromkeys(start.params)

    def zero_gradients(self) -> None:
        """No parameter has a gradient."""
        self._gradients = dict.fromkeys(self._params)

    def add_gradients(self, gradients: Tensors) -> None:
        """Add to the gradients that are there."""
        for name, fresh in gradients.items():
            held = self._gradients[name]
            self._gradients[name] = fresh if held is None else np.asarray(held + fresh)

    def drop_gradients(self, names: Iterable[str]) -> None:
        """These parameters have no gradient."""
        self._gradients.update(dict.fromkeys(names))

    def gradients(self) -> Mapping[str, Array | None]:
        """The gradients, None where there is none."""
        return dict(self._gradients)

    def params(self) -> Tensors:
        """The parameters as they are now."""
        return {name: value.copy() for name, value in self._params.items()}
