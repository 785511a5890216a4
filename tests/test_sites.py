"""On which cases a quirk bears: spec.json lists them, so that a port can tell a known departure from a new one without the conditions."""

from __future__ import annotations

from crossoptim.golden.case import Case
from crossoptim.golden.cases import all_cases, get_case
from crossoptim.golden.fixture import root
from crossoptim.golden.json_text import read
from crossoptim.golden.sites import Sites, cases_of_quirks

SPEC = read(root() / "v1" / "spec.json")
LISTED = {key: quirk["cases"] for ecosystem in SPEC["ecosystems"].values() for key, quirk in ecosystem["quirks"].items()}


def cases_with(optimizers: tuple[str, ...], **switches: str) -> list[Case]:
    """The cases of these optimizers that have no variant but the given ones."""
    found = [case for case in all_cases().values() if case.optimizer in optimizers]
    return [c for c in found if all(c.base.values[s.name] == switches.get(s.name, s.default) for s in c.base.rule.switches)]


def ids(cases: list[Case]) -> list[str]:
    return sorted(case.id for case in cases)


def decays(case: Case) -> bool:
    """Whether some parameter steps under weight decay."""
    return any(
        member.setting.values["weight_decay"] != 0 and name not in case.without_gradient(step)
        for step, members in enumerate(case.timeline, 1)
        for name, member in members.items()
    )


def test_what_is_exported_is_what_is_found() -> None:
    assert cases_of_quirks(all_cases().values()) == LISTED


def test_the_index_in_place_of_the_value_bears_wherever_there_is_weight_decay() -> None:
    found = LISTED["r-torch/sgd/weight-decay-adds-index"]
    assert found == ids([c for c in cases_with(("sgd",)) if decays(c)])
    assert "sgd/decay_switched_on-ravine-f64" in found and "sgd/plain-ravine-f64" not in found
    assert "sgd/lr_inside_decay-ravine-f64" not in found, "R torch has no class for that variant"


def test_zeros_left_in_a_gradient_bear_where_a_parameter_takes_no_part_in_a_loss() -> None:
    names = ("sgd", "adam", "adamw", "adagrad", "rmsprop", "adadelta", "rprop", "asgd")
    unused = [c for name in names for c in all_cases().values() if c.optimizer == name and any(e.kind == "unused" for e in c.events)]
    assert LISTED["r-torch/zero-grad-leaves-zeros"] == ids(unused) != []


def test_a_scalar_parameter_and_a_loaded_state_are_seen() -> None:
    scalars = [c for c in cases_with(("adamw",), decay="decoupled") if () in {p.shape for p in c.problem.params}]
    assert LISTED["r-torch/adamw/zero-dimensional-raises"] == ids(scalars) != []
    resumed = LISTED["pytorch/nadam/loaded-momentum-product"]
    assert resumed and all(any(e.kind == "resume" for e in get_case(case).events) for case in resumed)


def test_a_line_search_beyond_the_edge_is_told_by_whether_it_goes_on() -> None:
    for quirk, problem in {"follows-what-is-not-finite": "exponential", "nan-loss-raises": "barrier"}.items():
        assert LISTED[f"pytorch/lbfgs/{quirk}"] == [f"lbfgs/edge-{problem}-{dtype}" for dtype in ("f32", "f64")]


def test_a_state_counts_as_loaded_once_there_was_one_to_save() -> None:
    twice = get_case("nadam/resume-twice-ravine-f64")
    sites, name = Sites(twice), twice.problem.params[0].name
    assert sites.first_steps[name] == 1 and sites.loads(name) == [e.step for e in twice.events if e.kind == "resume"] == [2, 6]
    assert [sites.loaded(name, step) for step in (1, 2, 6)] == [False, True, True]
    late = get_case("nadam/resume-late-start-injected-f64")
    assert Sites(late).first_steps == {"matrix": 3, "vector": 1, "scalar": 1}
    assert {name: Sites(late).loads(name) for name in ("matrix", "vector")} == {"matrix": [4], "vector": [2, 4]}
