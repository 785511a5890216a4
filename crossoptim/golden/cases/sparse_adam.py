"""Cases of SparseAdam: the standard ones, and gradients of which most entries are zero."""

from crossoptim.golden.case import Event
from crossoptim.golden.cases.standard import all_options, standard_cases

sparse_adam = standard_cases("sparse_adam")

sparse_adam.topic("entries that are zero", "SparseGradients")
together = all_options("sparse_adam")
sparse_adam.add("sparse", "moments and parameter stand still where there is no entry", problem="sparse", dtypes="f32 f64")
sparse_adam.add("sparse_all", "an entry that comes back finds the moments as it left them", problem="sparse", **together)
sparse_adam.add("sparse_maximize", "ascent", problem="sparse", maximize=True, **together)
sparse_adam.add(
    "sparse_accumulate",
    "gradients with different entries add up",
    problem="sparse",
    events=tuple(Event("accumulate", step) for step in (3, 6, 7)),
    **together,
)
sparse_adam.add(
    "sparse_none", "no gradient is another thing than one without entries: it does not count", problem="sparse",
    events=(Event("none", 4, params=("matrix",)), Event("none", 5, params=("matrix", "scalar"))), **together,
)  # fmt: skip
sparse_adam.add("sparse_resume", "saved and loaded", problem="sparse", events=(Event("resume", 5),), **together)
