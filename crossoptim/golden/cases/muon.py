"""Muon: the standard cases on matrices, tall ones, and another number of iterations."""

from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.standard import STEPS, add_standard

_TABLES = ("zeros", "huge", "tiny", "denormal", "infinite", "not_a_number", "empty")

cases = Cases(
    "muon",
    steps=STEPS,
    dtypes="f64",
    problems={
        "ravine": "matrix_ravine",
        "rosenbrock": "mtcars",
        "injected": "matrices",
        **{table: f"matrices_{table}" for table in _TABLES},
    },
)
add_standard(cases)
cases.topic("shapes")
cases.add("tall", "a tall matrix is transposed for the iteration, and its step is longer", problem="matrices_tall", dtypes="f32 f64")
cases.add("tall_adjust", "a tall matrix with steps as long as AdamW's", problem="matrices_tall", adjust_lr_fn="match_rms_adamw")
