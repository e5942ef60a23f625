"""What one has without training, and the sentence that compares it with what was trained."""

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.data import Snapshots
from noneq.domains import Discrete, Torus
from noneq.errors import InvalidInput
from noneq.runs.baselines import baselines
from stub_methods import Stub


KEY = jax.random.key(0)


def cloud(counts=(90, 60), times=(1.0, 5.0), shift=8.0, **more):
    """Two snapshots of one Gaussian, the second shifted, of unequal size."""
    rng = np.random.default_rng(0)
    frames = [rng.normal([i * shift, 0.0], 1.0, (n, 2)) for i, n in enumerate(counts)]
    return Snapshots.from_frames(frames, times, **more)


def at(model, time, n=400, **more):
    return model.snapshots(n, times=[time], key=KEY, **more).values


def test_a_shift_is_interpolated_at_unequal_times_and_counts():
    data = cloud()
    straight = at(nq.runs.PairedNeighbours(data), 2.0)
    # A quarter of the way: mean 2, and the spread of one cloud.
    assert np.allclose(straight.mean(0), [2.0, 0.0], atol=0.2)
    assert np.allclose(straight.std(0), 1.0, atol=0.2)
    pooled = at(nq.runs.PooledNeighbours(data), 2.0)
    assert abs((pooled[:, 0] > 4).mean() - 0.25) < 0.01
    nearest = at(nq.runs.NearestSnapshot(data), 2.0, n=90)
    assert np.array_equal(np.sort(nearest, 0), np.sort(data.at(1.0), 0)), "each state once"


def test_the_pairs_are_optimal_not_those_of_the_file():
    ends = np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[10.0, 2.0], [0.0, 2.0]])
    model = nq.runs.PairedNeighbours(Snapshots.from_frames(ends, [0.0, 1.0]))
    middle = at(model, 0.5, n=2)
    assert np.allclose(middle[np.argsort(middle[:, 0])], [[0, 1], [10, 1]])


def test_lines_on_a_torus_go_the_short_way():
    ends = np.full((4, 1), 3.0), np.full((4, 1), -3.0)
    data = Snapshots.from_frames(ends, [0.0, 1.0], domain=Torus(2 * np.pi, low=-np.pi))
    middle = at(nq.runs.PairedNeighbours(data), 0.5, n=4)
    assert np.allclose(np.abs(middle), np.pi, atol=1e-5)


def test_states_are_paired_inside_their_condition():
    up = np.repeat([0, 1], 10)
    ends = np.where(up == 0, -5.0, 5.0)[:, None], np.where(up == 0, 5.0, -5.0)[:, None]
    data = Snapshots.from_frames(ends, [0.0, 1.0], condition=np.tile(up, 2))
    model = nq.runs.PairedNeighbours(data)
    assert np.allclose(at(model, 0.75, n=6, condition=[0]), 2.5)
    assert np.allclose(np.abs(at(model, 0.75, n=6)), 5.0), "without it, nobody moves"
    mixed = model.sample(4, time=0.75, condition=[[0], [1], [1], [0]], key=KEY)
    assert np.allclose(np.ravel(mixed), [2.5, -2.5, -2.5, 2.5])


def test_what_cannot_be_interpolated_is_said():
    data = cloud()
    found, why = baselines(data, [6.0])
    assert list(found) == ["NearestSnapshot"]
    assert "no snapshot on both sides" in why
    with pytest.raises(InvalidInput, match="time 6 does not lie between"):
        at(nq.runs.PairedNeighbours(data), 6.0)
    spins = Snapshots.from_frames([np.zeros((4, 1))] * 2, [0.0, 1.0], domain=Discrete(2))
    found, why = baselines(spins, [0.5])
    assert "PairedNeighbours" not in found
    assert "discrete" in why
    with pytest.raises(InvalidInput, match="no line joins"):
        nq.runs.PairedNeighbours(spins)


def test_compare_shows_them_beside_what_was_trained(tmp_path):
    rng = np.random.default_rng(1)
    frames = [rng.normal([4.0 * i, 0.0], 1.0, (80, 2)) for i in range(3)]
    data = Snapshots.from_frames(frames, [0.0, 1.0, 2.0])
    rows, failed = nq.runs.compare(
        [Stub()], data, tmp_path / "c", ["w2", "nll"], hold_out=[1.0], n=80
    )
    assert not failed
    found = {(row["method"], row["metric"]): row["value"] for row in rows}
    names = ("NearestSnapshot", "PooledNeighbours", "PairedNeighbours")
    w2 = [found[name, "w2"] for name in names]
    assert w2[0] == pytest.approx(4.0, abs=0.5)
    # Half of the states lie 4 to each side: a little less than 4, as both halves spread.
    assert 3.0 < w2[1] < 3.8
    assert w2[2] < 1.0
    assert ("NearestSnapshot", "nll") not in found, "no density without a model"
    assert len({row["floor"] for row in rows if row["metric"] == "w2"}) == 1, "one floor for all"
    said = nq.runs.verdicts(rows)
    assert any("w2: no method beats" in text or "w2: Stub is better" in text for text in said)


def row(method, value, stderr=0.01, floor=0.2):
    return {
        "case": "a", "method": method, "metric": "w2", "value": value, "stderr": stderr,
        "floor": floor, "seeds": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "baseline", "parts"),
    [
        (0.5, 1.0, ["Flow is better than the best baseline, PooledNeighbours, by 0.5 ± 0.014"]),
        (1.5, 1.0, ["no method beats the baseline PooledNeighbours", "worse by 0.5"]),
        (1.01, 1.0, ["no method beats", "beyond the error"]),
        (0.21, 0.21, ["at the floor: this metric cannot tell methods apart"]),
        (0.1, 1.0, ["below the floor (Flow in w2)", "no difference from the truth"]),
    ],
)
def test_the_verdict_names_the_best_of_both(value, baseline, parts):
    rows = [row("Flow", value), row("Worse", 9.0), row("PooledNeighbours", baseline)]
    rows.append(row("NearestSnapshot", 3.0))
    said = " ".join(nq.runs.verdicts(rows))
    assert all(part in said for part in parts), said
    assert nq.runs.verdicts([row("Flow", 1.0)]) == [], "nothing to compare with"


def test_quantities_that_no_state_has_are_one_group():
    dose = np.linspace(0, 1, 40)
    ends = [np.zeros((20, 1)), np.ones((20, 1))]
    data = Snapshots.from_frames(ends, [0.0, 1.0], condition=dose)
    model = nq.runs.PairedNeighbours(data)
    new = np.linspace(0.003, 0.9, 30)[:, None]
    assert np.allclose(model.sample(30, time=0.5, condition=new, key=KEY), 0.5)
