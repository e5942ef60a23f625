"""What `noneq fates` says of the fates it found."""

from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.files import write
from noneq.data.snapshots import Snapshots
from noneq.inference.fates import Fates


_SHOWN = 4


def facts_of(found: Fates) -> dict[str, Any]:
    """Mean probability of each fate with its error, what drives it, and what ends nowhere."""
    shares, n = found.shares(), len(found.states)
    drivers = found.drivers() if n >= 4 else None
    fates = []
    for i, name in enumerate(found.names):
        own = (
            []
            if drivers is None
            else [
                {"coordinate": c, "correlation": float(drivers.value[i, k]),
                 "stderr": float(drivers.stderr[i, k])}
                for k, c in enumerate(found.names_of_coordinates)
            ]
        )  # fmt: skip
        fates.append(
            {
                "fate": name,
                "probability": float(shares.value[i]),
                "stderr": float(shares.stderr[i]),
                "drivers": sorted(own, key=lambda one: -abs(one["correlation"])),
            }
        )
    return {
        "states": n,
        "paths": int(np.min(found.probability.n)),
        "fates": fates,
        "undecided": float(found.undecided.value.mean()),
    }


def driver_text(one: dict[str, Any]) -> str:
    """The strongest drivers of one fate."""
    return ", ".join(f"{d['coordinate']} {d['correlation']:+.2f}" for d in one["drivers"][:_SHOWN])


def write_fates(found: Fates, path: Path) -> None:
    """Each state with its probabilities, as one snapshot."""
    flat = found.states.reshape(len(found.states), -1)
    values = np.concatenate([flat, found.probability.value], axis=1)
    names = [*found.names_of_coordinates, *(f"fate {name}" for name in found.names)]
    write(Snapshots(values, names=names), path)
