"""Snapshots and trajectories: what they keep, what they refuse, and how they say it."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.checks import as_floats
from noneq.data.ensembles import Snapshots, Trajectories, as_snapshots
from noneq.errors import InvalidInput, NoneqError, WrongType


GOOD = np.arange(24.0).reshape(4, 3, 2)
TIMES = np.array([0.0, 1.0, 2.5])


def both(values, times=TIMES, **more):
    """The same arguments to both constructors: each must answer or refuse by name."""
    return [
        lambda: Trajectories(values, times, **more),
        lambda: Snapshots(np.asarray(values)[:, 0], **more),
    ]


def test_float_types_are_kept_and_others_promoted():
    assert as_floats(np.zeros(3, np.float32), "x").dtype == np.float32
    assert as_floats(np.zeros(3, ">f8"), "x").dtype == np.dtype("=f8")
    assert as_floats([True, False], "x").tolist() == [1.0, 0.0]
    assert as_floats(np.array([2**24]), "x").dtype == np.float32
    large = np.array([2**24 + 1, -(2**30) - 1])
    assert as_floats(large, "x").tolist() == large.tolist()
    assert as_floats(np.array([-(2**63)]), "x")[0] == -(2.0**63)
    with pytest.warns(UserWarning, match="float16 promoted"):
        half = Snapshots(np.array([[1.5], [2.5]], np.float16))
    assert half.values.dtype == np.float32
    assert half.values[0, 0] == 1.5


@pytest.mark.parametrize(
    "values",
    [
        [["a"], ["b"]],
        np.array([[1j], [2j]]),
        np.array([[None], [1]]),
        {"x": 1},
        np.ma.masked_equal([[1.0], [2.0]], 2.0),
        np.array(["2020-01-01"], "datetime64[D]"),
    ],
    ids=["text", "complex", "object", "dict", "masked", "dates"],
)
def test_wrong_types_are_named(values):
    with pytest.raises(WrongType, match="values"):
        Snapshots(values)
    with pytest.raises(WrongType, match="values"):
        Trajectories(values, TIMES)


def test_a_random_key_is_no_data():
    with pytest.raises(WrongType, match="values"):
        Snapshots(jax.random.key(0))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nonfinite_values_are_counted(bad):
    values = GOOD.copy()
    values[1, 0, 1] = bad
    for make in both(values):
        with pytest.raises(InvalidInput, match=r"hold \d NaN and \d infinite.*drop-missing"):
            make()


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([0, 0, 1], "increase strictly"),
        ([2, 1, 0], "increase strictly"),
        ([0, np.nan, 1], "NaN"),
        ([], "shape"),
        (np.zeros((4, 3)), "union of all times"),
        ([0, 1], "frames along axis 1"),
    ],
)
def test_bad_times_of_trajectories(times, words):
    with pytest.raises(InvalidInput, match=words):
        Trajectories(GOOD, times)


@pytest.mark.parametrize(
    "values", [np.zeros(0), np.zeros((0, 2)), np.zeros((3, 0)), 1.0, [[1], [1, 2]]]
)
def test_empty_and_ragged_values(values):
    with pytest.raises(InvalidInput, match="values"):
        Snapshots(values)
    with pytest.raises(InvalidInput, match="values"):
        Trajectories(values, TIMES)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"names": ["a"]}, "names"),
        ({"names": "ab"}, "names"),
        ({"units": ["m", "s", "kg"]}, "units"),
        ({"condition": np.zeros((3, 1))}, "condition"),
        ({"condition": np.full((4, 1), np.nan)}, "condition"),
        ({"condition": np.zeros((4, 1, 1))}, "condition"),
        ({"domain": nq.Box((0.0, 0.0, 0.0), (99.0, 99.0, 99.0))}, "domain has 3"),
    ],
)
def test_bad_labels(more, words):
    for make in both(GOOD, **more):
        with pytest.raises(NoneqError, match=words):
            make()


@pytest.mark.parametrize("scale", [1e30, 1e-30, -1e30])
def test_extreme_scales_are_kept_exactly(scale):
    values = (GOOD * scale).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = Trajectories(values, TIMES)
    np.testing.assert_array_equal(data.snapshots().values, values.reshape(-1, 2))


def test_memory_layout_does_not_matter():
    plain = Trajectories(GOOD, TIMES)
    frozen = GOOD.copy()
    frozen.flags.writeable = False
    padded = np.zeros((8, 3, 2))
    padded[::2] = GOOD
    for same in (np.asfortranarray(GOOD), frozen, padded[::2], jnp.asarray(GOOD), GOOD.tolist()):
        np.testing.assert_array_equal(Trajectories(same, TIMES).values, plain.values)


def test_time_index_must_fit():
    values = GOOD[:, 0]
    for index in ([0, 1, 1], [0.0, 1, 1, 0], [0, 0, 0, 2], [0, -1, 0, 1], [0, 0, 0, 0]):
        with pytest.raises(InvalidInput, match="time"):
            Snapshots(values, [0.0, 1.0], np.asarray(index))
    with pytest.raises(InvalidInput, match="from_frames"):
        Snapshots(values, [0.0, 1.0])
    with pytest.raises(InvalidInput, match="rows of unequal length"):
        Snapshots(values, [[0.0], [1.0, 2.0]])


def test_masks_must_fit():
    full = np.ones((4, 3), bool)
    row, column = full.copy(), full.copy()
    row[1], column[:, 2] = False, False
    for mask in (full.astype(int), full[:2], row, column):
        with pytest.raises(InvalidInput, match="mask|observation"):
            Trajectories(GOOD, TIMES, mask=mask)
    assert Trajectories(GOOD, TIMES, mask=full).mask is None


def test_masked_entries_may_be_anything_and_are_never_seen():
    values, mask = GOOD.copy(), np.ones((4, 3), bool)
    values[0, 1], mask[0, 1] = np.nan, False
    data = Trajectories(values, TIMES, mask=mask)
    assert data.counts.tolist() == [4, 3, 4]
    assert data.snapshots().n == 11
    np.testing.assert_array_equal(data.at(1.0), GOOD[1:, 1])
    np.testing.assert_array_equal(data.snapshots().at(1.0), GOOD[1:, 1])


def test_subsets():
    mask = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1]], bool)
    data = Trajectories(GOOD, TIMES, mask=mask, condition=np.arange(4.0), names=["a", "b"])
    assert data.take(np.array([0, 1])).times.tolist() == [0.0, 1.0]
    assert data.frames(2).n == 2
    assert data.frames(slice(1, None)).condition.tolist() == [[1.0], [2.0], [3.0]]
    assert data.select(1).names == ("a",)
    left, out = data.hold_out([1.0])
    assert (left.times.tolist(), out.times.tolist()) == ([0.0, 2.5], [1.0])
    with pytest.raises(InvalidInput, match="nearest times"):
        data.at(1.1)
    with pytest.raises(InvalidInput, match="every time"):
        data.hold_out(TIMES)
    with pytest.raises(InvalidInput, match="1..2"):
        data.select(3)


def test_close_times_are_told_apart():
    data = Snapshots(np.zeros((3, 1)), [0.0, 1e-9, 2e-9], np.arange(3))
    assert data.hold_out([1e-9])[1].times.tolist() == [1e-9]
    with pytest.raises(InvalidInput, match="no data at time"):
        data.at(1.5e-9)


def test_select_cuts_the_domain():
    data = Snapshots(GOOD[:, 0], domain=nq.Box((0.0, 1.0), (30.0, 31.0)))
    assert data.select(1).domain == nq.Box((0.0,), (30.0,))
    assert Snapshots(GOOD[:, 0], domain=nq.Torus(99.0)).select(1).domain == nq.Torus(99.0)


def test_split_is_a_partition_inside_every_time(key):
    values = np.arange(60.0)[:, None]
    data = Snapshots(values, TIMES, np.arange(60) % 3)
    left, right = data.split(0.25, key=key)
    assert left.counts.tolist() == [5, 5, 5]
    assert sorted([*left.values[:, 0], *right.values[:, 0]]) == values[:, 0].tolist()
    for part in (left, right):
        np.testing.assert_array_equal(part.time_index, part.values[:, 0] % 3)
    with pytest.raises(InvalidInput, match="too few"):
        Snapshots(values[:2], [0.0, 1.0], np.arange(2)).split(0.5, key=key)
    with pytest.raises(InvalidInput, match="fraction"):
        data.split(1.0, key=key)


def test_split_by_trajectory(key):
    data = Trajectories(GOOD, TIMES)
    left, right = data.split(0.5, key=key)
    first = sorted([*left.values[:, 0, 0], *right.values[:, 0, 0]])
    assert first == GOOD[:, 0, 0].tolist()
    with pytest.raises(InvalidInput, match="one trajectory"):
        data.take(np.array([0])).split(0.5, key=key)


def test_snapshots_do_not_depend_on_the_order_of_samples(rng):
    values, index = rng.normal(size=(30, 2)), np.arange(30) % 3
    order = rng.permutation(30)
    plain = Snapshots(values, TIMES, index)
    mixed = Snapshots(values[order], TIMES, index[order])
    for t in TIMES:
        np.testing.assert_array_equal(np.sort(plain.at(t), 0), np.sort(mixed.at(t), 0))


def test_plain_arrays_are_one_snapshot():
    assert as_snapshots(GOOD).event_shape == (3, 2)
    assert as_snapshots(GOOD[:, 0, 0]).event_shape == (1,)
    assert as_snapshots(Trajectories(GOOD, TIMES)).n == 12


def test_frames_must_agree():
    frames = [np.zeros((2, 2)), np.zeros((5, 2))]
    assert Snapshots.from_frames(frames, [0.0, 3.0]).counts.tolist() == [2, 5]
    with pytest.raises(InvalidInput, match="2 frames for 1"):
        Snapshots.from_frames(frames, [0.0])
    with pytest.raises(InvalidInput, match="event shape"):
        Snapshots.from_frames([np.zeros((2, 2)), np.zeros((2, 3))], [0.0, 1.0])


def test_to_xarray_shows_gaps_and_names():
    mask = np.ones((4, 3), bool)
    mask[0, 1] = False
    dataset = Trajectories(GOOD, TIMES, mask=mask, names=["a", "b"], units=["m", "m"]).to_xarray()
    assert dataset["values"].dims == ("trajectory", "time", "state")
    assert np.isnan(dataset["values"].sel(time=1.0, state="a")[0])
    assert dataset["values"].attrs["units"] == "m"
    flat = Snapshots(GOOD[:, 0], [0.0, 1.0], np.array([0, 1, 1, 0])).to_xarray()
    assert flat["values"].groupby("time").mean()["time"].to_numpy().tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("domain", "cure"),
    [
        (nq.Box(-1.0, 1.0), "correct the unit"),
        (nq.Torus(), "wrap them"),
        (nq.domains.Product((nq.Torus(), nq.Free()), (1, 1)), "lie outside"),
    ],
)
def test_states_outside_their_domain_are_refused(domain, cure, rng):
    inside = rng.uniform(0.0, 1.0, (20, 3, 2))
    Trajectories(inside, np.arange(3.0), domain=domain)
    far = inside.copy()
    far[4, 1, 0] = 10.0
    with pytest.raises(InvalidInput, match=cure):
        Trajectories(far, np.arange(3.0), domain=domain)
    with pytest.raises(InvalidInput, match=cure):
        Snapshots(far[:, 1], domain=domain)
    seen = np.ones((20, 3), bool)
    seen[4, 1] = False
    Trajectories(far, np.arange(3.0), mask=seen, domain=domain)
