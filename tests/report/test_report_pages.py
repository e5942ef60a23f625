"""Reports of runs and studies, from their folders."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data import Snapshots, Trajectories
from noneq.data.files import write as write_data
from noneq.data.summary import summarise
from noneq.domains import Box, Torus
from noneq.errors import DataFileError, InvalidInput
from noneq.learning.loop import Training
from noneq.methods import BoltzmannField, ScoreMatching
from noneq.report import run_report
from noneq.report.clouds import clouds
from noneq.report.lines import line_pictures
from noneq.report.paths.motions import path_pictures
from noneq.report.sheets import sheet_pictures
from noneq.report.tables import tables
from noneq.store import add_rows, fingerprint, save
from noneq.studies.page import study_report
from noneq.studies.prinz.pictures import figures
from noneq.studies.running import Kept
from noneq.studies.table_one.pictures import figures as table_one_figures
from noneq.traits import HasPaths, HasVelocity


def row(case="a", method="m", metric="k", value=1.0, stderr=0.1, floor=None, seeds=1):
    names = ("case", "method", "metric", "value", "stderr", "floor", "seeds")
    return dict(zip(names, (case, method, metric, value, stderr, floor, seeds), strict=True))


def result(rows, **more):
    return {"study": "mine", "command": "noneq study mine", "versions": {"noneq": "1"},
            "machine": {"cores": 2}, "rows": rows} | more  # fmt: skip


def write(folder, content):
    (folder / "metrics.json").write_text(json.dumps(content))


def test_an_unknown_study_gets_charts_tables_and_its_failures(tmp_path):
    failed = [{"case": "b", "method": "m", "replicate": 1, "error": "it <broke>"}]
    write(tmp_path, result([row(floor=0.5), row("b"), row(metric="other")], failed=failed))
    text = study_report(tmp_path).read_text()
    assert text.count("<figure") == 2
    assert text.count("<table>") == 2
    assert "b m (seed 1) failed: it &lt;broke&gt;" in text
    assert "noneq study mine" in text
    assert "noneq 1 on 2 cores" in text


def test_tables_turn_rows_into_cases_and_methods():
    [first, second] = tables(
        [
            row("a", "m", "few"),
            row("a", "m", floor=0.5, seeds=3),
            row("b", "m"),
            row("b", "n", stderr=None),
        ]
    )
    assert first.header == ("case", "m", "n", "floor", "seeds")
    assert list(first.rows) == [
        ["a", "1.00 ± 0.10", "", "0.5000", "3"],
        ["b", "1.00 ± 0.10", "1", "", "1"],
    ]
    assert second.title == "few"
    assert second.header == ("case", "m", "seeds")


def test_folders_without_a_study_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="no finished study"):
        study_report(tmp_path)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(DataFileError, match="cannot be read"):
        study_report(tmp_path)
    write(tmp_path, [row()])
    with pytest.raises(DataFileError):
        study_report(tmp_path)
    write(tmp_path, {"study": "mine"})
    with pytest.raises(DataFileError, match="command"):
        study_report(tmp_path)


def cell(case, method, rng, **arrays):
    curve = {"times": np.arange(1, 5.0), "divergence": rng.random(4), "floor": rng.random(4) / 9}
    points = rng.uniform(-1, 1, (5, 7, 2))
    drawn = {"cloud_times": np.arange(5.0), "cloud": points, "time": np.array(1.0)}
    return Kept(case, method, 0, (curve if method != "simulation" else {}) | drawn | arrays)


def test_prinz_has_all_its_pictures(rng):
    rows, cells = [], []
    for drive, rate in ((1, 0.258), (20, 103.0)):
        case = f"drive={drive}"
        rows += [row(case, m, "entropy_production_rate", rate) for m in ("simulation", "exact")]
        cells.append(cell(case, "simulation", rng, potential=rng.random((8, 8))))
        for method in ("ScoreMatching", "BoltzmannField"):
            rows.append(row(case, method, "jensen_shannon", 0.06, 0.001, 0.05))
            more = {"energy": rng.random((8, 8))} if method == "BoltzmannField" else {}
            cells.append(cell(case, method, rng, score=rng.random((6, 6, 2)), **more))
    made = figures(rows, cells)
    heads = [figure.title for figure in made]
    assert [head[:3] for head in heads[:-1]] == ["(a)", "(b)", "(c)", "(c)", "(d)", "(d)"]
    assert heads[-1].startswith("Drive sweep")
    assert list(made[4].panels) == ["truth", "ScoreMatching", "BoltzmannField"]
    # A run that failed half-way still gives what it has.
    assert [f.title[:3] for f in figures(rows[:2], cells[:1])] == ["(a)", "(d)"]
    assert figures([], []) == []


@pytest.fixture(scope="module")
def paths():
    values = jax.random.uniform(jax.random.key(1), (40, 3, 2), minval=-1.0)
    return Trajectories(values, [0.0, 1.0, 2.0], names=["left", "up"], units=["nm", ""],
                        time_unit="ns", domain=Box(-1.0, 1.0))  # fmt: skip


def tiny(method):
    return eqx.tree_at(lambda m: m.training, method, Training(steps=4, batch=16))


def test_a_run_has_pictures_settings_and_data(tmp_path, paths, key):
    save(tiny(BoltzmannField()).fit(paths, key=key), tmp_path)
    text = run_report(tmp_path).read_text()
    assert text.count('<figure class="clouds"') == 1
    assert text.count('<figure class="picture"') == 1
    assert "3 times from 0 to 2 ns" in text
    assert "left (nm)" in text
    assert "steps = 4" in text
    assert "2505.18621" in text
    assert "Not evaluated yet" in text
    add_rows(tmp_path, [row("test", "BoltzmannField", "jensen_shannon", 0.25, 0.01, 0.2)])
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "my_plot.svg").write_text("<svg/>")
    text = run_report(tmp_path).read_text()
    assert "0.250 ± 0.010" in text
    assert "my plot" in text
    assert "Not evaluated yet" not in text


def test_the_data_stand_beside_the_samples_while_their_file_is_unchanged(tmp_path, paths, key):
    file = tmp_path / "x.npz"
    write_data(paths, file)
    source = {"path": str(file), "reading": {}, "fingerprint": fingerprint(paths)}
    fit = replace(tiny(BoltzmannField()).fit(paths, key=key), meta={"data": source})
    (figure,) = clouds(fit, "BoltzmannField")
    assert list(figure.panels) == ["data", "BoltzmannField"]
    shown = figure.panels["data"][1]
    shown = shown[np.isfinite(shown).all(axis=1)]
    np.testing.assert_allclose(np.sort(shown, axis=0), np.sort(paths.at(1.0), axis=0), rtol=1e-6)
    write_data(paths.take(np.arange(39)), file)
    assert list(clouds(fit, "BoltzmannField")[0].panels) == ["BoltzmannField"]
    file.unlink()
    assert list(clouds(fit, "BoltzmannField")[0].panels) == ["BoltzmannField"]


class Drawn:
    """A model whose samples are known: what the pages say can be compared with them."""

    def __init__(self, states):
        self.states = np.asarray(states)

    def snapshots(self, n, *, times, key):
        return Snapshots.from_frames([self.states for _ in times], times)

    def sample(self, n, *, time=None, condition=None, key):
        return self.states[:n]


def drawn_fit(data, train, tmp_path):
    """A fit to ``train``, a part of the ``data`` in a file, with a model that repeats its states."""
    file = tmp_path / "bead.npz"
    write_data(data, file)
    source = {"path": str(file), "reading": {}, "fingerprint": fingerprint(data)}
    return SimpleNamespace(
        method=BoltzmannField(), summary=summarise(train), meta={"data": source}, history={},
        model=Drawn(train.at(train.times[-1])),
    )  # fmt: skip


def test_times_that_were_held_out_are_shown_and_marked(tmp_path, paths):
    train, _ = paths.hold_out([1.0])
    (figure,) = clouds(drawn_fit(paths, train, tmp_path), "BoltzmannField")
    assert figure.times.tolist() == [0.0, 1.0, 2.0]
    assert figure.held_out == (1.0,)
    assert np.isfinite(figure.panels["data"][1]).any()


@pytest.mark.parametrize(
    ("data", "title", "words"),
    [
        (Snapshots(np.linspace(0, 1, 30)[:, None]), "Generated distribution.", "Histograms"),
        (
            Snapshots(np.linspace(0, 6, 30)[:, None], domain=Torus(2 * np.pi)),
            "Generated distribution of the angle.",
            "probability density",
        ),
        (
            Snapshots.from_frames([np.linspace(0, 1, 30)[:, None]] * 2, [0.0, 1.0]),
            "Generated distribution over time.",
            "central 90 %",
        ),
    ],
)
def test_one_coordinate_has_a_picture_of_its_own(tmp_path, data, title, words):
    fit = drawn_fit(data, data, tmp_path)
    (picture,) = line_pictures(fit)
    assert (picture.title, words in picture.caption) == (title, True)
    assert clouds(fit, "BoltzmannField") == []


class Moving(HasPaths, HasVelocity):
    """A model that moves with speed 1 along the first coordinate."""

    def sample(self, n, *, time=None, condition=None, key):
        return jax.random.normal(key, (n, 2)) + jnp.asarray([time, 0.0])

    def velocity(self, x, *, time=None, condition=None):
        return jnp.asarray([1.0, 0.0]) + 0 * x

    def sample_paths(self, n, *, times, start=None, condition=None, key):
        first = np.asarray(self.sample(n, time=0.0, key=key))
        shift = np.stack([np.asarray(times), np.zeros(len(times))], 1)
        return Trajectories(first[:, None] + shift, times)


def test_paths_are_shown_over_snapshots_and_beside_paths(tmp_path, paths):
    fit = lambda data: SimpleNamespace(
        method=BoltzmannField(), summary=summarise(data), history={}, model=Moving(),
        meta=drawn_fit(data, data, tmp_path).meta,
    )  # fmt: skip
    (picture,) = path_pictures(fit(paths))
    assert (picture.title, picture.alt) == (
        "Paths.",
        "Lines of data and BoltzmannField against time.",
    )
    (picture,) = path_pictures(fit(paths.snapshots()))
    assert picture.title == "Paths between the snapshots."
    assert "points: the data" in picture.caption
    assert "Arrows: p v" in picture.caption
    assert path_pictures(drawn_fit(paths, paths, tmp_path)) == []


def test_fields_are_shown_by_category(tmp_path):
    values = np.arange(40 * 16, dtype=np.float32).reshape(40, 1, 4, 4)
    data = Snapshots(values, condition=np.arange(40)[:, None] % 3)
    (picture,) = sheet_pictures(drawn_fit(data, data, tmp_path))
    assert picture.title == "Generated fields by category."
    assert picture.alt == "Rows of fields: data beside BoltzmannField."
    assert picture.data.startswith(b"\x89PNG")
    assert sheet_pictures(drawn_fit(Snapshots(values[:, 0, :, 0]), Snapshots(values[:, 0, :, 0]),
                                    tmp_path)) == []  # fmt: skip


@pytest.mark.slow
def test_one_coordinate_and_many(tmp_path, key):
    values = np.asarray(jax.random.normal(key, (30, 4)))
    kinds = (
        (1, BoltzmannField(), "Histograms of the data"),
        (4, ScoreMatching(), "first two coordinates"),
    )
    for dim, method, shown in kinds:
        folder = tmp_path / str(dim)
        save(tiny(method).fit(Snapshots(values[:, :dim]), key=key), folder)
        text = run_report(folder).read_text()
        assert shown in text
        assert re.search("one time, 0", text)
        assert "Snapshots hold marginals" in text


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="no saved model"):
        run_report(tmp_path)


def test_table_one_has_maps_and_sheets(rng):
    rows, cells = [], []
    for case, event in (("moons", (2,)), ("digits", (1, 8, 8))):
        for method in ("optimal", "EDM", "FlowPP"):
            arrays = {"samples": rng.random((30, *event))}
            if case == "moons" and method != "optimal":
                arrays |= {"density": rng.random((8, 8)), "extent": np.array([0.0, 1, 0, 1])}
            cells.append(Kept(case, method, 0, arrays))
            rows.append(row(case, method, "nll", 2.0, 0.01))
            rows.append(row(case, method, "w2", 0.2, 0.01, 0.1))
    made = table_one_figures(rows, cells)
    assert [figure.title for figure in made] == [
        "Nats above the optimum.",
        "W2 over its floor.",
        "moons: samples.",
        "moons: densities.",
        "digits: samples.",
    ]
    assert table_one_figures([], []) == []
