"""R torch's ``optim_lbfgs``: a port of an older PyTorch, whose numbers pass through R on their way."""

from crossoptim.spec.ecosystems.r_torch_quirks import SOURCE, VERSIONS
from crossoptim.spec.model import Conduct, Forgets, Precision, Quirk, Raises

_FILE = f"{SOURCE}:R/optim-lbfgs.R"

QUIRKS = (
    Quirk(
        id="r-torch/lbfgs/float32-history",
        title="in float64 the coefficients of the two loops are float32: 1 / y's divides a bare number on the left of a 0-d tensor",
        bindings=("optim_lbfgs",),
        when=lambda site: site.dtype == "float64",
        effects=(Precision(("rho", "alpha", "beta", "weight")),),
        upstream=f"{_FILE}:463",
        kind="defect",
        versions=VERSIONS,
        advice="expect float32 accuracy of each direction; the solution is found in more iterations, not less well",
    ),
    Quirk(
        id="r-torch/lbfgs/float32-line-search",
        title="in float64 the strong Wolfe conditions, the interpolated length and the loss that a search leaves are float32",
        bindings=("optim_lbfgs",),
        when=lambda site: site.dtype == "float64" and site.h.line_search == "strong_wolfe",
        effects=(Precision(("ceiling", "threshold", "cubic", "loss")),),
        upstream=f"{_FILE}:107, 119, 32, 272",
        kind="defect",
        versions=VERSIONS,
        advice="do not set tolerance_change below float32 accuracy of the loss",
    ),
    Quirk(
        id="r-torch/lbfgs/line-search-ignores-max-eval",
        title="a line search makes up to 25 trials, whatever max_eval leaves",
        bindings=("optim_lbfgs",),
        when=lambda site: site.h.line_search == "strong_wolfe",
        effects=(Conduct({"line_search_limit": 25}),),
        upstream=f"{_FILE}:85 and 536",
        kind="defect",
        versions=VERSIONS,
        advice="count evaluations in the closure where the budget matters",
    ),
    Quirk(
        id="r-torch/lbfgs/resume-freezes-the-state",
        title="a loaded state stays as it was loaded, but for the last gradient: it is a list, of which each step changes a copy",
        bindings=("optim_lbfgs",),
        when=lambda site: site.resumes,
        effects=(Forgets(keeps=("gradient",)),),
        upstream=f"{_FILE}:399; R/optim.R: load_state_dict() turns the environment into a list",
        kind="defect",
        versions=VERSIONS,
        advice="do not load a state dict into optim_lbfgs: begin anew from the parameters",
    ),
    Quirk(
        id="r-torch/lbfgs/not-finite-raises",
        title="a line search that meets a loss of NaN or Inf raises",
        bindings=("optim_lbfgs",),
        when=lambda site: site.h.line_search == "strong_wolfe" and bool(site.edge),
        effects=(Raises("missing value where TRUE/FALSE needed"),),
        upstream=f"{_FILE}:108, 177, 209, 237",
        kind="defect",
        versions=VERSIONS,
        advice="give a learning rate that stays inside the objective's domain, or return a large finite loss outside",
    ),
)
