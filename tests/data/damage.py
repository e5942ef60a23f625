"""Cut and flipped files of every format, and what reading them gives."""

import shutil
import warnings
from dataclasses import dataclass, field

import numpy as np

import noneq as nq
from noneq.data import Trajectories, read, write
from noneq.data.layouts import checksum
from noneq.errors import NoneqError


FORMATS = ["csv", "npz", "nc", "zarr", "parquet"]


@dataclass
class Survey:
    """How often a file was damaged and refused, and what went wrong."""

    tried: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


def paths_with_labels():
    """Trajectories with a mask, conditions, names and a domain."""
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


def netcdf_of_others(path):
    import xarray as xr

    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    dataset = xr.Dataset({"values": (("time", "member", "place"), x)}, {"time": [0.0, 1.0, 2.0]})
    dataset.to_netcdf(path, engine="h5netcdf")


def damages(path, rng, cuts, flips):
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
    for file, content in zip(files, contents, strict=True):
        for what, broken in (("empty", b""), ("wrong magic", b"\0#?" + content[3:])):
            file.write_bytes(broken)
            yield f"{file.name} {what}"
        file.write_bytes(content)
    if path.is_dir():
        for file, content in zip(files, contents, strict=True):
            file.unlink()
            yield f"{file.name} missing"
            file.write_bytes(content)


def survey(extension, data, folder, rng, cuts, flips):
    """Damage a file again and again: it must be refused in one line, or read equal."""
    path = folder / f"data.{extension}"
    shutil.rmtree(path, ignore_errors=True)
    write(data, path, record=True)
    truth, found = checksum(data), Survey()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for what in damages(path, rng, cuts, flips):
            found.tried += 1
            try:
                if checksum(read(path)) != truth:
                    found.wrong.append(f"{what}: read as something else")
            except NoneqError as error:
                found.refused += 1
                if "\n" in str(error) or str(path) not in str(error):
                    found.wrong.append(f"{what}: {error}")
            except Exception as error:
                found.wrong.append(f"{what}: {error!r}")
    if checksum(read(path)) != truth:
        found.wrong.append("the undamaged file")
    return found
