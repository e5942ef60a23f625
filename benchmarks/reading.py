"""Rows of docs/results/reading.json: small files as laboratories write them, read rightly or refused.

`python benchmarks/reading.py CASES` makes and reads the cases in that folder (by default the one
beside the repository), then those of `reading_kinds.py`. 1: read rightly,
or refused with the option that settles it; 0: neither.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from reading_kinds import KINDS
from run import processor, versions

from noneq.data import Trajectories, read
from noneq.data.atomic import atomic_path
from noneq.data.inspection import inspection
from noneq.data.readings.matching import matched
from noneq.data.summary import summarise
from noneq.domains import Torus
from noneq.errors import NoneqError


ROOT = Path(__file__).parents[1]
CASES = ROOT.parent / "shared" / "cases"
RESULTS = ROOT / "docs" / "results" / "reading.json"


def says(name: str, *words: str) -> bool:
    """Whether a file is refused in one line with these words."""
    try:
        read(name)
    except NoneqError as error:
        text = str(error)
        return "\n" not in text and all(word in text for word in words)
    return False


def index_column() -> bool:
    look = inspection("d.csv")
    return look.names == ("x", "y") and look.understood.names("left out") == ("",)


def trackpy() -> bool:
    data = read("d.csv")
    return isinstance(data, Trajectories) and set(data.names) == {"x", "y"} and data.n == 12


def untracked() -> bool:
    notes = inspection("d.csv").understood.notes
    return read("d.csv").n == 5 and any("12 rows" in note for note in notes)


def units_row() -> bool:
    data = read("d.csv")
    return (data.units, data.time_unit, data.n) == (("um", "um"), "s", 4)


def dates() -> bool:
    both = [read(name) for name in ("d.csv", "e.csv")]
    return [d.times.tolist() for d in both] == [[0, 1], [0, 30, 31]] and both[0].time_unit == "day"


def encodings() -> bool:
    found = [read(f"{name}.csv") for name in ("utf16", "latin1", "bomcrlf", "cr")]
    return all(data.values.ravel().tolist() == [1, 2, 3, 5] for data in found)


def whitespace() -> bool:
    shapes = [read(name).values.shape for name in ("a.csv", "a.txt", "a.tsv")]
    return shapes == [(3, 2), (1, 2), (2, 1)] and read("a.csv").names == ("x", "y")


def column_order() -> bool:
    ab = read("ab.csv")
    others = [matched(read(name), summarise(ab)) for name in ("ba.csv", "extra.csv")]
    return all((other.values == ab.values).all() for other in others)


def hyphens() -> bool:
    return [read(f).times.tolist() for f in ("d.npz", "dates.npz")] == [[2, 3, 4, 7], [0, 1, 2, 5]]


def dtypes() -> bool:
    good = [
        read(f"{name}.npz").n > 0 for name in ("f128", "be", "fort", "bool", "f16", "int64", "dt64")
    ]
    refused = [
        says("obj.npz", "run code"),
        says("struct.npz", "fields"),
        says("cplx.npz", "complex"),
    ]
    return all([*good, *refused])


def packed() -> bool:
    mean, spread = json.loads(Path("out/truth.json").read_text())
    packed = inspection("d.nc", missing="mask")
    found = inspection("mv.nc")
    right = np.allclose(packed.mean, mean, atol=1e-3) and np.allclose(packed.std, spread, atol=1e-3)
    return right and sum(found.nan) == 2 and max(found.high) < 10


def other_formats() -> bool:
    chemical = "is empty" if find_spec("chemfiles") else "noneq[md]"
    hints = {
        "d.h5ad": "is empty", "d.h5": "is empty", "d.csv.gz": "gunzip", "d.xlsx": "csv",
        "d.mat": "is empty", "dump.lammpstrj": chemical, "traj.xtc": chemical, "d.pkl": "run code",
        "d.npy": "is empty", "d.txt": "is empty",
    }  # fmt: skip
    for name in hints:
        Path(name).touch()
    return all(says(name, words) for name, words in hints.items())


def constant() -> bool:
    data = read("d.npz")
    scale = summarise(data).scale
    return scale[1] < 1e-6 * 5e-9 and abs(scale[0] / data.values[:, 0].std() - 1) < 1e-3


def offset() -> bool:
    """The numbers are kept, and a fit sees them about an origin that it puts back."""
    data = read("d.npz")
    known = summarise(data)
    spread = data.values.std(0)
    right = np.allclose(spread, [2, 2, 0.02], rtol=0.1) and np.allclose(known.scale, spread)
    return bool(right and abs(known.origin[2] - 384230484.47) < 0.01)


def torus() -> bool:
    data = read("d.csv", domain="torus:2pi")
    return isinstance(data.domain, Torus) and np.abs(data.values).max() <= np.pi + 1e-6


def outside() -> bool:
    """Times and categories that no data had are named; text categories are read."""
    noneq = [sys.executable, "-m", "noneq"]
    fit = [
        "fit",
        "ScoreMatching",
        "d.csv",
        "-o",
        "out/run",
        "--condition-column",
        "dose",
        "--quiet",
    ]
    few = ["--set", "training.steps=5", "--set", "net.width=8", "--set", "net.depth=1"]
    subprocess.run([*noneq, *fit, *few], check=True, capture_output=True, timeout=300)

    def sample(*words: str) -> tuple[int, str]:
        command = [*noneq, "sample", "out/run", "-o", "out/a.npz", "--n", "4", *words]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300)
        return run.returncode, run.stderr

    far, unseen = sample("--times", "1000", "--condition", "1"), sample("--condition", "7")
    drugs = read("t.csv", condition_columns=["drug"]).condition
    # A model that gives no finite numbers so far away says so instead.
    named = far[0] in (0, 2) and "outside the training data" in far[1] and unseen[0] == 2
    return named and drugs is not None and np.unique(drugs).tolist() == [0, 1, 2]


def one_path() -> bool:
    look = inspection("d.csv")
    return (look.kind, look.n) == ("trajectories", 1) and "Transition" in look.command


def environment() -> bool:
    command = [sys.executable, "-m", "noneq"]
    settings = [
        ({"PYTHONIOENCODING": "ascii"}, ["inspect", "d.npz"]),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, ["inspect", "dätä µ.csv"]),
        ({"PYTHONIOENCODING": "cp1252"}, ["list", "methods"]),
    ]
    runs = [
        subprocess.run([*command, *words], env=os.environ | more, capture_output=True, timeout=300)
        for more, words in settings
    ]
    return all(run.returncode == 0 for run in runs)


TESTS: dict[str, Callable[[], bool]] = {
    "01_csv_index_column": index_column,
    "03_csv_trackpy_export": trackpy,
    "04_csv_untracked_label_empty": untracked,
    "06_csv_thousands_underscore": lambda: all(says(n, "is no number") for n in ("d.csv", "e.csv")),
    "07_csv_units_row": units_row,
    "09_csv_iso_dates": dates,
    "10_csv_utf16_latin1_bom_crlf_cr": encodings,
    "15_csv_whitespace_table": whitespace,
    "16_csv_column_order_evaluate": column_order,
    "20_npz_hyphen_names": hyphens,
    "22_npz_dtypes": dtypes,
    "30_nc_packed_fill": packed,
    "34_other_formats": other_formats,
    "41_constant_column_small_unit": constant,
    "42_nearly_constant_large_offset": offset,
    "46_torus_angles": torus,
    "47_outside_times_and_conditions": outside,
    "48b_one_long_path": one_path,
    "61_environment": environment,
}


def main(cases: Path) -> None:
    if not cases.is_dir():
        sys.exit(f"there is no folder {cases}; give one with the cases.")
    rows = []
    for name, test in (TESTS | KINDS).items():
        if name in TESTS and not (cases / name).is_dir():
            continue
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "case"
            if name in TESTS:
                shutil.copytree(cases / name, place)
            place.mkdir(exist_ok=True)
            os.chdir(place)
            Path("out").mkdir(exist_ok=True)
            if Path("make.py").exists():
                subprocess.run([sys.executable, "make.py"], check=True)
            start = time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    right = test()
            except Exception as error:
                print(f"{name}: {type(error).__name__} {error}")
                right = False
            seconds = time.perf_counter() - start
            os.chdir(ROOT)
        print(f"{name:40s} {int(right)} {seconds:6.2f} s")
        entry = {"case": name, "method": "noneq", "stderr": None, "floor": None, "seeds": 1}
        rows += [entry | {"metric": "right", "value": int(right)},
                 entry | {"metric": "seconds", "value": round(seconds, 3)}]  # fmt: skip
    content = {
        "study": "reading",
        "command": "python benchmarks/reading.py",
        "versions": versions(),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
        },
        "rows": rows,
    }
    with atomic_path(RESULTS) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else CASES)
