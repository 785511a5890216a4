"""Muon: momentum of matrices, orthogonalised by a Newton-Schulz iteration."""

from crossoptim.spec.model import Constraint, Fact, Flag, Real, StateVar, Switch, Whole
from crossoptim.spec.rules import rule


@rule(
    "muon",
    title="Muon",
    kind="reducing",
    sources=[
        "Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks, kellerjordan.github.io/posts/muon",
        "Liu et al. 2025, arXiv:2502.16982, section 2.2 (decoupled weight decay; steps as long as AdamW's)",
    ],
    hyper=[
        Real("lr", 1e-3, "[0, inf)", "learning rate", example=0.06),
        Real("weight_decay", 0.1, "[0, inf)", "rate of decoupled weight decay", example=0.35),
        Real("momentum", 0.95, "[0, 1)", "momentum coefficient", example=0.6),
        Flag("nesterov", "orthogonalise what momentum will make of the buffer", default=True),
        Real("ns_a", 3.4445, "(-inf, inf)", "coefficient of X in an iteration", example=3.2, symbol="a"),
        Real("ns_b", -4.7750, "(-inf, inf)", "coefficient of (X X') X in an iteration", example=-5.0, symbol="b"),
        Real("ns_c", 2.0315, "(-inf, inf)", "coefficient of (X X')^2 X in an iteration", example=2.2, symbol="c"),
        Real("eps", 1e-7, "[0, inf)", "the norm of a smaller matrix counts as this", example=3.0),
        Whole("ns_steps", 5, "[0, 100)", "how many iterations", example=3),
    ],
    state=[StateVar("momentum_buffer", doc="moving average, or sum, of the gradients", symbol="B")],
    facts=[Fact("tall", "rows > columns", "the matrix has more rows than columns, so its transpose is the cheaper one")],
    takes=Constraint("a matrix", "(axes >= 2) * (axes <= 2)"),
    switches=[
        Switch(
            "momentum_form",
            ("average", "sum"),
            "the buffer is a moving average of the gradients, or their decaying sum; orthogonalised, both are one but for eps",
            sources={"average": "PyTorch Muon; KellerJordan/Muon muon.py", "sum": "Jordan et al. 2024, algorithm; PyTorch's documentation"},
            witness={
                "average": "tests/witness/muon.py: torch_without_bfloat16",
                "sum": "tests/witness/muon.py: muon_of_the_post",
            },
        ),
        Switch(
            "adjust_lr_fn",
            ("original", "match_rms_adamw"),
            "the learning rate is multiplied by sqrt(max(1, rows / columns)), or by 0.2 sqrt(max(rows, columns))",
            sources={"original": "KellerJordan/Muon muon.py", "match_rms_adamw": "Liu et al. 2025, equation 4"},
            witness={
                "original": "tests/witness/muon.py: torch_without_bfloat16",
                "match_rms_adamw": "tests/witness/muon.py: torch_without_bfloat16",
            },
        ),
    ],
    witness="tests/witness/muon.py: torch_without_bfloat16",
)
class Muon:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        c = {}
        if h.momentum_form == "average":
            c["share"] = 1 - h.momentum
        if h.weight_decay:
            c["shrink"] = 1 - h.lr * h.weight_decay
        return c

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.momentum_form == "average":
            buffer = s.momentum_buffer + c.share * (g - s.momentum_buffer)
            u = g + h.momentum * (buffer - g) if h.nesterov else buffer
        else:
            buffer = h.momentum * s.momentum_buffer + g
            u = g + h.momentum * buffer if h.nesterov else buffer

        x = (xp.transpose(u) if h.tall else u) / xp.maximum(xp.sqrt(xp.sum(u * u)), h.eps)
        for _ in range(h.ns_steps):
            gram = xp.matmul(x, xp.transpose(x))
            x = h.ns_a * x + xp.matmul(h.ns_b * gram + h.ns_c * xp.matmul(gram, gram), x)
        direction = xp.transpose(x) if h.tall else x

        rows, columns = xp.columns(xp.transpose(p)), xp.columns(p)
        if h.adjust_lr_fn == "match_rms_adamw":
            step = h.lr * (0.2 * xp.sqrt(rows if h.tall else columns))
        else:
            step = h.lr * xp.sqrt(rows / columns) if h.tall else h.lr
        if h.weight_decay:
            p = p * c.shrink
        return p - step * direction, {"momentum_buffer": buffer}
