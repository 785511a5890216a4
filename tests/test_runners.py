"""Runners: the same case, asked of each implementation in this process, of child processes, and of children that misbehave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossoptim import __version__
from crossoptim.errors import RunnerError, UnavailableError, UnknownNameError
from crossoptim.golden.case import Case, Event, Group
from crossoptim.golden.json_text import compact
from crossoptim.golden.trajectory import Rows, Trajectory, golden
from crossoptim.runners import r
from crossoptim.runners.base import Answer
from crossoptim.runners.child import Child
from crossoptim.runners.command import CommandRunner
from crossoptim.runners.registry import IMPLEMENTATIONS, Runners, get_implementation, local_runner
from crossoptim.runners.request import Mode, read_trajectory

FAKES = Path(__file__).parent / "fakes"
TORCH = [name for name, i in IMPLEMENTATIONS.items() if i.module and i.ecosystem == "pytorch"]
LOCAL = [name for name, i in IMPLEMENTATIONS.items() if i.module and not i.imitates]

CASES = {
    case.id: case
    for case in (
        Case(
            "sgd/set-resume-accumulate",
            "sgd",
            {"lr": 0.1, "weight_decay": 0.1, "momentum": 0.9},
            "ravine",
            "float64",
            "",
            events=(Event("set", 10, 0, (), {"lr": 0.05}), Event("resume", 15), Event("accumulate", 20)),
        ),
        Case(
            "adam/groups-none-add_group",
            "adam",
            {"lr": 0.1, "amsgrad": True, "weight_decay": 0.01},
            "injected",
            "float32",
            "",
            groups=(Group(("matrix",)), Group(("vector",), {"lr": 0.2, "weight_decay": 0.0})),
            events=(
                Event("none", 5, 0, ("matrix",)),
                Event("add_group", 8, 0, ("scalar",), {"lr": 0.3}),
                Event("accumulate", 6),
                Event("set", 9, 2, (), {"lr": 0.01, "beta1": 0.5}),
                Event("resume", 12),
            ),
        ),
        # beta2 far from 1: near it torch's own 1 - beta2**t, computed in double, is a few hundred roundings away
        Case("adamw/frozen", "adamw", {"lr": 0.1, "beta2": 0.75}, "iris", "float64", "", steps=8, events=(Event("frozen", 0, 0, ("b1",)),)),
        Case("sgd/nesterov", "sgd", {"lr": 0.01, "momentum": 0.5, "nesterov": True}, "mtcars", "float32", ""),
        Case("adam/nan", "adam", {"lr": 0.1}, "not_a_number", "float32", ""),
        Case("adam/empty", "adam", {"lr": 0.1, "maximize": True}, "empty", "float32", ""),
        Case(
            "sgd/lookahead",
            "sgd",
            {"lr": 0.001, "momentum": 0.9, "nesterov": True, "nesterov_form": "lookahead"},
            "rosenbrock",
            "float64",
            "",
            events=(Event("resume", 9),),
        ),
    )
}
GOLDEN = {key: golden(case) for key, case in CASES.items()}
RUNS: list[tuple[str, Mode]] = [
    (key, mode)
    for key, case in CASES.items()
    for mode in ("replay", "lockstep", "closed")
    if mode != "closed" or case.problem.value is not None
]  # fmt: skip
SUPPORTED = [(name, key, mode) for name in LOCAL for key, mode in RUNS if not get_implementation(name).unsupported(CASES[key])]


def ask(name: str, key: str, mode: Mode) -> Trajectory:
    """Run a case through the JSON text that a child would see."""
    case = CASES[key]
    request = json.loads(compact(get_implementation(name).request(case, GOLDEN[key], mode)))
    answer = local_runner(name).run(request)
    assert answer["outcome"] == "ok", answer
    return read_trajectory(json.loads(compact(answer)), case, name)


def same(a: Rows, b: Rows) -> bool:
    """Whether two columns agree to the last bit."""
    return all(
        (x is None and y is None) or (x is not None and y is not None and x.dtype == y.dtype and x.tobytes() == y.tobytes())
        for x, y in zip(a, b, strict=True)
    )


# Implementations in this process


@pytest.mark.parametrize(("key", "mode"), RUNS)
def test_the_reference_reproduces_the_golden_trajectory_bit_for_bit(key: str, mode: Mode) -> None:
    found, expected = ask("reference", key, mode), GOLDEN[key]
    for name in expected.params:
        assert same(found.params[name], expected.params[name])
        assert same(found.grads[name], expected.grads[name])
        assert same(found.grads_after[name], expected.after(name))
        assert set(found.state[name]) == set(expected.state[name])
        for var, rows in expected.state[name].items():
            assert same(found.state[name][var], rows)
    if mode == "closed":
        assert found.loss == expected.loss


@pytest.mark.parametrize(("name", "key", "mode"), [run for run in SUPPORTED if run[0] != "reference" and run[2] == "lockstep"])
def test_torch_takes_each_golden_step_up_to_a_few_roundings(name: str, key: str, mode: Mode) -> None:
    found, expected = ask(name, key, mode), GOLDEN[key]
    start = {p.name: np.reshape(p.start, p.shape) for p in CASES[key].problem.params}
    unit = float(np.finfo(CASES[key].dtype).eps)
    for param, rows in expected.params.items():
        before = start[param]
        for ours, theirs in zip(rows, found.params[param], strict=True):
            assert ours is not None and theirs is not None
            scale = np.abs(before) + np.abs(ours) + np.abs(ours - before)
            np.testing.assert_array_less(np.abs(np.nan_to_num(theirs - ours)), np.nan_to_num(8 * unit * scale) + np.finfo(np.float32).tiny)
            assert np.array_equal(np.isnan(ours), np.isnan(theirs))
            before = ours


@pytest.mark.parametrize(("name", "key", "mode"), [run for run in SUPPORTED if run[0] != "reference"])
def test_torch_sees_the_gradients_of_the_case_and_stays_close_to_the_golden_path(name: str, key: str, mode: Mode) -> None:
    found, expected = ask(name, key, mode), GOLDEN[key]
    rtol = 2e-3 if CASES[key].dtype == "float32" else 1e-9
    for param in expected.params:
        for step, (ours, theirs) in enumerate(zip(expected.grads[param], found.grads[param], strict=True), 1):
            assert (ours is None) == (theirs is None), f"step {step}, {param}"
        if mode != "closed":
            assert same(expected.grads[param], found.grads[param])
        last, reached = expected.params[param][-1], found.params[param][-1]
        assert last is not None and reached is not None
        np.testing.assert_allclose(reached, last, rtol=rtol, atol=rtol)
        assert set(found.state[param]) == set(expected.state[param])


@pytest.mark.parametrize("key", [key for name, key, mode in SUPPORTED if name == "torch-foreach" and mode == "replay"])
def test_torchs_foreach_and_single_paths_agree_bit_for_bit(key: str) -> None:
    single, foreach = ask("torch-single", key, "replay"), ask("torch-foreach", key, "replay")
    assert all(same(single.params[name], foreach.params[name]) for name in single.params)


def test_resuming_changes_nothing() -> None:
    case = CASES["adam/groups-none-add_group"]
    for name in LOCAL:
        implementation = get_implementation(name)
        request = implementation.request(case, GOLDEN[case.id], "replay")
        straight = {**request, "events": [e for e in request["events"] if e["kind"] != "resume"]}
        assert local_runner(name).run(request) == local_runner(name).run(straight)


def test_the_columns_of_the_report_have_a_fixed_order() -> None:
    assert list(IMPLEMENTATIONS) == [
        "reference", "crossoptim", "crossoptim-eager", "torch-single", "torch-foreach", "torch-fused", "base-r", "r-torch",
        "r-torch-ignite", "r-crossoptim", "rtorch", "rtorch-0.17", "rtorch-ignite", "rtorch-ignite-0.17", "optax", "keras", "tfjs",
    ]  # fmt: skip


def test_an_unknown_runner_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(UnknownNameError, match="'torch-single'"), Runners() as runners:
        runners["torch-singel"]


def test_what_no_class_implements_is_unsupported_with_the_switch_named() -> None:
    assert "nesterov_form = lookahead" in str(get_implementation("torch-single").unsupported(CASES["sgd/lookahead"]))


@pytest.mark.parametrize("name", LOCAL)
def test_an_implementation_describes_itself(name: str) -> None:
    with Runners() as runners:
        described = runners[name].describe()
    assert described.implementation == name
    assert described.version and described.platform
    if name != "reference":
        assert described.details["default_dtype"] == "float32" and described.details["threads"] == 1


@pytest.mark.parametrize("name", [name for name in LOCAL if name != "reference"])
@pytest.mark.parametrize(
    ("event", "where", "message"),
    [
        ({"kind": "set", "step": 3, "group": 4, "arguments": {"lr": 0.1}}, "step 3, set", "group 4 does not exist"),
        ({"kind": "add_group", "step": 2, "params": ["nobody"], "arguments": {"lr": 0.1}}, "step 2, add_group", "'nobody' does not exist"),
        ({"kind": "add_group", "step": 2, "params": ["x"], "arguments": {}}, "step 2, add_group", "more than one parameter group"),
    ],
)
def test_an_error_names_step_and_event(name: str, event: dict[str, Any], where: str, message: str) -> None:
    case = CASES["sgd/set-resume-accumulate"]
    request = {**get_implementation(name).request(case, GOLDEN[case.id], "replay"), "events": [event]}
    answer = local_runner(name).run(request)
    assert answer["outcome"] == "error"
    assert answer["message"].startswith(where) and message in answer["message"]
    assert "Traceback" in answer["traceback"]


def test_a_hyperparameter_out_of_range_stops_crossoptim_at_the_step_that_sets_it() -> None:
    case = CASES["sgd/set-resume-accumulate"]
    event = {"kind": "set", "step": 3, "group": 0, "arguments": {"lr": -1.0}}
    for name in ("reference", "crossoptim"):
        answer = local_runner(name).run({**get_implementation(name).request(case, GOLDEN[case.id], "replay"), "events": [event]})
        assert (answer["outcome"], answer["class"]) == ("error", "HyperError")
        assert answer["message"].startswith("step 3") and "lr = -1.0 is outside [0, inf)" in answer["message"]


@pytest.mark.parametrize("field", ["dtype", "steps", "params", "optimizer", "mode", "gradients"])
def test_a_request_without_a_field_is_an_error_that_names_it(field: str) -> None:
    case = CASES["sgd/nesterov"]
    request = get_implementation("reference").request(case, GOLDEN[case.id], "replay")
    del request[field]
    answer = local_runner("reference").run(request)
    assert answer["outcome"] == "error" and repr(field) in answer["message"]


def test_a_run_leaves_torchs_threads_and_default_dtype_as_they_were() -> None:
    threads = torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    try:
        torch.set_num_threads(2)
        ask("torch-single", "sgd/nesterov", "replay")
        assert (torch.get_num_threads(), torch.get_default_dtype()) == (2, torch.float64)
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import crossoptim", {"torch", "rpy2", "numpy"}),
        ("import crossoptim.runners.registry, crossoptim.runners.serve, crossoptim.optim", {"torch", "rpy2"}),
        ("from crossoptim.runners.registry import local_runner; local_runner('reference').describe()", {"torch", "rpy2"}),
        ("import crossoptim.runners.rpy2_worker", {"torch", "rpy2", "numpy"}),
    ],
)
def test_importing_loads_no_heavy_library(statement: str, absent: set[str]) -> None:
    code = f"{statement}; import sys; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(out.stdout.split())


# Children


@pytest.fixture
def runner() -> Iterator[CommandRunner]:
    """The reference in a child process that has every vice when a case asks for it."""
    made = CommandRunner("reference", Child("fake", [sys.executable, str(FAKES / "misbehaving.py")], _environment()))
    yield made
    made.close()


def _environment(**more: str) -> dict[str, str]:
    root = str(Path(__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]), **more}


def _honest() -> dict[str, Any]:
    case = CASES["sgd/nesterov"]
    return get_implementation("reference").request(case, GOLDEN[case.id], "replay")


def _vicious(vice: str) -> dict[str, Any]:
    return {"command": "run", "case": vice}


@pytest.mark.parametrize(
    ("vice", "message"),
    [
        ("crash", r"fake: run reference crash: ended without an answer \(exit code 3\); stderr: Error: all is lost"),
        ("killed", r"ended without an answer \(killed by SIGSEGV\); stderr is empty"),
        ("half a line", r"ended without an answer \(exit code 0\) after '{\"outcome\": \"ok\"'"),
        ("close output", r"ended without an answer \(closed its output, still running\)"),
        ("rubbish", r"answered 'Hello, I am a banner' \(expected one JSON object\)"),
        ("array", r"answered '\[1, 2\]' \(expected one JSON object\)"),
        ("NaN", r'answered NaN, which is not JSON \(write the strings "NaN", "Inf", "-Inf"\)'),
        ("deep", r"answered '\[\[\[.*\.\.\.' \(expected one JSON object\)"),
        ("two lines", r"answered more than one line"),
        ("a line and a half", r"answered more than one line: '{\"out' follows the answer"),
        ("no outcome", r"answered outcome None \(expected one of ok, unsupported, error\)"),
        ("other outcome", r"outcome 'maybe'"),
        ("no reason", r"no 'reason' beside outcome 'unsupported'"),
    ],
)
def test_a_child_that_breaks_the_protocol_is_reported_and_started_anew(runner: CommandRunner, vice: str, message: str) -> None:
    with pytest.raises(RunnerError, match=message) as caught:
        runner.run(_vicious(vice), timeout=20)
    assert "\n" not in str(caught.value)
    assert runner.run(_honest())["outcome"] == "ok"


def test_a_child_that_hangs_is_killed_with_everything_it_started(runner: CommandRunner) -> None:
    assert runner.run(_honest())["outcome"] == "ok"
    began = time.monotonic()
    with pytest.raises(RunnerError, match=r"no answer within 1 s, killed; stderr: thinking with \d+") as caught:
        runner.run(_vicious("hang"), timeout=1)
    assert time.monotonic() - began < 5
    assert _gone(int(str(caught.value).rsplit(" ", 1)[1]))
    assert "stderr of the runner:\nthinking with" in caught.value.__notes__[0]
    assert runner.run(_honest())["outcome"] == "ok"


def _gone(process: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] if Path("/proc").is_dir() else "?"
            os.kill(process, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":  # dead, and no child of ours: init reaps it
            return True
        time.sleep(0.02)
    return False


def test_a_child_that_reads_nothing_does_not_hold_us() -> None:
    child = Child("deaf", [sys.executable, str(FAKES / "misbehaving.py"), "deaf"], _environment())
    with pytest.raises(RunnerError, match="no answer within"):
        child.ask({"command": "run", "padding": "x" * (1 << 20)}, timeout=0.5)


def test_what_a_child_says_unasked_is_not_taken_for_the_next_answer(runner: CommandRunner) -> None:
    assert runner.run(_vicious("talks later"))["outcome"] == "ok"
    time.sleep(0.6)
    with pytest.raises(RunnerError, match="spoke unasked: 'and another thing'"):
        runner.run(_honest())
    assert runner.run(_honest())["outcome"] == "ok"


def test_a_closed_child_leaves_no_process_and_starts_again_when_asked(runner: CommandRunner) -> None:
    runner.run(_honest())
    process = runner.child._process
    assert process is not None
    runner.close()
    assert process.returncode == 0, "it ended by itself when asked to"
    assert runner.run(_honest())["outcome"] == "ok"


def test_threads_may_share_a_child(runner: CommandRunner) -> None:
    answers: dict[str, Answer] = {}

    def one(key: str) -> None:
        answers[key] = runner.run(get_implementation("reference").request(CASES[key], GOLDEN[key], "replay"))

    threads = [threading.Thread(target=one, args=(key,)) for key in CASES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key, case in CASES.items():
        found = read_trajectory(answers[key], case, key)
        assert all(same(found.params[name], GOLDEN[key].params[name]) for name in found.params)


def test_a_child_describes_itself_over_the_protocol(runner: CommandRunner) -> None:
    assert runner.describe() == local_runner("reference").describe()


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("other protocol", RunnerError, r"speaks protocol 2 \(expected 1\)"),
        ("no version", RunnerError, "no version in the answer"),
        ("nobody", RunnerError, "runner 'nobody' does not exist"),
    ],
)
def test_a_description_is_checked(name: str, kind: type[Exception], message: str) -> None:
    runner = CommandRunner(name, Child(name, [sys.executable, str(FAKES / "misbehaving.py")], _environment()))
    with pytest.raises(kind, match=message):
        runner.describe()
    runner.close()


@pytest.mark.parametrize(
    ("command", "message"),
    [("", "command is empty"), ("'open", "No closing quotation"), ("no-such-program --fast", "'no-such-program' does not start")],
)
def test_a_command_that_cannot_run_is_one_clear_line(command: str, message: str) -> None:
    with pytest.raises(RunnerError, match=message):
        CommandRunner.of(command).describe()


# R


def _fake_rscript(folder: Path, says: str, code: int = 0) -> dict[str, str]:
    script = folder / "Rscript"
    script.write_text(f"#!/bin/sh\necho '{says}'\necho 'R says no' >&2\nexit {code}\n")
    script.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}/bin", "HOME": str(folder)}


@pytest.mark.parametrize(
    ("says", "code", "message"),
    [
        ("4.2.2 FALSE missing", 0, r"jsonlite is not installed \(in R: install.packages\(\"jsonlite\"\)\)"),
        ("4.2.2 TRUE missing", 0, r"crossoptim is not installed \(R CMD INSTALL \S+/r\)"),
        ("4.2.2 TRUE 0.0.9", 0, rf"crossoptim is 0\.0\.9, and this is {__version__} \(R CMD INSTALL \S+/r\)"),
        ("", 1, r"does not run \(exit code 1: R says no\)"),
    ],
)
@pytest.mark.parametrize("transport", r.TRANSPORTS)
def test_what_r_lacks_is_one_line_that_says_what_to_install(
    transport: r.Transport, says: str, code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend_rpy2(monkeypatch, "3.5.17")
    with pytest.raises(UnavailableError, match=message):
        r.r_child(transport, _fake_rscript(tmp_path, says, code))


def test_a_machine_without_r_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="R is not installed: no Rscript on PATH or in R_HOME"):
        r.r_child("rscript", {"PATH": str(tmp_path)})


def test_r_is_found_through_r_home(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    _fake_rscript(tmp_path / "bin", f"4.5.1 TRUE {__version__}")
    assert r.installation({"PATH": "/nowhere", "R_HOME": str(tmp_path)}).version == (4, 5, 1)


def test_our_library_comes_before_the_users(tmp_path: Path) -> None:
    environ = {**_fake_rscript(tmp_path, f"4.2.2 TRUE {__version__}"), "R_LIBS": "theirs", "CROSSOPTIM_R_LIBS": "ours"}
    assert r.installation(environ).environment["R_LIBS"] == f"ours{os.pathsep}theirs"


def _pretend_rpy2(monkeypatch: pytest.MonkeyPatch, number: str | None) -> None:
    monkeypatch.setattr(r, "find_spec", lambda name: None if number is None else object())
    monkeypatch.setattr(r, "version", lambda distribution: number)


def test_rpy2_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend_rpy2(monkeypatch, None)
    with pytest.raises(UnavailableError, match=r"rpy2 is not installed \(pip install 'crossoptim\[r\]'\)"):
        r.r_child("rpy2")


@pytest.mark.parametrize(("rpy2", "running", "fits"), [("3.6.6", "4.4.3", False), ("3.6.5", "4.2.2", True), ("3.10.0", "4.5.0", True)])
def test_rpy2_too_new_for_this_r_is_told(rpy2: str, running: str, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend_rpy2(monkeypatch, rpy2)
    environ = _fake_rscript(tmp_path, f"{running} TRUE {__version__}")
    if fits:
        assert r.r_child("rpy2", environ).env is not None
    else:
        with pytest.raises(UnavailableError, match=rf"{rpy2} needs R 4.5 or newer, this is R {running} \(pip install 'rpy2==3.5.17'\)"):
            r.r_child("rpy2", environ)


def test_the_rpy2_worker_keeps_standard_output_for_the_protocol_and_never_loads_torch() -> None:
    environment = _environment(RPY2_CFFI_MODE="ABI")
    environment["PYTHONPATH"] = os.pathsep.join([str(FAKES), environment["PYTHONPATH"]])
    child = Child("worker", [sys.executable, "-m", "crossoptim.runners.rpy2_worker"], environment)
    request = {"command": "describe", "implementation": "base-r", "note": "µ → ∞"}
    assert child.ask(request, 20) == {"outcome": "ok", "echo": request, "torch": False, "mode": "ABI"}
    failed = child.ask({"command": "fail"}, 20)
    assert (failed["outcome"], failed["class"], failed["message"]) == ("error", "RuntimeError", "R gave up")
    assert child.ask(request, 20)["outcome"] == "ok"
    child.close()


@pytest.mark.parametrize("transport", r.TRANSPORTS)
def test_base_r_reproduces_the_golden_trajectory_over_both_transports(transport: r.Transport) -> None:
    with Runners(transport) as runners:
        try:
            runners["base-r"].describe()
        except UnavailableError as missing:
            pytest.skip(str(missing))
        for key in ("adam/groups-none-add_group", "sgd/set-resume-accumulate", "adam/nan"):
            request = get_implementation("base-r").request(CASES[key], GOLDEN[key], "replay")
            found = read_trajectory(runners["base-r"].run(request), CASES[key], "base-r")
            assert all(np.array_equal(np.array(found.params[n]), np.array(rows), equal_nan=True) for n, rows in GOLDEN[key].params.items())


def test_runners_of_this_process_may_be_asked_for_at_once() -> None:
    program = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from crossoptim.runners.registry import local_runner\n"
        "names = ['crossoptim', 'torch-single', 'rtorch-0.17']\n"
        "print(len([*ThreadPoolExecutor(3).map(local_runner, names)]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "3"), done.stderr
