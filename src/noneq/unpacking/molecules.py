"""Molecular trajectories, through chemfiles: positions of atoms, or distances and angles between them."""

from collections.abc import Collection
from typing import Any

import numpy as np

from noneq.unpacking.memory import WORK, limit_memory, used_memory
from noneq.unpacking.pieces import Refused, Say, Unfit, coded, refuse_bomb, send


_BACKBONE = {
    "phi": "name(#1) C and name(#2) N and name(#3) CA and name(#4) C",
    "psi": "name(#1) N and name(#2) CA and name(#3) C and name(#4) N",
}
_AT_ONCE = 1_000
"""Frames that are sent together."""


def read_molecules(
    path: str,
    limit: int,
    texts: Collection[str],
    say: Say,
    atoms: str = "",
    topology: str = "",
) -> None:
    """Say ``values`` (frames, atoms, 3) in Å, or (frames, tuples), times, steps, boxes and names.

    Args:
        path, limit, texts, say: as elsewhere.
        atoms: a selection of chemfiles; pairs give distances, three atoms angles, four dihedrals.
            ``backbone`` stands for the dihedrals phi and psi. Empty for all atoms.
        topology: a file with the names and bonds of the atoms.

    Raises:
        Bomb: the values take more than ``limit`` bytes.
        Unfit: a selection that is none or matches nothing.
        Refused: no frame, or frames of different sizes.
    """
    import chemfiles  # pyright: ignore[reportMissingImports]

    used = used_memory()
    limit_memory(used + WORK + 2 * limit)
    chemfiles.set_warnings_callback(lambda message: None)
    with chemfiles.Trajectory(path) as file:
        if topology:
            file.set_topology(topology)
        if not file.nsteps:
            raise Refused("it has no frame.")
        first = file.read_step(0)
        count, steps = len(first.atoms), file.nsteps
        places, names = _chosen(chemfiles, first, atoms)
        shape = (steps, len(places), 3) if places.shape[1] == 1 else (steps, len(places))
        refuse_bomb(4 * int(np.prod(shape)), limit)
        time, taken, cells = np.full(steps, np.nan), np.zeros(steps), np.zeros((steps, 6))
        columns: list[dict[str, Any]] = [
            {"name": "values", "dtype": "<f4", "shape": shape},
            {"name": "time", "dtype": "<f8", "shape": time.shape},
            {"name": "step", "dtype": "<f8", "shape": taken.shape},
            {"name": "cell", "dtype": "<f8", "shape": cells.shape},
            {"name": "names", "dtype": None, "shape": (len(names),)},
        ]
        say(
            {
                "attrs": {"atoms": count, "size": int(places.shape[1]), "unit": _time(first)[1]},
                "columns": [c | {"dims": [""] * len(c["shape"]), "attrs": {}} for c in columns],
            }
        )
        block: list[np.ndarray] = []
        for step in range(steps):
            frame = file.read_step(step)
            if len(frame.atoms) != count:
                raise Refused(f"frame {step + 1} has {len(frame.atoms)} atoms, the first {count}.")
            block.append(_values(frame, places))
            time[step], taken[step] = _time(frame)[0], frame.step
            cells[step] = [*frame.cell.lengths, *frame.cell.angles]
            if len(block) == _AT_ONCE or step == steps - 1:
                ends = [(step + 1 - len(block), step + 1), *((0, n) for n in shape[1:])]
                send(say, 0, ends, np.stack(block).astype("<f4"))
                block = []
    send(say, 1, [(0, steps)], time)
    send(say, 2, [(0, steps)], taken)
    send(say, 3, [(0, steps), (0, 6)], cells)
    codes: dict[str, int] = {}
    send(say, 4, [(0, len(names))], coded(names, codes))
    say({"labels": {"names": [*codes]}})


def _chosen(chemfiles: Any, frame: Any, atoms: str) -> tuple[np.ndarray, list[str]]:
    """Places of the atoms, ``(matches, 1 to 4)``, and a name for each match."""
    named = {"": atoms or "all"} if atoms.strip() != "backbone" else _BACKBONE
    angles = any(word in atoms for word in ("backbone", "bonds:", "angles:", "dihedrals:"))
    if angles and not frame.topology.bonds_count():
        frame.guess_bonds()
    found: dict[tuple[int, ...], str] = {}
    for kind, words in named.items():
        text = f"dihedrals: {words}" if kind else words
        try:
            matches = chemfiles.Selection(text).evaluate(frame)
        except chemfiles.ChemfilesError as error:
            raise Unfit(f"atoms = {atoms!r} is no selection ({error}).") from error
        for match in matches:
            match = tuple(match) if isinstance(match, tuple | list) else (match,)
            # A match read backwards is the same distance or angle.
            if len(match) == 1 or match[::-1] not in found:
                found[match] = _name(frame, match, kind)
    if not found:
        raise Unfit(f"atoms = {atoms!r} matches none of the {len(frame.atoms)} atoms.")
    return np.array([*found]), [*found.values()]


def _name(frame: Any, match: tuple[int, ...], kind: str) -> str:
    if kind:
        residue = frame.topology.residue_for_atom(match[2 if kind == "phi" else 1])
        number = match[1] if residue is None else residue.id
        return f"{kind} {number}"
    return "-".join(f"{frame.atoms[i].name or 'atom'}{i + 1}" for i in match)


def _values(frame: Any, places: np.ndarray) -> np.ndarray:
    """Positions, or what pairs, three or four atoms give; bonds by the nearest image.

    With b1, b2, b3 from atom to atom, a dihedral is atan2(|b2| b1·(b2 × b3), (b1 × b2)·(b2 × b3)):
    positive clockwise along b2 (IUPAC 1974). That of chemfiles has the other sign.
    """
    points = np.array(frame.positions)[places]
    if places.shape[1] == 1:
        return points[:, 0]
    bonds = _nearest(np.diff(points, axis=1), np.array(frame.cell.matrix))
    if places.shape[1] == 2:
        return np.linalg.norm(bonds[:, 0], axis=-1)
    if places.shape[1] == 3:
        first, second = -bonds[:, 0], bonds[:, 1]
        normal = np.linalg.norm(np.cross(first, second), axis=-1)
        return np.arctan2(normal, (first * second).sum(-1))
    first, middle, last = bonds[:, 0], bonds[:, 1], bonds[:, 2]
    one, two = np.cross(first, middle), np.cross(middle, last)
    sine = np.linalg.norm(middle, axis=-1) * (first * two).sum(-1)
    return np.arctan2(sine, (one * two).sum(-1))


def _nearest(vectors: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Vectors to the nearest image in a periodic box, whose edges are the columns of ``matrix``."""
    if not np.linalg.det(matrix):
        return vectors
    parts = vectors @ np.linalg.inv(matrix).T
    return (parts - np.round(parts)) @ matrix.T


def _time(frame: Any) -> tuple[float, str]:
    """The time that the frame states, and its unit: ps, or none where it is a text; else NaN."""
    for name in frame.list_properties():
        if name.lower() == "time":
            value = frame[name]
            try:
                return float(value), "" if isinstance(value, str) else "ps"
            except ValueError:
                break
    return np.nan, ""
