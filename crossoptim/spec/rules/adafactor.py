"""Adafactor: the second moment of a matrix by its row and column means, clipped updates, steps relative to the parameter."""

from crossoptim.spec.model import Fact, Flag, Real, StateVar, Switch
from crossoptim.spec.rules import rule


@rule(
    "adafactor",
    title="Adafactor",
    kind="reducing",
    sources=[
        "Shazeer & Stern 2018, arXiv:1804.04235, Algorithms 4 (matrices), 5 (vectors) and 6 (hyperparameters)",
        "PyTorch Adafactor: means for sums, the first epsilon as a floor, lr as the largest relative step, decoupled weight decay",
    ],
    hyper=[
        Real("lr", 1e-2, "[0, inf)", "the largest relative step; or the step", example=0.1),
        Real("beta2_decay", -0.8, "(-inf, 0]", "a step takes the share t^beta2_decay into the second moment", example=-0.6, symbol=r"\tau"),
        Real(
            "eps1",
            None,
            "[0, inf)",
            "keeps the second moment from zero; none for the machine epsilon of the parameter's dtype",
            example=0.5,
            symbol=r"\epsilon_{1}",
        ),
        Real("eps2", 1e-3, "[0, inf)", "what the root mean square of a small parameter counts as", example=4.0, symbol=r"\epsilon_{2}"),
        Real("d", 1.0, "[1, inf)", "root mean square above which an update is clipped", example=1.25),
        Real("weight_decay", 0.0, "[0, inf)", "rate of decoupled weight decay", example=0.2),
        Flag("maximize", "ascend instead of descend"),
    ],
    state=[
        StateVar("row_var", when=lambda h: h.factored, doc="moving mean of each row's squared gradients", shape="rows", symbol="R"),
        StateVar("col_var", when=lambda h: h.factored, doc="moving mean of each column's squared gradients", shape="columns", symbol="C"),
        StateVar("variance", when=lambda h: not h.factored, doc="second moment: moving average of the squared gradient", symbol="V"),
    ],
    facts=[Fact("factored", "axes > 1", "the parameter is a matrix, or a stack of matrices")],
    switches=[
        Switch(
            "eps1_placement",
            ("floor", "added"),
            "the first epsilon is a floor below the second moment and the row means, or is added to the squared gradient",
            sources={"floor": "PyTorch Adafactor", "added": "Shazeer & Stern 2018, Algorithms 4 and 5"},
            witness={"floor": "torch.optim.Adafactor", "added": "tests/witness/adafactor.py: adafactor_algorithms_4_and_5"},
        ),
        Switch(
            "step",
            ("relative", "absolute"),
            "steps are relative to the parameter's root mean square and shrink with 1 / sqrt(t), or lr is the step",
            sources={"relative": "Shazeer & Stern 2018, section 8 and Algorithm 4", "absolute": "Shazeer & Stern 2018, Algorithm 2"},
            witness={
                "relative": "torch.optim.Adafactor",
                "absolute": "tests/witness/adafactor.py: pytorch_optimizer_adafactor",
            },
        ),
    ],
    witness="torch.optim.Adafactor",
)
class Adafactor:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        c = {"share": t**h.beta2_decay}
        if h.step == "relative":
            slowing = 1 / xp.sqrt(t)
            c["rho"] = xp.where(slowing < h.lr, slowing, h.lr)
        if h.weight_decay:
            c["shrink"] = 1 - h.lr * h.weight_decay
        if h.eps1 is not None and h.eps1_placement == "floor":
            c["eps1_squared"] = h.eps1 * h.eps1
        return c

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        eps1 = xp.epsilon(p) if h.eps1 is None else h.eps1
        root_size = xp.sqrt(xp.size(p))
        if h.maximize:
            g = -g
        step = h.lr
        if h.step == "relative":
            # where, not maximum: a parameter that is NaN counts as small, in PyTorch too
            size = _norm(xp, p) / root_size
            step = xp.where(size > h.eps2, size, h.eps2) * c.rho
        if h.weight_decay:
            p = p * c.shrink

        square = g * g + eps1 if h.eps1_placement == "added" else g * g
        if h.factored:
            row = s.row_var + c.share * (_row_means(xp, square) - s.row_var)
            column = s.col_var + c.share * (_column_means(xp, square) - s.col_var)
            mean = _column_means(xp, row)
            v = row * column / (mean if h.eps1_placement == "added" else xp.maximum(mean, eps1))
            state = {"row_var": row, "col_var": column}
        else:
            v = s.variance + c.share * (square - s.variance)
            state = {"variance": v}
        if h.eps1_placement == "floor":
            v = xp.maximum(v, eps1 * eps1 if h.eps1 is None else c.eps1_squared)

        u = g / xp.sqrt(v)
        excess = _norm(xp, u) / (root_size * h.d)
        return p - step / xp.where(excess > 1, excess, 1) * u, state


def _norm(xp, x):  # type: ignore[no-untyped-def]
    return xp.sqrt(xp.sum(x * x))


def _row_means(xp, x):  # type: ignore[no-untyped-def]
    return xp.sum_rows(x) / xp.columns(x)


def _column_means(xp, x):  # type: ignore[no-untyped-def]
    return xp.transpose(_row_means(xp, xp.transpose(x)))
