"""Exponentially weighted averages as others wrote them."""

from __future__ import annotations

from typing import Any


def exponentially_weighted_average(values: list[Any], beta: float) -> list[Any]:
    """y_t = beta y_(t-1) + (1 - beta) x_t, from zero (Dive into Deep Learning, section on momentum)."""
    y, out = 0.0 * values[0], []
    for x in values:
        y = beta * y + (1 - beta) * x
        out.append(y)
    return out
