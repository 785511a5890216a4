"""The type stub of :mod:`crossoptim.rtorch`."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import Parameter
from typing import Any

from crossoptim import rtorch
from crossoptim.optim.signature import documentation
from crossoptim.optim.stubs import HEAD, arguments, choice, class_text, exported, value_text
from crossoptim.rtorch.names import CHOICE, LAST, OPTIMIZER, QUIRKS, VERBOSE, in_python, scheduler_documentation, scheduler_signature
from crossoptim.spec.model import Binding, Flag
from crossoptim.spec.schedule import Choice, Formula, Number, Whole
from crossoptim.spec.schedules import get_schedule

_IMPORTS = """\
from collections.abc import Callable, Sequence
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from crossoptim.rtorch.optimizers import ROptimizer
from crossoptim.rtorch.schedulers import RScheduler
from crossoptim.spec.model import Binding, Ecosystem"""
_TABLES = "OPTIMIZERS: dict[str, tuple[Ecosystem, Binding]]\nSCHEDULERS: dict[str, Binding]"


def text() -> str:
    """The stub."""
    optimizers = [_optimizer(binding) for _, binding in rtorch.OPTIMIZERS.values()]
    schedulers = [_scheduler(binding) for binding in rtorch.SCHEDULERS.values()]
    parts = [f"{HEAD}\n{_IMPORTS}", exported(rtorch.__all__), _TABLES, "def optim_required() -> Any: ...", *optimizers, *schedulers]
    return "\n\n".join(parts) + "\n"


def _optimizer(binding: Binding) -> str:
    binding = in_python(binding)
    missing = [name for name in binding.args if name not in binding.defaults]  # which every group may give instead
    lines = (f"{line} = ..." if line.partition(":")[0] in missing else line for line in arguments(binding))
    lines = (line.replace("params: ParamsT", "params: ParamsT | Tensor") for line in lines)
    quirks = f"{CHOICE}: {choice(QUIRKS)} = {value_text(QUIRKS[0])}"
    return class_text(binding.name, "ROptimizer", documentation(binding), [*lines, "*", quirks])


def _scheduler(binding: Binding) -> str:
    return class_text(binding.name, "RScheduler", scheduler_documentation(binding), _arguments(binding))


def _arguments(binding: Binding) -> Iterator[str]:
    options: dict[str, Any] = {option.name: option for option in get_schedule(binding.rule).options}
    known = {OPTIMIZER: "Optimizer", LAST: "int", VERBOSE: "bool", CHOICE: f"{choice(QUIRKS)} | None"}
    for parameter in scheduler_signature(binding).parameters.values():
        if parameter.kind is Parameter.KEYWORD_ONLY:
            yield "*"
        kind = known.get(parameter.name) or _type(options[str(binding.args[parameter.name])])
        yield f"{parameter.name}: {kind}" + ("" if parameter.default is Parameter.empty else f" = {value_text(parameter.default)}")


def _type(option: Any) -> str:
    """An option's type; one for each parameter group where that may be."""
    if isinstance(option, Choice):
        return choice(option.values)
    if isinstance(option, Flag):
        return "bool"
    kind = {Number: "float", Whole: "int", Formula: "Callable[[int], float]"}[type(option)]
    kind = f"{kind} | Sequence[{kind}]" if option.per_group else kind
    return f"{kind} | None" if option.default is None else kind
