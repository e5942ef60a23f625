"""Clones: pairs of a transport inside them, and how well a model keeps them."""

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.data.readings.lineages import labelled, lineage_of, without
from noneq.data.readings.velocities import apart
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.methods import DSBM, SF2M, ExactOT, Straight
from noneq.methods.bridges.pairs.pools import clones, pair_pool
from noneq.metrics import lineage_agreement, velocity_cosine
from noneq.traits import HasDrift, HasPaths


def crossing(words=True):
    """Two clones that change places, and two states of none: the nearest pairs are wrong."""
    rng = np.random.default_rng(0)
    sides = np.array([-5.0] * 20 + [5.0] * 20 + [0.0] * 4)[:, None]
    frames = [sides + 0.1 * rng.normal(size=(44, 1)), -sides + 0.1 * rng.normal(size=(44, 1))]
    names = ["a"] * 20 + ["b"] * 20 + ["unlabelled"] * 4
    numbers = [0] * 20 + [1] * 20 + [-1] * 4
    labels = np.asarray(names * 2 if words else np.asarray(numbers * 2, float))[:, None]
    return nq.Snapshots.from_frames(
        frames, [0.0, 1.0], condition=labels, condition_names=("clone",)
    )


@pytest.mark.parametrize("words", [True, False])
def test_pairs_lie_inside_clones(words):
    data = crossing(words)
    place, lineage = lineage_of(data, "clone")
    assert place == 0
    assert (lineage == -1).sum() == 8
    plain = without(data, "clone")
    assert plain.condition is None
    normaliser = Normaliser(summarise(plain))

    def moved(lineage):
        rng = np.random.default_rng(1)
        found = pair_pool(plain, normaliser, ExactOT(), Straight(), 88, None, rng, lineage=lineage)
        return found["start"][:, 0], found["end"][:, 0]

    start, end = moved(lineage)
    assert np.abs(start + end).max() < 1
    # Each clone counts by its states.
    assert np.isclose((start < -3).mean(), 20 / 44, atol=0.03)
    start, end = moved(None)
    assert np.abs(start - end).max() < 1
    with pytest.warns(UserWarning, match="no clone occurs at both ends of the interval 0 to 1"):
        moved(np.r_[np.zeros(44, int), np.ones(44, int)])


def test_clones_at_one_end_join_those_without():
    lineage = np.array([0, 0, 1, -1, 0, 2, 2, -1])
    parts = clones(np.arange(4), np.arange(4, 8), lineage)
    assert [[*map(list, part)] for part in parts] == [[[0, 1], [4]], [[2, 3], [5, 6, 7]]]


def test_blank_labels_are_no_clone():
    assert labelled(np.array(["a", "", "NA"], object)).tolist() == ["a", "unlabelled", "unlabelled"]
    assert labelled(np.array([3.0, np.nan])).tolist() == [3.0, -1.0]


def test_what_is_refused():
    with pytest.raises(InvalidInput, match="no condition 'barcode'"):
        SF2M(lineage="barcode").fit(crossing(), key=jax.random.key(0))
    with pytest.raises(InvalidInput, match="paths know no clones"):
        DSBM(lineage="clone")
    data = nq.Snapshots(np.zeros((4, 3)), names=("x", "velocity_x", "velocity_y"))
    with pytest.raises(InvalidInput, match="velocity_y has no counterpart"):
        apart(data)


class Mirror(HasPaths, HasDrift):
    """x changes its sign; dx/dt = −2 x."""

    event_shape: tuple = (1,)

    def sample_paths(self, n, *, times, start=None, condition=None, key):
        return nq.Trajectories(np.stack([start, -start], axis=1), times)

    def drift(self, t, x):
        return -2 * x

    def diffusion(self, t, x):
        return 0.0


class Still(HasPaths):
    """Nothing moves."""

    def sample_paths(self, n, *, times, start=None, condition=None, key):
        return nq.Trajectories(np.stack([start, start], axis=1), times)


def test_agreement_with_clones_and_velocities():
    data = crossing()
    found = lineage_agreement(Mirror(), data)
    assert found.value == pytest.approx([1.0])
    assert found.floor == pytest.approx([0.5])
    assert found.stderr > 0
    assert lineage_agreement(Still(), data).value == pytest.approx([0.0])
    x = without(data, "clone").values
    both = nq.Snapshots(
        np.concatenate([x, -3 * x], axis=1), data.times, data.time_index, names=("x", "velocity_x")
    )
    np.testing.assert_allclose(velocity_cosine(Mirror(), both).value, 1.0, atol=1e-6)
    turned = velocity_cosine(Mirror(), without(data, "clone"), velocities=x)
    np.testing.assert_allclose(turned.value, -1.0, atol=1e-6)
    with pytest.raises(InvalidInput, match="hold no velocities"):
        velocity_cosine(Mirror(), without(data, "clone"))
    with pytest.raises(InvalidInput, match="one velocity for each state"):
        velocity_cosine(Mirror(), without(data, "clone"), velocities=x[:-1])
