"""The studies print what the texts print, by the text's own update and by ours; what else they say is checked against arithmetic."""

from __future__ import annotations

import io
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from rich.console import Console

from crossoptim.cli import main
from crossoptim.errors import UnavailableError
from crossoptim.runners.r import installation
from crossoptim.runners.registry import Runners
from crossoptim.studies import all_studies, get_study
from crossoptim.studies.descend import REFERENCE, asked, descend, descents, distance
from crossoptim.studies.draw import files
from crossoptim.studies.model import Path as Descent
from crossoptim.studies.model import Paths, Study, Table
from crossoptim.studies.outcome import Outcome

PAGE = (Path(__file__).parents[1] / "docs" / "studies.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def paths() -> Callable[[str], Paths]:
    """The paths of a study in the reference, made once."""
    made: dict[str, Paths] = {}

    def of(name: str) -> Paths:
        if name not in made:
            made[name] = descents(get_study(name), [REFERENCE])[REFERENCE]
        return made[name]

    return of


def tables(name: str, paths: Paths) -> list[Table]:
    return get_study(name).tables(paths)


# learning-rate: "PyTorch 18: optimizers (2)", section 1

PRINTED = {
    1.0: """\
Iter:0, X:     2.0, X.grad:    16.0, loss:      16.0
Iter:1, X:   -14.0, X.grad:  -112.0, loss:     784.0
Iter:2, X:    98.0, X.grad:   784.0, loss:   38416.0
Iter:3, X:  -686.0, X.grad: -5488.0, loss: 1882384.0
""",
    0.5: """\
Iter:0, X:     2.0, X.grad:    16.0, loss:      16.0
Iter:1, X:    -6.0, X.grad:   -48.0, loss:     144.0
Iter:2, X:    18.0, X.grad:   144.0, loss:    1296.0
Iter:3, X:   -54.0, X.grad:  -432.0, loss:   11664.0
""",
    0.2: """\
Iter:0, X:     2.0, X.grad:    16.0, loss:      16.0
Iter:1, X:-1.2000000476837158, X.grad:-9.600000381469727, loss:5.760000228881836
Iter:2, X:0.7200000286102295, X.grad:5.760000228881836, loss:2.0736000537872314
Iter:3, X:-0.4320000410079956, X.grad:-3.456000328063965, loss:0.7464961409568787
Iter:4, X:0.2592000365257263, X.grad:2.0736002922058105, loss:0.26873862743377686
Iter:5, X:-0.1555200219154358, X.grad:-1.2441601753234863, loss:0.09674590826034546
Iter:6, X:0.09331201016902924, X.grad:0.7464960813522339, loss:0.03482852503657341
Iter:7, X:-0.05598720908164978, X.grad:-0.44789767265319824, loss:0.012538270093500614
Iter:8, X:0.03359232842922211, X.grad:0.26873862743377686, loss:0.004513778258115053
Iter:9, X:-0.020155396312475204, X.grad:-0.16124317049980164, loss:0.0016249599866569042
Iter:10, X:0.012093238532543182, X.grad:0.09674590826034546, loss:0.0005849856534041464
Iter:11, X:-0.007255943492054939, X.grad:-0.058047547936439514, loss:0.000210594866075553
Iter:12, X:0.0043535660952329636, X.grad:0.03482852876186371, loss:7.581415411550552e-05
Iter:13, X:-0.0026121395640075207, X.grad:-0.020897116512060165, loss:2.729309198912233e-05
Iter:14, X:0.001567283645272255, X.grad:0.01253826916217804, loss:9.825512279348914e-06
Iter:15, X:-0.0009403701405972242, X.grad:-0.007522961124777794, loss:3.537184056767728e-06
Iter:16, X:0.0005642221076413989, X.grad:0.004513776861131191, loss:1.2733863741232199e-06
Iter:17, X:-0.00033853325294330716, X.grad:-0.0027082660235464573, loss:4.584190662626497e-07
Iter:18, X:0.00020311994012445211, X.grad:0.001624959520995617, loss:1.6503084054875217e-07
Iter:19, X:-0.00012187196989543736, X.grad:-0.0009749757591634989, loss:5.941110714502429e-08
""",
    0.1: """\
Iter:0, X:     2.0, X.grad:    16.0, loss:      16.0
Iter:1, X:0.3999999761581421, X.grad:3.1999998092651367, loss:0.6399999260902405
Iter:2, X:0.07999998331069946, X.grad:0.6399998664855957, loss:0.025599990040063858
Iter:3, X:0.015999995172023773, X.grad:0.12799996137619019, loss:0.0010239994153380394
Iter:4, X:0.0031999992206692696, X.grad:0.025599993765354156, loss:4.0959981561172754e-05
Iter:5, X:0.0006399997510015965, X.grad:0.005119998008012772, loss:1.6383987713197712e-06
Iter:6, X:0.00012799992691725492, X.grad:0.0010239994153380394, loss:6.553592868385749e-08
Iter:7, X:2.5599983928259462e-05, X.grad:0.0002047998714260757, loss:2.621436623329032e-09
Iter:8, X:5.1199967856518924e-06, X.grad:4.095997428521514e-05, loss:1.0485746992916489e-10
Iter:9, X:1.0239991752314381e-06, X.grad:8.191993401851505e-06, loss:4.194297253262702e-12
Iter:10, X:2.047998464149714e-07, X.grad:1.6383987713197712e-06, loss:1.6777191073034936e-13
Iter:11, X:4.095996075648145e-08, X.grad:3.276796860518516e-07, loss:6.710873481539318e-15
Iter:12, X:8.191992861839026e-09, X.grad:6.553594289471221e-08, loss:2.6843498478959363e-16
Iter:13, X:1.6383983059142793e-09, X.grad:1.3107186447314234e-08, loss:1.0737395785076275e-17
Iter:14, X:3.2767966118285585e-10, X.grad:2.621437289462847e-09, loss:4.294958520825663e-19
Iter:15, X:6.55359377876863e-11, X.grad:5.242875023014903e-10, loss:1.7179836926736008e-20
Iter:16, X:1.3107185475869088e-11, X.grad:1.048574838069527e-10, loss:6.871932690625968e-22
Iter:17, X:2.62143692170147e-12, X.grad:2.097149537361176e-11, loss:2.748772571379408e-23
Iter:18, X:5.242874277083809e-13, X.grad:4.194299421667047e-12, loss:1.0995092021011623e-24
Iter:19, X:1.0485747469965445e-13, X.grad:8.388597975972356e-13, loss:4.398036056521599e-26
""",
    0.125: "Iter:0, X:     2.0, X.grad:    16.0, loss:      16.0\n"
    + "".join(f"Iter:{i}, X:     0.0, X.grad:     0.0, loss:       0.0\n" for i in range(1, 20)),
}


def as_printed(i: int, x: float, gradient: float, loss: float) -> str:
    return f"Iter:{i}, X:{x:8}, X.grad:{gradient:8}, loss:{loss:10}\n"


@pytest.mark.parametrize("rate", PRINTED)
def test_learning_rate_prints_the_text_s_digits(rate: float, paths: Callable[[str], Paths]) -> None:
    x = torch.tensor([2.0], requires_grad=True)
    by_the_text = ""
    for i in range(PRINTED[rate].count("\n")):
        y = torch.pow(2 * x, 2)
        y.backward()
        by_the_text += as_printed(i, x.item(), x.grad.item(), y.item())
        x.data.sub_(rate * x.grad)
        x.grad.zero_()
    assert by_the_text == PRINTED[rate]
    (table,) = (t for t in tables("learning-rate", paths("learning-rate")) if t.title == f"lr = {rate:g}")
    assert "".join(as_printed(*row.values()) for row in table.rows) == PRINTED[rate]
    assert [list(row.values()) for row in table.texts()][-1][1] == str(table.rows[-1]["X"])


def test_the_winner_of_a_sweep_is_the_rate_nearest_to_one_eighth(paths: Callable[[str], Paths]) -> None:
    sweeps = tables("learning-rate", paths("learning-rate"))[-3:]
    for top, table in zip((0.5, 0.3, 0.2), sweeps, strict=True):
        rates = np.linspace(0.01, top, 10)
        verdicts = {float(row["lr"]): row["outcome"] for row in table.rows}
        assert list(verdicts) == pytest.approx(rates, rel=1e-3)
        expected = {"fastest": [min(rates, key=lambda r: abs(r - 0.125))], "explodes": [r for r in rates if r > 0.25]}
        for verdict, of in expected.items():
            assert [lr for lr, found in verdicts.items() if found == verdict] == pytest.approx(of, rel=1e-3)
    after = next(row for row in sweeps[1].rows if row["lr"] == "0.3")["loss after 99 steps"]
    assert after == pytest.approx(16 * 1.4 ** (2 * 99), rel=1e-4)  # the text: 10^30


# ewma: "PyTorch 18: optimizers (2)", section 2


def test_ewma_prints_the_text_s_sum(paths: Callable[[str], Paths]) -> None:
    weights = [(1 - 0.9) * np.power(0.9, exponent) for exponent in np.arange(100).tolist()]
    windows, lags = tables("ewma", paths("ewma"))
    rows = {row["beta"]: row for row in windows.rows}
    assert str(float(np.sum(weights))) == str(rows[0.9]["sum of 100 weights"]) == "0.9999734386011124"
    assert {beta: row["1/(1 - beta)"] for beta, row in rows.items()} == {0.98: 50, 0.95: 20, 0.9: 10, 0.8: 5}
    assert [row["beta 0.9"] for row in lags.rows] == pytest.approx([weights[row["days ago"]] for row in lags.rows], rel=1e-14)
    assert rows[0.95]["beta^window"] == "0.3585" and math.exp(-1) == pytest.approx(0.3585, abs=0.01)


# momentum


def test_momentum_compares_as_a_plain_loop_does(paths: Callable[[str], Paths]) -> None:
    first, stays = tables("momentum", paths("momentum"))
    for once, settled in zip(first.rows, stays.rows, strict=True):
        rate, momentum = map(float, re.findall(r"[\d.]+", once["run"]))
        x, velocity, losses = 2.0, 0.0, []
        for _ in range(100):
            losses.append(4 * x * x)
            velocity = momentum * velocity + 8 * x
            x -= rate * velocity
        for limit in (1.0, 0.1, 0.01, 0.0001, 1e-8):
            below = [loss < limit for loss in losses]
            assert once[f"< {limit:g}"] == (below.index(True) if any(below) else None)
            later = [step for step in range(100) if all(below[step:])]
            assert settled[f"< {limit:g}"] == (later[0] if later else None)
        if momentum == 0.63:
            assert settled["factor a step"] == pytest.approx(math.sqrt(0.63)) and stays.rows[0]["factor a step"] == pytest.approx(0.76)


# ravine: Dive into Deep Learning, section 7.4

ENDS = {
    (0.4, 0.0): "x1 -0.943467, x2 -0.000073",
    (0.6, 0.0): "x1 -0.387814, x2 -1673.365109",
    (0.4, 0.5): "x1 -0.062843, x2 0.001202",
    (0.6, 0.5): "x1 0.007188, x2 0.002553",
}


@pytest.mark.parametrize("eta, gamma", ENDS)
def test_ravine_prints_the_text_s_end_points(eta: float, gamma: float, paths: Callable[[str], Paths]) -> None:
    x1, x2, v1, v2 = -5.0, -2.0, 0.0, 0.0
    for _ in range(20):
        v1, v2 = gamma * v1 + eta * 0.2 * x1, gamma * v2 + eta * 4 * x2
        x1, x2 = x1 - v1, x2 - v2
    assert f"x1 {x1:f}, x2 {x2:f}" == ENDS[eta, gamma]
    (table,) = tables("ravine", paths("ravine"))
    (row,) = (row for row in table.texts() if row["run"] == f"lr {eta:g}, momentum {gamma:g}")
    assert f"x1 {row['x1']}, x2 {row['x2']}" == ENDS[eta, gamma]


# paraboloids: the numbers in the files that the figures of the R torch book were drawn with

FIGURES = {
    "gradient descent, lr 0.4": [(4.284, -1.38), (3.59856, 0.8279999999999998), (3.0227904, -0.4967999999999999), (2.539143936, 0.29808)],
    "gradient descent, lr 0.495": [(4.090199999999999, -2.2539999999999996), (3.2803403999999996, 2.208919999999999)],
    "gradient descent, lr 0.51": [(4.0596, -2.3919999999999995), (3.2314415999999997, 2.4876799999999992)],
    "momentum 0.1, lr 0.5": [(4.08, -2.3), (3.162, 1.8399999999999999), (2.4377999999999997, -1.4259999999999997), (1.87782, 1.0994)],
    "Adagrad, lr 3.7": [
        (1.4000018137246006, -1.3999995978261315), (0.4205482641505962, 0.5238035238268459),
        (0.12725482913965874, -0.18273371595833543), (0.03853189953245906, 0.0632032462803673),
    ],
    "isotropic, lr 1": [(3.6, 3.6), (2.16, 2.16), (1.296, 1.296), (0.7776, 0.7776)],
    "isotropic, lr 2.5": [(-8.881784197001252e-16, -8.881784197001252e-16)],
}  # fmt: skip


def test_paraboloids_go_where_the_book_s_figures_go(paths: Callable[[str], Paths]) -> None:
    found = paths("paraboloids")
    for name, points in FIGURES.items():
        assert found[name].points[1 : len(points) + 1] == pytest.approx(np.array(points), rel=1e-13), name
    # the first step is the figure's also where its moments start elsewhere
    for name, close in (("RMSProp, lr 0.95", 0.005), ("Adam, lr 3, beta1 0.1", 1e-6)):
        assert found[name].points[1] == pytest.approx([2.1, -0.7], abs=close), name


def test_paraboloids_say_what_the_order_of_calls_does(paths: Callable[[str], Paths]) -> None:
    figures, orders = tables("paraboloids", paths("paraboloids"))
    ends = [(row["x1"], row["x2"]) for row in orders.rows]
    factors = np.array([1 - 0.1 * 0.4, 1 - 0.1 * 4])
    assert ends[0] == pytest.approx(tuple(np.array([5.1, 2.3]) * factors**3)) and ends[1] == (5.1, 2.3)
    x, gradient = np.array([5.1, 2.3]), np.zeros(2)
    for _ in range(3):
        gradient = gradient + np.array([0.4, 4.0]) * x
        x = x - 0.1 * gradient
    assert ends[2] == pytest.approx(tuple(x))
    rates = {row["run"]: row["rate"] for row in figures.rows}
    assert {name for name, rate in rates.items() if rate == "ours"} == {"RMSProp, lr 0.95"}


# other runners


def test_torch_takes_the_same_paths_in_its_own_form(paths: Callable[[str], Paths]) -> None:
    study = get_study("ravine")
    assert study.runs[-1].base.values["momentum_form"] == "lr_inside"
    ends, apart = Outcome(study, {**descents(study, ["torch-single"]), REFERENCE: paths("ravine")}).tables
    for name, points in ((row["run"], (row["x1"], row["x2"])) for row in ends.rows):
        assert points == pytest.approx(tuple(paths("ravine")[name].points[-1]), rel=1e-12)
    assert all(0 <= row["torch-single"] < 1000 for row in apart.rows) and max(row["torch-single"] for row in apart.rows) > 0


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_distances_of_all_are_printed_however_wide_the_screen_is(width: int, paths: Callable[[str], Paths]) -> None:
    names = ["torch-single", "r-torch", "crossoptim"]
    outcome = Outcome(get_study("ravine"), {name: paths("ravine") for name in (*names, REFERENCE)})
    out = io.StringIO()
    outcome.print(Console(file=out, width=width))
    below = out.getvalue().partition("Distance from the reference")[2]
    assert all(below.count(name) == (1 if width > 40 else 4) for name in names)
    assert all(run.id in below for run in outcome.study.runs)


def test_a_distance_is_in_ulps_or_beside_zero() -> None:
    def path(*points: float) -> Descent:
        column = np.array(points).reshape(-1, 1)
        return Descent(column, column[1:], column[1:, 0], {})

    assert distance(path(1.0, 1 + 2**-51), path(1.0, 1.0)) == 2
    assert distance(path(1.0, 0.0), path(1.0, 0.0)) == 0
    assert distance(path(1.0, 3e-17), path(1.0, 0.0)) == "3e-17 beside 0"


def test_a_runner_that_cannot_descend_says_why() -> None:
    ravine = get_study("ravine")
    assert asked(["rtorch", "rtorch"], ravine) == ["rtorch", REFERENCE] and asked(None, ravine) == [REFERENCE]
    dampened = replace(get_study("ravine").runs[-1], hyper={"momentum": 0.5, "dampening": 0.5})
    with Runners() as runners, pytest.raises(UnavailableError, match="^keras: lr 0.6, momentum 0.5: SGD has no argument for dampening$"):
        descend(dampened, "keras", runners)


# the command and its pictures


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["crossoptim", "study", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), *capsys.readouterr()


def test_the_command_lists_prints_and_draws(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, paths: Callable[[str], Paths]
) -> None:
    code, out, _ = said(capsys, monkeypatch)
    assert code == 0 and all(name in out for name in all_studies())
    code, out, err = said(capsys, monkeypatch, "ewma", "--json", "-", "--out", str(tmp_path / "new"))
    report = json.loads(out)
    assert (code, report["schema"], report["implementations"]) == (0, "crossoptim/study/1", ["reference"])
    assert "0.9999734386011124" in err and report["tables"][0]["rows"][2]["sum of 100 weights"] == 0.9999734386011124
    drawn = {file.name: file.read_bytes() for file in (tmp_path / "new").iterdir()}
    assert drawn["ewma.png"].startswith(b"\x89PNG\r\n")
    assert "their sum is 0.9999734" in "".join(ElementTree.fromstring(drawn["ewma.svg"]).itertext())
    assert files(get_study("ewma").pictures, paths("ewma")) == drawn  # the same bytes each time


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("ravin",), "study 'ravin' does not exist (did you mean 'ravine'?)"),
        (("ravine", "-r", "torch-singel"), "runner 'torch-singel' does not exist (did you mean 'torch-single'?)"),
    ],
)
def test_the_command_refuses_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    code, out, err = said(capsys, monkeypatch, *words)
    assert (code, out, err) == (2, "", f"crossoptim: {sentence}\n")


def test_without_matplotlib_nothing_is_written(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = said(capsys, monkeypatch, "ewma", "--out", str(tmp_path / "new"), "--json", str(tmp_path / "ewma.json"))
    assert (code, out) == (2, "") and "matplotlib is not installed (pip install 'crossoptim[studies]')" in err
    assert list(tmp_path.iterdir()) == []


# race, whose runs are known after a search, and those that train have tests of their own
@pytest.mark.parametrize("name", [name for name, study in all_studies().items() if isinstance(study, Study) and name != "race"])
def test_every_panel_shows_its_runs_and_names_its_axes(name: str, paths: Callable[[str], Paths]) -> None:
    for picture in get_study(name).pictures.values():
        figure = Figure(figsize=picture.size)
        picture.draw(figure, paths(name))
        assert len(figure.axes) >= 2
        for axes in figure.axes:
            below = axes.get_subplotspec().is_last_row() or not axes.get_shared_x_axes().get_siblings(axes)[1:]
            assert axes.lines and (axes.get_xlabel() or not below)
            assert all(np.isfinite(line.get_ydata()).any() for line in axes.lines)


# docs/studies.md


def test_the_page_has_every_study_and_its_numbers(paths: Callable[[str], Paths]) -> None:
    assert re.findall(r"^`crossoptim study (\S+)`$", PAGE, re.MULTILINE) == [
        "learning-rate", "ewma", "momentum", "ravine", "paraboloids", "airfoil", "from-scratch", "race",
    ]  # fmt: skip
    assert set(all_studies()) == set(re.findall(r"^`crossoptim study (\S+)`$", PAGE, re.MULTILINE))
    shown = re.findall(r"^\| (0\.\d+) \| (0\.\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
    rows = {row["lr"]: row for row in tables("learning-rate", paths("learning-rate"))[-1].rows}
    assert len(shown) == 4
    for rate, factor, steps in shown:
        assert float(factor) == pytest.approx(rows[rate]["|1 - 8 lr|"], abs=5e-4) and int(steps) == rows[rate]["steps to loss < 1e-12"]


ORDERS = ["zero_grad, backward, step: True", "backward, zero_grad, step: False"]


def block(language: str) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[0]


def test_the_python_of_the_page_shows_what_the_order_does(capsys: pytest.CaptureFixture[str]) -> None:
    exec(block("python"), {})  # noqa: S102  # our own page
    assert capsys.readouterr().out.splitlines() == ORDERS


def test_the_r_of_the_page_shows_what_the_order_does() -> None:
    try:
        found = installation()
    except UnavailableError as missing:
        pytest.skip(str(missing))
    words = [found.rscript, "-e", 'if (!requireNamespace("torch", quietly = TRUE)) quit(status = 3)\n' + block("r")]
    done = subprocess.run(words, env=found.environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 3:
        pytest.skip("R torch is not installed")
    assert done.returncode == 0, done.stderr
    assert [line.replace("TRUE", "True").replace("FALSE", "False").strip() for line in done.stdout.splitlines()] == ORDERS
