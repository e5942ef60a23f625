"""Run folders: exact round trips, damage is refused, no crash loses a run."""

import errno
import json
import multiprocessing
import pathlib
from contextlib import nullcontext
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from safetensors.numpy import load as read_tensors, save as write_tensors

import savers
from noneq import store
from noneq.data import Snapshots, Trajectories
from noneq.domains import Box
from noneq.errors import DataFileError, InvalidInput, NoneqError, WriteFailed
from noneq.store.runs import _content, _digest, _meta_core
from stub_methods import Stub, Width


def make_fit(*, width=3, seed=0, domain=None, dim=2):
    rng = np.random.default_rng(seed)
    frames = [rng.uniform(-1, 1, (5 + i, dim)) for i in range(3)]
    data = Snapshots.from_frames(frames, [0.0, 0.5, 2.0], domain=domain)
    return Stub(nested=Width(width)).fit(data, key=jax.random.key(seed))


@pytest.fixture
def run(tmp_path):
    fit = make_fit()
    store.save(fit, tmp_path / "run")
    return tmp_path / "run"


@settings(max_examples=15, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**20), width=st.sampled_from([0, 3]), box=st.booleans())
def test_round_trip_is_exact(tmp_path_factory, seed, width, box):
    fit = make_fit(width=width, seed=seed, domain=Box(-2.0, (2.0, 3.0)) if box else None)
    fit = replace(fit, meta={"seed": seed, "data": {"path": "x.nc", "loss": np.float32(0.1)}})
    folder = tmp_path_factory.mktemp("run")
    store.save(fit, folder)
    again = store.load(folder)
    assert eqx.tree_equal(again.model, fit.model)
    assert type(again.model.mean) is type(fit.model.mean)
    assert again.method == fit.method
    assert again.summary == fit.summary
    assert again.history == fit.history
    assert again.meta == {"seed": seed, "data": {"path": "x.nc", "loss": float(np.float32(0.1))}}
    draw = lambda fit: fit.model.sample(4, time=0.5, key=jax.random.key(1))
    assert (draw(again) == draw(fit)).all()


def test_same_fit_gives_the_same_bytes(tmp_path):
    store.save(make_fit(), tmp_path / "a")
    store.save(make_fit(), tmp_path / "b")
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert names == ["history.csv", "meta.json", "model.safetensors", "spec.toml"]
    assert all(
        (tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names
    )


def test_transposed_arrays_keep_their_order(tmp_path):
    fit = make_fit(dim=3)
    turned = np.asfortranarray(np.arange(9.0, dtype=np.float32).reshape(3, 3))
    fit = replace(fit, model=eqx.tree_at(lambda m: m.mean, fit.model, turned))
    store.save(fit, tmp_path)
    assert (np.asarray(store.load(tmp_path).model.mean) == turned).all()


def test_what_init_does_not_rebuild_is_refused_at_saving(tmp_path):
    fit = make_fit()
    for where, leaf in [(lambda m: m.mean, jnp.zeros((7, 2))), (lambda m: m.extra, 1.5)]:
        odd = replace(fit, model=eqx.tree_at(where, fit.model, leaf))
        with pytest.raises(InvalidInput, match="does not rebuild"):
            store.save(odd, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["spec.toml", "model.safetensors", "meta.json", "history.csv"])
def test_truncated_flipped_or_missing_files_are_refused(run, name, rng):
    good = (run / name).read_bytes()
    bad = [good[: int(n)] for n in rng.integers(0, len(good), 25)]
    for _ in range(50):
        flipped = bytearray(good)
        flipped[rng.integers(len(good))] ^= 1 << int(rng.integers(8))
        bad.append(bytes(flipped))
    for blob in bad:
        (run / name).write_bytes(blob)
        # A flip inside the white space of JSON changes nothing.
        same = name == "meta.json" and _same_json(blob, good)
        with nullcontext() if same else pytest.raises(DataFileError, match=str(run)) as caught:
            store.load(run)
        assert same or "\n" not in str(caught.value)
    (run / name).unlink()
    with pytest.raises((DataFileError, InvalidInput)):
        store.load(run)


def _same_json(a, b):
    try:
        return json.loads(a) == json.loads(b)
    except ValueError:
        return False


def reseal(run, **changes):
    """Alter files as someone would who also corrects the checksums."""
    meta = json.loads((run / "meta.json").read_bytes())
    for name, blob in changes.pop("files", {}).items():
        (run / name).write_bytes(blob)
        meta["sha256"][name] = _digest(blob)
    meta |= changes
    meta["sha256"]["meta.json"] = _digest(_meta_core(meta))
    (run / "meta.json").write_text(json.dumps(meta))


def test_newer_format_is_refused_in_one_line(run):
    reseal(run, format=2)
    with pytest.raises(DataFileError, match="format 2, this version reads 1; upgrade noneq"):
        store.load(run)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: {k: v for k, v in t.items() if k != ".mean"},
        lambda t: t | {"more": np.zeros(2)},
        lambda t: t | {".mean": t[".mean"].astype(np.float64)},
        lambda t: t | {".mean": t[".mean"].T},
    ],
)
def test_arrays_that_do_not_fit_the_spec_are_refused(run, spoil):
    tensors = spoil(read_tensors((run / "model.safetensors").read_bytes()))
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    reseal(run, files={"model.safetensors": write_tensors(tensors)})
    with pytest.raises(DataFileError, match=r"model\.safetensors"):
        store.load(run)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x80\x04cos\nsystem\n",
        (2**62).to_bytes(8, "little") + b"{}",
        b"\x02" + bytes(7) + b"{}",
    ],
)
def test_hostile_tensor_files_are_refused(run, blob):
    reseal(run, files={"model.safetensors": blob})
    with pytest.raises(DataFileError):
        store.load(run)


@pytest.mark.parametrize("kind", ["os:system", "nowhere_to_be_found:Thing", "Free", "Torus"])
def test_a_spec_cannot_name_other_code(run, kind):
    reseal(run, files={"spec.toml": f'kind = "{kind}"'.encode()})
    with pytest.raises(InvalidInput):
        store.load(run)


def test_no_run_is_said_so(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(InvalidInput, match="holds no saved model"):
            store.load(path)


def test_unwritable_places_are_one_line(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "run", "/proc/noneq-run"):
        with pytest.raises(WriteFailed) as caught:
            store.save(make_fit(), path)
        assert "\n" not in str(caught.value)


def test_rows_are_merged_by_what_they_measure(tmp_path):
    row = {"case": "a", "method": "M", "metric": "w2", "value": 1.0}
    store.add_rows(tmp_path, [row, row | {"metric": "mmd"}])
    store.add_rows(tmp_path, [row | {"value": np.float64(2.0)}])
    assert [(r["metric"], r["value"]) for r in store.read_rows(tmp_path)] == [
        ("w2", 2.0),
        ("mmd", 1.0),
    ]
    for bad in ("{", "[1]", "3"):
        (tmp_path / "metrics.json").write_text(bad)
        with pytest.raises(DataFileError):
            store.add_rows(tmp_path, [row])
        assert (tmp_path / "metrics.json").read_text() == bad


def test_fingerprint_sees_every_part():
    values = np.arange(12.0).reshape(2, 3, 2)
    mask = np.array([[True, True, False], [True, True, True]])
    sets = [
        Trajectories(values, [0, 1, 2]),
        Trajectories(values + 1, [0, 1, 2]),
        Trajectories(values, [0, 1, 3]),
        Trajectories(values, [0, 1, 2], mask=mask),
        Trajectories(values, [0, 1, 2], condition=[1.0, 2.0]),
        Trajectories(values, [0, 1, 2]).snapshots(),
        Trajectories(values.astype(np.float32), [0, 1, 2]),
    ]
    assert len({store.fingerprint(data) for data in sets}) == len(sets)
    assert store.fingerprint(sets[0]) == store.fingerprint(Trajectories(values, [0, 1, 2]))


@pytest.fixture(scope="module")
def start():
    """Start a function of `savers` in a child of a fork server: `(process, pipe)`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["noneq.store"])
    children = []

    def begin(function, *args):
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=function, args=(*args, theirs), daemon=True)
        child.start()
        theirs.close()
        children.append(child)
        return child, ours

    yield begin
    for child in children:
        child.kill()
        child.join(10)


@pytest.fixture(scope="module")
def versions():
    return [_content(make_fit(width=300_000 + i, seed=i)) for i in range(3)]


def _kill_while_saving(start, writer, folder, versions, rng):
    """(unloadable, lost) after one kill at a random moment."""
    (folder).mkdir()
    savers.replace_all(folder, versions[-1])
    child, pipe = start(savers.save_for_ever, writer, folder, versions)
    assert pipe.poll(60)
    child.join(rng.uniform(0, 0.05))
    child.kill()
    child.join(10)
    acknowledged = -1
    while pipe.poll():
        try:
            acknowledged = pipe.recv()
        except EOFError:
            break
    try:
        found = store.load(folder).method.nested.width - 300_000
    except NoneqError:
        return True, False
    return False, found not in (acknowledged, (acknowledged + 1) % len(versions))


@pytest.mark.kill
def test_kill_while_saving_loses_nothing(start, versions, tmp_path, rng):
    for i in range(20):
        outcome = _kill_while_saving(start, "journal", tmp_path / f"{i}", versions, rng)
        assert outcome == (False, False), "(unloadable, lost)"
    store.save(make_fit(), tmp_path / "0")
    assert store.load(tmp_path / "0").method == make_fit().method


@pytest.mark.kill
def test_the_kill_test_catches_a_naive_writer(start, versions, tmp_path, rng):
    folders = [tmp_path / f"{i}" for i in range(15)]
    outcomes = [_kill_while_saving(start, "naive", f, versions, rng) for f in folders]
    assert sum(unloadable for unloadable, _ in outcomes) > 3


@pytest.mark.kill
def test_full_disk_keeps_the_previous_run(start, versions, tmp_path):
    savers.replace_all(tmp_path, versions[0])
    sizes = sorted(len(blob) for blob in versions[1].values())
    for limit in [0, 1, 30, *sizes[:-1], 4096, 100_000, sizes[-1] - 1]:
        _, pipe = start(savers.save_on_full_disk, tmp_path, versions[1], limit)
        assert pipe.poll(60)
        assert "the previous content is intact" in pipe.recv()
        assert not list(tmp_path.glob("*.part"))
        assert store.load(tmp_path).method.nested.width == 300_000


@pytest.mark.kill
def test_one_writer_at_a_time_and_a_dead_one_is_forgotten(start, tmp_path):
    child, pipe = start(savers.hold, tmp_path / "run")
    assert pipe.poll(60)
    pid = pipe.recv()
    with pytest.raises(InvalidInput, match=f"in use by process {pid}"):
        store.save(make_fit(), tmp_path / "run")
    child.kill()
    child.join(10)
    assert (tmp_path / "run" / ".lock").exists()
    store.save(make_fit(), tmp_path / "run")
    assert not (tmp_path / "run" / ".lock").exists()


def test_a_lock_that_cannot_be_removed_leaves_no_descriptor(tmp_path, monkeypatch):
    unlink = pathlib.Path.unlink

    def refuse(self, **how):
        if self.name == ".lock":
            raise OSError(errno.EROFS, "read-only")
        unlink(self, **how)

    monkeypatch.setattr(pathlib.Path, "unlink", refuse)
    before = len(tuple(pathlib.Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        store.save(make_fit(), tmp_path / "run")
    assert len(tuple(pathlib.Path("/proc/self/fd").iterdir())) == before
