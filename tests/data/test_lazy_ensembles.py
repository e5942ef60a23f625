"""zarr folders that stay where they are: parts, windows, measures, and what is refused."""

import json
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest

from noneq import domains
from noneq.data import LazyEnsemble, Snapshots, Trajectories, read, summarise, write
from noneq.data.inspection import inspection
from noneq.data.layouts import as_raw, checksum
from noneq.data.lazy import advice, ensemble, writer
from noneq.errors import DataFileError, InvalidInput


_MEANS = ("shift", "scale", "std", "condition_shift", "condition_scale", "periods")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Chunks of some 50 states, shards of three, windows of four."""
    monkeypatch.setattr(writer, "_CHUNK", 400)
    monkeypatch.setattr(writer, "_SHARD", 1200)
    monkeypatch.setattr(writer, "_ROWS", 16)
    monkeypatch.setattr(ensemble, "_WINDOW", 1600)


@pytest.fixture
def paths(rng):
    """41 paths with gaps and a condition, whose law drifts."""
    values = rng.normal(size=(41, 12, 2)).astype(np.float32).cumsum(1) + 5
    mask = rng.random((41, 12)) > 0.1
    mask[:, 0] = mask[0] = True
    condition = rng.integers(0, 3, size=(41, 1))
    return Trajectories(values, np.arange(12.0), mask=mask, condition=condition, names=("a", "b"))


@pytest.fixture
def samples(rng):
    """300 samples of three times, in the order of time, as most files have them."""
    index = np.sort(rng.integers(0, 3, size=300))
    values = rng.normal(size=(300, 2)) + index[:, None]
    return Snapshots(values, (0.0, 1.0, 4.0), index, condition=rng.normal(size=(300, 2)))


def kept(data, tmp_path):
    write(data, tmp_path / "x.zarr")
    return read(tmp_path / "x.zarr", lazy=True)


def rows_of(parts):
    """All states with their times and conditions, sorted, to compare sets."""
    rows = [
        np.column_stack([p.values.reshape(p.n, -1), p.sample_times, p.condition]) for p in parts
    ]
    joined = np.concatenate(rows)
    return joined[np.lexsort(joined.T)]


@pytest.mark.parametrize("kind", ["paths", "samples"])
def test_the_chunks_hold_what_was_written(kind, request, tmp_path):
    data = request.getfixturevalue(kind)
    lazy = kept(data, tmp_path)
    again = read(tmp_path / "x.zarr")
    assert checksum(again) == checksum(data)
    assert isinstance(lazy, LazyEnsemble)
    assert lazy.chunks >= 8
    assert lazy.window_chunks == 4
    np.testing.assert_array_equal(rows_of(lazy.each()), rows_of([data.snapshots()]))
    assert lazy.kind == type(data).__name__.lower()
    assert lazy.labels() == data.labels()


def test_parts_make_the_same_folder_as_the_whole(paths, tmp_path):
    write(paths, tmp_path / "whole.zarr")
    raw = as_raw(paths)
    cut = lambda rows: replace(
        raw, values=raw.values[rows], mask=raw.mask[rows], condition=raw.condition[rows]
    )
    parts = [cut(slice(i, i + 10)) for i in range(0, 41, 10)]
    writer.write_parts(iter(parts), tmp_path / "parts.zarr", n=41, times=paths.times)
    one, two = (
        {f.relative_to(tmp_path / name): f.read_bytes() for f in (tmp_path / name).rglob("*")
         if f.is_file()}
        for name in ("whole.zarr", "parts.zarr")
    )  # fmt: skip
    assert one == two
    with pytest.raises(InvalidInput, match="31 of 41"):
        writer.write_parts(parts[1:], tmp_path / "short.zarr", n=41, times=paths.times)


def test_xarray_opens_the_folder(paths, tmp_path):
    xarray = pytest.importorskip("xarray")
    write(paths, tmp_path / "x.zarr")
    with xarray.open_zarr(tmp_path / "x.zarr", consolidated=False, decode_times=False) as found:
        assert found["values"].dims == ("trajectory", "time", "state")
        np.testing.assert_array_equal(np.isnan(found["values"].values[..., 0]), ~paths.observed)


def test_windows_are_functions_of_seed_and_number(samples, tmp_path):
    lazy = kept(samples, tmp_path)
    one = lazy.window(3, 1)
    np.testing.assert_array_equal(one.values, lazy.window(3, 1).values)
    assert not np.array_equal(one.values, lazy.window(4, 1).values)
    # An epoch takes every chunk once, but for those that fill no window.
    count = lazy.chunks // lazy.window_chunks
    epoch = [lazy.window(3, i) for i in range(count)]
    seen = rows_of(epoch)
    assert len(np.unique(seen, axis=0)) == len(seen)
    assert len(seen) >= samples.n - lazy.window_chunks * lazy.window_states // 4
    # Chunks of a window come from all over the file: it does not hold one time alone.
    assert max(len(window.times) for window in epoch) == 3


@pytest.mark.parametrize("kind", ["paths", "samples", "angles", "robust"])
def test_the_summary_is_that_of_the_data_in_memory(kind, paths, samples, rng, tmp_path):
    angles = Trajectories(
        rng.normal(3.1, 0.3, size=(40, 9, 2)) % (2 * np.pi),
        np.arange(9.0),
        domain=domains.Torus(2 * np.pi),
    )
    robust = Snapshots(np.exp(rng.normal(size=(400, 2))), transform=("log", ""), scaling="robust")
    data = {"paths": paths, "samples": samples, "angles": angles, "robust": robust}[kind]
    one, two = summarise(data), summarise(kept(data, tmp_path))
    for name, value in vars(one).items():
        other = vars(two)[name]
        if name.startswith("condition_s") and kind == "paths":
            # Counted once a state, in memory once a path.
            np.testing.assert_allclose(other, value, rtol=0.1)
        elif name in _MEANS:
            np.testing.assert_allclose(other, value, rtol=1e-6)
        else:
            assert other == value, name


def test_parts_of_a_split_share_nothing_and_lose_nothing(paths, tmp_path):
    lazy = kept(paths, tmp_path)
    one, two = lazy.split(0.7, key=jax.random.key(0))
    both = rows_of([*one.each(), *two.each()])
    np.testing.assert_array_equal(both, rows_of([paths.snapshots()]))
    share = sum(part.n for part in one.each()) / paths.observed.sum()
    assert 0.5 < share < 0.9
    assert len({lazy.fingerprint, one.fingerprint, two.fingerprint}) == 3
    rest, out = lazy.hold_out([3.0])
    assert {t for part in out.each() for t in part.times} == {3.0}
    there, _ = paths.hold_out([3.0])
    np.testing.assert_array_equal(rows_of(rest.each()), rows_of([there.snapshots()]))


def shard_of(path):
    return sorted(p for p in (path / "values" / "c").rglob("*") if p.is_file())[1]


def lost(shard):
    shard.unlink()


def cut(shard):
    shard.write_bytes(shard.read_bytes()[:-7])


def flipped(shard):
    content = bytearray(shard.read_bytes())
    content[20] ^= 4
    shard.write_bytes(content)


def emptied(shard):
    """One chunk that the index of its shard says is not there, as a writer of zeros leaves it."""
    import google_crc32c

    content = shard.read_bytes()
    index = np.frombuffer(content[-52:-4], "<u8").copy()
    index[:2] = 2**64 - 1
    shard.write_bytes(
        content[:-52] + index.tobytes() + google_crc32c.value(index.tobytes()).to_bytes(4, "little")
    )


@pytest.mark.parametrize("damage", [lost, cut, flipped, emptied])
@pytest.mark.parametrize("lazy", [True, False])
def test_damaged_chunks_are_named(damage, lazy, paths, tmp_path):
    path = tmp_path / "x.zarr"
    write(paths, path)
    damage(shard_of(path))
    whole = lambda: list(read(path, lazy=True).each()) if lazy else read(path)
    with pytest.raises(DataFileError) as caught:
        whole()
    message = str(caught.value)
    assert "\n" not in message
    assert "x.zarr" in message
    if lazy or damage in (lost, emptied):
        assert "chunk" in message or "index" in message


def test_the_fingerprint_is_of_the_content(paths, tmp_path):
    one = kept(paths, tmp_path).fingerprint
    shutil.copytree(tmp_path / "x.zarr", tmp_path / "y.zarr")
    assert read(tmp_path / "y.zarr", lazy=True).fingerprint == one
    write(paths.take(np.r_[1, 0, 2:41]), tmp_path / "x.zarr")
    assert read(tmp_path / "x.zarr", lazy=True).fingerprint != one


def test_a_file_that_grows_is_seen(paths, tmp_path):
    lazy = kept(paths, tmp_path)
    place = tmp_path / "x.zarr" / "values" / "zarr.json"
    about = json.loads(place.read_text())
    about["shape"][0] += 5
    place.write_text(json.dumps(about))
    with pytest.raises(DataFileError, match=r"\(41, 12, 2\) and is \(46, 12, 2\)"):
        lazy.window(0, 0)


def test_what_cannot_be_read_lazily_is_refused(paths, tmp_path):
    import xarray as xr

    write(paths, tmp_path / "x.nc")
    with pytest.raises(InvalidInput, match="noneq convert"):
        read(tmp_path / "x.nc", lazy=True)
    foreign = xr.Dataset({"values": (("trajectory", "time", "state"), np.ones((3, 2, 1)))})
    foreign.to_zarr(tmp_path / "foreign.zarr", zarr_format=3, consolidated=False)
    with pytest.raises(InvalidInput, match="not written by noneq"):
        read(tmp_path / "foreign.zarr", lazy=True)
    write(paths, tmp_path / "x.zarr")
    with pytest.raises(InvalidInput, match="--components 1"):
        read(tmp_path / "x.zarr", lazy=True, components=1)


def test_inspection_tells_the_same(paths, samples, tmp_path):
    for data in (paths, samples):
        one, two = inspection(data), inspection(kept(data, tmp_path))
        assert two.command == f"noneq fit ScoreMatching {tmp_path / 'x.zarr'} -o run/ --lazy"
        for name in (
            "kind",
            "n",
            "event_shape",
            "times",
            "counts",
            "low",
            "high",
            "observed",
            "names",
        ):
            assert getattr(two, name) == pytest.approx(getattr(one, name)), name
        np.testing.assert_allclose(two.mean, one.mean, rtol=1e-5)
        np.testing.assert_allclose(two.std, one.std, rtol=1e-5)
    assert advice.advice(tmp_path / "x.zarr") == ""


def test_a_large_file_is_told_how_to_read(paths, tmp_path, monkeypatch):
    write(paths, tmp_path / "x.zarr")
    write(paths, tmp_path / "x.nc")
    monkeypatch.setattr(advice, "memory", lambda: 4000.0)
    assert "add --lazy" in advice.advice(tmp_path / "x.zarr")
    assert "noneq convert" in advice.advice(tmp_path / "x.nc")


def test_trajectories_are_mapped_for_thermo(rng, tmp_path):
    data = Trajectories(rng.normal(size=(41, 12, 2)).astype(np.float32), np.arange(12.0))
    found = kept(data, tmp_path).mapped(tmp_path / "x.npy")
    np.testing.assert_array_equal(found.values, data.values)
    assert np.shares_memory(found.values, found.values.base)
    assert isinstance(found.values.base, np.memmap)
