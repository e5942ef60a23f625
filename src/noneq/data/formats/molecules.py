"""Molecular trajectories (pdb, xyz, xtc, dcd …), through chemfiles (the ``md`` extra)."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.reader import AbstractReader
from noneq.data.formats.unpacked import unpacked
from noneq.data.layouts import Raw, domain_record, kind_of
from noneq.data.readings.options import Reading
from noneq.data.readings.understanding import Part, Understanding
from noneq.data.safety import check_file
from noneq.domains import Torus
from noneq.errors import InvalidInput


_UNITS = {1: "Å", 2: "Å", 3: "rad", 4: "rad"}


class MoleculesReader(AbstractReader):
    """One path: positions of atoms ``(atoms, 3)`` in Å, or distances and angles between atoms.

    Dihedral angles live on a torus of period 2π. Positions stay as the file has them: a periodic
    box is said, and ``--domain`` wraps them.
    """

    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """Frames in order; times in ps where the format has them, else the number of the frame."""
        if find_spec("chemfiles") is None:
            raise InvalidInput(
                f"{path.suffix} files need chemfiles, which is not installed; run pip install "
                "'noneq[md]', or save the positions as npz."
            )
        check_file(path)
        topology = ""
        if reading.topology is not None:
            topology = str((path.parent / reading.topology).absolute())
            if not Path(topology).is_file():
                raise InvalidInput(f"there is no file {topology} for the topology.")
        more = {"atoms": reading.atoms or "", "topology": topology}
        attrs, columns = unpacked(path, "molecules", limit, **more)
        arrays = {name: column.values for name, column in columns}
        values = arrays["values"]
        clock, times, time_unit = _clock(arrays, attrs["unit"])
        unit = _UNITS[attrs["size"]]
        names = [str(name) for name in arrays["names"]]
        record: dict[str, Any] = {
            "names": names,
            "units": [unit] * len(names),
            "time_unit": time_unit,
        }
        if attrs["size"] == 4:
            record["domain"] = domain_record(Torus(2 * np.pi, low=-np.pi))
            # Single precision may round an angle up to pi, which is minus pi.
            values = np.where(np.abs(values) >= np.float32(np.pi), -np.float32(np.pi), values)
        raw = Raw(values[None], times, None, None, None, record)
        parts = (
            Part(clock, "time", time_unit),
            *(Part(name, "coordinate", unit) for name in names),
        )
        notes = (f"{len(names)} of {attrs['atoms']} atoms", *_box(arrays["cell"]))
        notes = notes if attrs["size"] == 1 else notes[1:]
        otherwise = ("--read atoms='name CA' chooses atoms", "--read atoms=backbone: phi and psi")
        said = Understanding(kind_of(raw), parts, notes, otherwise)
        return Raw(raw.values, times, record=record, understood=said)


def _clock(arrays: dict[str, np.ndarray], unit: str) -> tuple[str, np.ndarray, str]:
    """What the times are, the times, and their unit: stated ones, steps, or numbers of frames."""
    frames = np.arange(len(arrays["time"]), dtype=float)
    grows = lambda found: np.isfinite(found).all() and (np.diff(found) > 0).all()
    if grows(arrays["time"]) and (arrays["time"].any() or len(frames) == 1):
        return "time", arrays["time"], unit
    if grows(arrays["step"]) and (np.diff(arrays["step"]) != 1).any():
        return "step", arrays["step"], "step"
    return "frame number", frames, "frame"


def _box(cells: np.ndarray) -> tuple[str, ...]:
    """What is said of a periodic box."""
    lengths, angles = cells[:, :3], cells[:, 3:]
    if not lengths.any():
        return ()
    first = " × ".join(f"{length:g}" for length in lengths[0])
    if not np.allclose(lengths, lengths[0], rtol=1e-4):
        return (f"a periodic box that changes, {first} Å at first; positions are as in the file",)
    cubic = np.allclose(lengths[0], lengths[0, 0]) and np.allclose(angles, 90)
    wrap = (
        f"--domain torus:{lengths[0, 0]:g} wraps positions" if cubic else "positions as in the file"
    )
    return (f"a periodic box of {first} Å; {wrap}",)
