"""Whatever is written comes back equal, bit for bit and label for label, in every format."""

import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra.numpy import arrays

import noneq as nq
from noneq.data import Snapshots, Trajectories, read, write
from noneq.data.layouts import checksum


# beartype picks random items of containers to check, which hypothesis notices.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the .random. module")

TABLES = ("csv", "parquet")
profile = settings(
    derandomize=True,
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def numbers(dtype, shape):
    width = np.dtype(dtype).itemsize * 8
    elements = st.floats(allow_nan=False, allow_infinity=False, width=width)
    return arrays(dtype, shape, elements=elements)


def inside(values, domain, leading):
    """The values clipped to the domain; ``leading`` axes come before the coordinates."""
    if domain is None or domain.bounds is None:
        return values
    trailing = (1,) * (values.ndim - leading - 1)
    low, high = (np.reshape(b, (-1, *trailing)).astype(values.dtype) for b in domain.bounds)
    return np.clip(values, low, high)


@st.composite
def ensembles(draw, shapes=((1,), (3,), (2, 3), (1, 2, 2)), printable=False):
    paired = draw(st.booleans())
    event = draw(st.sampled_from(shapes))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    n, length = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    finite = st.floats(-1e6, 1e6)
    times = sorted(draw(st.lists(finite, min_size=length, max_size=length, unique=True)))
    corner = tuple(draw(finite) for _ in range(event[0]))
    words = st.text("aé漢,;\"'# ", max_size=4).map(str.rstrip) if printable else st.text(max_size=4)
    labels = {
        "names": [f"x{i}{draw(words)}" for i in range(event[0])],
        "units": [draw(st.text(max_size=3)) for _ in range(event[0])],
        "time_unit": draw(st.text(max_size=3)),
        "domain": draw(
            st.sampled_from(
                [
                    None,
                    nq.Free(),
                    nq.Torus(),
                    nq.Box(-1.5, 2.5),
                    nq.Box(corner, tuple(c + 1.0 for c in corner)),
                ]
            )
        ),
    }
    rows = n if paired else n + length
    if draw(st.booleans()):
        kind = draw(st.sampled_from(["float32", "float64"]))
        labels["condition"] = draw(numbers(kind, (rows, draw(st.integers(1, 2)))))
    if paired:
        mask = draw(arrays(bool, (n, length)))
        mask[np.arange(n), np.arange(n) % length] = True
        mask[np.arange(length) % n, np.arange(length)] = True
        values = inside(draw(numbers(dtype, (n, length, *event))), labels["domain"], 2)
        return Trajectories(values, times, mask=mask, **labels)
    index = np.array([*range(length), *draw(arrays(int, n, elements=st.integers(0, length - 1)))])
    order = np.array(draw(st.permutations(range(rows))))
    values = inside(draw(numbers(dtype, (rows, *event))), labels["domain"], 1)
    return Snapshots(values, times, index[order], **labels)


def assert_equal(a, b):
    """Bit for bit: signs of zero too."""
    assert type(a) is type(b)
    for name in ("values", "times", "time_index", "mask", "condition"):
        x, y = vars(a).get(name), vars(b).get(name)
        assert (x is None) == (y is None), name
        if x is not None:
            assert (x.dtype, x.shape) == (y.dtype, y.shape), name
            assert x.tobytes() == y.tobytes(), name
    assert a.labels() == b.labels()


def vectors(count=3):
    return ensembles(shapes=((1,), (count,)), printable=True)


@pytest.mark.parametrize("extension", ["csv", "npz", "zarr"])
@profile
@given(data=st.data())
def test_round_trip(extension, data, tmp_path):
    come_back_equal(extension, data, tmp_path)


@pytest.mark.parametrize("extension", ["nc", "parquet"])
@settings(profile, max_examples=5)  # each starts a process
@given(data=st.data())
def test_round_trip_through_a_process(extension, data, tmp_path):
    come_back_equal(extension, data, tmp_path)


def come_back_equal(extension, data, tmp_path):
    data = data.draw(vectors() if extension in TABLES else ensembles())
    path = tmp_path / f"data.{extension}"
    write(data, path, record=True)
    assert_equal(read(path), data)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("extension", ["csv", "npz"])
@profile
@given(data=vectors())
def test_same_data_same_bytes(extension, data, tmp_path):
    digests = set()
    for name in ("a", "b"):
        path = tmp_path / f"{name}.{extension}"
        write(data, path)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


@profile
@given(data=ensembles())
def test_checksum_sees_every_change(data):
    assert checksum(data.take(np.arange(data.n))) == checksum(data)
    other = data.values.copy()
    place = np.unravel_index(0, other.shape)
    other[place] = np.nextafter(other[place], np.inf if other[place] < 0 else -np.inf)
    changed = (
        Trajectories(other, data.times, mask=data.mask, condition=data.condition, **data.labels())
        if isinstance(data, Trajectories)
        else Snapshots(
            other, data.times, data.time_index, condition=data.condition, **data.labels()
        )
    )
    unseen = isinstance(data, Trajectories) and data.mask is not None and not data.mask[0, 0]
    assert (checksum(changed) == checksum(data)) == unseen
    labels = data.labels() | {"time_unit": data.time_unit + "s"}
    relabelled = Snapshots(data.snapshots().values[:1], **labels)
    plain = Snapshots(data.snapshots().values[:1], **data.labels())
    assert checksum(relabelled) != checksum(plain)


@profile
@given(data=ensembles(), seed=st.integers(0, 9))
def test_order_of_trajectories_or_samples_is_only_an_order(data, seed, tmp_path):
    order = np.random.default_rng(seed).permutation(data.n)
    back = np.argsort(order)
    path = tmp_path / "data.npz"
    write(data.take(order), path)
    assert_equal(read(path).take(back), data)


@profile
@given(data=vectors())
def test_kind_and_components_on_reading(data, tmp_path):
    path = tmp_path / "data.csv"
    write(data, path, record=True)
    assert_equal(read(path, kind="snapshots", components=1), data.snapshots().select(1))


def test_a_plain_csv_keeps_numbers_names_and_units(tmp_path, rng):
    path = tmp_path / "a.csv"
    data = Trajectories(
        rng.normal(size=(3, 4, 2)).astype("float32"),
        [0.0, 0.1, 0.5, 2.0],
        names=["x", "E"],
        units=["um", "kJ/mol"],
        time_unit="s",
        condition=rng.normal(size=(3, 1)),
    )
    write(data, path)
    assert path.read_text().startswith("time (s),trajectory,condition:0,x (um),E (kJ/mol)\n")
    back = read(path)
    assert back.labels() == data.labels()
    np.testing.assert_array_equal(back.values.astype("float32"), data.values)
    np.testing.assert_array_equal(back.condition, data.condition)
    odd = Snapshots(rng.normal(size=(4, 1)), names=["a (raw)"], units=["per fortnight"])
    write(odd, path)
    assert read(path).names == ("a (raw)",)


def test_netcdf_says_what_it_holds_to_other_programs(tmp_path, rng):
    import xarray as xr

    path = tmp_path / "a.nc"
    data = Trajectories(
        rng.normal(size=(3, 4, 2)), [0.0, 1.0, 2.0, 5.0], names=["a", "b"], units=["K", "K"],
        time_unit="days since 2000-01-01",
    )  # fmt: skip
    write(data, path)
    assert_equal(read(path), data)
    with xr.open_dataset(path, engine="h5netcdf") as found:
        assert found.attrs["Conventions"].startswith("CF-")
        assert found["state"].values.tolist() == ["a", "b"]
        assert found["values"].attrs["units"] == "K"
        assert found["time"].attrs["axis"] == "T"
        assert str(found["time"].values[-1])[:10] == "2000-01-06"
        np.testing.assert_array_equal(found["values"].values, data.values)


def test_write_replaces_a_folder_by_the_new_one(tmp_path):
    path = tmp_path / "a.zarr"
    write(Snapshots(np.zeros((50, 2))), path)
    write(Snapshots(np.ones((3, 1))), path)
    assert read(path).values.tolist() == [[1.0], [1.0], [1.0]]
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]
