"""The one list of implementations, in the order of the report's columns, and how each becomes a runner."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from crossoptim.errors import UnavailableError
from crossoptim.runners.adapter import adapter_child
from crossoptim.runners.base import DEFAULT_TIMEOUT, Runner
from crossoptim.runners.command import CommandRunner
from crossoptim.runners.r import Transport, r_child
from crossoptim.runners.request import Mode, run_request, specification, unsupported
from crossoptim.spec.ecosystems import get_ecosystem
from crossoptim.spec.model import Binding, Quirk, Setting, lookup
from crossoptim.spec.r_functions import r_function

if TYPE_CHECKING:
    from crossoptim.golden.case import Case
    from crossoptim.golden.trajectory import Trajectory
    from crossoptim.runners.base import Answer, Description
    from crossoptim.runners.child import Child
    from crossoptim.runners.harness import LocalRunner


@dataclass(frozen=True)
class Implementation:
    """A column of the report.

    ``ecosystem`` whose names it speaks, None for the specification's own; ``module`` that makes its runner in this process; ``adapter``:
    the program of its own that speaks for it, by file name in :mod:`crossoptim.adapters`; with neither it lives in R;
    ``evaluates_specification``: it is sent the equation's text and scalars; ``own``: finds its class of ours, where that has names of its
    own; ``default``: whether it is judged unless others are named; ``imitates``: how it is not its ecosystem's own:
    ours with its names, and with its quirks or without.
    """

    name: str
    title: str
    ecosystem: str | None = None
    module: str | None = None
    evaluates_specification: bool = False
    own: Callable[[Setting], Binding | None] | None = None
    default: bool = True
    adapter: str | None = None
    imitates: Literal["", "released", "mended"] = ""

    def binding(self, setting: Setting) -> Binding | None:
        """The class for a setting; None where there is none, or none is needed."""
        if self.own:
            return self.own(setting)
        return get_ecosystem(self.ecosystem).binding(setting) if self.ecosystem else None

    def quirks(self, setting: Setting) -> list[Quirk]:
        """The known departures of the class that a setting is run with, on this execution path."""
        binding = self.binding(setting)
        if binding is None or self.ecosystem is None or self.imitates == "mended":
            return []
        known = get_ecosystem(self.ecosystem).quirks
        return [q for q in known if binding.name in q.bindings and (not q.implementations or self.name in q.implementations)]

    def unsupported(self, case: Case) -> str | None:
        """Why it cannot run a case, or None."""
        if self.ecosystem:
            library = get_ecosystem(self.ecosystem)
            if case.dtype not in library.dtypes:
                return f"{library.title} has no {case.dtype}"
            if not library.groups and (len(case.initial_groups) > 1 or any(event.kind == "add_group" for event in case.events)):
                return f"{library.title} has no parameter groups"
        return unsupported(self.binding(case.base), case) if self.ecosystem or self.own else None

    def request(self, case: Case, golden: Trajectory, mode: Mode) -> dict[str, Any]:
        """The ``run`` request of a case."""
        request = run_request(case, golden, mode, self.name, self.binding(case.base))
        return {**request, **specification(case, golden)} if self.evaluates_specification else request


_RTORCH = "crossoptim.runners.rtorch"
IMPLEMENTATIONS = {
    implementation.name: implementation
    for implementation in (
        Implementation("reference", "reference", module="crossoptim.runners.reference"),
        Implementation("crossoptim", "crossoptim", module="crossoptim.runners.own"),
        Implementation("crossoptim-eager", "crossoptim eager", module="crossoptim.runners.own", default=False),
        Implementation("torch-single", "torch single", "pytorch", "crossoptim.runners.pytorch"),
        Implementation("torch-foreach", "torch foreach", "pytorch", "crossoptim.runners.pytorch"),
        Implementation("torch-fused", "torch fused", "pytorch", "crossoptim.runners.pytorch"),
        Implementation("base-r", "base R", evaluates_specification=True),
        Implementation("r-torch", "R torch", "r_torch"),
        Implementation("r-torch-ignite", "R torch ignite", "r_torch_ignite"),
        Implementation("r-crossoptim", "crossoptim on R torch", own=r_function, default=False),
        Implementation("rtorch", "crossoptim.rtorch", "r_torch", _RTORCH, imitates="mended", default=False),
        Implementation("rtorch-0.17", "crossoptim.rtorch 0.17", "r_torch", _RTORCH, imitates="released", default=False),
        Implementation("rtorch-ignite", "crossoptim.rtorch ignite", "r_torch_ignite", _RTORCH, imitates="mended", default=False),
        Implementation(
            "rtorch-ignite-0.17", "crossoptim.rtorch ignite 0.17", "r_torch_ignite", _RTORCH, imitates="released", default=False
        ),
        Implementation("optax", "optax", "optax", adapter="optax.py", default=False),
        Implementation("keras", "Keras", "keras", adapter="keras.py", default=False),
        Implementation("tfjs", "TensorFlow.js", "tfjs", adapter="tfjs.cjs", default=False),
    )
}


def get_implementation(name: str) -> Implementation:
    """The implementation of that name; raises :class:`~crossoptim.errors.UnknownNameError`."""
    return lookup("runner", IMPLEMENTATIONS, name)


_importing = threading.RLock()
"""One import at a time: of two threads that load torch by different ways one would see a half of it."""


def local_runner(name: str) -> LocalRunner:
    """The runner of an implementation that lives in this process.

    Raises:
        UnknownNameError: when no implementation of that name lives in this process.
        UnavailableError: when torch, which it needs, is missing.
    """
    here = {key: implementation for key, implementation in IMPLEMENTATIONS.items() if implementation.module}
    module = lookup("runner", here, name).module
    assert module is not None
    try:
        with _importing:
            made: LocalRunner = import_module(module).make(name)
    except ModuleNotFoundError as error:
        raise UnavailableError(f"{name}: {error.name} is not installed (pip install {error.name})") from None
    return made


class Runners:
    """Makes runners by name and ends what they started: each implementation outside has a child of its own, so that they run side by side.

    Use as a context manager. Nothing is loaded or started before a runner is asked; what is missing is raised then.
    """

    def __init__(self, transport: Transport = "rscript") -> None:
        self.transport = transport
        self._lock = threading.Lock()
        self._children: dict[str, Child] = {}

    def __getitem__(self, name: str) -> Runner:
        return _OnDemand(get_implementation(name), self)

    def __enter__(self) -> Runners:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the children."""
        with self._lock:
            for child in self._children.values():
                child.close()

    def make(self, implementation: Implementation) -> Runner:
        """Load or find what an implementation needs; raises :class:`UnavailableError`."""
        if implementation.module:
            return local_runner(implementation.name)
        with self._lock:
            if implementation.name not in self._children:
                adapter = implementation.adapter
                self._children[implementation.name] = adapter_child(implementation.title, adapter) if adapter else r_child(self.transport)
            return CommandRunner(implementation.name, self._children[implementation.name])


class _OnDemand:
    def __init__(self, implementation: Implementation, home: Runners) -> None:
        self.name = implementation.name
        self._implementation = implementation
        self._home = home

    def describe(self) -> Description:
        return self._home.make(self._implementation).describe()

    def run(self, request: dict[str, Any], timeout: float = DEFAULT_TIMEOUT) -> Answer:
        return self._home.make(self._implementation).run(request, timeout)

    def close(self) -> None:
        """The child is kept; :meth:`Runners.close` ends it."""
