"""The studies that train: the texts' hand-written forms beside PyTorch's, R torch's and ours, on the same data, start and mini-batches."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from rich.console import Console
from user_data import DATA, needs_airfoil

from crossoptim.check.judge import ulps
from crossoptim.cli import main
from crossoptim.errors import DataError, UnavailableError, UnknownNameError
from crossoptim.golden.fixture import schema
from crossoptim.runners.by_hand import FORMS, HandRunner
from crossoptim.runners.harness import GroupOptions, Start
from crossoptim.runners.own import OwnRunner
from crossoptim.runners.registry import Runners
from crossoptim.studies import airfoil, all_studies, from_scratch, get_study, images
from crossoptim.studies.data import DataFile, fetch, find
from crossoptim.studies.descend import asked, descents
from crossoptim.studies.model import Path as Descent
from crossoptim.studies.outcome import Outcome
from crossoptim.studies.train import train
from crossoptim.studies.training import BY_HAND, OURS, TORCH, Comparison, Training, limited

PAGE = (Path(__file__).parents[1] / "docs" / "studies.md").read_text(encoding="utf-8")


def in_float64(run: Training) -> Training:
    given = run.material
    start = tuple((weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in given.start)
    features, labels = given.features.astype(np.float64), given.labels.astype(np.float64)
    return replace(run, material=replace(given, features=features, labels=labels, start=start))


def trained(run: Training, name: str) -> Descent:
    with Runners() as runners:
        return train(run, name, runners)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataFile, dict[str, str]]:
    """A file like the airfoil data, and the environment that names its folder."""
    draw = np.random.default_rng(7)
    features = draw.normal(size=(130, 5)) * [3000, 6, 0.1, 15, 0.01] + [2900, 7, 0.14, 50, 0.01]
    labels = features @ [-0.001, -0.4, -35, 0.1, -140] + 130 + draw.normal(size=130)
    folder = tmp_path_factory.mktemp("data")
    text = "".join("\t".join(f"{value:.6g}" for value in row) + "\n" for row in np.column_stack([features, labels]))
    (folder / "synthetic.dat").write_text(text)
    return replace(airfoil.NOISE, name="synthetic.dat", sha256=sha256(text.encode()).hexdigest()), {"CROSSOPTIM_DATA": str(folder)}


@pytest.fixture(scope="module")
def digits() -> tuple[Training, ...]:
    """The study from scratch on few images, in float64."""
    return tuple(in_float64(run) for run in from_scratch.plan({}, 96))


def test_a_request_follows_the_schema_of_the_protocol(digits: tuple[Training, ...]) -> None:
    sent = []

    class Library:
        def run(self, request: dict[str, Any], timeout: float) -> dict[str, str]:
            sent.append(json.loads(json.dumps(request)))
            return {"outcome": "unsupported", "reason": f"not for {timeout:g} s"}

    for name, run in ((TORCH, digits[0]), ("r-torch", digits[2])):
        with pytest.raises(UnavailableError, match=rf"^{name}: {re.escape(run.id)}: not for 86400 s$"):
            train(run, name, {name: Library()})
    follows = jsonschema.Draft202012Validator({"$ref": "#/$defs/request", "$defs": schema("protocol")["$defs"]})
    assert [error.message for request in sent for error in follows.iter_errors(request)] == [] and len(sent) == 2
    assert not follows.is_valid({**sent[0], "loss": "absolute_error"})


# by hand


@pytest.mark.parametrize("name", from_scratch.RUNS)
def test_a_hand_written_form_is_ours_to_rounding_from_the_same_gradients(name: str) -> None:
    optimizer, hyper, _ = from_scratch.RUNS[name]
    draw = np.random.default_rng(3)
    start = {"w": draw.normal(size=(3, 4))}
    adapters = []
    for runner in (HandRunner(BY_HAND), OwnRunner(OURS)):
        case = Training(name, optimizer, hyper, from_scratch.material({}, 1), "cross_entropy", 1).case
        adapters.append(runner.open(Start(case.rule, {}, "float64", start)))
        adapters[-1].construct([GroupOptions(("w",), dict(case.base.values))])
    for _ in range(5):
        gradient, before = {"w": draw.normal(size=(3, 4))}, adapters[0].params()["w"]
        for adapter in adapters:
            adapter.zero_gradients()
            adapter.add_gradients(gradient)
            adapter.step()
        by_hand, ours = (adapter.params()["w"] for adapter in adapters)
        # at most ten roundings on the way to a step, each of half an ulp, and one where it is taken
        step = np.abs(by_hand - before)
        assert (np.abs(by_hand - ours) <= 5 * 2**-52 * (10 * step + np.abs(before))).all()
        assert (step > 0).all()


def test_every_hand_written_form_is_in_the_study() -> None:
    settings = {(optimizer, *sorted(hyper)) for optimizer, hyper, _ in from_scratch.RUNS.values()}
    assert len(settings) == len(FORMS)


@pytest.mark.parametrize("rule, values", [("sgd", {"momentum": 0.9}), ("adam", {}), ("adagrad", {"weight_decay": 0.1}), ("lion", {})])
def test_a_form_that_no_text_has_is_refused(rule: str, values: dict[str, Any]) -> None:
    case = Training("x", rule, values, from_scratch.material({}, 1), "cross_entropy", 1).case
    adapter = HandRunner(BY_HAND).open(Start(rule, {}, "float64", {"w": np.ones(2)}))
    with pytest.raises(UnavailableError, match=f"^no text has this form of {rule} by hand$"):
        adapter.construct([GroupOptions(("w",), dict(case.base.values))])


# training


def literally(run: Training, optimizer: torch.optim.Optimizer, net: torch.nn.Module) -> list[float]:
    """The loop of the texts."""
    x, y = torch.from_numpy(run.material.features), torch.from_numpy(run.material.labels)
    losses = []
    for epoch in run.material.order:
        for first in range(0, len(epoch), run.batch):
            batch = torch.from_numpy(epoch[first : first + run.batch].copy())
            out = net(x[batch])
            if run.loss == "cross_entropy":
                loss = torch.nn.CrossEntropyLoss()(out, y[batch].long())
            else:
                loss = torch.nn.MSELoss()(out.view(-1), y[batch, 0]) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def put(net: torch.nn.Module, run: Training) -> torch.nn.Module:
    with torch.no_grad():
        for parameter, value in zip(net.parameters(), run.material.params.values(), strict=True):
            parameter.copy_(torch.from_numpy(value))
    return net


TEXT_CALLS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD": lambda params: torch.optim.SGD(params, 1e-2, foreach=False),
    "momentum 0.9": lambda params: torch.optim.SGD(params, lr=1e-2, momentum=0.9, foreach=False),
    "Adagrad": lambda params: torch.optim.Adagrad(params, lr=1e-2, foreach=False),
    "Adadelta": lambda params: torch.optim.Adadelta(params, rho=0.9, foreach=False),
    "Adam": lambda params: torch.optim.Adam(params, lr=1e-3, foreach=False),
}


@pytest.mark.parametrize("name", TEXT_CALLS)
def test_torch_s_training_is_the_text_s_loop_to_the_bit(name: str, digits: tuple[Training, ...]) -> None:
    (run,) = (run for run in digits if run.id == name)
    net = put(torch.nn.Sequential(torch.nn.Linear(784, 200), torch.nn.ReLU(), torch.nn.Linear(200, 10)).double(), run)
    losses = literally(run, TEXT_CALLS[name](net.parameters()), net)
    path = trained(run, TORCH)
    assert path.losses.tolist() == losses and len(losses) == 5 * 2
    assert np.array_equal(path.points[-1], np.concatenate([p.detach().numpy().ravel() for p in net.parameters()]))
    assert path.epochs == pytest.approx(np.mean(np.reshape(losses, (5, 2)), axis=1))


def test_by_hand_and_ours_train_alike_and_so_does_torch_where_the_form_is_its_own(digits: tuple[Training, ...]) -> None:
    for run in (run for run in digits if run.batch > 1):
        ours, by_hand, torch_s = (trained(run, name) for name in (OURS, BY_HAND, TORCH))
        moved = np.abs(ours.points[1] - ours.points[0]).max()
        assert np.abs(by_hand.points[1] - ours.points[1]).max() < 1e-9 * moved
        same = "eps_placement" not in run.alike
        # ten steps of 1e-3 each, of which eps of 1e-10 under the root and beside it leave most alike
        assert (np.abs(torch_s.points[1] - ours.points[1]).max() < 1e-9 * moved) == same, run.id
        assert np.median(np.abs(torch_s.points[1] - ours.points[1])) < 0.1 * moved


def test_the_loss_over_all_rows_is_taken_as_the_text_does(table: tuple[DataFile, dict[str, str]]) -> None:
    run = airfoil.plan(*table, None)[0]
    net = put(torch.nn.Linear(5, 1), run)
    x, y = torch.from_numpy(run.material.features), torch.from_numpy(run.material.labels)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.5, foreach=False)
    curve = []

    def whole() -> None:
        curve.append(((net(x) - y) ** 2 / 2).mean().item())

    whole()
    for epoch in run.material.order:
        for i in range(13):
            batch = torch.from_numpy(epoch[10 * i : 10 * i + 10].copy())
            optimizer.zero_grad()
            ((net(x[batch]) - y[batch]) ** 2 / 2).mean().backward()
            optimizer.step()
            if (i + 1) * 10 % 100 == 0 or i == 12:
                whole()
    path = trained(run, TORCH)
    assert path.curve.tolist() == pytest.approx(curve, rel=1e-6) and len(curve) == 5


# airfoil


def test_airfoil_is_prepared_as_the_text_s_package_does(table: tuple[DataFile, dict[str, str]]) -> None:
    file, environ = table
    raw = np.genfromtxt(find(file, environ), delimiter="\t")
    scaled = (raw - raw.mean(axis=0)) / np.std(raw, axis=0, ddof=1)
    features, labels = airfoil.prepared(airfoil.read(find(file, environ)), 100)
    assert features.dtype == np.float32 and features.shape == (100, 5) and labels.shape == (100, 1)
    assert np.allclose(np.column_stack([features, labels]), scaled[:100], rtol=1e-6, atol=1e-7)
    normal, linear = (run.material.start[0] for run in airfoil.plan(file, environ, None)[2:])
    assert np.abs(normal[0]).max() < 0.05 and normal[1] == 0
    assert 0.05 < np.abs(linear[0]).max() < 5**-0.5


def test_no_draw_gets_below_least_squares_and_the_draws_are_plain_momentum(table: tuple[DataFile, dict[str, str]]) -> None:
    run = airfoil.plan(*table, None)[1]
    x = np.column_stack([run.material.features, np.ones(130)]).astype(float)
    y = run.material.labels[:, 0].astype(float)
    best = np.linalg.solve(x.T @ x, x.T @ y)
    assert airfoil.floor(run.material) == pytest.approx(np.mean((y - x @ best) ** 2) / 2, rel=1e-9)
    losses = airfoil.spread(run)
    assert (losses > airfoil.floor(run.material)).all()
    draw = np.random.default_rng(1)
    p = np.append(draw.normal(0, 0.01, 5), 0)
    v = np.zeros(6)
    orders = np.random.default_rng(0)
    for _ in range(2):
        for batch in orders.permutation(130).reshape(-1, 10):
            v = 0.9 * v + 0.02 * x[batch].T @ (x[batch] @ p - y[batch]) / 10
            p = p - v
    assert losses[0] == pytest.approx(np.mean((y - x @ p) ** 2) / 2, rel=1e-9)


def test_airfoil_shows_all_three_side_by_side(table: tuple[DataFile, dict[str, str]], tmp_path: Path) -> None:
    study = airfoil.study(*table)
    names = asked(None, study)
    assert names == [BY_HAND, TORCH, OURS]
    outcome = Outcome(study, descents(study, names))
    losses, draws, seconds, forms, gaps, _, apart = outcome.tables
    assert [(row["run"], row["by"]) for row in losses.rows[:3]] == [("lr 0.02, momentum 0.5", name) for name in names]
    assert [row["the text"] for row in losses.rows[::3]] == [0.245518, 0.252046, 0.242905, 0.253280]
    lowest = airfoil.floor(study.runs[0].material)
    assert all(row["start"] > row["epoch 1"] > lowest and row["start"] > row["epoch 2"] > lowest for row in losses.rows)
    assert [row["the text"] for row in seconds.rows] == [0.042304, 0.095708, 0.073496, 0.060247]
    assert {row["libraries"] for row in forms.rows} == {"momentum_form = gradient_sum"} and len(draws.rows) == 4
    assert all(row[BY_HAND] == 0 for row in (*apart.rows, *gaps.rows)) and any(row[TORCH] for row in apart.rows)
    for run in study.runs:
        theirs, ours = (outcome.paths[name][run.id].points[1] for name in (TORCH, OURS))
        # float32, 26 steps: each may round once more than the other where it is taken
        assert np.abs(theirs - ours).max() <= 26 * 2**-23 * np.abs(ours).max()
    report = json.loads(json.dumps(outcome.as_json()))
    assert [(t["implementation"], t["run"]) for t in report["trainings"]] == [(name, run.id) for name in names for run in study.runs]
    assert {len(t["losses"]) for t in report["trainings"]} == {26} and {len(t["whole"]) for t in report["trainings"]} == {5}
    for picture in study.pictures.values():
        figure = Figure(figsize=picture.size, layout="constrained")
        picture.draw(figure, outcome.shown)
        assert len(figure.axes) == 4 and all(len(axes.lines) == 3 for axes in figure.axes)


@needs_airfoil
def test_the_airfoil_data_are_those_of_the_text() -> None:
    runs = airfoil.plan(airfoil.NOISE, DATA, None)
    assert runs[0].material.features.shape == (1500, 5) and runs[0].material.order.shape == (2, 1500)
    # the text's losses are possible: above least squares, and within what draws of start and order come to
    losses = airfoil.spread(runs[0])
    assert airfoil.floor(runs[0].material) < losses.min() < 0.245518 < losses.max()
    shown = re.findall(r"^\| (lr .*?) \| (0\.\d+) \| (0\.\d+) \| (0\.\d+)–(0\.\d+) \| (0\.\d+) \|$", PAGE, re.MULTILINE)
    assert [(row[0], float(row[1])) for row in shown] == [(name, setting.loss) for name, setting in airfoil.SETTINGS.items()]
    for run, (_, _, ours, *draws) in zip(runs, shown, strict=True):
        path, losses = trained(run, OURS), airfoil.spread(run)
        assert len(path.curve) == 31 and path.curve[-1] == pytest.approx(float(ours), abs=2e-6)
        assert [losses.min(), losses.max(), np.median(losses)] == pytest.approx([float(draw) for draw in draws], abs=1e-4)


def test_without_data_both_ways_to_them_are_named(tmp_path: Path) -> None:
    file = replace(airfoil.NOISE, name="nowhere.dat")
    ways = "or fetch it: crossoptim study airfoil --fetch"
    with pytest.raises(UnavailableError, match=rf"^airfoil: no nowhere.dat \(put it into a folder named by CROSSOPTIM_DATA, {ways}\)$"):
        find(file, {})
    with pytest.raises(UnavailableError, match=rf"^airfoil: no nowhere.dat \(put it into the folder {tmp_path}, {ways}\)$"):
        find(file, {"CROSSOPTIM_DATA": str(tmp_path)})


@pytest.mark.parametrize("use", [images.images, lambda environ: find(airfoil.NOISE, environ)], ids=["digits", "airfoil"])
def test_a_folder_of_data_that_is_none_is_refused(tmp_path: Path, use: Callable[[dict[str, str]], Any]) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "nowhere"):
        with pytest.raises(DataError, match=rf"^CROSSOPTIM_DATA = {tmp_path / name}: is no folder$"):
            use({"CROSSOPTIM_DATA": str(tmp_path / name)})


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / airfoil.NOISE.name).touch()

    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(DataError, match=rf"^{tmp_path / airfoil.NOISE.name}: cannot be read \(Permission denied\)$"):
        find(airfoil.NOISE, {"CROSSOPTIM_DATA": str(tmp_path)})


def test_other_content_is_refused_by_name(tmp_path: Path, table: tuple[DataFile, dict[str, str]]) -> None:
    (tmp_path / airfoil.NOISE.name).write_text("800\t0\t0.3\t71.3\t0.002\t126.2\n")
    with pytest.raises(DataError, match=rf"^{tmp_path}/airfoil_self_noise.dat: sha256 is \w{{64}} \(expected {airfoil.NOISE.sha256}\)$"):
        find(airfoil.NOISE, {"CROSSOPTIM_DATA": str(tmp_path)})
    good = find(*table).read_text()
    for text, sentence in {
        good + "1\t2\tx\n": r"line 131: '1\\t2\\tx' \(expected 6 numbers\)",
        good.replace("\n", "\tnan\n", 1): r"line 1: .* \(expected 6 numbers\)",
        good.splitlines()[0] + "\n": "1 rows",
        "": "0 rows",
    }.items():
        (tmp_path / "bad.dat").write_text(text)
        with pytest.raises(DataError, match=rf"^{tmp_path}/bad.dat: {sentence}"):
            airfoil.read(tmp_path / "bad.dat")


def test_a_fetched_file_is_checked_and_found_afterwards(
    tmp_path: Path, table: tuple[DataFile, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    file, source = table[0], find(*table)
    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(pooch.core, "choose_downloader", lambda *_, **__: lambda _url, target, _pooch: Path(target).write_bytes(served))
    served = source.read_bytes()[:-1]
    with pytest.raises(DataError, match="synthetic.dat"):
        fetch(file)
    with pytest.raises(UnavailableError):
        find(file, {})
    served = source.read_bytes()
    fetch(file)
    assert find(file, {}).read_bytes() == served and str(find(file, {})).startswith(str(tmp_path))


# from scratch


def test_the_digits_are_enlarged_to_the_network_s_input() -> None:
    title, pixels, labels = images.images({})
    assert "scikit-learn" in title and pixels.shape == (1797, 784) and pixels.dtype == np.float32
    first = pixels[0].reshape(28, 28)
    assert (first[:2] == -1).all() and (first[:, -2:] == -1).all()
    blocks = first[2:26, 2:26].reshape(8, 3, 8, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()
    sklearn = pytest.importorskip("sklearn.datasets")
    assert np.array_equal((blocks[:, 0, :, 0] + 1) * 8, sklearn.load_digits().images[0]) and labels[0] == sklearn.load_digits().target[0]


def idx(array: np.ndarray[Any, Any]) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize("place, suffix", [(".", ""), ("MNIST/raw", ".gz")])
def test_mnist_is_taken_where_the_user_has_it(tmp_path: Path, place: str, suffix: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 28, 28))
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    pack = gzip.compress if suffix else bytes
    (folder / f"train-images-idx3-ubyte{suffix}").write_bytes(pack(idx(pixels)))
    (folder / f"train-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(np.array([3, 1, 4, 1, 9]))))
    found = from_scratch.material({"CROSSOPTIM_DATA": str(tmp_path)}, None)
    assert found.title == "5 images: MNIST" and found.labels.tolist() == [3, 1, 4, 1, 9]
    assert np.allclose(found.features, pixels.reshape(5, 784) / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize(
    "pixels, labels, sentence",
    [
        (b"\x89PNG", None, r"images-idx3-ubyte: starts with b'\\x89PNG' \(expected an idx file of unsigned bytes\)"),
        (b"", None, r"images-idx3-ubyte: starts with b'' \(expected an idx file"),
        (idx(np.zeros((2, 28, 28)))[:-1], None, r"images-idx3-ubyte: 1567 bytes after the header \(expected 1568: is it truncated\?\)"),
        (idx(np.zeros((2, 8, 8))), None, r"images-idx3-ubyte: shape \[2, 8, 8\] \(expected images of 28 x 28\)"),
        (None, idx(np.zeros(3)), r"labels-idx1-ubyte: shape \[3\], values up to 0 \(expected 2 digits\)"),
        (None, idx(np.array([1, 10])), r"labels-idx1-ubyte: shape \[2\], values up to 10 \(expected 2 digits\)"),
    ],
)
def test_malformed_mnist_is_refused_by_name(tmp_path: Path, pixels: bytes | None, labels: bytes | None, sentence: str) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((2, 28, 28))) if pixels is None else pixels)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(2)) if labels is None else labels)
    with pytest.raises(DataError, match=rf"^{tmp_path}/train-{sentence}"):
        images.images({"CROSSOPTIM_DATA": str(tmp_path)})


@pytest.mark.parametrize("there, missing", [("train-images-idx3-ubyte.gz", "labels-idx1"), ("train-labels-idx1-ubyte", "images-idx3")])
def test_half_of_mnist_is_not_taken_for_none_of_it(tmp_path: Path, there: str, missing: str) -> None:
    (tmp_path / there).touch()
    with pytest.raises(DataError, match=rf"^{tmp_path / there}: stands alone \(expected train-{missing}-ubyte beside it\)$"):
        images.images({"CROSSOPTIM_DATA": str(tmp_path)})


def test_what_a_library_lacks_is_told_and_the_rest_runs() -> None:
    study = limited(get_study("from-scratch"), 20)
    lacks: dict[str, str] = {}
    outcome = Outcome(study, descents(study, asked(["torch-fused"], study), lacks=lacks), lacks)
    assert set(outcome.paths) == {"torch-fused", OURS} and len(outcome.paths[OURS]) == 9
    assert lacks["torch-fused: Adadelta"] == "torch-fused: Adadelta: torch.optim.Adadelta has no fused form"
    assert {row["run"] for row in outcome.tables[-1].rows} == set(lacks) and outcome.tables[-1].title == "Not run"
    outcome.print(Console(file=io.StringIO(), width=200))
    apart = {row["run"]: row["torch-fused"] for row in outcome.tables[-2].rows}
    assert apart["Adadelta"] == "" and isinstance(apart["Adam"], float | str) and apart["Adam"] != ""
    for picture in study.pictures.values():
        figure = Figure(figsize=picture.size, layout="constrained")
        picture.draw(figure, outcome.shown)
        assert all(axes.lines for axes in figure.axes)


def test_r_torch_trains_the_same_network(table: tuple[DataFile, dict[str, str]]) -> None:
    regression, classes = airfoil.plan(*table, None)[3], in_float64(from_scratch.plan({}, 20)[-1])
    with Runners() as runners:
        try:
            runners["r-torch"].describe()
        except UnavailableError as missing:
            pytest.skip(str(missing))
        ours, there = (train(regression, name, runners) for name in (TORCH, "r-torch"))
        # float32: a sum of ten products may round otherwise, at each of 26 steps
        assert np.max(ulps(there.points[1], ours.points[1])) <= 64 and len(there.curve) == len(ours.curve) == 5
        ours, there = (train(classes, name, runners) for name in (TORCH, "r-torch"))
    assert there.losses == pytest.approx(ours.losses, rel=1e-9) and len(there.losses) == 5


# the command


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["crossoptim", "study", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), *capsys.readouterr()


def test_the_command_trains_on_as_many_as_it_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = said(capsys, monkeypatch, "from-scratch", "--examples", "20", "-r", "by-hand")
    assert code == 0 and "(by-hand, crossoptim)" in out and "20 images: scikit-learn's handwritten digits" in out


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("ravine", "--examples", "3"), "study ravine: it trains nothing (--examples is for those that do)"),
        (("from-scratch", "--fetch"), "study from-scratch: it has no data to fetch"),
        (("ravine", "-r", "by-hand"), "runner 'by-hand' does not exist"),
        (("from-scratch", "-r", "reference", "--examples", "20"), "reference: SGD, batch 1: reference trains no network"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    code, out, err = said(capsys, monkeypatch, *words)
    assert (code, out) == (2, "") and err.startswith(f"crossoptim: {sentence}") and err.count("\n") == 1


def test_what_is_missing_is_told_before_anything_is_searched_or_trained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("R_HOME", raising=False)
    monkeypatch.setattr("crossoptim.studies.race.best", lambda *_: pytest.fail("it was searched"))
    monkeypatch.setattr("crossoptim.studies.descend.train", lambda *_: pytest.fail("it was trained"))
    for words in (("race",), ("from-scratch", "-r", "by-hand")):
        code, out, err = said(capsys, monkeypatch, *words, "-r", "r-torch")
        assert (code, out) == (2, "") and err.startswith("crossoptim: R is not installed: ") and err.count("\n") == 1


def test_places_that_cannot_be_written_are_refused_before_anything_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        code, out, err = said(capsys, monkeypatch, "ravine", "--out", str(place))
        assert (code, out, err) == (2, "", f"crossoptim: --out {place}: {tmp_path / 'file'} is a file (expected a folder)\n")
    monkeypatch.setattr(os, "access", lambda *_: False)
    code, out, err = said(capsys, monkeypatch, "ravine", "--out", str(tmp_path / "new" / "deep"))
    assert (code, out, err) == (2, "", f"crossoptim: --out {tmp_path}/new/deep: the folder {tmp_path} cannot be written in\n")
    code, out, err = said(capsys, monkeypatch, "ravine", "--json", str(tmp_path / "new"))
    assert (code, out, err) == (2, "", f"crossoptim: --json {tmp_path}/new: the folder {tmp_path} cannot be written in\n")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_both_are_studies_that_compare() -> None:
    assert {name for name, study in all_studies().items() if isinstance(study, Comparison)} == {"airfoil", "from-scratch"}
    with pytest.raises(UnknownNameError):
        asked(["by-hnad"], get_study("airfoil"))
