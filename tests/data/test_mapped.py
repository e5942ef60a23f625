"""Arrays in chunks, copied to a file that is read piece by piece."""

import tracemalloc

import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput, WrongType
from noneq.thermo import force_current_rate


def test_an_array_of_zarr_is_a_record(rng, tmp_path):
    zarr = pytest.importorskip("zarr")
    values = rng.normal(size=(30, 64, 2)).cumsum(1).astype(np.float32) % 1.0
    lying = zarr.create_array(str(tmp_path / "x.zarr"), data=values, chunks=(7, 64, 2))
    found = nq.data.mapped(lying, tmp_path / "x.npy")
    np.testing.assert_array_equal(found, values)
    assert [p.name for p in tmp_path.iterdir() if p.name[0] == "."] == []
    data = nq.Trajectories(found, np.arange(64.0))
    assert np.shares_memory(data.values, found)
    with pytest.raises(InvalidInput, match="exists"):
        nq.data.mapped(lying, tmp_path / "x.npy")
    with pytest.raises(InvalidInput, match=r"end in \.npy"):
        nq.data.mapped(lying, tmp_path / "x.dat")
    with pytest.raises(WrongType, match="no array"):
        nq.data.mapped([1.0], tmp_path / "y.npy")
    with pytest.raises(WrongType, match="real"):
        nq.data.mapped(np.ones((2, 2), complex), tmp_path / "y.npy")


@pytest.mark.slow
def test_an_estimator_holds_a_part_of_the_record(rng, tmp_path):
    """A record of 64 MB; NumPy says what was taken besides. A copy in double precision is 128 MB."""
    n, frames, dim = 64, 8192, 32
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (n, frames, dim))
    for k in range(0, n, 8):
        steps = rng.standard_normal((8, frames, dim), dtype=np.float32)
        x[k : k + 8] = steps + np.roll(steps, 1, 1) + np.roll(steps, 2, 1)
    x.flush()
    tracemalloc.start()
    data = nq.Trajectories(np.load(tmp_path / "x.npy", mmap_mode="r"), 0.1 * np.arange(frames))
    built = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    with pytest.warns(UserWarning, match="relaxation time|diffusivity"):
        force_current_rate(data, extrapolate=False)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert built < 16e6
    # What is held does not grow with the record: pieces, and a sample of it for the checks.
    assert taken < 200e6
