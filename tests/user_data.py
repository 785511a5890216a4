"""The data that a user has to fetch: in the folder that CROSSOPTIM_DATA names, else in shared/data beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crossoptim.studies.airfoil import NOISE
from crossoptim.studies.data import FOLDER

DATA = {FOLDER: os.environ.get(FOLDER) or str(Path(__file__).parents[2] / "shared" / "data")}
"""As an environment."""
needs_airfoil = pytest.mark.skipif(not (Path(DATA[FOLDER]) / NOISE.name).is_file(), reason=f"no {NOISE.name} in {FOLDER}")
