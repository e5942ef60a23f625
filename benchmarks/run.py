"""All benchmarks, one after the other, as the tidy rows of docs/results/speed.json."""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any


NAMES = ("simulate", "ising", "latent_cycle", "gray_scott", "training", "sampling", "likelihood")
PACKAGES = ("noneq", "jax", "equinox", "diffrax", "torch", "numpy")


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def record(rows: list[dict], load: float) -> dict[str, Any]:
    return {
        "study": "speed",
        "command": "make bench",
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
            "load_before": load,
        },
        "rows": rows,
    }


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, help=f"some of {', '.join(NAMES)}")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/speed.json"))
    arguments = parser.parse_args()
    rows, load = [], round(os.getloadavg()[0], 2)
    if load > 0.5:
        # Threads that wait for each other suffer most: a busy machine is unfair to the peers.
        print(f"the machine is busy (load {load}); these numbers mean little", file=sys.stderr)
    for name in arguments.names:
        new = collect(name)
        rows += new
        for entry in new:
            print("{case:24} {method:24} {metric:18} {value:.4g}".format(**entry), file=sys.stderr)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(record(rows, load), indent=1) + "\n")
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
