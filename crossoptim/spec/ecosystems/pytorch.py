"""PyTorch's ``torch.optim`` (read and run: 2.13.0)."""

from crossoptim.spec.model import Binding, Ecosystem

_ADAM = {
    "lr": "lr",
    "betas": ("beta1", "beta2"),
    "eps": "eps",
    "weight_decay": "weight_decay",
    "amsgrad": "amsgrad",
    "maximize": "maximize",
}
_ADAM_STATE = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"}
_ADAM_DEFAULTS = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}

pytorch = Ecosystem(
    name="pytorch",
    title="PyTorch",
    language="Python",
    package="torch",
    bindings=(
        Binding(
            "SGD",
            rule="sgd",
            args={k: k for k in ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")},
            defaults={"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False},
            state={"velocity": "momentum_buffer"},
            source="torch/optim/sgd.py: _single_tensor_sgd",
        ),
        Binding("Adam", rule="adam", args=_ADAM, defaults=_ADAM_DEFAULTS, state=_ADAM_STATE, source="torch/optim/adam.py: _single_tensor_adam"),
        Binding(
            "AdamW",
            rule="adam",
            args=_ADAM,
            defaults={**_ADAM_DEFAULTS, "weight_decay": 1e-2},
            state=_ADAM_STATE,
            switches={"decay": "decoupled"},
            source="torch/optim/adamw.py: AdamW",
        ),
    ),
)
