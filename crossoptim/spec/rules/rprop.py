"""Rprop: the gradient gives the direction only; each element's step grows while its sign stays and shrinks when it changes."""

from crossoptim.spec.model import Constraint, Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "rprop",
    title="Rprop",
    kind="elementwise",
    sources=[
        "Riedmiller & Braun 1993, A direct adaptive method for faster backpropagation learning: the RPROP algorithm",
        "Igel & Huesken 2000, Improving the Rprop learning algorithm (the variants and their names)",
    ],
    hyper=[
        Real("lr", 1e-2, "[0, inf)", "the first step size; later changes are not felt", example=0.1),
        Real("eta_minus", 0.5, "(0, 1)", "what the step shrinks by when the sign changes", example=0.4, symbol=r"\eta_{-}"),
        Real("eta_plus", 1.2, "(1, inf)", "what the step grows by while the sign stays", example=1.5, symbol=r"\eta_{+}"),
        Real("step_size_min", 1e-6, "[0, inf)", "the smallest step size", example=0.06, symbol=r"\Delta_{\min}"),
        Real("step_size_max", 50.0, "[0, inf)", "the largest step size", example=0.2, symbol=r"\Delta_{\max}"),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("previous", doc="the last gradient; zero where its sign had changed", symbol=r"\tilde{g}"),
        StateVar("step_size", init="lr", doc="each element's step size", symbol=r"\Delta"),
        StateVar("move", when=lambda h: h.sign_change == "backtrack", doc="what was subtracted last", symbol=r"d"),
    ],
    switches=[
        Switch(
            "sign_change",
            ("skip", "step", "backtrack"),
            "an element whose gradient changed its sign stands still, makes the smaller step at once, or takes the last step back",
            sources={
                "skip": "Igel & Huesken 2000, iRprop-; PyTorch, R torch",
                "step": "Riedmiller 1994, Rprop-, in the naming of Igel & Huesken 2000",
                "backtrack": "Riedmiller & Braun 1993, Rprop+",
            },
            witness={
                "skip": "torch.optim.Rprop",
                "step": "tests/witness/rprop.py: rprop_minus",
                "backtrack": "tests/witness/rprop.py: rprop_plus",
            },
        )
    ],
    constraints=[Constraint("step_size_min <= step_size_max is needed", "step_size_min <= step_size_max")],
    witness="torch.optim.Rprop",
)
class Rprop:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        return {}

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        agreement = g * s.previous
        changed = agreement < 0

        size = xp.where(agreement > 0, s.step_size * h.eta_plus, xp.where(changed, s.step_size * h.eta_minus, s.step_size))
        size = xp.maximum(size, h.step_size_min)
        size = xp.where(size > h.step_size_max, h.step_size_max, size)

        if h.sign_change != "step":
            g = xp.where(changed, 0, g)
        state = {"previous": g, "step_size": size}
        move = xp.where(g > 0, size, xp.where(g < 0, -size, 0))
        if h.sign_change == "backtrack":
            move = state["move"] = xp.where(changed, -s.move, move)
        return p - move, state
