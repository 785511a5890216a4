"""Muon: the standard cases on matrices, tall ones, and another number of iterations."""

from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.standard import STEPS, add_standard, again

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
cases.topic("shapes", "MatrixScaling")
cases.add("tall", "a tall matrix is transposed for the iteration, and its step is longer", problem="matrices_tall", dtypes="f32")
cases.add("tall_descent", "a tall matrix walks down a ravine", problem="tall_ravine", steps=4)
again(cases, ["matrix_sizes"], "wide and tall, with norms above and below eps", steps=4, eps=1.0)
cases.add("no_columns", "a matrix without columns", problem="matrices_no_columns", steps=2, flags=("EmptyTensor",))
