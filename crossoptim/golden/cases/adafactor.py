"""Adafactor: the standard cases, and sizes at which each of its comparisons decides either way, under each of its equations."""

from crossoptim.golden.case import Event
from crossoptim.golden.cases import Cases
from crossoptim.golden.cases.standard import STEPS, add_standard, again

cases = Cases("adafactor", steps=STEPS, dtypes="f64")
add_standard(cases)
cases.topic("sizes", "UpdateClipping")
again(
    cases,
    ["uneven"],
    "parameters above and below eps2, gradients above and below eps1, updates above and below d, steps above and below 1 / sqrt(t)",
    steps=5,
    events=(Event("set", 5, hyper={"eps2": 1024.0}),),
    lr=0.6,
    d=1.25,
)
cases.topic("shapes", "PlainRule")
for problem, shape in {"matrices": "wide", "matrices_tall": "tall"}.items():
    cases.add(shape, f"a {shape} matrix, and matrices of one row or column", problem=problem, dtypes="f32 f64")
cases.add("iris", "a network: matrices and vectors together", problem="iris", dtypes="f32", steps=5)
cases.topic("overflow", "RangeEnds")
cases.add("overflow", "squares overflow while they still have most of the weight", problem="huge", dtypes="f32", steps=5, beta2_decay=-0.1)
