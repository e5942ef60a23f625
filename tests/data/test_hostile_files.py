"""Files made to harm: no code runs, memory stays bounded, one clear line."""

import io
import json
import os
import pickle
import re
import stat
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest

import noneq
from noneq.data import Snapshots, read, write
from noneq.errors import DataFileError, InvalidInput, WriteFailed


class Payload:
    """Leaves a marker if anything unpickles it."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (Path(self.marker),)


def npy(header, body=b""):
    text = (header + " " * (117 - len(header)) + "\n").encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def test_pickles_never_run(tmp_path):
    marker = tmp_path / "ran"
    objects = np.array([Payload(marker)], dtype=object)
    np.savez(tmp_path / "a.npz", values=objects)
    archive(tmp_path / "b.npz", values=pickle.dumps(Payload(marker)))
    (tmp_path / "c.npz").write_bytes(pickle.dumps(Payload(marker)))
    for name in "abc":
        with pytest.raises(DataFileError):
            read(tmp_path / f"{name}.npz")
    assert not marker.exists()
    np.load(tmp_path / "a.npz", allow_pickle=True)["values"]
    assert marker.exists(), "the payload itself must bite, else this test proves nothing"


def test_nothing_in_the_sources_unpickles_or_evaluates():
    words = r"import pickle|pickle\.load|allow_pickle=True|yaml\.load\(|(?<![.\w])eval\("
    root = Path(noneq.__file__).parent
    found = [p.name for p in root.rglob("*.py") if re.search(words, p.read_text())]
    assert not found


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': ((((",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }",
        "__import__('os').system('false')",
    ],
)
def test_headers_that_lie(header, tmp_path):
    with pytest.raises(DataFileError):
        read(archive(tmp_path / "a.npz", values=npy(header, b"\0" * 8)))


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "C:/x", "..\\x"])
def test_names_that_point_elsewhere(name, tmp_path):
    content = io.BytesIO()
    np.save(content, np.zeros((3, 2)))
    with pytest.raises(DataFileError, match="unsafe"):
        read(archive(tmp_path / "a.npz", **{name: content.getvalue()}))


def test_links_inside_files_and_folders(tmp_path):
    link = zipfile.ZipInfo("values.npy")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr(link, "/etc/hostname")
    with pytest.raises(DataFileError, match="link"):
        read(tmp_path / "a.npz")
    write(Snapshots(np.zeros((3, 2))), tmp_path / "a.zarr")
    os.symlink("/etc", tmp_path / "a.zarr" / "more")
    with pytest.raises(DataFileError, match="link"):
        read(tmp_path / "a.zarr")


def test_netcdf_that_shows_another_file(tmp_path):
    import h5py

    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["values"] = np.ones((3, 2))
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["values"] = h5py.ExternalLink("secret.h5", "/values")
    with h5py.File(tmp_path / "b.nc", "w") as file:
        file.create_dataset("values", (3,), "f8", external=[("secret.h5", 0, 24)])
    for name in ("a.nc", "b.nc"):
        with pytest.raises(DataFileError, match="unsafe"):
            read(tmp_path / name)


_LIMITED = textwrap.dedent(
    """
    import resource, sys, time
    from noneq.data import read
    from noneq.errors import DataFileError
    import h5netcdf, pyarrow.parquet, xarray, zarr
    size = lambda: int(open("/proc/self/statm").read().split()[0]) * 4096
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limit = size() + 700_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for path in sys.argv[1:]:
        start = time.time()
        try:
            read(path)
            sys.exit(f"{path} was read")
        except DataFileError as error:
            assert "\\n" not in str(error), error
        assert time.time() - start < 2, path
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000, f"grew by {grown} kB"
    """
)


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
def test_bombs_are_refused_before_they_unpack(tmp_path):
    import h5py
    import pyarrow as pa
    import zarr
    from pyarrow import parquet

    member = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (37500000, 1), }")
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file,
        file.open("values.npy", "w", force_zip64=True) as stream,
    ):
        stream.write(member)
        for _ in range(300):
            stream.write(b"\0" * 1_000_000)
    with h5py.File(tmp_path / "b.nc", "w") as file:
        file.create_dataset("values", (10**11, 2), "f8", chunks=(1000, 2), compression="gzip")
    group = zarr.open_group(tmp_path / "c.zarr", mode="w", zarr_format=3)
    group.create_array("values", shape=(10**11, 2), chunks=(10**11, 2), dtype="f8")
    repeated = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10**7, np.int8)), pa.array([0.0]))
    parquet.write_table(pa.table(dict.fromkeys("abcd", repeated)), tmp_path / "d.parquet")
    paths = [str(tmp_path / name) for name in ("a.npz", "b.nc", "c.zarr", "d.parquet")]
    assert all(Path(path).is_dir() or Path(path).stat().st_size < 2e6 for path in paths)
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, *paths], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_zarr_metadata_that_claims_too_much(tmp_path):
    path = tmp_path / "a.zarr"
    write(Snapshots(np.zeros((3, 2))), path)
    file = path / "values" / "zarr.json"
    claim = json.loads(file.read_text()) | {"shape": [10**11, 2]}
    file.write_text(json.dumps(claim))
    with pytest.raises(DataFileError, match="claims"):
        read(path)


def test_special_files(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(DataFileError, match="no regular file"):
        read(tmp_path / "a.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(InvalidInput, match="folder"):
        read(tmp_path / "b.csv")


_FULL = textwrap.dedent(
    """
    import pathlib, resource, sys
    import numpy as np
    from noneq.data import Snapshots, read, write
    from noneq.errors import WriteFailed
    folder, limit = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    small, large = Snapshots(np.ones((2, 1))), Snapshots(np.random.default_rng(0).random((9000, 2)))
    names = ["a.csv", "a.npz", "a.nc", "a.zarr", "a.parquet"]
    for name in names:
        write(small, folder / name)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for name in names:
        try:
            write(large, folder / name)
            sys.exit(f"{name} fitted")
        except WriteFailed as error:
            assert "\\n" not in str(error) and name in str(error), error
        assert read(folder / name).values.tolist() == [[1.0], [1.0]], name
    left = sorted(p.name for p in folder.iterdir())
    assert left == sorted(names), left
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize("limit", [5_000, 100_000])
def test_a_full_disk_leaves_the_old_file(limit, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path), str(limit)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_write_says_what_is_wrong(tmp_path, monkeypatch):
    data = Snapshots(np.zeros((3, 2)))
    with pytest.raises(InvalidInput, match="no folder"):
        write(data, tmp_path / "none" / "a.csv")
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(InvalidInput, match="another kind"):
        write(data, tmp_path / "a.npz")
    fields = Snapshots(np.zeros((3, 1, 2, 2)))
    with pytest.raises(InvalidInput, match="write npz, nc or zarr"):
        write(fields, tmp_path / "b.csv")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(PermissionError(13, "no")))
    with pytest.raises(WriteFailed, match="cannot write"):
        write(data, tmp_path / "c.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
