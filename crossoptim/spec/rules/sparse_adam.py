"""SparseAdam: Adam whose moments and parameter move only where the gradient has an entry."""

from typing import Any

from crossoptim.spec.rules import rule
from crossoptim.spec.rules.adam import Adam

_DENSE: Any = Adam


@rule(
    "sparse_adam",
    title="SparseAdam",
    kind="elementwise",
    sources=[
        "Kingma & Ba 2015, arXiv:1412.6980, end of section 2 (Adam with epsilon hat)",
        "PyTorch SparseAdam, pull request 3137 (what has no entry stands still)",
    ],
    hyper=[option for option in _DENSE.hyper if option.name not in ("weight_decay", "amsgrad")],
    state=[variable for variable in _DENSE.state if variable.name != "v_max"],
    witness="torch.optim.SparseAdam",
)
class SparseAdam:
    def scalars(xp, h, t, k):  # type: ignore[no-untyped-def]
        step_size = h.lr * xp.sqrt(1 - h.beta2**t) / (1 - h.beta1**t)
        return {"mix1": 1 - h.beta1, "mix2": 1 - h.beta2, "step_size": step_size}

    def update(xp, h, c, p, g, s):  # type: ignore[no-untyped-def]
        if h.maximize:
            g = -g
        m = s.m + c.mix1 * (g - s.m)
        v = s.v + c.mix2 * (g * g - s.v)
        moved = p - c.step_size * (m / (xp.sqrt(v) + h.eps))

        # there is no entry where the gradient is neither below nor above zero; NaN is one
        down, up = g <= 0, g >= 0

        def masked(new, old):  # type: ignore[no-untyped-def]
            return xp.where(down, xp.where(up, old, new), new)

        return masked(moved, p), {"m": masked(m, s.m), "v": masked(v, s.v)}
