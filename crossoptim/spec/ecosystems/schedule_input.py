"""What schedulers say of invalid input, which is little (run: torch 2.13.0, R torch 0.17.0.9000)."""

from collections.abc import Iterable, Mapping

from crossoptim.spec.model import Binding
from crossoptim.spec.refusals import TEXT, InputQuirk

Says = Mapping[str, str]


def _of(option: str, message: str, *values: str) -> dict[str, str]:
    """The same message about several values of an option."""
    return {f"{option}={value}": message for value in values}


_TYPES = "not supported between instances of"
_OPERAND = "unsupported operand type(s) for"
PYTORCH_REFUSALS: dict[str, Says] = {
    "ConstantLR": {
        **_of("factor", "Constant multiplicative factor expected to be between 0 and 1", "-1", "2"),
        **_of("factor", _TYPES, TEXT),
    },
    "LinearLR": {
        **_of("start_factor", "Starting multiplicative factor expected to be greater than 0", "0", "-1", "2"),
        **_of("end_factor", "Ending multiplicative factor expected to be between 0 and 1", "-1", "2"),
        **_of("start_factor", _TYPES, TEXT),
        **_of("end_factor", _TYPES, TEXT),
    },
    "CosineAnnealingWarmRestarts": {
        **_of("T_0", "Expected positive integer T_0", "0", "inf", "nan", "2.5"),
        **_of("T_mult", "Expected integer T_mult >= 1", "0", "inf", "nan", "2.5"),
        **_of("T_0", _TYPES, TEXT),
        **_of("T_mult", _TYPES, TEXT),
        **_of("eta_min", "Expected float or int eta_min", TEXT),
    },
    "CyclicLR": {
        **_of("max_lr", _OPERAND, TEXT),
        **_of("base_momentum", _OPERAND, TEXT),
        **_of("max_momentum", _OPERAND, TEXT),
        **_of("step_size_up", "float division by zero", "0"),
        **_of("step_size_down", "float division by zero", "inf"),
        **{f"{key}=nan": "cannot convert float NaN to integer" for key in ("step_size_up", "step_size_down")},
        **{f"{key}={TEXT}": "could not convert string to float" for key in ("step_size_up", "step_size_down")},
        **_of("mode", "mode is invalid and scale_fn is None", TEXT),
    },
    "OneCycleLR": {
        **_of("total_steps", "Expected positive integer total_steps", "0", "inf", "nan", "2.5"),
        **_of("total_steps", _TYPES, TEXT),
        **_of("pct_start", "Expected float between 0 and 1 pct_start", "-1", "2", "true"),
        **_of("pct_start", "could not convert string to float", TEXT),
        **_of("anneal_strategy", "anneal_strategy must be one of 'cos' or 'linear'", TEXT),
        **{f"{key}={TEXT}": _OPERAND for key in ("max_lr", "base_momentum", "max_momentum", "div_factor", "final_div_factor")},
        **{f"{key}=0": "float division by zero" for key in ("div_factor", "final_div_factor")},
    },
    "ReduceLROnPlateau": {
        **_of("factor", "Factor should be < 1.0", "1", "2", "true"),
        **_of("factor", _TYPES, TEXT),
        **_of("mode", "mode text is unknown", TEXT),
        **_of("threshold_mode", "threshold mode text is unknown", TEXT),
    },
}
_MISSING = "missing value where TRUE/FALSE needed"
_NOT_NUMERIC = "non-numeric argument to binary operator"
R_TORCH_REFUSALS: dict[str, Says] = {
    "lr_one_cycle": {
        **_of("total_steps", "Expected positive integer total_steps", "0", "true", TEXT),
        **_of("pct_start", "Expected float between 0 and 1 pct_start", "-1", "2", "true"),
        **_of("total_steps", _MISSING, "nan"),
        **_of("pct_start", _MISSING, "nan"),
        **_of("anneal_strategy", "anneal_strategy must by one of 'cos' or 'linear'", TEXT),
        **_of("cycle_momentum", "argument is not interpretable as logical", TEXT),
        **{
            f"{key}={TEXT}": _NOT_NUMERIC
            for key in ("max_lr", "pct_start", "base_momentum", "max_momentum", "div_factor", "final_div_factor")
        },
    },
    "lr_reduce_on_plateau": {
        **_of("factor", "Factor should be < 1.0", "1", "2", "true", TEXT),
        **_of("factor", _MISSING, "nan"),
        **_of("mode", "mode text is unknown", TEXT),
        **_of("threshold_mode", "threshold mode text is unknown", TEXT),
    },
}


def unchecked_schedules(name: str, classes: Iterable[Binding], said: Mapping[str, Says], upstream: str, versions: str) -> InputQuirk:
    """What a library's schedulers take: all that they have no message about."""
    return InputQuirk(
        id=f"{name}/schedules/unchecked",
        title="most options of schedulers are not checked: numbers outside any sense, NaN, text and booleans pass; a later step fails,"
        " or the rate is not finite",
        bindings=tuple(binding.name for binding in classes),
        kinds=("outside", "infinite", "not a number", "text", "boolean", "fraction", "not a flag", "variant"),
        applies=lambda probe, binding: probe.id not in said.get(binding.name, {}),
        upstream=upstream,
        kind="choice",
        versions=versions,
        advice="check options that come from a file or a search, and look at the first rates",
    )
