"""R torch's optimizers in C++: ``optim_ignite_*``, wrappers of libtorch's own (read: 0.17.0.9000 at commit e4de110; run: 0.17)."""

from crossoptim.spec.ecosystems.r_torch import r_torch
from crossoptim.spec.model import Binding, Ecosystem

_STATE = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"}
_SHARED = {binding.name.removeprefix("optim_"): binding for binding in r_torch.bindings}  # same signatures: R/ignite.R


def _ignite(name: str, state: dict[str, str]) -> Binding:
    twin = _SHARED[name]
    return Binding(
        f"optim_ignite_{name}",
        rule=twin.rule,
        args=twin.args,
        defaults=twin.defaults,
        state=state,
        switches=twin.switches,
        source="R/ignite.R",
    )


r_torch_ignite = Ecosystem(
    name="r_torch_ignite",
    title="R torch ignite",
    language="R",
    package="torch",
    bindings=(_ignite("sgd", {"velocity": "momentum_buffer"}), _ignite("adam", _STATE), _ignite("adamw", _STATE)),
)
