"""Events and extreme gradients that every optimizer meets in the same form."""

from __future__ import annotations

from typing import Any

from crossoptim.golden.case import Event, Group
from crossoptim.golden.cases import Cases


def add_events(cases: Cases, *, table: str = "injected", named: str = "{}", **hyper: Any) -> None:
    """The events of the catalogue, under one setting whose state and options all matter.

    ``table`` is the problem with three tensors, ``named`` makes a label of an event's name.
    """
    at, lr = cases.at, cases.lr
    decays = any(option.name == "weight_decay" for option in cases.base.rule.hyper)
    cases.topic("lr changed")
    cases.add(
        named.format("lr-drops"),
        f"the learning rate is divided by ten at step {at(11)}",
        events=(Event("set", at(11), hyper={"lr": lr / 10}),),
        **hyper,
    )
    cases.add(
        named.format("lr-zero"),
        f"the learning rate is zero from step {at(11)} to {at(21) - 1}: state goes on, parameters stand still",
        dtypes="f64",
        flags=("LearningRateZero",),
        events=(Event("set", at(11), hyper={"lr": 0.0}), Event("set", at(21), hyper={"lr": lr})),
        **hyper,
    )
    cases.topic("groups")
    cases.add(
        named.format("groups"),
        f"two groups with their own learning rate{' and weight decay' if decays else ''}",
        problem=table,
        groups=(Group(("matrix", "vector"), {"lr": lr / 2}), Group(("scalar",), {"weight_decay": 0.25} if decays else {})),
        **hyper,
    )
    cases.add(
        named.format("group-added"),
        f"a group joins before step {at(11)}",
        problem=table,
        events=(Event("add_group", at(11), params=("scalar",), hyper={"lr": lr / 4}),),
        **hyper,
    )
    cases.add(
        named.format("second-group-set"),
        "the learning rate of the second group only is changed",
        problem=table,
        dtypes="f64",
        groups=(Group(("matrix",)), Group(("vector", "scalar"))),
        events=(Event("set", at(11), group=1, hyper={"lr": lr / 8}),),
        **hyper,
    )
    cases.topic("no gradient")
    cases.add(
        named.format("none-first"),
        "no gradient at the first step: the step count starts later",
        problem=table,
        dtypes="f64",
        flags=("StepCount",),
        events=(Event("none", 1, params=("vector",)), Event("none", 2, params=("vector",))),
        **hyper,
    )
    cases.add(
        named.format("none-later"),
        f"no gradient at step {at(9)}: neither parameter nor state may move",
        problem=table,
        events=(Event("none", at(9), params=("matrix", "scalar")),),
        **hyper,
    )
    cases.add(
        named.format("unused"),
        f"one parameter takes no part in the loss at steps {at(9)}, {at(9) + 1} and {at(21)}: what zero_grad() left must not move it",
        problem=table,
        dtypes="f64",
        events=tuple(Event("unused", step, params=("matrix",)) for step in (at(9), at(9) + 1, at(21))),
        **hyper,
    )
    cases.add(
        named.format("frozen"),
        "one parameter never has a gradient",
        problem=table,
        dtypes="f64",
        events=(Event("frozen", params=("vector",)),),
        **hyper,
    )
    cases.topic("accumulation")
    first, last = at(16), at(16) + 2
    cases.add(
        named.format("accumulate"),
        f"gradients of steps {at(8)} and {first}-{last} add to what the step before left",
        events=tuple(Event("accumulate", s) for s in (at(8), *range(first, last + 1))),
        **hyper,
    )
    cases.topic("resume")
    cases.add(
        named.format("resume"), f"saved, rebuilt and loaded before step {at(16)}", problem=table, events=(Event("resume", at(16)),), **hyper
    )
    cases.add(
        named.format("resume-twice"),
        "saved and loaded before the first step with state, and again after a learning-rate change",
        dtypes="f64",
        events=(Event("resume", 2), Event("set", at(11), hyper={"lr": lr / 3}), Event("resume", at(21))),
        **hyper,
    )
    cases.add(
        named.format("resume-late-start"),
        "saved while one parameter has no state yet, and again later: step counts and states belong to their parameters",
        problem=table,
        dtypes="f64",
        flags=("StateOfParameter", "StepCount"),
        events=(Event("none", 1, params=("matrix",)), Event("none", 2, params=("matrix",)), Event("resume", 2), Event("resume", at(16))),
        **hyper,
    )
    joins = {"lr": lr / 4, "weight_decay": 0.0} if decays else {"lr": lr / 4}
    cases.add(
        named.format("resume-group-added"),
        "resumed after a group joined with options of its own",
        problem=table,
        dtypes="f64",
        flags=("StateOfParameter",),
        events=(Event("add_group", at(6), params=("scalar",), hyper=joins), Event("resume", at(16))),
        **hyper,
    )


def add_extremes(cases: Cases, **hyper: Any) -> None:
    """Gradients at the edges of the number format."""
    cases.topic("extremes")
    more = {"steps": max(cases.steps, 12), **hyper}  # the tables' extremes come until step 10, and have consequences
    for problem, (flag, comment) in {
        "zeros": ("ZeroGradients", "zero gradients, from the first step and later"),
        "huge": ("RangeEnds", "gradients times 2^70: their squares overflow in float32"),
        "tiny": ("RangeEnds", "gradients times 2^-60: eps decides"),
        "denormal": ("RangeEnds", "denormal gradients (in float32)"),
        "infinite": ("NonFinite", "infinite gradients: NaN must appear where IEEE 754 puts it, and nowhere else"),
        "not_a_number": ("NonFinite", "a NaN gradient"),
        "empty": ("EmptyTensor", "a tensor without elements"),
    }.items():
        dtypes = "f32" if problem in ("huge", "denormal") else "f64"
        cases.add(f"extreme_{problem}", comment, problem=problem, dtypes=dtypes, flags=(flag,), **more)
