"""Reads the two data sets that ship with R and standardises them; the numbers are the same on every machine."""

from __future__ import annotations

import csv
from importlib.resources import files
from statistics import mean, stdev


def read(table: str) -> list[dict[str, str]]:
    """The rows of ``data/<table>.csv``."""
    path = files("crossoptim.spec.problems") / "data" / f"{table}.csv"
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def standardise(column: list[float]) -> list[float]:
    """Mean 0 and sample standard deviation 1 (as R's ``scale()``), with mean and deviation correctly rounded."""
    centre, spread = mean(column), stdev(column)
    return [(value - centre) / spread for value in column]


def columns(rows: list[dict[str, str]], names: list[str]) -> list[list[float]]:
    """Standardised columns side by side, one list a row."""
    return [list(row) for row in zip(*(standardise([float(row[name]) for row in rows]) for name in names), strict=True)]
