"""A look at data finds what is there, NaN and all."""

import json

import numpy as np
import pytest

import noneq as nq
from noneq.cli.inspecting import describe
from noneq.data import Snapshots, Trajectories, write
from noneq.data.inspection import inspection, picture


def test_numbers_of_a_known_set(tmp_path):
    mask = np.ones((2, 3), bool)
    mask[1, 2] = False
    values = np.arange(12.0).reshape(2, 3, 2)
    values[..., 1] = 7.0
    data = Trajectories(
        values,
        [0.0, 1.0, 4.0],
        mask=mask,
        names=["a", "b"],
        units=["m", ""],
        domain=nq.Box(0.0, 8.0),
    )
    write(data, tmp_path / "a.nc")
    for look in (inspection(data), inspection(tmp_path / "a.nc")):
        assert (look.kind, look.n, look.event_shape) == ("trajectories", 2, (2,))
        assert look.counts == (2, 2, 1)
        assert (look.dt_min, look.dt_median, look.dt_max, look.irregularity) == (1.0, 2.0, 3.0, 1.0)
        assert look.observed == pytest.approx(5 / 6)
        seen = np.array([0.0, 2.0, 4.0, 6.0, 8.0])
        assert look.mean == pytest.approx((seen.mean(), 7.0))
        assert look.std == pytest.approx((seen.std(), 0.0))
        assert (look.low, look.high) == ((0.0, 7.0), (8.0, 7.0))
        assert look.constant == ("b",)
        assert look.outside == 0
        assert look.problem == ""
        assert sum(look.nan) + sum(look.infinite) == 0
        json.dumps(look.to_dict())


def test_missing_entries_are_counted_and_the_command_says_so(tmp_path):
    path = tmp_path / "my table.csv"
    path.write_text("day,cell,x,y\n0,a,1,NA\n1,a,2,3\n0,b,inf,3\n2,b,4,5\n")
    look = inspection(path, time_column="day", trajectory_column="cell")
    assert (look.nan, look.infinite) == ((0, 1), (1, 0))
    assert look.mean == pytest.approx((7 / 3, 11 / 3))
    assert look.command == (
        f"noneq fit Transition '{path}' -o run/ --time-column day --trajectory-column cell "
        "--drop-missing"
    )
    path.write_text("day,x\n0,NA\n1,NA\n")
    assert "nothing is left" in inspection(path, time_column="day").problem


def test_many_components_are_cut(tmp_path, rng):
    np.savez(tmp_path / "a.npz", x=rng.normal(size=(20, 60)))
    assert inspection(tmp_path / "a.npz").command.endswith("--components 50")
    look = inspection(tmp_path / "a.npz", components=3)
    assert (look.event_shape, look.command[-14:]) == ((3,), "--components 3")
    assert np.isnan(look.dt_min)


def test_one_sample_is_a_problem():
    assert "too little" in inspection(Snapshots(np.zeros((1, 2)))).problem


@pytest.mark.parametrize(
    "data",
    [
        Snapshots(np.arange(6.0)[:, None], [0.0, 1.0], np.arange(6) % 2),
        Snapshots(np.arange(12.0).reshape(6, 2), [0.0, 1.0], np.arange(6) % 2),
        Trajectories(np.arange(12.0).reshape(2, 3, 2), np.arange(3.0)),
        Trajectories(np.zeros((2, 3, 1, 8)), np.arange(3.0)),
        Snapshots(np.arange(32.0).reshape(2, 1, 4, 4)),
        Snapshots(np.arange(128.0).reshape(2, 1, 4, 4, 4)),
    ],
    ids=["line", "cloud", "paths", "1-D field", "2-D field", "3-D field"],
)
def test_every_kind_has_a_picture_that_does_not_change(data, tmp_path):
    for name in ("a.svg", "b.svg"):
        figure = picture(data, tmp_path / name)
        assert figure.axes
        assert figure.axes[0].has_data()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_the_next_command_keeps_the_limit_that_was_lifted(tmp_path):
    np.savez(tmp_path / "a.npz", values=np.zeros((4, 2)))
    found = inspection(tmp_path / "a.npz", unpack_limit=500)
    assert found.command.endswith("--unpack-limit 500")
    assert "unpack" not in inspection(tmp_path / "a.npz").command


def advice(data):
    return inspection(data).command


def test_the_advice_is_that_of_the_kind(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.normal(size=(40, 2)) for _ in range(3)]
    assert advice(Snapshots.from_frames(frames, [0.0, 1.0, 4.0])).startswith(
        "noneq compare --methods ScoreMatching,FlowMatching --hold-out 1 FILE -o run/"
    )
    since = 1_704_067_200.5 + np.array([0.0, 1.0, 4.0])
    assert "--hold-out 1704067201.5 " in advice(Snapshots.from_frames(frames, since))
    assert advice(Snapshots(frames[0])).startswith("noneq fit ScoreMatching FILE")
    paths = Trajectories(rng.normal(size=(9, 5, 1)), np.arange(5.0))
    assert advice(paths).startswith("noneq fit Transition")
    spins = Snapshots((rng.random((200, 4)) > 0.5) * 1.0)
    assert advice(spins).startswith("noneq fit Autoregressive FILE")
    counts = Snapshots(rng.poisson(2.0, (400, 3)))
    levels = np.unique(counts.values).size
    assert f"CategoricalUnits --set visible.levels={levels}" in advice(counts)
    many = Snapshots(rng.integers(0, 200, (4000, 3)))
    assert "fit ScoreMatching --set dequantise=1 FILE" in advice(many), "200 levels are no units"


def test_samples_of_a_model_are_nothing_to_fit(tmp_path):
    drawn = Snapshots(np.random.default_rng(0).normal(size=(40, 2)), drawn_from="runs/a b")
    for name in ("s.npz", "s.csv"):
        write(drawn, tmp_path / name, record=name.endswith(".csv"))
        found = inspection(tmp_path / name)
        assert found.command == "noneq report 'runs/a b'"
        assert "samples of the model in runs/a b" in found.warnings[0]
    assert drawn.take(np.arange(3)).drawn_from == "runs/a b"


def test_numbers_far_from_zero_are_shown_to_the_digit_that_changes():
    x = 384_230_484.47 + 0.02 * np.random.default_rng(0).normal(size=(100, 1))
    found = inspection(Snapshots(x))
    assert found.problem == ""
    row = describe(found)[2][0]
    assert row[2].startswith("384230484.4")
    near = describe(inspection(Snapshots(x - x.mean())))[2][0]
    assert len(near[4]) < 10
