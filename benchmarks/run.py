"""All benchmarks, one after the other, as the tidy rows of docs/results/speed.json.

The file is replaced after each benchmark, so that an interruption loses none that is finished.
Rows that this machine does not measure (PyTorch is not installed, a benchmark failed or was not
asked for) stay from the earlier run, and ``earlier`` says which run that was.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from timing import LEFT_OUT

from noneq.data.atomic import atomic_path


NAMES = (
    "simulate", "simulate_laws", "ising", "jumps", "rare_events", "latent_cycle", "gray_scott",
    "training", "seeds", "sampling", "likelihood", "bridges",
)  # fmt: skip
PACKAGES = ("noneq", "jax", "equinox", "diffrax", "torch", "torchcfm", "numpy")


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def label(row: dict) -> str:
    return f"{row['case']}: {row['method']}"


def merge(old: list[dict], new: list[dict]) -> list[dict]:
    """The old rows with those of a benchmark replaced; peers that it left out stay."""
    cases = {row["case"] for row in new}
    stays = lambda row: row["case"] not in cases or row["method"].startswith(LEFT_OUT)
    places = [i for i, row in enumerate(old) if row["case"] in cases]
    cut = places[0] if places else len(old)
    return [*filter(stays, old[:cut]), *new, *filter(stays, old[cut:])]


def earlier(old: dict[str, Any], rows: list[dict], measured: set[str]) -> list[dict]:
    """Runs before this one that rows still come from, and which rows."""
    sources = {label(row): old for row in old.get("rows", ())}
    for run in old.get("earlier", ()):
        sources |= dict.fromkeys(run["of"], run)
    found: dict[int, dict] = {}
    for name in dict.fromkeys(label(row) for row in rows):
        if name not in measured:
            source = sources[name]
            fresh = {part: source[part] for part in ("versions", "machine")} | {"of": []}
            found.setdefault(id(source), fresh)["of"].append(name)
    return list(found.values())


def record(old: dict[str, Any], rows: list[dict], measured: set[str], load: float) -> dict:
    kept = earlier(old, rows, measured)
    return {
        "study": "speed",
        "command": "make bench",
        "versions": versions(),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
            "load_before": load,
        },
        "rows": rows,
    } | ({"earlier": kept} if kept else {})


def collect(name: str) -> list[dict]:
    """Rows of one benchmark from a process of its own, so that none warms another's caches."""
    code = f"import json, {name}; print('ROWS', json.dumps({name}.rows()))"
    environment = os.environ | {"OMP_NUM_THREADS": "2", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=3600,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("ROWS "))
    return json.loads(line.removeprefix("ROWS "))


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, help=f"some of {', '.join(NAMES)}")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/speed.json"))
    arguments = parser.parse_args(words)
    load = round(os.getloadavg()[0], 2)
    if load > 0.5:
        # Threads that wait for each other suffer most: a busy machine is unfair to the peers.
        print(f"the machine is busy (load {load}); these numbers mean little", file=sys.stderr)
    if LEFT_OUT:
        print(
            f"{' and '.join(LEFT_OUT)} not installed: such cases are left out, their earlier rows stay "
            "(make bench PEERS=1 installs them)",
            file=sys.stderr,
        )
    output = arguments.output
    old = json.loads(output.read_text()) if output.exists() else {}
    rows, measured, failed = list(old.get("rows", ())), set(), []
    output.parent.mkdir(parents=True, exist_ok=True)
    for name in arguments.names:
        try:
            new = collect(name)
        except (subprocess.SubprocessError, StopIteration) as error:
            failed.append(name)
            print(f"{name} failed: {error}", file=sys.stderr)
            continue
        for entry in new:
            print("{case:24} {method:24} {metric:18} {value:.4g}".format(**entry), file=sys.stderr)
        rows, measured = merge(rows, new), measured | {label(row) for row in new}
        with atomic_path(output) as temporary:
            content = record(old, rows, measured, load)
            temporary.write_text(json.dumps(content, indent=1) + "\n")
    if failed:
        print(f"failed: {', '.join(failed)}; their earlier rows stay", file=sys.stderr)
        return 1
    print(f"wrote {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
