"""PyTorch's LBFGS, the one class of ``torch.optim`` that chooses where to evaluate."""

from crossoptim.spec.conversation import UNGUARDED
from crossoptim.spec.model import Binding, Conduct, Quirk, Raises

_ARGUMENTS = ("lr", "max_iter", "max_eval", "tolerance_grad", "tolerance_change", "history_size")
UNCHECKED = dict.fromkeys(_ARGUMENTS, "(-inf, inf)")

BINDING = Binding(
    "LBFGS",
    rule="lbfgs",
    args={**{name: name for name in _ARGUMENTS}, "line_search_fn": "line_search"},
    defaults={
        "lr": 1.0,
        "max_iter": 20,
        "max_eval": None,
        "tolerance_grad": 1e-7,
        "tolerance_change": 1e-9,
        "history_size": 100,
        "line_search_fn": None,
    },
    state={},
    spellings={"line_search_fn": {"none": None, "strong_wolfe": "strong_wolfe"}},
    bounds={**UNCHECKED, "lr": "[0, inf)"},
    source="torch/optim/lbfgs.py: LBFGS",
)

QUIRKS = (
    Quirk(
        id="pytorch/lbfgs/follows-what-is-not-finite",
        title="the line search takes a loss of NaN for low enough and goes on from there; from an infinite one it interpolates to NaN",
        bindings=("LBFGS",),
        when=lambda site: site.h.line_search == "strong_wolfe" and site.edge == "passable",
        effects=(Conduct(UNGUARDED),),
        upstream="torch 2.13.0: torch/optim/lbfgs.py:57 and 29 (minFunc bisects)",
        kind="defect",
        versions="2.13.0",
        advice="give a learning rate that stays inside the objective's domain, or return a large finite loss outside",
    ),
    Quirk(
        id="pytorch/lbfgs/nan-loss-raises",
        title="the line search raises where the loss is NaN but the slope there is flat enough: no end of the bracket is the lower one",
        bindings=("LBFGS",),
        when=lambda site: site.h.line_search == "strong_wolfe" and site.edge == "no lower end",
        effects=(Raises("list index out of range"),),
        upstream="torch 2.13.0: torch/optim/lbfgs.py:107 and 199",
        kind="defect",
        versions="2.13.0",
        advice="give a learning rate that stays inside the objective's domain, or return a large finite loss outside",
    ),
)
