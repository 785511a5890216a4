"""R torch's optimizers in C++: ``optim_ignite_*``, wrappers of libtorch's own (read: 0.17.0.9000 at commit e4de110; run: 0.17)."""

from dataclasses import replace

from crossoptim.spec.ecosystems import r_torch_input
from crossoptim.spec.ecosystems.pytorch import pytorch
from crossoptim.spec.ecosystems.r_torch import r_torch
from crossoptim.spec.ecosystems.r_torch_quirks import SOURCE, VERSIONS
from crossoptim.spec.model import Binding, Ecosystem, Quirk, Raises

_R = {binding.name: binding for binding in r_torch.bindings}
_CPP = {binding.name: binding for binding in pytorch.bindings}


def _ignite(twin: str) -> Binding:
    """A class with the signature of its twin in R (R/ignite.R), and libtorch's state and bounds."""
    name, cpp = twin.lower(), _CPP[twin]
    return replace(_R[f"optim_{name}"], name=f"optim_ignite_{name}", state=cpp.state, bounds=cpp.bounds, source="R/ignite.R")


r_torch_ignite = Ecosystem(
    name="r_torch_ignite",
    title="R torch ignite",
    language="R",
    package="torch",
    bindings=tuple(_ignite(twin) for twin in ("SGD", "Adam", "AdamW", "Adagrad", "RMSprop")),
    refusals=r_torch_input.IGNITE_REFUSALS,
    quirks=(
        *r_torch_input.IGNITE_QUIRKS,
        Quirk(
            id="r-torch-ignite/adagrad/second-group-raises",
            title="a parameter outside the first group raises at its first gradient: groups are added one by one, and only the constructor "
            "makes the state",
            bindings=("optim_ignite_adagrad",),
            when=lambda site: site.group > 0,
            effects=(Raises("state found NULL for the Tensor"),),
            upstream=f"{SOURCE}:R/ignite.R:36-38; libtorch 2.13.0: torch/csrc/api/src/optim/adagrad.cpp:75",
            kind="defect",
            versions=VERSIONS,
            advice="use one optimizer for each group, or optim_adagrad",
        ),
        Quirk(
            id="r-torch-ignite/adam/late-amsgrad-raises",
            title="amsgrad set after the first step raises: the maximum that it keeps is made at the first step only",
            bindings=("optim_ignite_adam",),
            when=lambda site: bool(site.new_state),
            effects=(Raises("Expected a proper Tensor but got None"),),
            upstream="libtorch 2.13.0: torch/csrc/api/src/optim/adam.cpp (step)",
            kind="defect",
            versions=VERSIONS,
            advice="set amsgrad in the constructor",
        ),
        Quirk(
            id="r-torch-ignite/adamw/late-amsgrad-raises",
            title="amsgrad set after the first step raises; after load_state_dict() because that took an empty tensor for the maximum",
            bindings=("optim_ignite_adamw",),
            when=lambda site: bool(site.new_state),
            effects=(Raises("Expected a proper Tensor but got None"), Raises("must match the size of tensor b (0)")),
            upstream=f"{SOURCE}:src/lantern/src/Ignite.cpp:356-358; libtorch 2.13.0: torch/csrc/api/src/optim/adamw.cpp (step)",
            kind="defect",
            versions=VERSIONS,
            advice="set amsgrad in the constructor",
        ),
        Quirk(
            id="r-torch-ignite/rmsprop/late-state-raises",
            title="momentum or centered set after the first step raises: the state that they need is made at the first step only",
            bindings=("optim_ignite_rmsprop",),
            when=lambda site: bool(site.new_state),
            effects=(Raises("Expected a proper Tensor but got None"),),
            upstream="libtorch 2.13.0: torch/csrc/api/src/optim/rmsprop.cpp (RMSprop::step)",
            kind="defect",
            versions=VERSIONS,
            advice="start with a tiny momentum, or make a new optimizer",
        ),
    ),
)
