"""The workflow as a library: the same runs and rows as the command line, with plain arguments."""

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.data import Snapshots
from noneq.errors import InvalidInput
from noneq.store import fingerprint
from stub_methods import Stub


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return Snapshots.from_frames([rng.normal(i, 1, (80, 2)) for i in range(2)], [0.0, 1.0])


def test_fit_sample_evaluate(data, tmp_path):
    fit = nq.runs.fit(Stub(), data, tmp_path / "run", seed=3)
    assert fit.meta["data"] == {"n": data.n, "fingerprint": fingerprint(data)}
    again = nq.runs.fit(Stub(), data, tmp_path / "run", seed=3, resume=True)
    assert again.meta["identity"] == fit.meta["identity"]
    with pytest.raises(InvalidInput, match="other seed"):
        nq.runs.fit(Stub(), data, tmp_path / "run", seed=4, resume=True)
    drawn = nq.runs.sample(tmp_path / "run", 30, [0.0, 1.0])
    assert drawn.counts.tolist() == [30, 30]
    assert np.array_equal(drawn.values, nq.runs.sample(tmp_path / "run", 30).values)
    with pytest.warns(UserWarning, match="was fitted to these data"):
        rows = nq.runs.evaluate(tmp_path / "run", data, ["w2"], n=60)
    assert [(row["case"], row["method"], row["metric"]) for row in rows] == [("data", "Stub", "w2")]


def test_score_finds_a_shifted_model(data):
    model = Stub().fit(data, key=jax.random.key(0)).model
    far = Snapshots(data.values + 5, data.times, data.time_index)
    near, away = (
        nq.runs.score(model, reference, ["w2"], n=60, key=jax.random.key(1))[0].value
        for reference in (data, far)
    )
    assert away > 5 > 2 > near


def test_compare_and_cost(data, tmp_path):
    rows, failed = nq.runs.compare([Stub(), Stub(widen=4.0)], data, tmp_path / "c", ["w2"], n=16)
    assert not failed
    value = {row["method"]: row["value"] for row in rows}
    assert value["Stub_2"] > value["Stub"]
    assert nq.runs.cost(Stub(), data)["parameters"] >= 0


def test_seeds_make_an_ensemble(data, tmp_path):
    fits = nq.runs.fit_seeds(Stub(), data, tmp_path / "e", seeds=2)
    assert [fit.meta["seed"] for fit in fits] == [0, 1]
    assert [member.name for member in nq.runs.members(tmp_path / "e")] == ["seed_0", "seed_1"]
    with pytest.raises(InvalidInput, match="seeds = 0"):
        nq.runs.fit_seeds(Stub(), data, tmp_path / "f", seeds=0)
