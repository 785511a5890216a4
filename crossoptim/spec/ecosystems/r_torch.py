"""R torch's optimizers written in R: ``optim_*`` (read: 0.17.0.9000 at commit e4de110; run: 0.17)."""

from crossoptim.spec.model import Binding, Ecosystem, Edit, GradientAfter, Precision, Quirk, Raises

_SOURCE = "github.com/mlverse/torch@e4de110c1df9130acb9ec927cb220720d9957259"
_ADAM: dict[str, str | tuple[str, ...]] = {
    "lr": "lr",
    "betas": ("beta1", "beta2"),
    "eps": "eps",
    "weight_decay": "weight_decay",
    "amsgrad": "amsgrad",
}
_ADAM_DEFAULTS = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False}

r_torch = Ecosystem(
    name="r_torch",
    title="R torch",
    language="R",
    package="torch",
    bindings=(
        Binding(
            "optim_sgd",
            rule="sgd",
            args={k: k for k in ("lr", "momentum", "dampening", "weight_decay", "nesterov")},
            defaults={"momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False},
            state={"velocity": "momentum_buffer"},
            source="R/optim-sgd.R",
        ),
        Binding(
            "optim_adam",
            rule="adam",
            args=_ADAM,
            defaults=_ADAM_DEFAULTS,
            state={"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"},
            bounds={"betas": "[0, 1]"},
            source="R/optim-adam.R",
        ),
        Binding(
            "optim_adamw",
            rule="adam",
            args=_ADAM,
            defaults={**_ADAM_DEFAULTS, "weight_decay": 1e-2},
            state={"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sqs"},
            switches={"decay": "decoupled"},
            bounds={"betas": "[0, 1]"},
            source="R/optim-adamw.R",
        ),
    ),
    quirks=(
        Quirk(
            id="r-torch/sgd/weight-decay-adds-index",
            title="weight decay adds the parameter's position in its group instead of its value",
            bindings=("optim_sgd",),
            when=lambda site: bool(site.h.weight_decay),
            effects=(Edit("weight_decay * p", "weight_decay * index"),),
            upstream=f"{_SOURCE}:R/optim-sgd.R:79",
            kind="defect",
            versions="0.17.0.9000",
            issue="https://github.com/mlverse/torch/issues/821 (the same slip, found and mended in Adam)",
            advice="use optim_ignite_sgd, or add weight_decay * param to the loss's gradient yourself",
        ),
        Quirk(
            id="r-torch/adam/weight-decay-in-gradient",
            title="weight decay is added to the gradient in place, and stays there if the gradient is not zeroed",
            bindings=("optim_adam",),
            when=lambda site: bool(site.h.weight_decay),
            effects=(GradientAfter("g + weight_decay * p"),),
            upstream=f"{_SOURCE}:R/optim-adam.R:79",
            kind="defect",
            versions="0.17.0.9000",
            advice="call zero_grad() before every backward(), or use optim_ignite_adam",
        ),
        Quirk(
            id="r-torch/adamw/float32-bias-correction",
            title="bias corrections and step size are computed in float32, because the step count is a float32 tensor",
            bindings=("optim_adamw",),
            when=lambda site: site.h.bias_correction == "on",
            effects=(Precision(("step_size", "root_bias2")),),
            upstream=f"{_SOURCE}:R/optim-adamw.R:63-68",
            kind="choice",
            versions="0.17.0.9000",
            advice="use optim_ignite_adamw when float64 matters",
        ),
        Quirk(
            id="r-torch/adamw/zero-dimensional-raises",
            title="a 0-d parameter raises: the bias corrections have shape [1], and it cannot take the result in place",
            bindings=("optim_adamw",),
            when=lambda site: () in site.shapes,
            effects=(Raises("output with shape [] doesn't match the broadcast shape [1]"),),
            upstream=f"{_SOURCE}:R/optim-adamw.R:80",
            kind="defect",
            versions="0.17.0.9000",
            advice="give scalars the shape [1], or use optim_ignite_adamw",
        ),
    ),
)
