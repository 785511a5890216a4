"""An optimizer that a client drives step by step; docs/protocol.md tells what the messages mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossoptim.errors import HyperError, RunnerError, UnavailableError, UnknownNameError
from crossoptim.golden.json_text import read_number
from crossoptim.golden.reference import DTYPES
from crossoptim.golden.row import flat
from crossoptim.runners.base import Answer
from crossoptim.runners.harness import Array, Fields, GroupOptions, States, Tensors, read_arguments, read_start, start_row
from crossoptim.runners.registry import get_implementation, local_runner
from crossoptim.runners.request import arguments, missing_argument
from crossoptim.spec.conversation import Memory
from crossoptim.spec.model import Setting, shape_beside
from crossoptim.spec.refusals import misplaced
from crossoptim.spec.rules import resolve


class _Wanted(Exception):  # noqa: N818  # a question, not an error
    """An evaluation at ``point`` that the client has not made yet."""

    def __init__(self, point: Tensors) -> None:
        super().__init__()
        self.point = point


class Session:
    """One optimizer of one implementation, opened by the message ``open``.

    A step that asks for evaluations is made only when they are all there: until then it is taken back at its next question, and made
    again with the answer. So a step that a client does not finish has never happened.

    Raises:
        CrossoptimError: whatever is wrong with the message.
    """

    def __init__(self, message: Fields) -> None:
        self._name: str = message["optimizer"]
        self._implementation = get_implementation(message["implementation"])
        self._runner = local_runner(self._implementation.name)
        self._defaults = read_arguments(message["arguments"])
        every = [param["name"] for param in map(Fields, message["params"])]
        given = [Fields(group) for group in message.get("groups") or [{"params": every, "arguments": {}}]]
        members = [tuple(group["params"]) for group in given]
        if sentence := misplaced(self._name, members):
            raise HyperError(sentence)
        if homeless := next((name for name in every if not any(name in names for names in members)), None):
            raise HyperError(f"{self._name}: parameter {homeless!r} is in no group (expected one group for each)")
        settings = [self._resolve(group["arguments"]) for group in given]
        self._rule = settings[0].rule
        self._refuse_second_group(len(settings))
        self._binding = self._implementation.binding(settings[0])
        optimizer = {
            "name": self._binding.name if self._binding else self._rule.name,
            "state": self._binding.state if self._binding else {var.name: var.name for var in self._rule.state},
            "kept": self._binding.kept if self._binding else {var.name: var.name for var in self._rule.kept},
            "shapes": self._rule.state_shapes,
        }
        start = read_start(message, optimizer)
        self._dtype, self._state_names = start.dtype, list(start.state)
        self._shapes = {name: value.shape for name, value in start.params.items()}
        options = [GroupOptions(names, self._foreign(setting)) for names, setting in zip(members, settings, strict=True)]
        for names in members:
            self._known(names)
        with self._runner.settled():
            self._adapter = self._runner.open(start)
            self._adapter.construct(options)
        self._groups = list(zip(members, settings, strict=True))
        self._count = dict.fromkeys(self._shapes, 0)
        self._steps = 0
        self._evaluations: list[tuple[float, Tensors]] | None = None

    def opened(self) -> Answer:
        """What a client needs to know of the groups and of the state's shapes."""
        kinds = self._rule.state_shapes
        shapes = {name: {var: list(shape_beside(shape, kind)) for var, kind in kinds.items()} for name, shape in self._shapes.items()}
        return {"groups": self._said_groups(), "shapes": shapes}

    def step(self, message: Fields) -> Answer:
        """One update with the gradients of the message; without, the first question of one."""
        if "gradients" not in message:
            self._evaluations = []
            return self._converse()
        if self._rule.converse:
            raise HyperError(f"{self._rule.name} chooses where to evaluate: gradients cannot drive it (expected a closure)")
        gradients = self._tensors(message["gradients"], "gradients")
        self._evaluations = None
        with self._runner.settled():
            self._adapter.zero_gradients()
            self._adapter.add_gradients(gradients)
            self._adapter.step()
        return self._stepped(gradients)

    def evaluated(self, message: Fields) -> Answer:
        """The step goes on: its next question, or what it comes to."""
        if self._evaluations is None:
            raise RunnerError("no evaluation was asked for (expected a step without gradients first)")
        try:
            loss = DTYPES[self._dtype](read_number(message["loss"]))
        except ValueError as error:
            raise RunnerError(f"loss: {error}") from None
        self._evaluations.append((float(loss), self._tensors(message["gradients"], "gradients")))
        return self._converse()

    def state(self) -> Answer:
        """All that the optimizer goes on from."""
        memory = self._adapter.memory()
        return {
            "count": dict(self._count),
            "kept": self._adapter.kept(),
            **self._snapshot(),
            "groups": self._said_groups(),
            **({} if memory is None else {"memory": _said_memory(memory)}),
        }

    def load(self, message: Fields) -> Answer:
        """Go on from a state; groups and memory may be left out."""
        params = self._tensors(message["params"], "params")
        state = self._read_state(message["state"])
        count = self._read_count(message["count"])
        kept = self._read_kept(message.get("kept", {}), count)
        memory = self._read_memory(message.get("memory"))
        changes = self._read_groups(message.get("groups"))
        with self._runner.settled():
            self._adapter.assign(params, state, count, kept, memory)
            for number, setting in enumerate(changes):
                self._put(number, setting)
        self._count, self._steps, self._evaluations = count, max(count.values(), default=0), None
        return {"groups": self._said_groups()} if changes else {}

    def set(self, message: Fields) -> Answer:
        """Change options of a group."""
        number = message["group"]
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(self._groups):
            raise HyperError(f"{self._name}: group {number!r} does not exist (expected 0 to {len(self._groups) - 1})")
        self._put(number, self._groups[number][1].with_values(**read_arguments(message["arguments"])))
        self._evaluations = None
        return {"groups": self._said_groups()}

    def add_group(self, message: Fields) -> Answer:
        """Take in parameters, as a group with options of its own."""
        optimizer = {"name": self._name, "state": {}}
        params = read_start(Fields({"dtype": self._dtype, "params": message["params"]}), optimizer).params
        names = tuple(params)
        if sentence := misplaced(self._name, [*(held for held, _ in self._groups), [p["name"] for p in message["params"]]]):
            raise HyperError(sentence)
        if not names:
            raise HyperError(f"{self._name}: the group has no parameter (expected one at least)")
        self._refuse_second_group(len(self._groups) + 1)
        setting = self._resolve(message["arguments"])
        group = GroupOptions(names, self._foreign(setting))
        for value in params.values():
            setting.of(value.shape)
        with self._runner.settled():
            self._adapter.add_params(params)
            self._adapter.add_group(group)
        self._shapes.update({name: value.shape for name, value in params.items()})
        self._count.update(dict.fromkeys(names, 0))
        self._groups.append((names, setting))
        self._evaluations = None
        return self.opened()

    def _converse(self) -> Answer:
        assert self._evaluations is not None
        adapter, found = self._adapter, iter(self._evaluations)
        before = (adapter.save(), adapter.params()) if self._rule.converse else None  # any other asks before it changes anything
        gradients: Tensors = {}

        def evaluate() -> float:
            evaluation = next(found, None)
            if evaluation is None:
                raise _Wanted(adapter.params())
            adapter.zero_gradients()
            adapter.add_gradients(evaluation[1])
            gradients.update(evaluation[1])
            return evaluation[0]

        try:
            with self._runner.settled():
                loss = adapter.converse(evaluate)
        except Exception as reason:
            if before is not None:
                adapter.load(before[0])
                adapter.assign(before[1], {}, {}, {})
            if isinstance(reason, _Wanted):
                return {"evaluate": {name: flat(value) for name, value in reason.point.items()}}
            self._evaluations = None
            raise
        self._evaluations = None
        return {**self._stepped(gradients), "loss": loss}

    def _stepped(self, gradients: Tensors) -> Answer:
        self._steps += 1
        for names, setting in self._groups:
            for name in names:
                self._count[name] += setting.counts and name in gradients
        return {"step": self._steps, **self._snapshot()}

    def _snapshot(self) -> Answer:
        state = {name: {var: flat(value) for var, value in held.items()} for name, held in self._adapter.state().items()}
        return {"params": {name: flat(value) for name, value in self._adapter.params().items()}, "state": state}

    def _resolve(self, given: Mapping[str, Any]) -> Setting:
        return resolve(self._name, {**self._defaults, **read_arguments(given)})

    def _foreign(self, setting: Setting) -> dict[str, Any]:
        """A setting's arguments for the class that was opened; raises :class:`UnavailableError` where it cannot be said to it."""
        if not self._implementation.ecosystem:
            return arguments(setting, None)
        if self._binding is None or self._implementation.binding(setting) != self._binding:
            raise UnavailableError(f"{self._implementation.name}: no class implements {setting.rule.name} with these switches")
        if missing := missing_argument(self._binding, [setting]):
            raise UnavailableError(f"{self._implementation.name}: {missing}")
        return arguments(setting, self._binding)

    def _put(self, number: int, setting: Setting) -> None:
        names, held = self._groups[number]
        before, after = self._foreign(held), self._foreign(setting)
        self._adapter.set_options(number, {key: value for key, value in after.items() if before[key] != value})
        self._groups[number] = (names, setting)

    def _said_groups(self) -> list[Any]:
        return [{"params": list(names), "arguments": dict(setting.values)} for names, setting in self._groups]

    def _refuse_second_group(self, groups: int) -> None:
        if self._rule.converse and groups > 1:
            raise HyperError(f"{self._name}: a second parameter group (expected one, of all parameters)")

    def _known(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self._shapes:
                raise UnknownNameError("parameter", name, list(self._shapes))

    def _tensor(self, name: str, row: Any, label: str, var: str = "") -> Array:
        """A row as an array of the shape of the parameter, or of its state variable."""
        self._known([name])
        return start_row(row, shape_beside(self._shapes[name], self._rule.state_shapes.get(var, "")), self._dtype, label)

    def _tensors(self, rows: Mapping[str, Any], label: str) -> Tensors:
        """The rows that are present, by parameter."""
        return {name: self._tensor(name, row, f"{label}/{name}") for name, row in _table(rows, label) if row is not None}

    def _read_state(self, given: Mapping[str, Any]) -> States:
        out: States = {}
        for name, rows in _table(given, "state"):
            for var, row in _table(rows, f"state/{name}"):
                if var not in self._state_names:
                    raise UnknownNameError("state variable", f"{name}/{var}", self._state_names)
                if row is not None:
                    out.setdefault(name, {})[var] = self._tensor(name, row, f"state/{name}/{var}", var)
        return out

    def _read_count(self, given: Mapping[str, Any]) -> dict[str, int]:
        count = dict(_table(given, "count"))
        self._known(list(count))
        for name in self._shapes:
            number = count.get(name)
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise RunnerError(f"count/{name}: {number!r} (expected how many updates it has had)")
        return {name: count[name] for name in self._shapes}

    def _read_kept(self, given: Mapping[str, Any], count: Mapping[str, int]) -> dict[str, dict[str, float]]:
        wanted = [var.name for var in self._rule.kept]
        out: dict[str, dict[str, float]] = {}
        for name, number in count.items():
            held = dict(_table(dict(_table(given, "kept")).get(name, {}), f"kept/{name}"))
            if number:
                for var in wanted:
                    if var not in held:
                        raise RunnerError(f"kept/{name}: no {var} (expected {', '.join(wanted)} of a parameter that has been updated)")
                out[name] = {var: float(start_row(held[var], (), "float64", f"kept/{name}/{var}")) for var in wanted}
        return out

    def _read_memory(self, given: Any) -> Memory | None:
        if given is None or not self._rule.converse:
            return None
        fields = Fields(dict(_table(given, "memory")))
        size = sum(value.size for value in self._adapter.params().values())

        def vector(row: Any, name: str) -> Any:
            return None if row is None else start_row(row, (size,), self._dtype, f"memory/{name}")

        differences, steps = ([vector(row, part) for row in fields[part]] for part in ("differences", "steps"))
        if len(differences) != len(steps):
            raise RunnerError(f"memory: {len(differences)} differences and {len(steps)} steps (expected pairs)")
        length = fields["length"]
        memory = Memory(
            iterations=int(fields["iterations"]),
            pairs=tuple(zip(differences, steps, strict=True)),
            gradient=vector(fields["gradient"], "gradient"),
            direction=vector(fields["direction"], "direction"),
            length=None if length is None else float(start_row(length, (), "float64", "memory/length")),
        )
        if memory.iterations and any(part is None for part in (memory.gradient, memory.direction, memory.length)):
            raise RunnerError(f"memory: no gradient, direction or length after {memory.iterations} iterations (expected all three)")
        return memory

    def _read_groups(self, given: Any) -> list[Setting]:
        if given is None:
            return []
        groups = [Fields(group) for group in given]
        members = [tuple(group["params"]) for group in groups]
        if members != [names for names, _ in self._groups]:
            here = " and ".join(str(list(names)) for names, _ in self._groups)
            raise RunnerError(f"groups: of {' and '.join(str(list(names)) for names in members)} (expected of {here})")
        settings = [self._resolve(group["arguments"]) for group in groups]
        for setting in settings:
            self._foreign(setting)
        return settings


def _table(given: Any, label: str) -> Any:
    if not isinstance(given, Mapping):
        raise RunnerError(f"{label}: {type(given).__name__} (expected a JSON object)")
    return given.items()


def _said_memory(memory: Memory) -> Answer:
    return {
        "iterations": memory.iterations,
        "gradient": flat(memory.gradient),
        "direction": flat(memory.direction),
        "length": None if memory.length is None else float(memory.length),
        "differences": [flat(y) for y, _ in memory.pairs],
        "steps": [flat(s) for _, s in memory.pairs],
    }
