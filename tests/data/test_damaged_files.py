"""Cut or flipped files: refused or value-equal, never silently different."""

import json
import warnings

import numpy as np
import pytest

import noneq as nq
from noneq.data import Trajectories, read, write
from noneq.data.layouts import checksum
from noneq.errors import DataFileError, NoneqError


FORMATS = ["csv", "npz", "nc", "zarr", "parquet"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    mask = np.ones((6, 5), bool)
    mask[2, 3] = False
    return Trajectories(
        rng.normal(size=(6, 5, 2)).astype("float32"),
        [0.0, 0.1, 0.3, 0.7, 2.0],
        mask=mask,
        condition=rng.normal(size=(6, 1)),
        names=["a", "b"],
        domain=nq.Box(-9.0, 9.0),
    )


def damaged(path, rng, cuts=50, flips=200):
    """Put one damage after the other into the file (or a file of the folder), then undo it."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    contents = [file.read_bytes() for file in files]
    sizes = np.array([len(content) for content in contents])
    for trial in range(cuts + flips):
        which = rng.choice(len(files), p=sizes / sizes.sum())
        broken, offset = bytearray(contents[which]), int(rng.integers(sizes[which]))
        if trial < cuts:
            del broken[offset:]
        else:
            broken[offset] ^= 1 << int(rng.integers(8))
        files[which].write_bytes(broken)
        yield f"{files[which].name} byte {offset}"
        files[which].write_bytes(contents[which])


@pytest.mark.parametrize("extension", FORMATS)
def test_no_damage_is_silent(extension, data, tmp_path, rng):
    path = tmp_path / f"data.{extension}"
    write(data, path)
    truth, refused, wrong = checksum(data), 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for what in damaged(path, rng):
            error = None
            try:
                if checksum(read(path)) != truth:
                    wrong.append(what)
            except NoneqError as caught:
                error = str(caught)
            if error is not None:
                refused += 1
                if "\n" in error or str(path) not in error:
                    wrong.append(f"{what}: {error}")
    assert not wrong
    assert refused > 50
    assert checksum(read(path)) == truth


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
    with pytest.raises(DataFileError, match="0 of 1 chunks"):
        read(path)


def test_every_zarr_chunk_is_written_and_checksummed(tmp_path):
    path = tmp_path / "zeros.zarr"
    write(Trajectories(np.zeros((3, 4, 2)), np.arange(4.0)), path)
    assert read(path).values.sum() == 0
    metadata = json.loads((path / "values" / "zarr.json").read_text())
    assert metadata["codecs"][-1]["name"] == "crc32c"


def test_newer_format_is_refused_by_name(data, tmp_path):
    path = tmp_path / "data.csv"
    write(data, path)
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(DataFileError, match="noneq format 2.*update"):
        read(path)


def test_changed_digit_in_csv_is_seen_and_a_foreign_csv_is_exempt(data, tmp_path):
    path = tmp_path / "data.csv"
    write(data, path)
    record, rest = path.read_text().split("\n", 1)
    changed = rest[:-3] + ("1" if rest[-3] != "1" else "2") + rest[-2:]
    path.write_text(f"{record}\n{changed}")
    with pytest.raises(DataFileError, match="checksum"):
        read(path)
    path.write_text(changed)
    assert read(path).n == data.n
