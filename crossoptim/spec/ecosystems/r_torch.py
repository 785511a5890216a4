"""R torch's optimizers written in R: ``optim_*`` (read: 0.17.0.9000 at commit e4de110; run: 0.17)."""

from collections.abc import Mapping
from dataclasses import replace

from crossoptim.spec.ecosystems import pytorch_lbfgs, r_torch_input, r_torch_lbfgs, r_torch_quirks, r_torch_schedules
from crossoptim.spec.ecosystems.pytorch import pytorch
from crossoptim.spec.model import Binding, Ecosystem

_PYTORCH = {binding.name: binding for binding in pytorch.bindings}
_WIDE_BETAS = {"beta1": "[0, 1]", "beta2": "[0, 1]"}


def _after(twin: str, state: Mapping[str, str] | None = None, bounds: Mapping[str, str] | None = None) -> Binding:
    """A class written after PyTorch's: its arguments in their order and its defaults, without ``maximize``; its state keys."""
    binding, name = _PYTORCH[twin], twin.lower()
    return replace(
        binding,
        name=f"optim_{name}",
        args={foreign: ours for foreign, ours in binding.args.items() if foreign != "maximize"},
        defaults={foreign: value for foreign, value in binding.defaults.items() if foreign != "maximize"},
        state={**binding.state, **(state or {})},
        bounds=binding.bounds if bounds is None else bounds,
        constructor=None,
        source=f"R/optim-{name}.R",
    )


def _without_default(binding: Binding, argument: str) -> Binding:
    return replace(binding, defaults={key: value for key, value in binding.defaults.items() if key != argument})


def _renamed(binding: Binding, argument: str, to: str) -> Binding:
    names = {key: to if key == argument else key for key in binding.args}
    return replace(
        binding,
        args={names[key]: ours for key, ours in binding.args.items()},
        defaults={names[key]: value for key, value in binding.defaults.items()},
    )


r_torch = Ecosystem(
    name="r_torch",
    title="R torch",
    language="R",
    package="torch",
    schedules=r_torch_schedules.SCHEDULES,
    refusals=r_torch_input.REFUSALS,
    bindings=(
        _without_default(_after("SGD"), "lr"),
        _after("Adam", bounds=_WIDE_BETAS),
        _after("AdamW", bounds=_WIDE_BETAS, state={"v_max": "max_exp_avg_sqs"}),
        _after("Adagrad"),
        _after("RMSprop"),
        _after("Adadelta"),
        _after("Rprop", bounds={**_PYTORCH["Rprop"].bounds, "eta_minus": "[0, 1]", "eta_plus": "[1, inf)"}),
        _renamed(_after("ASGD"), "lambd", "lambda"),
        _after("LBFGS", bounds=pytorch_lbfgs.UNCHECKED),
    ),
    quirks=(*r_torch_quirks.QUIRKS, *r_torch_lbfgs.QUIRKS, *r_torch_schedules.QUIRKS, *r_torch_input.QUIRKS),
)
