"""Readers that are given files with random damage: row R5.

    .venv/bin/python benchmarks/reliability_fuzz.py 600              # seconds a reader
    .venv/bin/python benchmarks/reliability_fuzz.py 60 csv npz       # some readers

A file of a small corpus is damaged one to eight times (bits, cuts, repeats, pieces of other files,
words that readers fear; members of an archive also before they are packed) and read. It passes if it
is read, or refused in one line by an error of the library, within a minute. What is neither is kept in
``runs/fuzz``, as a case for the tests.
"""

import math
import shutil
import signal
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from reliability import keep
from scipy.io import savemat

from noneq.data import Snapshots, read, write
from noneq.errors import NoneqError


sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "data"))

from damage import netcdf_of_others, paths_with_labels  # noqa: E402
from test_cells_and_molecules import SESSION  # noqa: E402


KEPT = Path("runs/fuzz")
LONGEST = 60
"""Seconds of one reading."""
WORDS = (
    b"nan", b"-inf", b"1e999", b"-1", b"0", b"9" * 30, b"\0", b"\xff\xfe", b"\n", b"\r\n", b",", b";",
    b'"', b"'", b"#", b"{", b"}", b"[]", b"null", b"true", b"<", b">", b"&lt;", b"../", b"%s", b"<f8",
    b"|O", b"(1, 2)", b"\x80\x04", b"PK\x03\x04", b"time", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff",
)  # fmt: skip


def two_times(path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.normal(size=(6, 2)) for _ in range(2)]
    write(Snapshots.from_frames(frames, [0.0, 1.0]), path)


def whole_paths(path: Path) -> None:
    write(paths_with_labels(), path, record=True)


def plain_table(path: Path) -> None:
    path.write_text("time,id,x,y\n0,1,0.5,-1\n1,1,0.25,0\n0,2,3,1e-3\n1,2,-2,7\n")


def array(path: Path) -> None:
    np.save(path, np.random.default_rng(0).normal(size=(6, 5, 2)))


def tree(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a/x"] = np.random.default_rng(0).normal(size=(4, 5, 2))
        file["a/t"] = np.arange(5.0)
        file["a/x"].attrs["unit"] = "nm"


def cells(path: Path) -> None:
    """Counts of two days, as anndata lays them out."""
    text = h5py.string_dtype()
    with h5py.File(path, "w") as file:
        obs, var = file.create_group("obs"), file.create_group("var")
        obs.attrs["_index"] = var.attrs["_index"] = "_index"
        obs.attrs["column-order"] = np.array(["day"], object)
        obs.create_dataset("_index", data=[f"c{i}" for i in range(6)], dtype=text)
        var.create_dataset("_index", data=[*"AB"], dtype=text)
        obs["day/codes"] = np.arange(6, dtype="int8") % 2
        obs.create_dataset("day/categories", data=["day 0", "day 2"], dtype=text)
        file["X"] = np.random.default_rng(0).poisson(1.0, (6, 2)).astype("float32")


def matlab(path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(4, 5))
    savemat(path, {"x": x, "s": {"t": np.arange(4.0), "name": "trap"}}, do_compression=True)


def session(path: Path) -> None:
    spot = '<Spot ID="{i}" name="s" POSITION_X="{i}.5" POSITION_Y="1" POSITION_Z="0" FRAME="{f}"/>'
    spots = "".join(spot.format(i=i, f=i // 2) for i in range(4))
    path.write_text(SESSION.format(spots=spots))


def tracks(path: Path) -> None:
    lines = "".join(f'<detection t="{t}" x="{t}.5" y="2" z="0"/>' for t in range(3))
    head = '<Tracks spaceUnits="micron" frameInterval="0.5" timeUnits="sec">'
    path.write_text(f"{head}<particle nSpots='3'>{lines}</particle></Tracks>")


def molecules(path: Path) -> None:
    frame = '2\nLattice="5 0 0 0 5 0 0 0 5"\nC {a} 0 0\nO 1 {a} 2\n'
    path.write_text("".join(frame.format(a=a) for a in (0.0, 0.5, 1.25)))


CORPUS: dict[str, tuple[Callable[[Path], None], ...]] = {
    "csv": (whole_paths, two_times, plain_table),
    "npz": (whole_paths, two_times),
    "npy": (array,),
    "nc": (whole_paths, netcdf_of_others),
    "zarr": (whole_paths, two_times),
    "parquet": (whole_paths, two_times),
    "h5ad": (cells,),
    "h5": (tree,),
    "mat": (matlab,),
    "xml": (session, tracks),
    "xyz": (molecules,),
}


def damaged(content: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """The bytes with one to eight changes."""
    found = bytearray(content)
    for _ in range(1 + int(rng.integers(8))):
        size = len(found)
        at, length = int(rng.integers(size + 1)), int(rng.geometric(0.1))
        match rng.integers(7):
            case 0 if size:
                found[min(at, size - 1)] ^= 1 << int(rng.integers(8))
            case 1:
                found[at : at + length] = rng.bytes(length)
            case 2:
                del found[at : at + length]
            case 3:
                found[at:at] = found[at : at + length] * int(rng.integers(1, 4))
            case 4:
                other = others[rng.integers(len(others))]
                begin = int(rng.integers(len(other) + 1))
                found[at : at + length] = other[begin : begin + length]
            case 5:
                found[at:at] = WORDS[rng.integers(len(WORDS))]
            case _:
                if rng.random() < 0.2:
                    del found[at:]
    return bytes(found)


def harm(path: Path, others: list[bytes], rng: np.random.Generator) -> None:
    """Damage a file, or one of a folder; of an archive sometimes what is inside."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    file = files[rng.integers(len(files))]
    if path.suffix == ".npz" and rng.random() < 0.6:
        with zipfile.ZipFile(file) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        chosen = list(members)[rng.integers(len(members))]
        members[chosen] = damaged(members[chosen], others, rng)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    elif path.is_dir() and rng.random() < 0.05:
        file.unlink()
    else:
        file.write_bytes(damaged(file.read_bytes(), others, rng))


def verdict(path: Path) -> str:
    """What is wrong with how a file is read; empty if nothing."""

    def too_long(*_):
        raise TimeoutError(f"over {LONGEST} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST)
    try:
        read(path)
    except NoneqError as error:
        return f"several lines: {error}" if "\n" in str(error) else ""
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    return ""


def fuzz(
    extension: str, seconds: float, *, most: float = math.inf, seed: int = 0
) -> tuple[int, int]:
    """(passed, tried) of a reader, after so many seconds or files."""
    rng, began, passed, tried = np.random.default_rng(seed), time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        good = []
        for i, make in enumerate(CORPUS[extension]):
            good.append(folder / f"good_{i}.{extension}")
            make(good[-1])
            read(good[-1])
        parts = [p for g in good for p in ([g] if g.is_file() else g.rglob("*")) if p.is_file()]
        others = [part.read_bytes() for part in parts]
        while time.monotonic() - began < seconds and tried < most:
            source, path = good[rng.integers(len(good))], folder / f"bad.{extension}"
            if source.is_dir():
                shutil.rmtree(path, ignore_errors=True)
                shutil.copytree(source, path)
            else:
                shutil.copy(source, path)
            harm(path, others, rng)
            fault, tried = verdict(path), tried + 1
            passed += not fault
            if fault:
                kept = KEPT / f"{tried}.{extension}"
                KEPT.mkdir(parents=True, exist_ok=True)
                sys.stderr.write(f"R5 {kept}: {fault}\n")
                (shutil.copytree if path.is_dir() else shutil.copy)(path, kept)
    return passed, tried


def main(words: list[str]) -> None:
    seconds = float(words[0]) if words else 600.0
    for extension in words[1:] or CORPUS:
        passed, tried = fuzz(extension, seconds)
        sys.stdout.write(f"R5 {extension}: {passed} of {tried}\n")
        sys.stdout.flush()
        keep("R5", extension, passed, tried, seconds=seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
