# Made by `crossoptim generate` from the specification: not to be edited by hand.
# ruff: noqa
from crossoptim import optim
from crossoptim.optim import (
    SGD,
    Adam,
    AdamW,
    SparseAdam,
    Adagrad,
    RMSprop,
    Adadelta,
    Rprop,
    Adamax,
    NAdam,
    RAdam,
    ASGD,
    Adafactor,
    Muon,
    LBFGS,
    AdaBelief,
    AdaBound,
    Adan,
    ADOPT,
    LAMB,
    LARS,
    Lion,
    MADGRAD,
    QHAdam,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    Yogi,
)
from crossoptim.golden.fixture import root as fixtures_root
from crossoptim.state import load_optimizer_state
from crossoptim.state import save_optimizer_state

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "SparseAdam",
    "Adagrad",
    "RMSprop",
    "Adadelta",
    "Rprop",
    "Adamax",
    "NAdam",
    "RAdam",
    "ASGD",
    "Adafactor",
    "Muon",
    "LBFGS",
    "AdaBelief",
    "AdaBound",
    "Adan",
    "ADOPT",
    "LAMB",
    "LARS",
    "Lion",
    "MADGRAD",
    "QHAdam",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Yogi",
    "fixtures_root",
    "load_optimizer_state",
    "save_optimizer_state",
    "optim",
]

__version__: str
_FUNCTIONS: dict[str, str]
