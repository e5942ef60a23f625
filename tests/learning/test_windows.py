"""Windows of rows: which step draws from what, padding, and that training sees all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data import Snapshots, read, write
from noneq.data.lazy import ensemble, writer
from noneq.errors import InvalidInput
from noneq.learning.loop import _batch
from noneq.learning.training import Training
from noneq.learning.windows import Window, Windows


@pytest.fixture
def lazy(rng, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_CHUNK", 400)
    monkeypatch.setattr(writer, "_SHARD", 1200)
    monkeypatch.setattr(ensemble, "_WINDOW", 1600)
    # 1,010 samples in chunks of 50: the last one is short, and so are windows with it.
    write(Snapshots(np.arange(2020.0, dtype=np.float32).reshape(-1, 2)), tmp_path / "x.zarr")
    return read(tmp_path / "x.zarr", lazy=True)


def states(part):
    return {"y": part.values}


def test_the_window_of_a_step_depends_on_nothing_else(lazy, key):
    training = Training(steps=2000, batch=50)
    one, two = (Windows(lazy, states, training, key=key) for _ in range(2))
    assert one.steps == 4
    first, last = one.at(0)
    assert last == 4
    assert one.at(3)[0] is first
    # Straight to a later step, as a resumed fit goes, or through all before it.
    for step in range(0, 44, 4):
        through = one.at(step)[0]
    np.testing.assert_array_equal(two.at(41)[0].rows["y"], through.rows["y"])
    assert one.identity == two.identity
    one.close()
    two.close()


def test_windows_are_of_one_size_and_batches_hold_no_padding(lazy, key):
    windows = Windows(lazy, states, Training(steps=2000, batch=50), key=key)
    found = [windows.at(step)[0] for step in range(0, 4 * 20, 4)]
    assert {window.rows["y"].shape for window in found} == {(200, 2)}
    assert {int(window.filled) for window in found} == {160, 200}
    short = next(window for window in found if int(window.filled) == 160)
    drawn = _batch(short, 4000, key)["y"]
    assert len(np.unique(np.asarray(drawn)[:, 0])) == 160
    windows.close()


def test_one_program_serves_windows_of_any_filling(key):
    compiled = jax.jit(lambda window: _batch(window, 8, key))
    for filled in (3, 7):
        rows = {"y": jnp.arange(10.0)}
        drawn = compiled(Window(rows, jnp.asarray(filled, jnp.int32)))["y"]
        assert float(drawn.max()) < filled
    assert compiled._cache_size() == 1


def test_the_whole_data_set_as_a_batch_is_refused(lazy, key):
    with pytest.raises(InvalidInput, match=r"training\.batch = 0"):
        Windows(lazy, states, Training(batch=0), key=key)
