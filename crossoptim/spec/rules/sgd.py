"""Stochastic gradient descent with momentum and Nesterov's accelerated gradient."""

from crossoptim.spec.model import Constraint, Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "sgd",
    title="Stochastic gradient descent",
    kind="elementwise",
    sources=[
        "Robbins & Monro 1951",
        "Polyak 1964 (momentum)",
        "Sutskever, Martens, Dahl & Hinton 2013, eqs. 1-4 (momentum and Nesterov's accelerated gradient)",
    ],
    hyper=[
        Real("lr", 1e-3, "[0, inf)", "learning rate", example=0.1),
        Real("momentum", 0.0, "[0, inf)", "momentum coefficient", example=0.8),
        Real("dampening", 0.0, "(-inf, inf)", "the share of the gradient that is kept out of the velocity", example=0.3),
        Real("weight_decay", 0.0, "[0, inf)", "L2 penalty, added to the gradient", example=0.2),
        Flag("nesterov", "Nesterov's accelerated gradient"),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("velocity", when=lambda h: h.momentum != 0, doc="the accumulated gradient", symbol="v"),
        StateVar(
            "lookahead",
            init="p",
            when=lambda h: h.nesterov and h.nesterov_form == "lookahead",
            doc="the point where momentum alone would carry the parameter",
            gradient_point=True,
            symbol=r"\tilde{\theta}",
        ),
    ],
    switches=[
        Switch(
            "momentum_form",
            ("gradient_sum", "lr_inside"),
            "whether the learning rate multiplies the velocity or enters it; they part when the learning rate changes",
            sources={"gradient_sum": "PyTorch, R torch", "lr_inside": "Sutskever et al. 2013, eqs. 1-2; R torch book, eqs. 8.1-8.2"},
            witness={"gradient_sum": "torch.optim.SGD", "lr_inside": "tests/witness/sgd.py: sutskever_momentum"},
        ),
        Switch(
            "nesterov_form",
            ("at_parameter", "lookahead"),
            "the gradient is taken at the parameter and the step is corrected, or at the point where momentum would carry it",
            sources={"at_parameter": "PyTorch", "lookahead": "Sutskever et al. 2013, eqs. 3-4"},
            witness={"at_parameter": "torch.optim.SGD", "lookahead": "tests/witness/sgd.py: sutskever_nesterov"},
        ),
        Switch(
            "first_step",
            ("undampened", "dampened"),
            "whether dampening already applies to the first gradient",
            sources={"undampened": "PyTorch (velocity starts as the first gradient)", "dampened": "the recurrence from zero"},
            witness={"undampened": "torch.optim.SGD", "dampened": "tests/witness/sgd.py: dampened_momentum"},
        ),
    ],
    constraints=[
        Constraint(
            "nesterov = true needs momentum > 0 and dampening = 0",
            "nesterov <= (momentum > 0) * (dampening >= 0) * (dampening <= 0)",
        )
    ],
    witness="torch.optim.SGD",
)
class SGD:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        if not h.momentum or not h.dampening:
            return {}
        if h.first_step == "dampened":
            return {"kept": 1 - h.dampening}
        return {"kept": xp.where(t < 2, 1, 1 - h.dampening)}

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        lookahead = h.nesterov and h.nesterov_form == "lookahead"
        d = -g if h.maximize else g
        if h.weight_decay:
            # the penalty is part of the objective: its gradient is taken where the objective's is
            d = d + h.weight_decay * (s.lookahead if lookahead else p)
        if not h.momentum:
            return p - h.lr * d, {}

        fresh = c.kept * d if h.dampening else d
        if h.momentum_form == "lr_inside":
            fresh, d = h.lr * fresh, h.lr * d
        velocity = h.momentum * s.velocity + fresh
        state = {"velocity": velocity}

        step = d + h.momentum * velocity if h.nesterov and not lookahead else velocity
        step = step if h.momentum_form == "lr_inside" else h.lr * step
        p = p - step
        if lookahead:
            drift = h.momentum * velocity
            state["lookahead"] = p - (drift if h.momentum_form == "lr_inside" else h.lr * drift)
        return p, state
