"""PyTorch's ``torch.optim`` (read and run: 2.13.0)."""

from crossoptim.spec.model import Binding, Ecosystem, Edit, GradientAfter, Quirk, Raises

_ADAM: dict[str, str | tuple[str, ...]] = {
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
        Binding(
            "Adam", rule="adam", args=_ADAM, defaults=_ADAM_DEFAULTS, state=_ADAM_STATE, source="torch/optim/adam.py: _single_tensor_adam"
        ),
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
    quirks=(
        Quirk(
            id="pytorch/sgd/foreach-nesterov-in-gradient",
            title="foreach adds Nesterov's momentum term to the gradient in place, and leaves it there",
            bindings=("SGD",),
            implementations=("torch-foreach",),
            when=lambda site: site.h.nesterov and not site.h.weight_decay and not site.h.maximize,
            effects=(GradientAfter("g + momentum * (momentum * velocity + g)"),),
            upstream="torch 2.13.0: torch/optim/sgd.py:462",
            kind="defect",
            versions="2.13.0",
            advice="zero the gradients before every backward(), or pass foreach=False",
        ),
        Quirk(
            id="pytorch/adam/fused-amsgrad-drops-nan",
            title="fused amsgrad keeps the old maximum where the second moment is NaN, in the elements after the last full SIMD vector",
            bindings=("Adam", "AdamW"),
            implementations=("torch-fused",),
            everywhere=False,
            when=lambda site: site.h.amsgrad,
            effects=(Edit("maximum(v_max, A)", "where(v_max < A, A, v_max)"),),
            upstream="torch 2.13.0: aten/src/ATen/native/cpu/FusedAdamKernel.cpp (std::max in the scalar tail)",
            kind="defect",
            versions="2.13.0",
            advice="do not rely on NaN to show in max_exp_avg_sq; the parameter itself becomes NaN",
        ),
        Quirk(
            id="pytorch/sgd/fused-late-momentum-raises",
            title="fused SGD with momentum raises when a parameter's first gradient comes after another's of its group",
            bindings=("SGD",),
            implementations=("torch-fused",),
            when=lambda site: bool(site.h.momentum) and site.late_start,
            effects=(Raises("expected Tensor as element"),),
            upstream="torch 2.13.0: torch/optim/sgd.py:506 (is_first_step asks for all buffers, not for each)",
            kind="defect",
            versions="2.13.0",
            advice="pass fused=False where parameters may lack a gradient at first",
        ),
    ),
)
