"""Cut or flipped files: refused or value-equal, never silently different."""

import contextlib
import json
import time
import warnings

import h5py
import numpy as np
import pytest
import scipy.io
from damage import FORMATS, damages, netcdf_of_others, paths_with_labels, survey

from noneq.data import Trajectories, read, write
from noneq.data.formats import unpacked
from noneq.errors import DataFileError, NoneqError


GATE, FULL = (5, 10), (50, 200)
"""Cuts and flipped bits; reading nc and parquet starts a process each time."""


@pytest.fixture(scope="module")
def data():
    return paths_with_labels()


@pytest.mark.parametrize("extension", FORMATS)
def test_no_damage_is_silent(extension, data, tmp_path, rng):
    counts = GATE if extension in ("nc", "parquet") else FULL
    found = survey(extension, data, tmp_path, rng, *counts)
    assert not found.wrong
    assert found.refused > found.tried / 5


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("extension", ["nc", "parquet", "h5ad"])
def test_no_damage_of_them_is_silent(extension, data, tmp_path, rng):
    if extension == "h5ad":
        pytest.importorskip("anndata")
    found = survey(extension, data, tmp_path, rng, *FULL)
    assert not found.wrong
    assert found.refused > 50


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_damaged_netcdf_of_others_ends(tmp_path, rng):
    """HDF5 has damages on which it works for ever; none of them outlasts its 30 s here."""
    path = tmp_path / "data.nc"
    netcdf_of_others(path)
    slowest = 0.0
    for what in damages(path, rng, 20, 80):
        began = time.monotonic()
        with warnings.catch_warnings(), contextlib.suppress(NoneqError):
            warnings.simplefilter("ignore")
            read(path)
        slowest = max(slowest, time.monotonic() - began)
        assert slowest < 60, what


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("extension", ["mat", "h5"])
def test_damaged_arrays_of_others_end(extension, tmp_path, rng):
    """They have no checksum: what is damaged ends in a message or is read, in bounded time."""
    path, x = tmp_path / f"data.{extension}", rng.normal(size=(30, 2))
    if extension == "mat":
        cells = np.empty((1, 2), object)
        cells[0, :] = [x, x[:7]]
        scipy.io.savemat(path, {"paths": cells}, do_compression=True)
    else:
        with h5py.File(path, "w") as file:
            file["a/values"], file["a/times"] = x, np.arange(30.0)
    for what in damages(path, rng, 10, 40):
        began = time.monotonic()
        with warnings.catch_warnings(), contextlib.suppress(NoneqError):
            warnings.simplefilter("ignore")
            read(path)
        assert time.monotonic() - began < 60, what


@pytest.mark.parametrize(
    ("program", "said"),
    [("import time; time.sleep(60)", "0 s without a word"), ("import os; os.abort()", "crash")],
)
def test_library_that_loops_or_crashes(program, said, tmp_path, monkeypatch):
    netcdf_of_others(tmp_path / "data.nc")
    monkeypatch.setattr(unpacked, "_PROGRAM", ("-c", program))
    monkeypatch.setattr(unpacked, "_PATIENCE", 0.4)
    began = time.monotonic()
    with pytest.raises(DataFileError, match=said) as caught:
        read(tmp_path / "data.nc")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"PK\x03\x04 no zip at all", b"CDF"])
def test_empty_and_foreign_content(extension, content, tmp_path):
    path = tmp_path / f"data.{extension}"
    path.write_bytes(content)
    with pytest.raises(NoneqError) as caught:
        read(path)
    assert caught.value.exit_code == 4 or extension in ("csv", "nc")


def test_zarr_with_a_missing_chunk_is_refused(data, tmp_path):
    path = tmp_path / "data.zarr"
    write(data, path)
    chunk = next(p for p in (path / "values").rglob("*") if p.is_file() and p.name != "zarr.json")
    chunk.unlink()
    with pytest.raises(DataFileError, match=r"chunk \(0, 0, 0\) of 'values' is missing"):
        read(path)


def test_every_zarr_chunk_is_written_and_checksummed(tmp_path):
    path = tmp_path / "zeros.zarr"
    write(Trajectories(np.zeros((3, 4, 2)), np.arange(4.0)), path)
    assert read(path).values.sum() == 0
    metadata = json.loads((path / "values" / "zarr.json").read_text())
    shard = metadata["codecs"][0]
    assert shard["name"] == "sharding_indexed"
    assert shard["configuration"]["codecs"][-1]["name"] == "crc32c"


def test_newer_format_is_refused_by_name(data, tmp_path):
    path = tmp_path / "data.csv"
    write(data, path, record=True)
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(DataFileError, match="noneq format 2.*update"):
        read(path)


def test_changed_digit_in_csv_is_seen_and_a_foreign_csv_is_exempt(data, tmp_path):
    path = tmp_path / "data.csv"
    write(data, path, record=True)
    record, rest = path.read_text().split("\n", 1)
    changed = rest[:-3] + ("1" if rest[-3] != "1" else "2") + rest[-2:]
    path.write_text(f"{record}\n{changed}")
    with pytest.raises(DataFileError, match="checksum"):
        read(path)
    path.write_text(changed)
    assert read(path).n == data.n
